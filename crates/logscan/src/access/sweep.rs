//! Looking for failures in blocks of lines, at the speed of memory.
#![expect(
    unsafe_code,
    reason = "the same loop compiled for wider registers is called where the processor has them: twice the speed of all processors' least"
)]

/// Bytes that one step of the processor looks at.
const LANES: usize = 64;
/// Bytes that are decided on together.
const WINDOW: usize = 2 * LANES;

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

    /// Line ends are counted side by side and summed up before a count is full. All of it is one function: counts that are
    /// handed to another are kept in memory, which costs a quarter.
    #[inline(always)]
    fn sweep_any(&self, block: &[u8], mut take: impl FnMut(usize)) -> u64 {
        let status = self.before.len();
        let beyond = WINDOW + status + 2;
        let (mut at, mut line_ends) = (0, 0);
        let (mut ends, mut windows) = ([0u8; LANES], 0);
        let sum = |ends: [u8; LANES]| ends.iter().map(|lane| u64::from(*lane)).sum::<u64>();
        while at + beyond <= block.len() {
            let rest = &block[at..at + beyond];
            let mut may_hold = [0u8; LANES];
            for half in [0, LANES] {
                let part = |from: usize| rest[half + from..].first_chunk().unwrap_or(&[0; LANES]);
                let (first, last, class, third) = (part(0), part(status - 1), part(status), part(status + 2));
                for lane in 0..LANES {
                    // 4 and 0 differ in one bit
                    let with_nine = (third[lane] == b'9') & (class[lane] & !(b'4' ^ b'0') == b'0');
                    let fails = (class[lane] == b'5') | with_nine;
                    may_hold[lane] |=
                        u8::from((first[lane] == self.first) & (last[lane] == self.last) & fails);
                    ends[lane] = ends[lane].wrapping_add(u8::from(first[lane] == b'\n'));
                }
            }
            windows += 1;
            if windows == u8::MAX / 2 {
                line_ends += sum(ends);
                (ends, windows) = ([0; LANES], 0);
            }
            if may_hold.iter().fold(0, |any, lane| any | lane) != 0 {
                self.find(block, at, at + WINDOW, &mut take);
            }
            at += WINDOW;
        }
        self.find(block, at, block.len(), &mut take);
        line_ends + sum(ends) + memchr::memchr_iter(b'\n', &block[at..]).count() as u64
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_a_sweep_finds_is_there_and_nothing_else(
            before in "[ \"a]{1,4}",
            pieces in prop::collection::vec(prop::sample::select(&["\" 502", " 499", "\" 009", "\"", " ", "a", "49", "5", "\n", "some words", "é"][..]), 0..200),
            times in prop::sample::select(&[1, 1, 1, 60][..]),
        ) {
            // so many that counts of line ends have to be summed up on the way
            let (block, mark) = (pieces.concat().repeat(times), Mark::new(before.as_bytes()).expect("it is not empty"));
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

    #[test]
    fn line_ends_are_counted_however_many_there_are() {
        let mark = Mark::new(b"\" ").expect("it is not empty");
        let block = vec![b'\n'; 100_000];
        assert_eq!(mark.sweep(&block, |_| ()), 100_000);
        assert_eq!(mark.sweep_any(&block, |_| ()), 100_000);
    }
}
