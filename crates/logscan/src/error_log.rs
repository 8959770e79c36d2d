//! nginx's error log, entry by entry.

mod entries;
mod fields;
mod pasted;

pub(crate) use entries::begins_entry;
pub use entries::{Entries, entries};
pub use pasted::{parse_pasted, pasted};

use crate::{Complaint, complaint::Said};
use fields::Fields;
use jiff::{
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use std::borrow::Cow;

/// One message of the error log with its fields. Source of the format: nginx `src/core/ngx_log.c` and
/// `ngx_http_log_error_handler` in `src/http/ngx_http_request.c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorLine {
    /// Local time of the host, to the second; `None` for a pasted line without one.
    pub at: Option<DateTime>,
    /// The level.
    pub level: Level,
    /// The process that wrote it.
    pub pid: Option<u32>,
    /// The connection (`*123`).
    pub connection: Option<u64>,
    /// The message up to the first field.
    pub message: String,
    /// `client: …`
    pub client: Option<String>,
    /// `server: …`: the server_name of the block that served it
    pub server: Option<String>,
    /// `request: "…"`, whole
    pub request: Option<String>,
    /// `upstream: "…"`
    pub upstream: Option<String>,
    /// `host: "…"`: what the client asked for
    pub host: Option<String>,
    /// What it says went wrong.
    pub complaint: Complaint,
}

/// Levels, least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// debug
    Debug,
    /// info
    Info,
    /// notice
    Notice,
    /// warn
    Warn,
    /// error
    Error,
    /// crit
    Crit,
    /// alert
    Alert,
    /// emerg
    Emerg,
}

/// nginx bounds a message by 2048 bytes (`NGX_MAX_ERROR_STR`), its relatives by 4096; what lies behind this is not a log.
const LONGEST: usize = 1 << 14;

/// Length of `2026/11/22 12:17:46`.
const STAMP: usize = 19;

impl Level {
    fn parse(name: &str) -> Option<Level> {
        Some(match name {
            "debug" => Level::Debug,
            "info" => Level::Info,
            "notice" => Level::Notice,
            "warn" => Level::Warn,
            "error" => Level::Error,
            "crit" => Level::Crit,
            "alert" => Level::Alert,
            "emerg" => Level::Emerg,
            _ => return None,
        })
    }
}

/// Reads one whole entry as nginx wrote it: `2026/11/22 12:17:46 [crit] 174#174: *7 MESSAGE, client: …`. An entry may hold
/// line ends ([`entries`] joins them). `None` if it does not begin so.
pub fn parse(line: &[u8]) -> Option<ErrorLine> {
    let line = line.get(..LONGEST).unwrap_or(line);
    let text = str::from_utf8(line).map_or_else(|_| String::from_utf8_lossy(line), Cow::Borrowed);
    let at = stamp(text.as_bytes())?;
    let (level, rest) = level(text.get(STAMP..)?.strip_prefix(' ')?)?;
    let (pid, connection, rest) = origin(rest);
    let mut entry = message(rest, level);
    (entry.at, entry.pid, entry.connection) = (Some(at), Some(pid?), connection);
    Some(entry)
}

/// An entry taken apart and not yet understood, borrowed from its text.
pub(crate) struct Entry<'a> {
    /// `2026/11/22 12:17:46`
    pub(crate) stamp: &'a str,
    pub(crate) level: Level,
    pub(crate) message: &'a str,
    pub(crate) resolver: Option<&'a str>,
    pub(crate) upstream: Option<&'a str>,
    server: Option<&'a str>,
    host: Option<&'a str>,
}

impl<'a> Entry<'a> {
    /// As [`parse`] does.
    pub(crate) fn split(text: &'a str) -> Option<Self> {
        let (stamp, rest) = text.split_at_checked(STAMP)?;
        let (level, rest) = level(rest.strip_prefix(' ')?)?;
        let (pid, _, message) = origin(rest);
        pid?;
        let fields = Fields::split(message.trim_end());
        Some(Self {
            stamp,
            level,
            message: fields.message,
            resolver: fields.resolver,
            upstream: fields.upstream,
            server: fields.server,
            host: fields.host,
        })
    }

    /// The host that was asked for, as access logs have it; else the server_name. Empty for neither.
    pub(crate) fn site(&self) -> &'a str {
        let named = self.server.filter(|name| !matches!(*name, "" | "_"));
        self.host.or(named).unwrap_or_default()
    }
}

