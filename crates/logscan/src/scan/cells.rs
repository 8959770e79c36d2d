//! How often what happened when: exact to the second while that is little, coarser where it would be much.

use foldhash::fast::RandomState;
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash},
};

/// Different things told apart at most; strangers choose the sites they ask for.
const SERIES: usize = 1024;
/// Cells at most, before time gets coarser.
const CELLS: usize = 50_000;
/// Bytes kept of a name.
pub(super) const NAME: usize = 200;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series {
    /// The site as logged; empty where it is not.
    pub site: Vec<u8>,
    /// The upstream as logged; empty where it is not.
    pub upstream: Vec<u8>,
    /// The status; 0 where there is none, as in error logs.
    pub status: u16,
    /// What is known of it, in a few words.
    pub says: String,
}

/// The same, borrowed.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Key<'a> {
    /// The site as logged.
    pub site: &'a [u8],
    /// The upstream as logged.
    pub upstream: &'a [u8],
    /// The status, or 0.
    pub status: u16,
    /// What is known of it.
    pub says: &'a str,
}

/// Counts by time and series, in bounded memory.
#[derive(Clone, Debug)]
pub struct Cells {
    hash: RandomState,
    series: Vec<Series>,
    index: HashMap<u64, u32, RandomState>,
    counts: HashMap<(i64, u32), u64, RandomState>,
    step: i64,
}

impl Default for Cells {
    fn default() -> Self {
        let hash = RandomState::default();
        Self {
            series: Vec::new(),
            index: HashMap::with_hasher(hash.clone()),
            counts: HashMap::with_hasher(hash.clone()),
            hash,
            step: 1,
        }
    }
}

impl Cells {
    /// Seconds that one cell spans.
    pub fn step(&self) -> i64 {
        self.step
    }

    /// All that was counted.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Every series and how often it came, most often first.
    pub fn totals(&self) -> Vec<(&Series, u64)> {
        let mut totals = vec![0; self.series.len()];
        for ((_, series), count) in &self.counts {
            totals[*series as usize] += count;
        }
        let mut all: Vec<(&Series, u64)> = self.series.iter().zip(totals).collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        all
    }

    /// Every cell: the second it begins, its series, its count; in order of time.
    pub fn cells(&self) -> Vec<(i64, &Series, u64)> {
        self.stepped(self.step)
    }

    /// The same in steps of so many seconds, at least [`Self::step`].
    pub fn stepped(&self, step: i64) -> Vec<(i64, &Series, u64)> {
        let step = step.max(self.step);
        // names are compared once for each series, not for each cell
        let mut order: Vec<u32> = (0u32..).take(self.series.len()).collect();
        order.sort_unstable_by_key(|series| &self.series[*series as usize]);
        let mut ranks = vec![0u32; order.len()];
        for (rank, series) in (0u32..).zip(&order) {
            ranks[*series as usize] = rank;
        }
        let cell =
            |((at, series), count): (&(i64, u32), &u64)| (begin(*at, step), ranks[*series as usize], *count);
        let mut all: Vec<(i64, u32, u64)> = self.counts.iter().map(cell).collect();
        all.sort_unstable();
        let same = all.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1));
        let sum = |of: &[(i64, u32, u64)]| {
            let series = &self.series[order[of[0].1 as usize] as usize];
            (of[0].0, series, of.iter().map(|it| it.2).sum())
        };
        same.map(sum).collect()
    }

    /// Counts something.
    pub fn add(&mut self, at: i64, key: Key<'_>, count: u64) {
        let series = self.series_of(key);
        self.count(at, series, count);
    }

    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        let series: Vec<u32> = other.series.iter().map(|it| self.series_of(it.key())).collect();
        self.coarsen(other.step);
        for ((at, index), count) in &other.counts {
            self.count(*at, series[*index as usize], *count);
        }
    }

    fn count(&mut self, at: i64, series: u32, count: u64) {
        *self.counts.entry((begin(at, self.step), series)).or_default() += count;
        if self.counts.len() > CELLS {
            self.coarsen(self.step.saturating_mul(10));
        }
    }

    /// Steps are powers of ten, so a coarser one always holds whole finer ones.
    fn coarsen(&mut self, step: i64) {
        if step <= self.step {
            return;
        }
        self.step = step;
        for ((at, series), count) in std::mem::take(&mut self.counts) {
            *self.counts.entry((begin(at, step), series)).or_default() += count;
        }
        if self.counts.len() > CELLS {
            self.coarsen(step.saturating_mul(10));
        }
    }

    fn series_of(&mut self, key: Key<'_>) -> u32 {
        let key = key.clipped();
        if let Some(known) = self.index.get(&self.hash.hash_one(key)) {
            return *known;
        }
        let key = if self.series.len() < SERIES {
            key
        } else {
            key.lumped()
        };
        let next = u32::try_from(self.series.len()).unwrap_or(u32::MAX);
        let found = *self.index.entry(self.hash.hash_one(key)).or_insert(next);
        if found == next {
            self.series.push(key.series());
        }
        found
    }
}

