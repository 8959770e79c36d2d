//! A stream of bytes -> blocks of whole entries.

use std::io;

/// Bytes of a block: it stays in a core's own cache between being read and being searched.
const BLOCK: usize = 256 << 10;
/// An entry longer than this is cut in pieces.
const LONGEST: usize = 4 << 20;

/// Bytes of a line that show whether it begins an entry.
const HEAD: usize = 32;

/// Whether an entry can begin with this line; `None`: every line is an entry.
pub(super) type Begins = Option<fn(&[u8]) -> bool>;

/// Where a part of a file begins and ends: entries that begin in it are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// The byte before it was read too, to tell whether it begins a line.
    pub(super) within: bool,
    /// Bytes from its beginning to its end, that byte included; `None`: all there is.
    pub(super) length: Option<u64>,
}

impl Part {
    /// A whole file.
    pub(super) const WHOLE: Self = Self {
        within: false,
        length: None,
    };
}

/// Reads a part and hands out its entries in blocks, whole. `more` is asked before each block and ends it with a no.
/// Comes back with true where the end of what there is came before the end of the part: a file that was truncated.
///
/// # Errors
/// Of `read`; what was read before it was handed out.
pub(super) fn pump(
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    part: Part,
    begins: Begins,
    buffer: &mut Buffer,
    mut take: impl FnMut(&[u8]) -> bool,
) -> io::Result<bool> {
    buffer.filled = 0;
    let mut skips = part.within;
    // bytes of the part that stand before the buffer
    let mut before: u64 = 0;
    loop {
        let count = buffer.fill(&mut read)?;
        let text = buffer.text();
        let end = part
            .length
            .map_or(u64::MAX, |length| length.saturating_sub(before));
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        if count == 0 {
            if !skips && !text.is_empty() {
                take(text);
            }
            return Ok(part.length.is_some() && text.len() < end);
        }
        let from = if skips {
            first(text, 1, begins).filter(|at| *at < end)
        } else {
            Some(0)
        };
        let Some(from) = from else {
            if text.len() > end.saturating_add(HEAD) {
                return Ok(false);
            }
            before += buffer.drop_first(unfinished(text)) as u64;
            continue;
        };
        skips = false;
        let (upto, is_end) = cut(text, from, end, begins);
        if (upto > from && !take(&text[from..upto])) || is_end {
            return Ok(false);
        }
        before += buffer.drop_first(upto) as u64;
    }
}

/// Up to where whole entries stand, and whether the part ends there.
fn cut(text: &[u8], from: usize, end: usize, begins: Begins) -> (usize, bool) {
    let over = (text.len() >= end)
        .then(|| first(text, end.max(1), begins))
        .flatten();
    if let Some(over) = over {
        return (over.max(from), true);
    }
    match last(&text[from..], begins).map_or(from, |at| from + at) {
        upto if upto == from && text.len() - from > LONGEST => (text.len(), false),
        upto => (upto, false),
    }
}

/// What was read and not yet handed out; one a thread.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
}

impl Buffer {
    fn text(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    fn fill(&mut self, read: &mut impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        if self.bytes.len() < self.filled + BLOCK {
            self.bytes.resize(self.filled + BLOCK, 0);
        }
        let count = read(&mut self.bytes[self.filled..self.filled + BLOCK])?;
        self.filled += count;
        Ok(count)
    }

    fn drop_first(&mut self, bytes: usize) -> usize {
        self.bytes.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
        bytes
    }
}

/// Where the line ends begin behind which an entry may begin that can't be told yet: all before was looked at.
fn unfinished(text: &[u8]) -> usize {
    let told = text.len().saturating_sub(HEAD + 1);
    memchr::memchr(b'\n', &text[told..]).map_or(text.len(), |at| told + at)
}

/// The first entry that begins at `from` or behind it, where `from` is at least 1.
fn first(text: &[u8], from: usize, begins: Begins) -> Option<usize> {
    let from = from - 1;
    let starts = memchr::memchr_iter(b'\n', text.get(from..)?).map(|at| from + at + 1);
    match begins {
        None => starts.take(1).next(),
        // a line whose beginning is not all there can't be told yet
        Some(begins) => starts
            .filter(|at| text.len() - at > HEAD)
            .find(|at| begins(&text[*at..])),
    }
}

/// The last entry that begins behind the first byte: what stands before it is whole.
fn last(text: &[u8], begins: Begins) -> Option<usize> {
    let mut starts = memchr::memrchr_iter(b'\n', text).map(|at| at + 1);
    match begins {
        None => starts.next(),
        Some(begins) => starts.find(|at| text.len() - at > HEAD && begins(&text[*at..])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads in bites of a few bytes.
    fn blocks(text: &[u8], part: Part, begins: Begins, bite: usize, buffer: &mut Buffer) -> Vec<u8> {
        let mut rest = text;
        let mut out = Vec::new();
        let read = |into: &mut [u8]| {
            let count = bite.min(rest.len()).min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            rest = &rest[count..];
            Ok(count)
        };
        pump(read, part, begins, buffer, |block| {
            assert!(!block.is_empty());
            out.extend_from_slice(block);
            true
        })
        .unwrap();
        out
    }

    fn begins(line: &[u8]) -> bool {
        line.starts_with(b"[")
    }

    #[test]
    fn every_entry_is_in_one_part_wherever_a_file_is_cut() {
        let entry = |at: usize| {
            format!(
                "[{at}] {}\nmore\n{}",
                "x".repeat(at % 50),
                if at.is_multiple_of(7) { "\n" } else { "" }
            )
        };
        let text: String = (0..24).map(entry).collect();
        let text = text.as_bytes();
        let mut buffer = Buffer::default();
        for begins in [None, Some(begins as fn(&[u8]) -> bool)] {
            for size in [1, 30, 64, 333, text.len()] {
                for bite in [7, 4096] {
                    let mut all = Vec::new();
                    for start in (0..text.len()).step_by(size) {
                        let within = start > 0;
                        let from = start - usize::from(within);
                        let length = Some((size.min(text.len() - start) + usize::from(within)) as u64);
                        all.extend(blocks(
                            &text[from..],
                            Part { within, length },
                            begins,
                            bite,
                            &mut buffer,
                        ));
                    }
                    assert_eq!(
                        all,
                        text,
                        "size {size}, bite {bite}, entries {}",
                        begins.is_some()
                    );
                }
            }
        }
    }

    #[test]
    fn a_file_that_shrank_is_told() {
        let part = Part {
            within: false,
            length: Some(100),
        };
        let mut buffer = Buffer::default();
        let mut rest = &b"one\ntwo"[..];
        let read = |into: &mut [u8]| io::Read::read(&mut rest, into);
        let mut seen = Vec::new();
        let short = pump(read, part, None, &mut buffer, |block| {
            seen.extend_from_slice(block);
            true
        });
        assert!(short.unwrap());
        assert_eq!(seen, b"one\ntwo");
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let mut left = 64usize << 20;
        let mut buffer = Buffer::default();
        let mut seen = 0;
        let read = |into: &mut [u8]| {
            let count = left.min(into.len());
            into[..count].fill(b'x');
            left -= count;
            Ok(count)
        };
        pump(read, Part::WHOLE, None, &mut buffer, |block| {
            seen += block.len();
            true
        })
        .unwrap();
        assert_eq!(seen, 64 << 20);
        assert!(
            buffer.bytes.capacity() <= 4 * LONGEST,
            "{}",
            buffer.bytes.capacity()
        );
    }
}
