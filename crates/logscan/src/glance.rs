//! Many bytes of a line at one glance. Where a value ends is what no processor predicts: a branch for each byte costs more
//! than all the bytes.

use wide::u8x16;

/// Bytes of one glance.
const WIDTH: usize = 16;

/// Sixteen bytes, and questions to all of them: in an answer the lowest bit is that of the first byte.
#[derive(Clone, Copy)]
pub(crate) struct Glance(u8x16);

impl Glance {
    /// Which are this byte.
    #[inline]
    pub(crate) fn is(self, byte: u8) -> u32 {
        self.0.simd_eq(u8x16::splat(byte)).to_bitmask()
    }

    /// Which lie between two bytes, both inclusive.
    #[inline]
    pub(crate) fn is_within(self, first: u8, last: u8) -> u32 {
        let above = self.0 - u8x16::splat(first);
        above.simd_eq(above.min(u8x16::splat(last - first))).to_bitmask()
    }
}

/// Where, from `from` on, the first byte stands that `stops` tells; counted from there.
#[inline]
pub(crate) fn first(line: &[u8], from: usize, stops: impl Fn(Glance) -> u32) -> Option<usize> {
    let mut at = from;
    while at < line.len() {
        let [found] = answers(line, at, |glance| [stops(glance)]);
        if found != 0 {
            return Some(at - from + found.trailing_zeros() as usize);
        }
        at += WIDTH;
    }
    None
}

/// The answers to all bytes of a text of at most 128.
#[inline]
pub(crate) fn masks<const N: usize>(text: &[u8], ask: impl Fn(Glance) -> [u32; N]) -> [u128; N] {
    let mut all = [0; N];
    for at in (0..text.len()).step_by(WIDTH) {
        for (all, answer) in all.iter_mut().zip(answers(text, at, &ask)) {
            *all |= u128::from(answer) << at;
        }
    }
    all
}

/// The answers to the sixteen bytes from `at` on, which is within the line; no for those behind its end.
#[inline]
fn answers<const N: usize>(line: &[u8], at: usize, ask: impl Fn(Glance) -> [u32; N]) -> [u32; N] {
    let glance = |chunk: &[u8; WIDTH]| ask(Glance(u8x16::new(*chunk)));
    let rest = &line[at..];
    if let Some(chunk) = rest.first_chunk() {
        return glance(chunk);
    }
    if let Some(chunk) = line.last_chunk() {
        return glance(chunk).map(|all| all >> (WIDTH - rest.len()));
    }
    let mut chunk = [0; WIDTH];
    chunk[..rest.len()].copy_from_slice(rest);
    glance(&chunk).map(|all| all & ((1 << rest.len()) - 1))
}

/// Where a byte stands first that is likely near: within the next sixty-four.
#[inline]
pub(crate) fn find(byte: u8, text: &[u8]) -> Option<usize> {
    let found = text.first_chunk::<64>().and_then(|near| {
        let (chunks, _) = near.as_chunks::<WIDTH>();
        let is = |chunk: &[u8; WIDTH]| u64::from(Glance(u8x16::new(*chunk)).is(byte));
        let all = chunks.iter().rev().fold(0, |all, chunk| all << WIDTH | is(chunk));
        (all != 0).then(|| all.trailing_zeros() as usize)
    });
    found.or_else(|| memchr::memchr(byte, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_glance_sees_what_reading_byte_by_byte_does(
            line in prop::collection::vec(any::<u8>(), 0..200), from in 0usize..200, byte: u8, low: u8, high: u8,
        ) {
            let from = from.min(line.len());
            let (low, high) = (low.min(high), low.max(high));
            let rest = &line[from..];
            let stops = |it: Glance| it.is(byte) | it.is_within(low, high);
            let is_stop = |it: &u8| *it == byte || (low..=high).contains(it);
            prop_assert_eq!(first(&line, from, stops), rest.iter().position(is_stop));
            prop_assert_eq!(find(byte, rest), rest.iter().position(|it| *it == byte));
            let text = &line[..line.len().min(128)];
            let [all, none] = masks(text, |it| [stops(it), 0]);
            prop_assert_eq!(none, 0);
            for at in 0..128 {
                prop_assert_eq!(all >> at & 1 == 1, text.get(at).is_some_and(is_stop), "{}", at);
            }
        }
    }
}
