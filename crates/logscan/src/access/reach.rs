//! How far a value goes, told without trying one end after the other: enough for most values of most lines.

use super::{Part, Variable, literal::Literal};

/// How the end of a value is told. It depends on the literal behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// It has so many bytes.
    Fixed(usize),
    /// Up to the first byte that is no digit, dot or dash.
    Number,
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
                Self::Number
            }
            V::Client | V::Method if b" \"".contains(first) => Self::Near(*b" \"\""),
            V::Host | V::ServerName if b" \"/".contains(first) => Self::Near(*b" \"/"),
            V::UpstreamAddr if !parts_tries => Self::Near([*first, b' ', b' ']),
            V::Text => Self::Near([*first; 3]),
            V::Request | V::Referrer | V::Agent => Self::Far,
            _ => Self::Tried,
        }
    }
}

/// The length of the value at the beginning of `rest`, where its literal stands behind it: the one that trying would find
/// first. `None` where it is to be tried.
#[inline]
pub(super) fn length(part: &Part, rest: &[u8]) -> Option<usize> {
    let length = match part.reach {
        Reach::Fixed(length) => length,
        Reach::Number => rest.iter().position(|byte| !is_number(*byte))?,
        Reach::Near(stops) => near(rest, stops)?,
        Reach::Far => part.literal.find(rest)?,
        Reach::Tried => return None,
    };
    let (value, behind) = rest.split_at_checked(length)?;
    // JSON escapes quotes that are part of a value
    let ends = value.last() != Some(&b'\\') && part.literal.begins(behind);
    let plausible = match part.reach {
        // times of tries are positive, or a dash
        Reach::Number if length > 1 && part.variable.has_tries() => !value.contains(&b'-'),
        Reach::Fixed(_) if part.variable == Variable::Status => value.iter().all(u8::is_ascii_digit),
        _ => true,
    };
    (ends && plausible).then_some(length)
}

/// The first of three bytes. Sixteen bytes are looked at together, without a branch for each: where a short value ends is
/// what no processor predicts.
#[inline]
fn near(rest: &[u8], stops: [u8; 3]) -> Option<usize> {
    const ONES: u128 = u128::MAX / 255;
    let found = rest.first_chunk::<16>().and_then(|chunk| {
        let chunk = u128::from_le_bytes(*chunk);
        // the lowest bit that is set is that of the first byte that is zero; those above it may err
        let zeros = |it: u128| it.wrapping_sub(ONES) & !it & (ONES << 7);
        let [a, b, c] = stops.map(|stop| zeros(chunk ^ (ONES * u128::from(stop))));
        let all = a | b | c;
        (all != 0).then(|| all.trailing_zeros() as usize / 8)
    });
    found.or_else(|| memchr::memchr3(stops[0], stops[1], stops[2], rest))
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_nearest_stop_is_found(rest: Vec<u8>, stops: [u8; 3]) {
            prop_assert_eq!(near(&rest, stops), rest.iter().position(|byte| stops.contains(byte)));
        }
    }
}
