//! What a log is, told by its lines.

use super::{BackendKind, backend, lines};
use crate::{
    access::{Format, Laid},
    error_log,
};
use std::fmt::Write;

/// Lines looked at.
const LINES: usize = 50;

/// A kind of log.
#[derive(Clone, Debug)]
pub enum Kind {
    /// An access log.
    Access(Box<Format>),
    /// nginx's error log.
    Error,
    /// A backend's.
    Backend(BackendKind),
}

/// `combined` and its relatives, of nginx and Apache.
const KNOWN: [&str; 3] = [
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"",
    "$server_name:$server_port $remote_addr - $remote_user [$time_local] \"$request\" $status $bytes_sent \"$http_referer\" \
     \"$http_user_agent\"",
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent",
];

impl Kind {
    /// Whether an entry can begin with this line: entries of some logs have several lines.
    pub fn begins(&self) -> Option<fn(&[u8]) -> bool> {
        match self {
            Self::Access(_) | Self::Backend(BackendKind::Uwsgi) => None,
            Self::Error => Some(error_log::begins_entry),
            Self::Backend(_) => Some(|line| line.first() == Some(&b'[') && line.get(1..3) != Some(b"0x")),
        }
    }
}

/// What the beginning of a log shows it to be, if its format is one that everybody uses.
pub fn well_known(beginning: &[u8]) -> Option<Kind> {
    best(&sample(beginning), KNOWN.map(Format::compile).into_iter())
}

/// What the beginning of a log shows it to be; `known` are formats to try first, others are made up from its first line.
/// `None` where fewer than half of its lines fit anything.
pub fn guess(beginning: &[u8], known: &[Format]) -> Option<Kind> {
    let sample = sample(beginning);
    let usual = KNOWN.map(Format::compile);
    best(
        &sample,
        known.iter().cloned().chain(usual).chain(derived(&sample)),
    )
}

fn sample(beginning: &[u8]) -> Vec<&[u8]> {
    // the last one may be cut off
    let whole = memchr::memrchr(b'\n', beginning).map_or(beginning, |end| &beginning[..end]);
    lines(whole).filter(|line| !line.is_empty()).take(LINES).collect()
}

fn best(sample: &[&[u8]], formats: impl Iterator<Item = Format>) -> Option<Kind> {
    let access = formats.map(|format| (fitting(sample, &format), Kind::Access(Box::new(format))));
    let error = sample.iter().filter(|line| error_log::begins_entry(line)).count();
    let backends = [
        BackendKind::PhpSlow,
        BackendKind::PhpFpm,
        BackendKind::Apache,
        BackendKind::Gunicorn,
        BackendKind::Uwsgi,
    ];
    let begins = |kind| {
        let line = |line: &&&[u8]| backend::begins(kind, &String::from_utf8_lossy(line));
        sample.iter().filter(line).count()
    };
    let others =
        std::iter::once((error, Kind::Error)).chain(backends.map(|kind| (begins(kind), Kind::Backend(kind))));
    // the first of equals; entries of several lines show in few of them
    let best = access
        .chain(others)
        .reduce(|best, next| if next.0 > best.0 { next } else { best })?;
    let enough = match best.1 {
        Kind::Access(_) => best.0 * 2 >= sample.len(),
        Kind::Error | Kind::Backend(_) => best.0 * 20 >= sample.len(),
    };
    (best.0 > 0 && enough).then_some(best.1)
}

fn fitting(sample: &[&[u8]], format: &Format) -> usize {
    let mut laid = Laid::default();
    sample.iter().filter(|line| format.lay(line, &mut laid)).count()
}

/// Formats made up from a line: `combined` with more behind it, and JSON.
fn derived(sample: &[&[u8]]) -> Vec<Format> {
    let line = sample
        .first()
        .and_then(|line| str::from_utf8(line).ok())
        .filter(|line| line.len() < 4096);
    let made = line.into_iter().flat_map(|line| [extended(line), json(line)]);
    made.flatten().map(|text| Format::compile(&text)).collect()
}

/// `… "agent" rt=0.010 urt="0.009" shop.example` -> `… rt=$request_time urt="$upstream_response_time" $x`
fn extended(line: &str) -> Option<String> {
    let base = Format::compile(&format!("{}$rest", KNOWN[0]));
    let mut laid = Laid::default();
    base.lay(line.as_bytes(), &mut laid).then_some(())?;
    let end = laid.last_start()?;
    let mut text = KNOWN[0].to_owned();
    for word in line[end..].split(' ').skip(1) {
        let (key, value) = word.split_once('=').unwrap_or(("", word));
        let quote = if value.starts_with('"') { "\"" } else { "" };
        let equals = if key.is_empty() { "" } else { "=" };
        let _ = write!(
            text,
            " {}{equals}{quote}${{{}}}{quote}",
            key.replace('$', ""),
            variable(key)
        );
    }
    Some(text)
}

