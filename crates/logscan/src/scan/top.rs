//! Who weighs most, exactly while there are few, with a known error where there are many.

use datasketches::hll::{HllSketch, HllType, HllUnion};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::{BuildHasher, Hasher};

/// Keys told apart at most: as many as a table of 2^14 holds, which stays in a core's own cache.
const KEYS: usize = 14_000;
/// Bytes kept of a key.
const KEY: usize = 160;
/// Registers of the count of distinct keys: 2^12 err by 1.6%.
const REGISTERS: u8 = 12;

/// What requests cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Requests.
    pub requests: u64,
    /// Those that failed with 5xx or 499.
    pub failures: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// Microseconds a backend was busy with them: `$upstream_response_time` of all tries, else `$request_time`.
    pub micros: u64,
}

impl Load {
    /// Adds another.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failures += other.failures;
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.micros = self.micros.saturating_add(other.micros);
    }
}

/// By what to rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Time of workers, then requests.
    Time,
    /// Failures, then requests.
    Failures,
    /// Requests.
    Requests,
}

#[derive(Clone, Debug)]
struct Counted {
    hash: u64,
    key: Slice,
    load: Load,
}

/// Where a key stands among the bytes of all.
#[derive(Clone, Copy, Debug)]
struct Slice {
    start: u32,
    length: u32,
}

/// Loads by key. Told apart by a seeded 64-bit hash: strangers choose keys, but can't know the seed.
///
/// Over [`KEYS`] keys, those that weigh least are dropped (the purge of frequent-items sketches): a key's requests can then
/// be too few by [`Top::error`] at most, never too many.
#[derive(Clone, Debug, Default)]
pub struct Top {
    hash: RandomState,
    table: HashTable<Counted>,
    /// The bytes of every key in the table, one behind the other.
    keys: Vec<u8>,
    error: u64,
    distinct: Option<HllSketch>,
}

/// One key of many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranked {
    /// The key as logged.
    pub key: Vec<u8>,
    /// What its requests cost.
    pub load: Load,
}

impl Top {
    /// Requests that any one key can lack; 0 while all is exact.
    pub fn error(&self) -> u64 {
        self.error
    }

    /// Any one key can lack so many requests more.
    pub(super) fn lacks(&mut self, requests: u64) {
        self.error += requests;
    }

    /// How many different keys there were; exact where [`Top::error`] is 0, else with 2% of error.
    pub fn distinct(&self) -> u64 {
        let known = self.table.len() as u64;
        // an estimate can't be below what is still counted
        self.distinct
            .as_ref()
            .map_or(known, |sketch| known.max(sketch.estimate().round() as u64))
    }

    /// The first `most`, heaviest first.
    pub fn ranked(&self, weight: Weight, most: usize) -> Vec<Ranked> {
        let rank = |it: &Counted| match weight {
            Weight::Time => (it.load.micros, it.load.requests),
            Weight::Failures => (it.load.failures, it.load.requests),
            Weight::Requests => (it.load.requests, it.load.micros),
        };
        let mut all: Vec<&Counted> = self.table.iter().collect();
        all.sort_unstable_by(|a, b| {
            rank(b)
                .cmp(&rank(a))
                .then_with(|| self.key(a.key).cmp(self.key(b.key)))
        });
        let ranked = |it: &Counted| Ranked {
            key: self.key(it.key).to_vec(),
            load: it.load,
        };
        all.into_iter().take(most).map(ranked).collect()
    }

    /// Adds a load to a key.
    pub fn add(&mut self, key: &[u8], load: &Load) {
        let key = clipped(key);
        let mut hasher = self.hash.build_hasher();
        hasher.write(key);
        let hash = hasher.finish();
        match self.table.find_mut(hash, |it| it.hash == hash) {
            Some(known) => known.load.add(load),
            None => self.learn(hash, key, load),
        }
    }

    #[cold]
    fn learn(&mut self, hash: u64, key: &[u8], load: &Load) {
        let key = append(&mut self.keys, key);
        let new = Counted {
            hash,
            key,
            load: *load,
        };
        self.table.insert_unique(hash, new, |it| it.hash);
        if let Some(distinct) = &mut self.distinct {
            distinct.update(hash);
        }
        if self.table.len() > KEYS {
            self.purge();
        }
    }

    fn key(&self, key: Slice) -> &[u8] {
        let start = key.start as usize;
        &self.keys[start..start + key.length as usize]
    }

    /// Adds what a clone of the same empty table counted.
    pub fn merge(&mut self, other: &Self) {
        self.error += other.error;
        self.distinct = union(self.distinct.take(), other.distinct.as_ref(), &self.table);
        for it in &other.table {
            self.add(other.key(it.key), &it.load);
        }
    }

