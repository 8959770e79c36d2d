//! nginx's error log, entry by entry.

mod entries;
mod fields;
mod pasted;

pub use entries::{Entries, entries};
pub use pasted::parse_pasted;

use crate::{Complaint, complaint::Said};
use fields::Fields;
use jiff::{
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

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
    let text = String::from_utf8_lossy(line.get(..LONGEST).unwrap_or(line));
    let at = stamp(text.as_bytes())?;
    let (level, rest) = level(text.get(STAMP..)?.strip_prefix(' ')?)?;
    let (pid, connection, rest) = origin(rest);
    let mut entry = message(rest, level);
    (entry.at, entry.pid, entry.connection) = (Some(at), Some(pid?), connection);
    Some(entry)
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

/// `[crit] ` at the start, and what follows.
fn level(text: &str) -> Option<(Level, &str)> {
    let (name, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((Level::parse(name)?, rest.trim_start_matches(' ')))
}

/// `174#174: *7 ` at the start, as far as it is there: process, connection, and what follows.
fn origin(text: &str) -> (Option<u32>, Option<u64>, &str) {
    let process = text.split_once(": ").and_then(|(id, rest)| {
        let (pid, thread) = id.split_once('#')?;
        thread.parse::<u64>().ok()?;
        Some((pid.parse().ok()?, rest))
    });
    let (pid, rest) = process.map_or((None, text), |(pid, rest)| (Some(pid), rest));
    let connection = rest.strip_prefix('*').and_then(|rest| {
        let (number, rest) = rest.split_once(' ')?;
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