/// `{"status":502,"uri":"/"}` -> `escape=json {"status":$status,"uri":"$uri"}`
fn json(line: &str) -> Option<String> {
    let mut rest = line
        .trim_end()
        .strip_prefix('{')
        .filter(|_| line.trim_end().ends_with('}'))?;
    let mut text = String::from("escape=json {");
    while let Some((before, after)) = rest.split_once('"') {
        let (key, behind) = after.split_once('"')?;
        let value = behind.trim_start_matches([':', ' ']);
        let gap = &behind[..behind.len() - value.len()];
        let (quote, length) = match value.strip_prefix('"') {
            Some(inside) => ("\"", 2 + closing(inside)?),
            None => ("", value.find([',', '}'])?),
        };
        let _ = write!(text, "{before}\"{key}\"{gap}{quote}${{{}}}{quote}", variable(key));
        rest = value.get(length..)?;
    }
    text.push_str(rest);
    Some(text)
}

/// The end of a JSON string.
fn closing(inside: &str) -> Option<usize> {
    let bytes = inside.as_bytes();
    memchr::memchr_iter(b'"', bytes)
        .find(|at| bytes[..*at].iter().rev().take_while(|it| **it == b'\\').count() % 2 == 0)
}

/// The variable people mean by a key. The words are those of nginx's variables and of widespread formats.
fn variable(key: &str) -> &'static str {
    match key.to_ascii_lowercase().trim_start_matches(['$', '@']) {
        "time" | "time_local" | "timestamp" | "time_iso8601" | "ts" | "date" => "time_iso8601",
        "msec" => "msec",
        "status" | "status_code" | "code" => "status",
        "request" => "request",
        "method" | "request_method" | "verb" => "request_method",
        "uri" | "request_uri" | "path" | "url" => "request_uri",
        "host" | "http_host" | "vhost" | "domain" => "host",
        "server_name" | "server" => "server_name",
        "remote_addr" | "client" | "client_ip" | "ip" | "remote_ip" => "remote_addr",
        "bytes" | "body_bytes_sent" | "bytes_sent" | "size" => "body_bytes_sent",
        "referer" | "referrer" | "http_referer" | "http_referrer" => "http_referer",
        "agent" | "user_agent" | "http_user_agent" | "ua" => "http_user_agent",
        "rt" | "request_time" | "duration" => "request_time",
        "uct" | "upstream_connect_time" => "upstream_connect_time",
        "uht" | "upstream_header_time" => "upstream_header_time",
        "urt" | "upstream_response_time" | "upstream_time" => "upstream_response_time",
        "us" | "upstream_status" => "upstream_status",
        "upstream" | "upstream_addr" | "uaddr" => "upstream_addr",
        _ => "x",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMBINED: &str =
        "192.0.2.1 - - [22/Nov/2026:12:17:46 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl/8\"";

    fn name(log: &str) -> String {
        match guess(log.as_bytes(), &[]) {
            None => "none".to_owned(),
            Some(Kind::Error) => "error".to_owned(),
            Some(Kind::Backend(kind)) => kind.name().to_owned(),
            Some(Kind::Access(format)) => {
                let line = format
                    .parse(log.lines().next().unwrap_or_default().as_bytes())
                    .expect("the line it was made from");
                format!("access {:?} {:?} {:?}", line.status, line.host, line.request_time)
            }
        }
    }

    #[test]
    fn logs_are_told_by_their_lines() {
        let rows = [
            (COMBINED.to_owned(), "access Some(502) None None"),
            (format!("shop.example:80 {COMBINED}"), "access Some(502) Some(\"shop.example\") None"),
            (format!("{COMBINED} rt=0.010 uct=\"0.001\" h=x"), "access Some(502) None Some(0.01)"),
            (
                "{\"time\":\"2026-11-22T12:17:46+00:00\",\"status\": 502,\"host\":\"a\",\"ua\":\"x \\\"y\",\"rt\":0.5,\"n\":{}}".to_owned(),
                "access Some(502) Some(\"a\") Some(0.5)",
            ),
            ("2026/11/22 12:17:46 [error] 7#7: *1 x\n".to_owned(), "error"),
            ("[22-Nov-2026 12:17:46] NOTICE: x\n".to_owned(), "php-fpm"),
            ("[22-Nov-2026 12:17:46]  [pool www] pid 7\nscript_filename = x\n".to_owned(), "php-fpm's slow log"),
            ("[Sun Nov 22 12:17:46.123456 2026] [core:error] [pid 7] x\n".to_owned(), "Apache"),
            ("[2026-11-22 12:17:46 +0000] [7] [INFO] x\n".to_owned(), "gunicorn"),
            ("Sun Nov 22 12:17:46 2026 - *** x ***\nmore\n".to_owned(), "uWSGI"),
            ("words\nand words\n".to_owned(), "none"),
            (String::new(), "none"),
        ];
        for (log, expected) in &rows {
            assert_eq!(name(log), *expected, "{log}");
        }
    }
}
