//! Laying a format over a line.

use super::{Escape, Format, Part, Variable, values};

/// What a variable took of the line, in the order of the format's parts.
pub(super) type Spans = Vec<std::ops::Range<usize>>;

/// Ends tried for a line before it counts as unfit: bounds hostile lines, ordinary ones need one a part.
const MOST_TRIES: usize = 1024;

/// Longer than all headers nginx takes by default (4 times 8 KiB), each byte escaped to four.
const LONGEST: usize = 1 << 18;

/// Lays the format over the line; false, and no spans of use, where it does not fit.
pub(super) fn lay(format: &Format, line: &[u8], spans: &mut Spans) -> bool {
    if line.len() > LONGEST {
        return false;
    }
    spans.clear();
    let mut fit = Fit {
        format,
        line,
        spans,
        tries: MOST_TRIES,
    };
    if fit.straight() {
        return true;
    }
    fit.spans.clear();
    fit.tries = MOST_TRIES;
    fit.from(0, 0)
}

struct Fit<'a> {
    format: &'a Format,
    line: &'a [u8],
    spans: &'a mut Spans,
    tries: usize,
}

impl Fit<'_> {
    /// The way [`Fit::from`] goes first, and nearly always to the end: every variable takes its shortest plausible value.
    fn straight(&mut self) -> bool {
        let parts = &self.format.parts;
        let mut start = 0;
        for (index, part) in parts.iter().enumerate() {
            let Some(end) = self.first_end(part, start, index + 1 == parts.len()) else {
                return false;
            };
            self.spans.push(start..end);
            start = end + part.literal.needle().len();
        }
        start == self.line.len()
    }

    fn first_end(&mut self, part: &Part, start: usize, is_last: bool) -> Option<usize> {
        let mut from = start;
        while self.tries > 0 {
            self.tries -= 1;
            let end = self.end(part, from, is_last)?;
            if self.accepts(part, start, end) {
                return Some(end);
            }
            if part.variable == Variable::Nothing {
                return None;
            }
            from = end + 1;
        }
        None
    }

    /// Fits the parts from `index` on to the line from `start` on: the shortest plausible value of each variable first.
    fn from(&mut self, index: usize, start: usize) -> bool {
        let format = self.format;
        let Some(part) = format.parts.get(index) else {
            return start == self.line.len();
        };
        let is_last = index + 1 == format.parts.len();
        let mut from = start;
        while self.tries > 0 {
            self.tries -= 1;
            let Some(end) = self.end(part, from, is_last) else {
                return false;
            };
            if self.accepts(part, start, end) {
                self.spans.push(start..end);
                if self.from(index + 1, end + part.literal.needle().len()) {
                    return true;
                }
                self.spans.pop();
            }
            if part.variable == Variable::Nothing {
                return false;
            }
            from = end + 1;
        }
        false
    }

    /// The next place at or behind `from` where a value may end: before its literal, or at the end of the line.
    fn end(&self, part: &Part, from: usize, is_last: bool) -> Option<usize> {
        let rest = self.line.get(from..)?;
        if is_last {
            let end = self.line.len().checked_sub(part.literal.needle().len())?;
            return (end >= from && self.line.ends_with(part.literal.needle())).then_some(end);
        }
        Some(from + find(part.literal.needle(), rest)?)
    }

    fn accepts(&self, part: &Part, start: usize, end: usize) -> bool {
        let (value, behind) = (&self.line[start..end], &self.line[end..]);
        let is_escaped =
            self.format.escape == Escape::Json && behind.starts_with(b"\"") && odd_backslashes(value);
        let goes_on = part.variable.has_tries() && values::another_try(behind, part.literal.needle());
        !is_escaped && !goes_on && values::is_plausible(part.variable, value)
    }
}

/// A literal of a format is a few bytes and stands near: its first byte is quicker to find than a searcher to start.
fn find(literal: &[u8], rest: &[u8]) -> Option<usize> {
    let Some(first) = literal.first() else {
        return Some(0);
    };
    memchr::memchr_iter(*first, rest).find(|at| rest[*at..].starts_with(literal))
}

fn odd_backslashes(value: &[u8]) -> bool {
    value.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}
