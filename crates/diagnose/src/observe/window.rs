//! The part of a log that is young enough, found without reading what is older.

use host::Timestamp;
use std::ops::Range;

/// Lines without a time of their own that may follow each other (a backend's stack trace).
const UNDATED_LINES: usize = 400;

/// The end of `bytes` that begins with the first line not older than `since`. Logs are written in the order of time.
pub(super) fn since(bytes: &[u8], since: Timestamp, time_of: impl Fn(&[u8]) -> Option<Timestamp>) -> &[u8] {
    let (mut old, mut young) = (0, bytes.len());
    while young - old > 4096 {
        let middle = old + (young - old) / 2;
        match first_dated(bytes, middle..young, &time_of) {
            Some((_, at)) if at >= since => young = middle,
            Some((start, _)) => old = start,
            None => young = middle,
        }
    }
    let mut start = old;
    while start < bytes.len() {
        let line = line_at(bytes, start);
        if time_of(&bytes[line.clone()]).is_some_and(|at| at >= since) {
            break;
        }
        start = line.end + 1;
    }
    bytes.get(start..).unwrap_or_default()
}

/// The first line that starts in `part`, has a time, and that time.
fn first_dated(
    bytes: &[u8],
    part: Range<usize>,
    time_of: &impl Fn(&[u8]) -> Option<Timestamp>,
) -> Option<(usize, Timestamp)> {
    let mut start = line_at(bytes, part.start).end + 1;
    for _ in 0..UNDATED_LINES {
        if start >= part.end {
            return None;
        }
        let line = line_at(bytes, start);
        if let Some(at) = time_of(&bytes[line.clone()]) {
            return Some((start, at));
        }
        start = line.end + 1;
    }
    None
}

/// From `start` to the end of that line, its line end excluded.
fn line_at(bytes: &[u8], start: usize) -> Range<usize> {
    let rest = bytes.get(start..).unwrap_or_default();
    let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    start..start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_of(line: &[u8]) -> Option<Timestamp> {
        std::str::from_utf8(line)
            .ok()?
            .split(' ')
            .next()?
            .parse()
            .ok()
            .map(Timestamp)
    }

    #[test]
    fn begins_with_the_first_young_line() {
        let log: String = (0..5000)
            .map(|i| format!("{i} a line\n  and more of it\n"))
            .collect();
        for from in [0, 1, 2500, 4999] {
            let young = since(log.as_bytes(), Timestamp(from), time_of);
            assert!(young.starts_with(format!("{from} a line").as_bytes()), "{from}");
        }
        assert!(since(log.as_bytes(), Timestamp(5000), time_of).is_empty());
        assert!(since(b"", Timestamp(0), time_of).is_empty());
        assert!(since(b"no time", Timestamp(0), time_of).is_empty());
    }
}
