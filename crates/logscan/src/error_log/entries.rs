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

/// `2026/11/22 12:17:46 [`
fn begins_entry(line: &[u8]) -> bool {
    line.get(super::STAMP..super::STAMP + 2) == Some(b" [") && super::stamp(line).is_some()
}

/// A quoted stderr that is neither closed nor cut off.
fn is_open(entry: &[u8]) -> bool {
    if entry.len() >= CUT_OFF || memchr_iter(b'"', entry).next().is_none() {
        return false;
    }
    let Some(start) = memmem::find(entry, b" FastCGI sent in stderr: \"") else {
        return false;
    };
    let said = &entry[start..];
    memmem::find(said, b"\" while ").is_none() && memmem::find(said, b"\", client: ").is_none()
}