/// The local time of a stamp.
pub(crate) fn moment(text: &str) -> Option<DateTime> {
    stamp(text.as_bytes())
}

/// Milliseconds since 1970 of a log's local time. Where clocks are put back the earlier of both moments is meant, where
/// they are put forward a time that never was is read with the offset before.
pub fn host_time(at: DateTime, zone: &TimeZone) -> i64 {
    let local = || {
        at.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0))
            .as_millis()
    };
    let exact = zone.to_ambiguous_timestamp(at).compatible();
    exact.map_or_else(
        |_| i64::try_from(local()).unwrap_or(0),
        |stamp| stamp.as_millisecond(),
    )
}

/// `2026/11/22 12:17:46` at the start.
fn stamp(bytes: &[u8]) -> Option<DateTime> {
    let bytes = bytes.get(..STAMP)?;
    let marks = [(4, b'/'), (7, b'/'), (10, b' '), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| bytes[*at] != *mark) {
        return None;
    }
    let number = |from, to| crate::digits(&bytes[from..to]);
    let small = |from, to| i8::try_from(number(from, to)?).ok();
    let date = Date::new(i16::try_from(number(0, 4)?).ok()?, small(5, 7)?, small(8, 10)?).ok()?;
    let time = Time::new(small(11, 13)?, small(14, 16)?, small(17, 19)?, 0).ok()?;
    Some(date.to_datetime(time))
}

/// What stands before and behind an ASCII byte; quicker to find than a `char`.
fn split_at(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((&text[..at], &text[at + 1..]))
}

/// `[crit] ` at the start, and what follows.
fn level(text: &str) -> Option<(Level, &str)> {
    let (name, rest) = split_at(text.strip_prefix('[')?, b']')?;
    Some((Level::parse(name)?, rest.trim_start_matches(' ')))
}

/// `174#174: *7 ` at the start, as far as it is there: process, connection, and what follows.
fn origin(text: &str) -> (Option<u32>, Option<u64>, &str) {
    let process = split_at(text, b'#').and_then(|(pid, rest)| {
        let (thread, rest) = split_at(rest, b':')?;
        thread.parse::<u64>().ok()?;
        Some((pid.parse().ok()?, rest.strip_prefix(' ')?))
    });
    let (pid, rest) = process.map_or((None, text), |(pid, rest)| (Some(pid), rest));
    let connection = rest.strip_prefix('*').and_then(|rest| {
        let (number, rest) = split_at(rest, b' ')?;
        Some((number.parse().ok()?, rest))
    });
    connection.map_or((pid, None, rest), |(number, rest)| (pid, Some(number), rest))
}

