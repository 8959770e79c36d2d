//! Requests over time by upstream, and where their time went.

use super::{Cells, Key, cells::NAME};
use foldhash::fast::RandomState;
use std::collections::HashMap;

/// Moments at most, before time gets coarser.
const MOMENTS: usize = 1_000;
/// Upstreams told apart at most.
const UPSTREAMS: usize = 64;

/// What a request to an upstream waits for, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The connection: `$upstream_connect_time`. A try that never got one spent all of its time so.
    Connect,
    /// The head of the answer, from the connection on: `$upstream_header_time`, or since the try began where the log has no
    /// time of the connection. A try that got none spent the rest of its time so.
    Header,
    /// The rest of the answer, from its head on: `$upstream_response_time`.
    Response,
    /// All of a try, `$upstream_response_time`; where the log has none, of the request, `$request_time`.
    Whole,
}

impl Wait {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Connect, Self::Header, Self::Response, Self::Whole];
}

/// Microseconds of one try that went into each wait, as far as the log has them.
pub(super) type Waits = [Option<u64>; Wait::ALL.len()];

/// How long many tries took.
#[derive(Clone, Debug, Default)]
pub struct Times([Spread; Wait::ALL.len()]);

impl Times {
    /// How long this took.
    pub fn of(&self, wait: Wait) -> &Spread {
        &self.0[wait as usize]
    }

    /// Adds others.
    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.0.iter_mut().zip(&other.0) {
            ours.merge(theirs);
        }
    }

    fn add(&mut self, waits: &Waits) {
        for (spread, micros) in self.0.iter_mut().zip(waits) {
            if let Some(micros) = micros {
                spread.add(*micros);
            }
        }
    }
}

/// Bins of a [`Spread`]: under a millisecond, the finest that nginx logs, then [`FINE`] to each doubling.
const BINS: usize = 176;
/// Bins to a doubling: each ends a tenth above its beginning.
const FINE: f64 = 8.0;

/// Durations by size: any percentile, in bounded memory.
#[derive(Clone, Debug)]
pub struct Spread {
    bins: [u32; BINS],
    longest: u64,
}

impl Default for Spread {
    fn default() -> Self {
        Self {
            bins: [0; BINS],
            longest: 0,
        }
    }
}

impl Spread {
    /// How many.
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|it| u64::from(*it)).sum()
    }

    /// The longest of them, microseconds.
    pub fn longest(&self) -> u64 {
        self.longest
    }

    /// Microseconds that so many of a hundred do not exceed, at most a tenth too many; `None` where there are none.
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let wanted = (self.count() * percent.min(100)).div_ceil(100).max(1);
        let mut seen = 0;
        let bin = self.bins.iter().position(|count| {
            seen += u64::from(*count);
            seen >= wanted
        })?;
        Some(end(bin).min(self.longest))
    }

    fn add(&mut self, micros: u64) {
        let count = &mut self.bins[bin(micros)];
        *count = count.saturating_add(1);
        self.longest = self.longest.max(micros);
    }

    fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.bins.iter_mut().zip(other.bins) {
            *ours = ours.saturating_add(theirs);
        }
        self.longest = self.longest.max(other.longest);
    }
}

fn bin(micros: u64) -> usize {
    if micros < 1_000 {
        return 0;
    }
    let above = ((micros as f64 / 1_000.0).log2() * FINE) as usize;
    (above + 1).min(BINS - 1)
}

/// Where a bin ends.
fn end(bin: usize) -> u64 {
    (1_000.0 * (bin as f64 / FINE).exp2()) as u64
}

/// Requests over time, in bounded memory.
#[derive(Clone, Debug, Default)]
pub struct Flow {
    /// Requests by the upstream that was asked last.
    pub requests: Cells,
    moments: Moments,
    upstreams: HashMap<Vec<u8>, Box<Times>, RandomState>,
}

impl Flow {
    /// How long tries took: the second each moment begins, in order.
    pub fn moments(&self) -> Vec<(i64, &Times)> {
        let mut all: Vec<(i64, &Times)> = self.moments.times.iter().map(|(at, it)| (*at, &**it)).collect();
        all.sort_unstable_by_key(|it| it.0);
        all
    }

    /// Seconds that a moment spans.
    pub fn step(&self) -> i64 {
        self.moments.step
    }

    /// How long tries at that upstream took.
    pub fn of(&self, upstream: &[u8]) -> Option<&Times> {
        self.upstreams.get(upstream).map(|it| &**it)
    }

    /// Adds what a clone of the same empty one counted.
    pub fn merge(&mut self, other: &Self) {
        self.requests.merge(&other.requests);
        self.moments.coarsen(other.moments.step);
        for (at, times) in &other.moments.times {
            self.moments.at(*at).merge(times);
        }
        for (upstream, times) in &other.upstreams {
            self.upstream(upstream).merge(times);
        }
    }

    pub(super) fn request(&mut self, at: i64, upstream: &[u8]) {
        let key = Key {
            site: b"",
            upstream,
            status: 0,
            says: "",
        };
        self.requests.add(at, key, 1);
    }

    pub(super) fn a_try(&mut self, at: i64, upstream: &[u8], waits: &Waits) {
        self.moments.at(at).add(waits);
        self.upstream(upstream).add(waits);
    }

