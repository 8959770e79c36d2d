//! Requests and failures in columns of time.

use super::Account;
use logscan::scan::{Burst, Key, Series, Times};
use std::collections::BTreeMap;

/// Columns of a plot at most: on a telephone each has three pixels.
const COLUMNS: i64 = 120;
/// Widths of a column that people can count in, seconds.
const STEPS: &[i64] = &[
    1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
];
/// Upstreams told apart.
const UPSTREAMS: usize = 5;

/// A span of time in columns.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// Its beginning, seconds since 1970.
    pub from: i64,
    /// Seconds of a column.
    pub step: i64,
    /// In order, none left out.
    pub columns: Vec<Column>,
    /// What failures are told by, most first: upstreams, and the rest together.
    pub upstreams: Vec<Lane>,
}

/// One upstream of a timeline.
#[derive(Clone, Debug, Default)]
pub struct Lane {
    /// As logged; empty where none was asked.
    pub name: Vec<u8>,
    /// It stands for all others.
    pub is_rest: bool,
    /// Requests in all.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
}

/// What fell into a column.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Requests, those that failed too; 0 where there is no access log.
    pub requests: u64,
    /// Those that failed, by upstream.
    pub failed: Vec<u64>,
    /// Requests by upstream.
    pub asked: Vec<u64>,
    /// Where time went.
    pub times: Times,
}

impl Column {
    /// All that failed.
    pub fn lost(&self) -> u64 {
        self.failed.iter().sum()
    }
}

impl Account<'_> {
    /// The moments of the first line and of the last.
    pub fn span(&self) -> Option<(i64, i64)> {
        let failed = self.story.failed().cells();
        let asked = self.flow().map(|flow| flow.requests.cells()).unwrap_or_default();
        let at = || failed.iter().chain(&asked).map(|it| it.0);
        Some((at().min()?, at().max()?))
    }

    fn flow(&self) -> Option<&logscan::scan::Flow> {
        self.story.scanned.everyone.flow()
    }

    /// All of it.
    pub fn timeline(&self) -> Option<Timeline> {
        let (from, until) = self.span()?;
        Some(self.timeline_of(from, until, 1))
    }

    /// All of it in columns that are not narrower than what is known of where time went.
    pub fn timeline_of_times(&self) -> Option<Timeline> {
        let (from, until) = self.span()?;
        Some(self.timeline_of(from, until, self.flow()?.step()))
    }

    /// A part of it, in columns of so many seconds at least.
    pub fn timeline_of(&self, from: i64, until: i64, least: i64) -> Timeline {
        let counted = self.flow().map_or(1, |flow| flow.requests.step());
        let finest = self.story.failed().step().max(counted).max(least);
        let step = step(until.saturating_sub(from).saturating_add(1), finest);
        let from = from.saturating_sub(from.rem_euclid(step));
        let length = until.saturating_sub(from) / step + 1;
        let upstreams = self.lanes();
        let empty = Column {
            failed: vec![0; upstreams.len()],
            asked: vec![0; upstreams.len()],
            ..Column::default()
        };
        let mut columns = vec![empty; usize::try_from(length).unwrap_or(0).min(4 * COLUMNS as usize)];
        let index = |at: i64| usize::try_from(at.saturating_sub(from).div_euclid(step)).ok();
        for (at, series, count) in self.flow().map(|it| it.requests.cells()).unwrap_or_default() {
            if let Some(column) = index(at).and_then(|at| columns.get_mut(at)) {
                column.requests += count;
                column.asked[lane(&upstreams, &series.upstream)] += count;
            }
        }
        for (at, series, count) in self.story.failed().cells() {
            if let Some(column) = index(at).and_then(|at| columns.get_mut(at)) {
                let (logged, asked) = (&series.upstream, self.upstream(at, series));
                let (logged, asked) = (lane(&upstreams, logged), lane(&upstreams, asked));
                column.failed[asked] += count;
                let moved = column.asked[logged].min(count);
                column.asked[logged] -= moved;
                column.asked[asked] += moved;
            }
        }
        for (at, times) in self.flow().map(|it| it.moments()).unwrap_or_default() {
            if let Some(column) = index(at).and_then(|at| columns.get_mut(at)) {
                column.times.merge(times);
            }
        }
        Timeline {
            from,
            step,
            columns,
            upstreams,
        }
    }

    /// The upstream of a failure; where its line names none, the one that nginx complained of meanwhile.
    fn upstream<'s>(&'s self, at: i64, series: &'s Series) -> &'s [u8] {
        let holds = |it: &&Burst| it.site == series.site && (it.start..=it.end).contains(&at);
        match &series.upstream[..] {
            b"" => (self.story.bursts.iter().find(holds)).map_or(b"", Burst::known_upstream),
            upstream => upstream,
        }
    }

    /// Upstreams by what failed there, then by what they were asked; the last stands for the rest.
    pub fn lanes(&self) -> Vec<Lane> {
        let mut all: BTreeMap<&[u8], (u64, u64)> = BTreeMap::new();
        for (series, count) in self.flow().map(|it| it.requests.totals()).unwrap_or_default() {
            all.entry(&series.upstream).or_default().1 += count;
        }
        for (at, series, count) in self.story.failed().cells() {
            let logged = &mut all.entry(&series.upstream).or_default().1;
            let moved = count.min(*logged);
            *logged -= moved;
            let asked = all.entry(self.upstream(at, series)).or_default();
            (asked.0, asked.1) = (asked.0 + count, asked.1 + moved);
        }
        all.retain(|_, it| it.0 + it.1 > 0);
        let rest = all.remove(Key::OTHERS);
        let mut lanes: Vec<Lane> = all
            .into_iter()
            .map(|(name, (failed, requests))| Lane {
                name: name.to_vec(),
                is_rest: false,
                requests,
                failed,
            })
            .collect();
        lanes.sort_by(|a, b| (b.failed, b.requests, &a.name).cmp(&(a.failed, a.requests, &b.name)));
        let left_out = lanes.split_off(lanes.len().min(UPSTREAMS));
        let mut others = left_out.iter().fold(
            Lane {
                is_rest: true,
                ..Lane::default()
            },
            |mut sum, it| {
                sum.requests += it.requests;
                sum.failed += it.failed;
                sum
            },
        );
        let (failed, requests) = rest.unwrap_or_default();
        others.failed += failed;
        others.requests += requests;
        if others.failed + others.requests > 0 {
            lanes.push(others);
        }
        lanes
    }
}

fn lane(lanes: &[Lane], upstream: &[u8]) -> usize {
    let named = lanes.iter().position(|it| !it.is_rest && it.name == upstream);
    named.unwrap_or(lanes.len().saturating_sub(1))
}

/// The narrowest that people can count in and that is enough.
fn step(length: i64, finest: i64) -> i64 {
    let least = (length / COLUMNS).max(finest);
    let known = STEPS
        .iter()
        .copied()
        .find(|step| *step >= least && *step * COLUMNS >= length);
    known.unwrap_or_else(|| {
        let days = length.max(finest) / (COLUMNS * 86_400) + 1;
        days.saturating_mul(86_400)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_few_and_easy_to_count_in() {
        for (length, finest, expected) in [
            (1, 1, 1),
            (120, 1, 1),
            (121, 1, 2),
            (3600, 1, 30),
            (3600, 100, 120),
            (86_400, 1, 900),
            (86_400 * 365, 1, 4 * 86_400),
        ] {
            assert_eq!(step(length, finest), expected, "{length} {finest}");
        }
        assert!(step(i64::MAX, 1) > 0);
    }
}