/// A message with its fields, without what stands before it.
fn message(text: &str, level: Level) -> ErrorLine {
    let fields = Fields::split(text.trim_end());
    let said = Said {
        message: fields.message,
        upstream: fields.upstream,
        resolver: fields.resolver,
        level,
    };
    let owned = |field: Option<&str>| field.map(str::to_owned);
    ErrorLine {
        at: None,
        level,
        pid: None,
        connection: None,
        complaint: Complaint::of(&said),
        message: fields.message.to_owned(),
        client: owned(fields.client),
        server: owned(fields.server),
        request: owned(fields.request),
        upstream: owned(fields.upstream),
        host: owned(fields.host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Peer, Phase, Trouble};
    use jiff::civil::date;
    use proptest::prelude::*;

    const LINE: &str = "2026/11/22 12:17:46 [crit] 174#175: *7 connect() to unix:/run/php/php8.2-fpm.sock failed \
        (2: No such file or directory) while connecting to upstream, client: 127.0.0.1, server: app.lab, request: \
        \"GET /ok.php HTTP/1.1\", upstream: \"fastcgi://unix:/run/php/php8.2-fpm.sock:\", host: \"127.0.0.1\"";

    #[test]
    fn a_whole_line_is_read() {
        let complaint = Complaint {
            trouble: Trouble::Connect(2),
            phase: Some(Phase::Connecting),
            peer: Peer::parse("fastcgi://unix:/run/php/php8.2-fpm.sock"),
        };
        let expected = ErrorLine {
            at: Some(date(2026, 11, 22).at(12, 17, 46, 0)),
            level: Level::Crit,
            pid: Some(174),
            connection: Some(7),
            message:
                "connect() to unix:/run/php/php8.2-fpm.sock failed (2: No such file or directory) while \
                      connecting to upstream"
                    .into(),
            client: Some("127.0.0.1".into()),
            server: Some("app.lab".into()),
            request: Some("GET /ok.php HTTP/1.1".into()),
            upstream: Some("fastcgi://unix:/run/php/php8.2-fpm.sock:".into()),
            host: Some("127.0.0.1".into()),
            complaint,
        };
        assert_eq!(parse(LINE.as_bytes()), Some(expected));
    }

    #[test]
    fn what_is_no_line_of_nginx_is_refused() {
        for line in [
            "",
            "connect() failed",
            "2026/11/22 12:17:46 no level",
            "2026/13/22 12:17:46 [crit] 174#174: m",
            "2026/11/22 12:17:46 [crisis] 174#174: m",
            "2026/11/22 12:17:46 [crit] no process",
            "2026-11-22 12:17:46 [crit] 174#174: m",
            "2026/11/22 12:17:46",
        ] {
            assert_eq!(parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn odd_bytes_do_no_harm() {
        let nul = b"2026/11/22 12:17:46 [error] 1#1: *1 upstream timed out\0 (110: \xff\xfe) while reading upstream";
        let complaint = parse(nul).unwrap().complaint;
        assert_eq!(
            (complaint.trouble, complaint.phase),
            (Trouble::TimedOut, Some(Phase::ReadingBody))
        );
        for filling in [
            "x",
            "\"",
            ", host: \"",
            ", client: 1.2.3.4",
            "é",
            " while reading upstream",
            "failed (",
        ] {
            let mut line = LINE.as_bytes().to_vec();
            line.extend(filling.repeat((1 << 20) / filling.len()).bytes());
            assert_eq!(parse(&line).unwrap().client.unwrap(), "127.0.0.1", "{filling}");
        }
    }

    #[test]
    fn local_times_become_moments() {
        let berlin = || TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let ms = |text: &str| text.parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let rows = [
            (
                date(2026, 11, 22).at(12, 17, 46, 0),
                TimeZone::UTC,
                ms("2026-11-22T12:17:46Z"),
            ),
            (
                date(2026, 11, 22).at(12, 17, 46, 0),
                berlin(),
                ms("2026-11-22T11:17:46Z"),
            ),
            // twice: the earlier
            (
                date(2026, 10, 25).at(2, 30, 0, 0),
                berlin(),
                ms("2026-10-25T00:30:00Z"),
            ),
            // never: as if the clocks had not been put forward
            (
                date(2026, 3, 29).at(2, 30, 0, 0),
                berlin(),
                ms("2026-03-29T01:30:00Z"),
            ),
        ];
        for (at, zone, expected) in rows {
            assert_eq!(host_time(at, &zone), expected, "{at}");
        }
        host_time(DateTime::MAX, &TimeZone::fixed(jiff::tz::offset(-12)));
        host_time(DateTime::MIN, &TimeZone::fixed(jiff::tz::offset(12)));
    }

    proptest! {
        #[test]
        fn bytes_never_panic(bytes: Vec<u8>) {
            parse(&bytes);
            parse(&[b"2026/11/22 12:17:46 [error] 1#1: *1 ".to_vec(), bytes].concat()).unwrap();
        }

        #[test]
        fn pieces_of_messages_never_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..12)) {
            let text = pieces.concat();
            parse_pasted(&text);
            parse(format!("2026/11/22 12:17:46 [error] 1#1: *1 {text}").as_bytes()).unwrap();
        }

        #[test]
        fn pasted_text_never_panics(text: String) {
            parse_pasted(&text);
        }
    }

    const PIECES: &[&str] = &[
        "connect()",
        "open() \"",
        "bind(",
        ") ",
        " failed",
        " (",
        "111",
        ": ",
        "SSL:",
        "error:",
        ":",
        ")",
        "é",
        " ",
        "upstream ",
        "sent ",
        "SSL certificate ",
        "verify error: (",
        "does not match \"",
        "\"",
        " while ",
        "resolving",
        ", client: ",
        "1.2.3.4",
        ", server: ",
        ", request: \"",
        ", upstream: \"",
        ", host: \"",
        "unix:",
        "://",
        " in /",
        " worker_connections are not enough",
        " could not be resolved",
        "worker process ",
        " exited on signal ",
        "host not found in ",
        "FastCGI sent in stderr: \"",
        "limiting ",
        "2026/11/22 12:17:46 [crit] 1#1: *",
        "502",
        "\n",
    ];
}