    /// Drops the lighter half. What is light in requests but heavy in time stays, unless that leaves too much.
    fn purge(&mut self) {
        if self.distinct.is_none() {
            self.distinct = sketch(&self.table);
        }
        let requests = self.median(|load| load.requests);
        let micros = self.median(|load| load.micros);
        let error = &mut self.error;
        self.table
            .retain(|it| it.load.requests > requests || it.load.micros > micros.max(1));
        *error += requests;
        if self.table.len() > KEYS * 3 / 4 {
            self.table.retain(|it| it.load.requests > requests);
        }
        let all = std::mem::take(&mut self.keys);
        for it in &mut self.table {
            let start = it.key.start as usize;
            it.key = append(&mut self.keys, &all[start..start + it.key.length as usize]);
        }
    }

    fn median(&self, weight: impl Fn(&Load) -> u64) -> u64 {
        let mut all: Vec<u64> = self.table.iter().map(|it| weight(&it.load)).collect();
        let middle = all.len() / 2;
        if all.is_empty() {
            0
        } else {
            *all.select_nth_unstable(middle).1
        }
    }
}

/// As much of a key as is kept.
pub(super) fn clipped(key: &[u8]) -> &[u8] {
    key.get(..KEY).unwrap_or(key)
}

/// There are never more than [`KEYS`] of [`KEY`] bytes.
fn append(keys: &mut Vec<u8>, key: &[u8]) -> Slice {
    let number = |it: usize| u32::try_from(it).unwrap_or(u32::MAX);
    let slice = Slice {
        start: number(keys.len()),
        length: number(key.len()),
    };
    keys.extend_from_slice(key);
    slice
}

/// A sketch of the keys of a table. `None` can't be: the number of registers is one it takes.
fn sketch(table: &HashTable<Counted>) -> Option<HllSketch> {
    let mut sketch = HllSketch::new(REGISTERS, HllType::Hll8).ok()?;
    table.iter().for_each(|it| sketch.update(it.hash));
    Some(sketch)
}

fn union(
    ours: Option<HllSketch>,
    theirs: Option<&HllSketch>,
    table: &HashTable<Counted>,
) -> Option<HllSketch> {
    let Some(theirs) = theirs else { return ours };
    let ours = ours.or_else(|| sketch(table))?;
    let mut union = HllUnion::new(REGISTERS).ok()?;
    union.update(&ours);
    union.update(theirs);
    Some(union.to_sketch(HllType::Hll8))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Load = Load {
        requests: 1,
        failures: 0,
        bytes: 10,
        micros: 0,
    };

    #[test]
    fn few_keys_are_exact_also_merged() {
        let empty = Top::default();
        let (mut one, mut other) = (empty.clone(), empty);
        for (key, times) in [("a", 3), ("b", 1)] {
            (0..times).for_each(|_| one.add(key.as_bytes(), &ONE));
            (0..times).for_each(|_| other.add(key.as_bytes(), &ONE));
        }
        one.merge(&other);
        let ranked: Vec<(Vec<u8>, u64)> = one
            .ranked(Weight::Requests, 9)
            .into_iter()
            .map(|it| (it.key, it.load.requests))
            .collect();
        assert_eq!(ranked, [(b"a".to_vec(), 6), (b"b".to_vec(), 2)]);
        assert_eq!((one.error(), one.distinct()), (0, 2));
    }

    #[test]
    fn heavy_keys_survive_many_light_ones() {
        let empty = Top::default();
        let (mut one, mut other) = (empty.clone(), empty);
        let slow = Load {
            micros: 5_000_000,
            ..ONE
        };
        for i in 0..300_000u32 {
            let to = if i % 2 == 0 { &mut one } else { &mut other };
            to.add(format!("light {i}").as_bytes(), &ONE);
            if i % 100 < 2 {
                to.add(b"heavy", &ONE);
            }
            if i % 10_000 < 2 {
                to.add(b"slow", &slow);
            }
        }
        one.merge(&other);
        let heavy = &one.ranked(Weight::Requests, 1)[0];
        assert_eq!(heavy.key, b"heavy");
        assert!(
            (6000 - one.error()..=6000).contains(&heavy.load.requests),
            "{heavy:?} {}",
            one.error()
        );
        assert_eq!(one.ranked(Weight::Time, 1)[0].key, b"slow");
        let distinct = one.distinct();
        assert!((285_000..315_000).contains(&distinct), "{distinct}");
        assert!(one.table.len() <= KEYS);
    }
}