/// When the step begins that holds this second.
fn begin(at: i64, step: i64) -> i64 {
    at.saturating_sub(at.rem_euclid(step))
}

impl Series {
    fn key(&self) -> Key<'_> {
        Key {
            site: &self.site,
            upstream: &self.upstream,
            status: self.status,
            says: &self.says,
        }
    }
}

impl<'a> Key<'a> {
    /// What stands for names that are too many to be told apart.
    pub const OTHERS: &'static [u8] = b"(others)";

    fn clipped(self) -> Self {
        Self {
            site: self.site.get(..NAME).unwrap_or(self.site),
            upstream: self.upstream.get(..NAME).unwrap_or(self.upstream),
            ..self
        }
    }

    /// What is left to tell where there are too many to tell apart: at most one a status.
    fn lumped(self) -> Self {
        Key {
            site: Self::OTHERS,
            upstream: Self::OTHERS,
            status: self.status,
            says: "",
        }
    }

    fn series(self) -> Series {
        Series {
            site: self.site.to_vec(),
            upstream: self.upstream.to_vec(),
            status: self.status,
            says: self.says.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(site: &str) -> Key<'_> {
        Key {
            site: site.as_bytes(),
            upstream: b"",
            status: 502,
            says: "",
        }
    }

    #[test]
    fn seconds_are_exact_and_merge() {
        let mut one = Cells::default();
        let mut other = one.clone();
        for at in [10, 10, 11] {
            one.add(at, key("a"), 1);
            other.add(at, key("b"), 2);
        }
        one.merge(&other);
        let cells: Vec<(i64, &[u8], u64)> = one
            .cells()
            .iter()
            .map(|it| (it.0, &it.1.site[..], it.2))
            .collect();
        assert_eq!(
            cells,
            [(10, &b"a"[..], 2), (10, b"b", 4), (11, b"a", 1), (11, b"b", 2)]
        );
        assert_eq!((one.step(), one.total()), (1, 9));
        let minutes: Vec<(i64, &[u8], u64)> = one
            .stepped(60)
            .iter()
            .map(|it| (it.0, &it.1.site[..], it.2))
            .collect();
        assert_eq!(minutes, [(0, &b"a"[..], 3), (0, b"b", 6)]);
    }

    #[test]
    fn much_gets_coarse_and_nothing_is_lost() {
        let mut cells = Cells::default();
        for at in 0..2_000_000 {
            cells.add(at, key("a"), 1);
        }
        assert_eq!((cells.step(), cells.total()), (100, 2_000_000));
        for at in [i64::MIN, i64::MAX] {
            cells.add(at, key("a"), 1);
        }
        for site in 0..10_000 {
            cells.add(5, key(&format!("{site}.example")), 1);
        }
        assert_eq!(cells.total(), 2_010_002);
        assert!(cells.series.len() <= SERIES + 1, "{}", cells.series.len());
        assert_eq!(cells.totals()[1].0.site, b"(others)");
    }
}
