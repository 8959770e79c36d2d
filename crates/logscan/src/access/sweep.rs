//! Looking for failures in blocks of lines, at the speed of memory.
#![expect(
    unsafe_code,
    reason = "the same loop compiled for wider registers is called where the processor has them: twice the speed of all processors' least"
)]

/// Bytes looked at together.
const WINDOW: usize = 64;

/// What shows a failure in lines of one format: the text before `$status` with 5xx, 499 or 009 behind it. nginx logs an
/// answer of HTTP/0.9 as `009`.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    before: Box<[u8]>,
    first: u8,
    last: u8,
}

impl Mark {
    /// `None` where nothing stands before `$status`.
    pub(super) fn new(before: &[u8]) -> Option<Self> {
        Some(Self {
            first: *before.first()?,
            last: *before.last()?,
            before: before.into(),
        })
    }

    /// It stands somewhere in a line.
    pub(super) fn is_in(&self, line: &[u8]) -> bool {
        memchr::memchr_iter(self.first, line).any(|at| self.begins(&line[at..]))
    }

    /// Hands out where it stands in a block, in order, and counts line ends.
    pub(crate) fn sweep(&self, block: &[u8], take: impl FnMut(usize)) -> u64 {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            // SAFETY: this processor has AVX2
            return unsafe { self.sweep_avx2(block, take) };
        }
        self.sweep_any(block, take)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn sweep_avx2(&self, block: &[u8], take: impl FnMut(usize)) -> u64 {
        self.sweep_any(block, take)
    }

    #[inline(always)]
    fn sweep_any(&self, block: &[u8], mut take: impl FnMut(usize)) -> u64 {
        let (mut at, mut line_ends) = (0, 0);
        while let Some(seen) = self.window(&block[at..]) {
            line_ends += u64::from(seen.line_ends);
            if seen.may_hold {
                self.find(block, at, at + WINDOW, &mut take);
            }
            at += WINDOW;
        }
        self.find(block, at, block.len(), &mut take);
        line_ends + memchr::memchr_iter(b'\n', &block[at..]).count() as u64
    }

    /// One window, without a branch: this becomes a few instructions for many bytes. `None` where too little is left.
    #[inline(always)]
    fn window(&self, rest: &[u8]) -> Option<Seen> {
        let status = self.before.len();
        let part = |from: usize| rest.get(from..)?.first_chunk::<WINDOW>();
        let (first, last, class, third) = (part(0)?, part(status - 1)?, part(status)?, part(status + 2)?);
        let (mut line_ends, mut may_hold) = (0, false);
        for at in 0..WINDOW {
            let with_nine = (third[at] == b'9') & ((class[at] == b'4') | (class[at] == b'0'));
            let fails = (class[at] == b'5') | with_nine;
            may_hold |= (first[at] == self.first) & (last[at] == self.last) & fails;
            line_ends += u8::from(first[at] == b'\n');
        }
        Some(Seen { line_ends, may_hold })
    }

    #[cold]
    fn find(&self, block: &[u8], from: usize, to: usize, take: &mut impl FnMut(usize)) {
        memchr::memchr_iter(self.first, &block[from..to])
            .map(|at| from + at)
            .filter(|at| self.begins(&block[*at..]))
            .for_each(take);
    }

    fn begins(&self, rest: &[u8]) -> bool {
        rest.strip_prefix(&*self.before).is_some_and(|behind| {
            [&b"5"[..], b"499", b"009"]
                .iter()
                .any(|status| behind.starts_with(status))
        })
    }
}

struct Seen {
    line_ends: u8,
    may_hold: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_a_sweep_finds_is_there_and_nothing_else(
            before in "[ \"a]{1,4}",
            pieces in prop::collection::vec(prop::sample::select(&["\" 502", " 499", "\" 009", "\"", " ", "a", "49", "5", "\n", "some words", "é"][..]), 0..200),
        ) {
            let (block, mark) = (pieces.concat(), Mark::new(before.as_bytes()).expect("it is not empty"));
            let block = block.as_bytes();
            let expected: Vec<usize> = (0..block.len())
                .filter(|at| ["5", "499", "009"].iter().any(|status| block[*at..].starts_with(format!("{before}{status}").as_bytes())))
                .collect();
            let line_ends = block.iter().filter(|byte| **byte == b'\n').count() as u64;
            let (mut widest, mut any) = (Vec::new(), Vec::new());
            prop_assert_eq!(mark.sweep(block, |at| widest.push(at)), line_ends);
            prop_assert_eq!(mark.sweep_any(block, |at| any.push(at)), line_ends);
            prop_assert_eq!(&widest, &expected);
            prop_assert_eq!(&any, &expected);
            prop_assert_eq!(mark.is_in(block), !expected.is_empty());
        }
    }
}