    fn upstream(&mut self, name: &[u8]) -> &mut Times {
        let name = name.get(..NAME).unwrap_or(name);
        let name = if self.upstreams.len() < UPSTREAMS || self.upstreams.contains_key(name) {
            name
        } else {
            Key::OTHERS
        };
        self.upstreams.entry(name.to_vec()).or_default()
    }
}

#[derive(Clone, Debug)]
struct Moments {
    step: i64,
    times: HashMap<i64, Box<Times>, RandomState>,
}

impl Default for Moments {
    fn default() -> Self {
        Self {
            step: 1,
            times: HashMap::default(),
        }
    }
}

impl Moments {
    fn at(&mut self, at: i64) -> &mut Times {
        while self.times.len() >= MOMENTS && !self.times.contains_key(&self.begin(at)) {
            self.coarsen(self.step.saturating_mul(10));
        }
        let begin = self.begin(at);
        self.times.entry(begin).or_default()
    }

    fn begin(&self, at: i64) -> i64 {
        at.saturating_sub(at.rem_euclid(self.step))
    }

    /// Steps are powers of ten, as those of [`Cells`].
    fn coarsen(&mut self, step: i64) {
        if step <= self.step {
            return;
        }
        self.step = step;
        for (at, times) in std::mem::take(&mut self.times) {
            let begin = self.begin(at);
            self.times.entry(begin).or_default().merge(&times);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::Format,
        scan::{AccessScan, Everyone, Window},
    };

    #[test]
    fn percentiles_are_right_to_a_tenth() {
        let mut spread = Spread::default();
        assert_eq!(spread.percentile(50), None);
        for millis in 0..=1000 {
            spread.add(millis * 1000);
        }
        assert_eq!(spread.percentile(0), Some(1_000));
        for (percent, millis) in [(50, 500), (95, 950), (100, 1000)] {
            let found = spread.percentile(percent).unwrap_or(0) as f64 / (millis as f64 * 1000.0);
            assert!((1.0..=1.1).contains(&found), "{percent}: {found}");
        }
        spread.add(u64::MAX);
        assert_eq!(spread.longest(), u64::MAX);
    }

    /// Connect, header, response, whole; milliseconds, the first of each wait.
    fn read(format: &str, line: &str) -> [Option<u64>; 4] {
        let mut scan = AccessScan::new(Format::compile(format), "", None, Window::ALL);
        let mut who = Everyone::with_flow();
        scan.everything(line.as_bytes(), &mut Cells::default(), &mut who);
        let flow = who.flow().expect("it was asked for").clone();
        let mut times = Times::default();
        for (_, it) in flow.moments() {
            times.merge(it);
        }
        Wait::ALL.map(|wait| {
            Some(times.of(wait))
                .filter(|it| it.count() > 0)
                .map(|it| it.longest() / 1000)
        })
    }

    #[test]
    fn the_time_of_a_try_is_split_as_nginx_measures_it() {
        let all = "$status $upstream_addr $upstream_connect_time $upstream_header_time $upstream_response_time $request_time";
        for (format, line, expected) in [
            (
                all,
                "200 a:1 0.010 0.110 0.150 0.200",
                [Some(10), Some(100), Some(40), Some(150)],
            ),
            // never connected, and connected without an answer
            (
                all,
                "504 a:1 - - 60.000 60.001",
                [Some(60_000), None, None, Some(60_000)],
            ),
            (
                all,
                "504 a:1 0.001 - 60.000 60.001",
                [Some(1), Some(59_999), None, Some(60_000)],
            ),
            // two tries, the first refused
            (
                all,
                "200 a:1, b:1 -, 0.001 -, 0.021 0.000, 0.021 0.022",
                [Some(1), Some(20), Some(0), Some(21)],
            ),
            // no upstream was asked
            (all, "200 - - - - 0.003", [None; 4]),
            (
                "$status $upstream_header_time $upstream_response_time",
                "200 0.110 0.150",
                [None, Some(110), Some(40), Some(150)],
            ),
            (
                "$status $upstream_response_time",
                "200 0.150",
                [None, None, None, Some(150)],
            ),
            (
                "$status $request_time",
                "200 0.150",
                [None, None, None, Some(150)],
            ),
            ("$status", "200", [None; 4]),
        ] {
            assert_eq!(read(format, line), expected, "{format}: {line}");
        }
    }

    #[test]
    fn much_gets_coarse_and_nothing_is_lost() {
        let waits: Waits = [None, None, None, Some(5_000)];
        let mut flow = Flow::default();
        for at in 0..100_000 {
            flow.request(at, b"a");
            flow.a_try(at, format!("{}", at % 1000).as_bytes(), &waits);
        }
        let mut other = flow.clone();
        other.merge(&flow);
        for (flow, expected) in [(&flow, 100_000), (&other, 200_000)] {
            let whole = |times: &Times| times.of(Wait::Whole).count();
            assert_eq!(flow.moments().iter().map(|it| whole(it.1)).sum::<u64>(), expected);
            assert_eq!(flow.upstreams.values().map(|it| whole(it)).sum::<u64>(), expected);
            assert!(flow.moments().len() <= MOMENTS && flow.upstreams.len() <= UPSTREAMS + 1);
        }
    }
}
