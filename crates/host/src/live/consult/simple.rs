//! Servers whose protocol is a greeting or a few lines of text.

use super::{Trouble, Visit, wire::Wire};
use crate::consult::Refusal;

/// The longest answer of one command, bytes.
const MAX_BULK: usize = 256 << 10;

/// `AUTH`, `PING`, `INFO`, `CONFIG GET`: redis.io/docs/latest/develop/reference/protocol-spec
pub(super) fn redis(wire: &mut Wire, visit: &mut Visit<'_>) -> Result<(), Trouble> {
    if !visit.password.is_empty() {
        let named = ["AUTH", visit.user, visit.password];
        let plain = ["AUTH", visit.password];
        redis_say(
            wire,
            if visit.user.is_empty() {
                &plain[..]
            } else {
                &named[..]
            },
        )?;
        redis_hear(wire)?;
    }
    redis_say(wire, &["PING"])?;
    match redis_hear(wire) {
        // one that can't save answers even PING so
        Err(Trouble::Refused(refusal)) if refusal.code == "MISCONF" => {}
        Err(Trouble::Refused(_)) if visit.only_greets() => return Ok(()),
        other => drop(other?),
    }
    visit.admitted();
    redis_say(wire, &["INFO"])?;
    match redis_hear(wire) {
        Ok(info) => {
            visit.heard.server = info
                .lines()
                .find_map(|line| line.strip_prefix("redis_version:"))
                .map(|version| version.trim().to_owned());
            visit.tell_pairs("INFO", pairs(&info, ':'));
        }
        Err(Trouble::Refused(refusal)) => visit.tell_refused("INFO", refusal),
        Err(other) => return Err(other),
    }
    Ok(())
}

fn redis_say(wire: &mut Wire, words: &[&str]) -> Result<(), Trouble> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
    }
    wire.say(&bytes)
}

/// A line or a bulk string; an error is a refusal, whose first word is its code.
fn redis_hear(wire: &mut Wire) -> Result<String, Trouble> {
    let line = line(wire)?;
    let rest = line.get(1..).unwrap_or_default();
    match line.as_bytes().first() {
        Some(b'+' | b':') => Ok(rest.to_owned()),
        Some(b'-') => Err(Trouble::Refused(Refusal {
            code: rest.split(' ').next().unwrap_or_default().to_owned(),
            text: rest.chars().take(super::MAX_CELL).collect(),
        })),
        Some(b'$') => {
            let length = rest.parse::<usize>().ok().filter(|length| *length <= MAX_BULK);
            let length = length.ok_or_else(|| Trouble::unclear("an answer too long for Redis"))?;
            let bulk = wire.exactly(length + 2)?;
            Ok(String::from_utf8_lossy(bulk.trim_ascii_end()).into_owned())
        }
        _ => Err(Trouble::unclear("it does not answer as Redis does")),
    }
}

/// `stats`: github.com/memcached/memcached/blob/master/doc/protocol.txt
pub(super) fn memcached(wire: &mut Wire, visit: &mut Visit<'_>) -> Result<(), Trouble> {
    wire.say(b"stats\r\n")?;
    let first = line(wire)?;
    if !first.starts_with("STAT ") {
        return Err(Trouble::unclear("it does not answer as memcached does"));
    }
    visit.admitted();
    let rest = wire.through(b"END\r\n")?;
    let all = format!("{first}\n{}", String::from_utf8_lossy(&rest));
    let stats = all.lines().filter_map(|line| line.strip_prefix("STAT "));
    let stats: Vec<&str> = stats.collect();
    visit.tell_pairs("stats", pairs(&stats.join("\n"), ' '));
    visit.heard.server = visit.heard.value("stats", "version").map(str::to_owned);
    Ok(())
}

/// The protocol header; the server answers with Connection.Start (AMQP 0-9-1, section 2.2.4) and the visit ends.
pub(super) fn amqp(wire: &mut Wire, visit: &mut Visit<'_>) -> Result<(), Trouble> {
    wire.say(b"AMQP\x00\x00\x09\x01")?;
    let head = wire.exactly(7)?;
    match head.as_slice() {
        // a method frame of channel 0
        [1, 0, 0, length @ ..] => {
            visit.admitted();
            let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let start = wire.exactly(length.min(MAX_BULK)).unwrap_or_default();
            visit.heard.server = version(&start);
        }
        [b'A', b'M', b'Q', b'P', ..] => {
            visit.admitted();
            visit.heard.server = Some("another version of AMQP".into());
        }
        _ => return Err(Trouble::unclear("it does not answer as AMQP does")),
    }
    Ok(())
}

/// `version` among the server-properties of Connection.Start: a long string (AMQP 0-9-1, section 4.2.5.3).
fn version(start: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"\x07versionS\0\0\0";
    let at = start.windows(NAME.len()).position(|window| window == NAME)?;
    let (length, text) = start.get(at + NAME.len()..)?.split_first()?;
    let text = text.get(..usize::from(*length))?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// `INFO {…}` comes unasked: docs.nats.io/reference/reference-protocols/nats-protocol
pub(super) fn nats(wire: &mut Wire, visit: &mut Visit<'_>) -> Result<(), Trouble> {
    let line = line(wire)?;
    let info = line
        .strip_prefix("INFO ")
        .ok_or_else(|| Trouble::unclear("it does not greet as NATS does"))?;
    let info: serde_json::Value = serde_json::from_str(info.trim()).unwrap_or_default();
    visit.heard.server = info
        .get("version")
        .and_then(|version| Some(version.as_str()?.to_owned()));
    visit.admitted();
    Ok(())
}

/// `GET /_cluster/health`, without a login: that one is wanted also says that it is up.
pub(super) fn elasticsearch(wire: &mut Wire, visit: &mut Visit<'_>) -> Result<(), Trouble> {
    wire.say(b"GET /_cluster/health HTTP/1.0\r\nHost: localhost\r\nAccept: */*\r\n\r\n")?;
    let head = line(wire)?;
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5));
    match status {
        Some("200") => {
            visit.admitted();
            let body = wire.through(b"}").unwrap_or_default();
            let text = String::from_utf8_lossy(&body).into_owned();
            let health = text
                .split_once("\"status\":\"")
                .and_then(|(_, rest)| rest.split('"').next());
            let row = health.map(|health| ("status".to_owned(), health.to_owned()));
            visit.tell_pairs("health", row.into_iter());
            Ok(())
        }
        Some("401" | "403") => {
            visit.admitted();
            Ok(())
        }
        Some(status) => Err(Trouble::Refused(Refusal {
            code: status.to_owned(),
            text: head.clone(),
        })),
        None => Err(Trouble::unclear("it does not answer as Elasticsearch does")),
    }
}

fn line(wire: &mut Wire) -> Result<String, Trouble> {
    let line = wire.through(b"\n")?;
    Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned())
}

fn pairs(text: &str, mark: char) -> impl Iterator<Item = (String, String)> {
    text.lines().filter_map(move |line| {
        let (name, value) = line.trim_end().split_once(mark)?;
        Some((name.to_owned(), value.to_owned()))
    })
}
