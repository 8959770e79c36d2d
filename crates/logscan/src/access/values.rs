//! Values of variables: what they can look like, and what they mean.

use super::{AccessLine, Escape, Format, Variable, fit::Spans};
use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

/// Cheap checks that keep a value from running into its neighbours.
pub(super) fn is_plausible(variable: Variable, value: &[u8]) -> bool {
    use Variable as V;
    let none_of = |bytes: &[u8]| !value.iter().any(|byte| bytes.contains(byte));
    match variable {
        V::Nothing => value.is_empty(),
        V::TimeLocal => value.len() == 26,
        V::TimeIso => value.len() == 25,
        V::Status => value.len() == 3 && value.iter().all(u8::is_ascii_digit),
        V::Msec | V::RequestTime | V::Bytes | V::Number => {
            value.iter().all(|b| b.is_ascii_digit() || b".-".contains(b))
        }
        V::Client | V::Method => none_of(b" \""),
        V::Host | V::ServerName => none_of(b" \"/"),
        V::Uri => value.is_empty() || matches!(value[0], b'/' | b'*' | b'-' | b'h'),
        // one try, as nearly always
        V::UpstreamAddr if !value.contains(&b' ') => true,
        V::UpstreamAddr => tries(value).all(|t| !t.is_empty() && !t.contains(&b' ')),
        V::UpstreamStatus | V::UpstreamConnect | V::UpstreamHeader | V::UpstreamResponse => {
            value.is_empty() || is_number_or_dash(value) || tries(value).all(is_number_or_dash)
        }
        V::Request | V::Referrer | V::Agent | V::Forwarded | V::Text => true,
    }
}

fn is_number_or_dash(of_try: &[u8]) -> bool {
    of_try == b"-" || (!of_try.is_empty() && of_try.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
}

impl Variable {
    /// Holds one value a try.
    pub(super) fn has_tries(self) -> bool {
        use Variable as V;
        matches!(
            self,
            V::UpstreamAddr
                | V::UpstreamStatus
                | V::UpstreamConnect
                | V::UpstreamHeader
                | V::UpstreamResponse
        )
    }
}

/// Between peers, and between internal redirects (`ngx_http_upstream.c`).
const SEPARATORS: [&[u8]; 2] = [b", ", b" : "];

/// What follows is a further try and not the format's own text.
pub(super) fn another_try(behind: &[u8], literal: &[u8]) -> bool {
    SEPARATORS
        .iter()
        .any(|separator| behind.starts_with(separator) && !literal.starts_with(separator))
}

/// Where the separator begins that has its first blank there, and how long it is.
fn separator_at(value: &[u8], blank: usize) -> Option<(usize, usize)> {
    SEPARATORS.iter().find_map(|separator| {
        let before = separator.iter().position(|byte| *byte == b' ')?;
        let at = blank.checked_sub(before)?;
        value[at..]
            .starts_with(separator)
            .then_some((at, separator.len()))
    })
}

/// The tries of a request.
pub(crate) fn tries(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let all = rest?;
        let separator = memchr::memchr_iter(b' ', all).find_map(|at| separator_at(all, at));
        rest = separator.map(|(at, length)| &all[at + length..]);
        Some(separator.map_or(all, |(at, _)| &all[..at]))
    })
}

pub(super) fn read(format: &Format, line: &[u8], spans: &Spans) -> AccessLine {
    let mut out = AccessLine::default();
    let (mut method, mut uri) = (None, None);
    for (part, span) in format.parts.iter().zip(spans) {
        let value = &line[span.clone()];
        match part.variable {
            Variable::Method => method = text(value, format.escape),
            Variable::Uri => uri = text(value, format.escape),
            variable => set(&mut out, variable, value, format.escape),
        }
    }
    if out.request.is_none() {
        out.request = method.zip(uri).map(|(method, uri)| format!("{method} {uri}"));
    }
    out
}

/// The first variable of several that say the same counts.
fn set(out: &mut AccessLine, variable: Variable, value: &[u8], escape: Escape) {
    use Variable as V;
    match variable {
        V::TimeLocal => out.at = out.at.or_else(|| time_local(value)),
        V::TimeIso => out.at = out.at.or_else(|| time_iso(value)),
        V::Msec => out.at = msec(value).or(out.at),
        V::Status => out.status = number(value),
        V::Request => out.request = text(value, escape),
        V::Host => out.host = text(value, escape),
        V::ServerName => out.host = out.host.take().or_else(|| text(value, escape)),
        V::Client => out.client = text(value, escape),
        V::RequestTime => out.request_time = number(value),
        V::UpstreamAddr => out.upstream_addr = addresses(value, escape),
        V::UpstreamStatus => out.upstream_status = tries(value).map(number).collect(),
        V::UpstreamConnect => out.upstream_connect = tries(value).map(number).collect(),
        V::UpstreamHeader => out.upstream_header = tries(value).map(number).collect(),
        V::UpstreamResponse => out.upstream_response = tries(value).map(number).collect(),
        V::Nothing
        | V::Method
        | V::Uri
        | V::Bytes
        | V::Referrer
        | V::Agent
        | V::Forwarded
        | V::Number
        | V::Text => {}
    }
}

