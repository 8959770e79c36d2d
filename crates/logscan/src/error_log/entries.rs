//! Lines -> entries: what a backend says on stderr is logged as it comes, line ends and all.

use memchr::{memchr_iter, memmem};
use std::{iter::Peekable, ops::Range};

/// nginx cuts a longer message off (`NGX_MAX_ERROR_STR`, less the room it keeps for an errno).
const CUT_OFF: usize = 2048 - 64;

/// Iterator over the byte ranges of the entries in a piece of log, made by [`entries`].
pub struct Entries<'a> {
    bytes: &'a [u8],
    lines: Peekable<Lines<'a>>,
}

/// Splits a piece of an error log into entries, each with the lines that continue it and without its last line end.
/// Before the first timestamp, lines form an entry of their own, which [`parse`](super::parse) refuses.
///
/// nginx writes an entry in one go, so while a backend's quoted stderr is still open, even a line with a timestamp belongs
/// to it: a backend can't forge entries by printing them.
pub fn entries(bytes: &[u8]) -> Entries<'_> {
    Entries {
        bytes,
        lines: Lines { bytes, at: 0 }.peekable(),
    }
}

impl Iterator for Entries<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let mut entry = self.lines.next()?;
        while let Some(line) = self.lines.peek() {
            if begins_entry(&self.bytes[line.clone()]) && !is_open(&self.bytes[entry.clone()]) {
                break;
            }
            entry.end = line.end;
            self.lines.next();
        }
        Some(entry)
    }
}

/// Ranges of lines without their ends.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let start = self.at;
        let rest = self.bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.at = start + length + 1;
        Some(start..start + length)
    }
}

/// `2026/11/22 12:17:46 [`: its shape is enough here.
pub(crate) fn begins_entry(line: &[u8]) -> bool {
    const SHAPE: &[u8; 21] = b"0000/00/00 00:00:00 [";
    line.get(..SHAPE.len()).is_some_and(|head| {
        head.iter().zip(SHAPE).all(|(byte, shape)| {
            if *shape == b'0' {
                byte.is_ascii_digit()
            } else {
                byte == shape
            }
        })
    })
}

/// A quoted stderr that is neither closed nor cut off.
fn is_open(entry: &[u8]) -> bool {
    let Some(start) = stderr(entry) else { return false };
    let said = &entry[start..];
    let is_closed = [&b"\" while "[..], b"\", client: "]
        .iter()
        .any(|end| memmem::find(said, end).is_some());
    !is_closed && entry.len() < CUT_OFF
}

/// Where a quoted stderr begins; no prefix of an entry is longer than the window.
fn stderr(entry: &[u8]) -> Option<usize> {
    const WINDOW: usize = 96;
    let window = &entry[..entry.len().min(WINDOW)];
    memchr_iter(b'F', window).find(|at| entry[*at..].starts_with(b"FastCGI sent in stderr: \""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<&str> {
        entries(text.as_bytes()).map(|range| &text[range]).collect()
    }

    const ONE: &str = "2026/11/22 12:17:46 [error] 1#1: *7 one";
    const TWO: &str = "2026/11/22 12:17:47 [warn] 1#1: *8 two";
    const OPEN: &str =
        "2026/11/22 12:17:46 [error] 1#1: *7 FastCGI sent in stderr: \"PHP message: PHP Fatal error: x";
    const CLOSED: &str =
        "  thrown in /a.php on line 1\" while reading response header from upstream, client: 1.2.3.4";

    #[test]
    fn lines_join_to_entries() {
        let stderr = format!("{OPEN}\nStack trace:\n#0 {{main}}\n{CLOSED}");
        let forged = format!("{OPEN}\n{TWO}\n{CLOSED}");
        let cut_off = format!("{OPEN}{}", "x".repeat(2048));
        let rows: [(String, Vec<&str>); 8] = [
            (String::new(), vec![]),
            (ONE.to_owned(), vec![ONE]),
            (format!("{ONE}\n"), vec![ONE]),
            (format!("{ONE}\n{TWO}\n"), vec![ONE, TWO]),
            (
                format!("tail of an entry\nand more\n{ONE}"),
                vec!["tail of an entry\nand more", ONE],
            ),
            (format!("{stderr}\n{TWO}\n"), vec![&stderr, TWO]),
            (format!("{forged}\n{ONE}\n"), vec![&forged, ONE]),
            (format!("{cut_off}\n{TWO}\n"), vec![&cut_off, TWO]),
        ];
        for (text, expected) in &rows {
            assert_eq!(split(text), *expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_byte_but_line_ends_is_in_one_entry(bytes: Vec<u8>) {
            let mut end = 0;
            for range in entries(&bytes) {
                prop_assert!(bytes[end..range.start].iter().all(|byte| *byte == b'\n'));
                prop_assert!(range.end <= bytes.len());
                end = range.end;
            }
            prop_assert!(bytes[end..].iter().all(|byte| *byte == b'\n'));
        }
    }
}
