//! Can a line be a failure? Decided without reading it.

use super::{Part, Variable, sweep::Mark};
use memchr::memchr2_iter;

/// What shows a failure in lines of one format; `None` where nothing stands before `$status`, or the format has none: then
/// every line may be one.
pub(super) fn mark(parts: &[Part]) -> Option<Mark> {
    let status = parts.iter().position(|part| part.variable == Variable::Status)?;
    let before = parts.get(status.checked_sub(1)?)?;
    Mark::new(before.literal.bytes())
}

/// Whether a line of an unknown format can be a request that failed with 5xx or 499. A no is certain for every format that
/// keeps other digits away from `$status`. [`Format::may_be_failure`](super::Format::may_be_failure) lets fewer lines pass.
pub fn may_be_failure(line: &[u8]) -> bool {
    failures(line).next().is_some()
}

/// The status of a line of an unknown format: the first that stands behind a quoted request, else the first at all.
pub(crate) fn status_in(text: &str) -> Option<u16> {
    let line = text.as_bytes();
    let behind_quote = failures(line).find(|at| *at >= 2 && &line[at - 2..*at] == b"\" ");
    let at = behind_quote.or_else(|| failures(line).next())?;
    text.get(at..at + 3)?.parse().ok()
}

/// Where three digits on their own make 499 or 5xx.
fn failures(line: &[u8]) -> impl Iterator<Item = usize> {
    memchr2_iter(b'5', b'4', line).filter(|at| is_failure(line, *at))
}

fn is_failure(line: &[u8], at: usize) -> bool {
    let digit = |at: usize| line.get(at).is_some_and(u8::is_ascii_digit);
    let alone = !at.checked_sub(1).is_some_and(digit) && digit(at + 1) && digit(at + 2) && !digit(at + 3);
    alone && (line[at] == b'5' || &line[at + 1..at + 3] == b"99")
}
