//! When a line of a backend's own log was written. Each server has its own way to say so.

use super::clock;
use host::Timestamp;
use jiff::{
    civil::DateTime,
    fmt::strtime::BrokenDownTime,
    tz::{Offset, TimeZone},
};

/// php-fpm and PHP; Apache and uWSGI; gunicorn, Python and most others; ISO 8601; Go and nginx; Redis.
const FORMATS: &[&str] = &[
    "%d-%b-%Y %H:%M:%S",
    "%a %b %d %H:%M:%S%.f %Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%d %b %Y %H:%M:%S",
];

/// The moment at the start of a line, in the host's zone where the line names none.
pub(super) fn of_line(line: &str, zone: &TimeZone) -> Option<Timestamp> {
    let text = without_process(line).trim_start_matches('[');
    text.starts_with(|c: char| c.is_ascii_digit() || c.is_ascii_uppercase())
        .then_some(())?;
    let (at, length) = FORMATS.iter().find_map(|format| {
        let (parsed, length) = BrokenDownTime::parse_prefix(format, text).ok()?;
        Some((parsed.to_datetime().ok()?, length))
    })?;
    Some(in_zone(at, text.get(length..).unwrap_or_default(), zone))
}

/// Redis begins with the process and its role: `5220:C `.
fn without_process(line: &str) -> &str {
    let process = |(pid, rest): (&str, &'_ str)| {
        let is_pid = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
        let role = rest.as_bytes().first().is_some_and(u8::is_ascii_uppercase);
        (is_pid && role && rest.as_bytes().get(1) == Some(&b' ')).then_some(2)
    };
    let found = line
        .split_once(':')
        .and_then(|(pid, rest)| rest.get(process((pid, rest))?..));
    found.unwrap_or(line)
}

/// The zone may follow the time: ` +0000`, `+01:00`, `Z`, ` UTC`, after a fraction of the second.
fn in_zone(at: DateTime, rest: &str, zone: &TimeZone) -> Timestamp {
    let rest = rest.trim_start_matches(|c: char| c == '.' || c == ',' || c.is_ascii_digit());
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    if rest.starts_with('Z') || rest.starts_with("UTC") {
        return clock::utc(at);
    }
    match offset(rest) {
        Some(offset) => clock::moment(at, &offset.to_time_zone()),
        None => clock::moment(at, zone),
    }
}

/// `+0100`, `-01:30`
fn offset(text: &str) -> Option<Offset> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').take(4).collect();
    let number: i32 = Some(digits).filter(|it| it.len() == 4)?.parse().ok()?;
    Offset::from_seconds(sign * (number / 100 * 3600 + number % 100 * 60)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_server_has_its_own_way() {
        let zone = Offset::constant(1).to_time_zone();
        for (line, seconds) in [
            (
                "[22-Nov-2026 12:17:55] NOTICE: fpm is running",
                Some(1_795_346_275),
            ),
            (
                "[22-Nov-2026 12:17:55 UTC] PHP Fatal error:  x",
                Some(1_795_349_875),
            ),
            (
                "[Sun Nov 22 12:17:55.993035 2026] [core:notice] x",
                Some(1_795_346_275),
            ),
            ("Sun Nov 22 12:17:55 2026 - HARAKIRI !!!", Some(1_795_346_275)),
            ("[2026-11-22 12:17:55 +0000] [4801] [INFO] x", Some(1_795_349_875)),
            ("2026-11-22 12:17:55,123 - INFO - x", Some(1_795_346_275)),
            ("2026-11-22T12:17:55.123Z x", Some(1_795_349_875)),
            (
                "5220:C 22 Nov 2026 12:17:55.495 # Write error",
                Some(1_795_346_275),
            ),
            ("2026-11-22T12:17:55+01:00 x", Some(1_795_346_275)),
            ("2026/11/22 12:17:55 x", Some(1_795_346_275)),
            ("Traceback (most recent call last):", None),
            ("  File \"/a.py\", line 1", None),
            ("", None),
        ] {
            assert_eq!(of_line(line, &zone).map(Timestamp::secs), seconds, "{line}");
        }
    }
}
