//! How far a value goes, told without trying one end after the other: enough for most values of most lines.

use super::{Part, Variable, literal::Literal};
use crate::glance::{self, Glance};

/// How the end of a value is told. It depends on the literal behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// It has so many bytes.
    Fixed(usize),
    /// Up to the first byte that is no digit, dot or dash.
    Number,
    /// The same of one try: a positive number, or a dash for what never came.
    Time,
    /// Up to the first of these bytes, and that is near.
    Near([u8; 3]),
    /// Up to its literal, whatever is in it.
    Far,
    /// Only by trying.
    Tried,
}

impl Reach {
    pub(super) fn of(variable: Variable, literal: &Literal) -> Self {
        use Variable as V;
        if variable == V::Nothing {
            return Self::Fixed(0);
        }
        // the byte that ends the value must begin the literal: else the literal could stand within the value
        let Some(first) = literal.bytes().first() else {
            return Self::Tried;
        };
        let parts_tries = b" ,".contains(first);
        match variable {
            V::TimeLocal => Self::Fixed(26),
            V::TimeIso => Self::Fixed(25),
            V::Status => Self::Fixed(3),
            V::Msec | V::RequestTime | V::Bytes | V::Number if !is_number(*first) => Self::Number,
            V::UpstreamStatus | V::UpstreamConnect | V::UpstreamHeader | V::UpstreamResponse
                if !is_number(*first) && !parts_tries =>
            {
                Self::Time
            }
            V::Client | V::Method if b" \"".contains(first) => Self::Near(*b" \"\""),
            V::Host | V::ServerName if b" \"/".contains(first) => Self::Near(*b" \"/"),
            V::UpstreamAddr if !parts_tries => Self::Near([*first, b' ', b' ']),
            V::Text | V::Forwarded => Self::Near([*first; 3]),
            V::Request | V::Referrer | V::Agent => Self::Far,
            _ => Self::Tried,
        }
    }
}

/// The length of the value that begins at `start`, where its literal stands behind it: the one that trying would find
/// first. `None` where it is to be tried.
#[inline]
pub(super) fn length(part: &Part, line: &[u8], start: usize) -> Option<usize> {
    let rest = line.get(start..)?;
    let length = match part.reach {
        Reach::Fixed(length) => length,
        Reach::Number => glance::first(line, start, |it| !numbers(it) & !it.is(b'-'))?,
        Reach::Time if rest.first() == Some(&b'-') => 1,
        Reach::Time => glance::first(line, start, |it| !numbers(it))?,
        Reach::Near([a, b, c]) => glance::first(line, start, |it| it.is(a) | it.is(b) | it.is(c))?,
        Reach::Far => part.literal.find(rest)?,
        Reach::Tried => return None,
    };
    let (value, behind) = rest.split_at_checked(length)?;
    // JSON escapes quotes that are part of a value
    let ends = value.last() != Some(&b'\\') && part.literal.begins(behind);
    let plausible = part.variable != Variable::Status || value.iter().all(u8::is_ascii_digit);
    (ends && plausible).then_some(length)
}

/// Digits and dots.
#[inline]
fn numbers(of: Glance) -> u32 {
    of.is_within(b'0', b'9') | of.is(b'.')
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.' || byte == b'-'
}
