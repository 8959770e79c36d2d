//! Values of variables: what they can look like, and what they mean.

use super::{AccessLine, Escape, Format, Variable, fit::Spans};
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Cheap checks that keep a value from running into its neighbours.
pub(super) fn is_plausible(variable: Variable, value: &[u8]) -> bool {
    use Variable as V;
    let none_of = |bytes: &[u8]| !value.iter().any(|byte| bytes.contains(byte));
    match variable {
        V::Nothing => value.is_empty(),
        V::TimeLocal => value.len() == 26,
        V::TimeIso => value.len() == 25,
        V::Status => value.len() == 3 && value.iter().all(u8::is_ascii_digit),
        V::Msec | V::RequestTime | V::Number => value.iter().all(|b| b.is_ascii_digit() || b".-".contains(b)),
        V::Client | V::Method => none_of(b" \""),
        V::Host | V::ServerName => none_of(b" \"/"),
        V::Uri => value.is_empty() || matches!(value[0], b'/' | b'*' | b'-' | b'h'),
        V::UpstreamAddr => tries(value).all(|of_try| !of_try.is_empty() && !of_try.contains(&b' ')),
        V::UpstreamStatus | V::UpstreamConnect | V::UpstreamHeader | V::UpstreamResponse => {
            value.is_empty() || tries(value).all(is_number_or_dash)
        }
        V::Request | V::Text => true,
    }
}

fn is_number_or_dash(of_try: &[u8]) -> bool {
    of_try == b"-" || (!of_try.is_empty() && of_try.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
}

/// The tries of a request: nginx separates peers by `, ` and internal redirects by ` : ` (`ngx_http_upstream.c`).
fn tries(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let all = rest?;
        let comma = memchr::memmem::find(all, b", ").map(|at| (at, at + 2));
        let colon = memchr::memmem::find(all, b" : ").map(|at| (at, at + 3));
        let separator = [comma, colon].into_iter().flatten().min();
        rest = separator.map(|(_, behind)| &all[behind..]);
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
        V::TimeIso => {
            out.at = out
                .at
                .or_else(|| utc(std::str::from_utf8(value).ok()?.parse().ok()?))
        }
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
        V::Nothing | V::Method | V::Uri | V::Number | V::Text => {}
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
fn time_local(value: &[u8]) -> Option<DateTime> {
    let text = std::str::from_utf8(value).ok()?;
    let (date, rest) = text.split_at_checked(11)?;
    let mut date = date.split('/');
    let (day, month, year) = (date.next()?, month(date.next()?)?, date.next()?);
    let (time, zone) = rest.strip_prefix(':')?.split_once(' ')?;
    utc(format!("{year}-{month:02}-{day}T{time}{zone}").parse().ok()?)
}

fn month(name: &str) -> Option<usize> {
    const NAMES: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    NAMES.iter().position(|known| *known == name).map(|at| at + 1)
}

/// `1763813866.123`
fn msec(value: &[u8]) -> Option<DateTime> {
    let (seconds, fraction) = std::str::from_utf8(value).ok()?.split_once('.')?;
    let millis = seconds
        .parse::<i64>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(fraction.parse().ok()?)?;
    utc(Timestamp::from_millisecond(millis).ok()?)
}

fn utc(at: Timestamp) -> Option<DateTime> {
    Some(TimeZone::UTC.to_datetime(at))
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
    String::from_utf8_lossy(&out).into_owned()
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