fn addresses(value: &[u8], escape: Escape) -> Vec<String> {
    if matches!(value, b"" | b"-") {
        return Vec::new();
    }
    tries(value).map(|address| unescape(address, escape)).collect()
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

fn text(value: &[u8], escape: Escape) -> Option<String> {
    (!matches!(value, b"" | b"-")).then(|| unescape(value, escape))
}

/// `22/Nov/2026:12:17:46 +0000`
pub(super) fn time_local(value: &[u8]) -> Option<DateTime> {
    let (day, month, year) = (value.get(0..2)?, month(value.get(3..6)?)?, value.get(7..11)?);
    moment(
        Date::new(small(year)?, month, small(day)?).ok()?,
        value.get(12..20)?,
        value.get(21..26)?,
    )
}

/// `2026-11-22T12:17:46+00:00`
pub(super) fn time_iso(value: &[u8]) -> Option<DateTime> {
    let (year, month, day) = (value.get(0..4)?, value.get(5..7)?, value.get(8..10)?);
    moment(
        Date::new(small(year)?, small(month)?, small(day)?).ok()?,
        value.get(11..19)?,
        value.get(19..25)?,
    )
}

/// A date with `12:17:46` and an offset, in UTC.
fn moment(date: Date, time: &[u8], offset: &[u8]) -> Option<DateTime> {
    let clock = Time::new(small(&time[0..2])?, small(&time[3..5])?, small(&time[6..8])?, 0).ok()?;
    let minutes = small::<i64>(&offset[1..3])? * 60 + small::<i64>(&offset[offset.len() - 2..])?;
    let ahead = if offset[0] == b'-' { -minutes } else { minutes };
    date.to_datetime(clock)
        .checked_sub(SignedDuration::from_mins(ahead))
        .ok()
}

fn small<T: TryFrom<u32>>(bytes: &[u8]) -> Option<T> {
    T::try_from(crate::digits(bytes)?).ok()
}

fn month(name: &[u8]) -> Option<i8> {
    const NAMES: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let at = NAMES.chunks(3).position(|known| known == name)?;
    i8::try_from(at + 1).ok()
}

/// `1763813866.123`
pub(super) fn msec(value: &[u8]) -> Option<DateTime> {
    let (seconds, fraction) = std::str::from_utf8(value).ok()?.split_once('.')?;
    let millis = seconds
        .parse::<i64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(fraction.parse().ok()?)?;
    Some(TimeZone::UTC.to_datetime(Timestamp::from_millisecond(millis).ok()?))
}

/// Takes a value's escapes back. What is no escape stays as it is; bytes that are not UTF-8 become `U+FFFD`.
fn unescape(value: &[u8], escape: Escape) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'\\', rest).filter(|_| escape != Escape::None) {
        out.extend_from_slice(&rest[..at]);
        let (byte, taken) = unescaped(&rest[at + 1..], escape).unwrap_or((b'\\', 0));
        out.push(byte);
        rest = &rest[at + 1 + taken..];
    }
    out.extend_from_slice(rest);
    String::from_utf8(out).unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())
}

/// The byte an escape stands for, and the length of the escape behind its backslash. Of `\uHHHH` nginx writes `\u00HH` only.
fn unescaped(escape: &[u8], kind: Escape) -> Option<(u8, usize)> {
    let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    let hex = |digits: &[u8]| {
        digits
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then(|| hex(digits))
            .flatten()
    };
    match (escape.first()?, kind) {
        (b'x', Escape::Default) => Some((hex(escape.get(1..3)?)?, 3)),
        (b'u', Escape::Json) if escape.get(1..3)? == b"00" => Some((hex(escape.get(3..5)?)?, 5)),
        (b'n', Escape::Json) => Some((b'\n', 1)),
        (b'r', Escape::Json) => Some((b'\r', 1)),
        (b't', Escape::Json) => Some((b'\t', 1)),
        (b'b', Escape::Json) => Some((8, 1)),
        (b'f', Escape::Json) => Some((12, 1)),
        (byte @ (b'"' | b'\\' | b'/'), Escape::Json) => Some((*byte, 1)),
        _ => None,
    }
}
