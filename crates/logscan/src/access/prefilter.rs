//! Can a line be a failure? Looks at digits only, whatever the format.

use memchr::memchr2_iter;

/// Whether a line can be a request that failed with 5xx or 499. A no is certain for every format that keeps other digits
/// away from `$status` ([`Format::may_be_failure`](super::Format::may_be_failure) knows); a yes needs
/// [`Format::parse`](super::Format::parse).
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
