//! From counts to what a person would call an outage.

use super::{Cells, Series};
use foldhash::fast::RandomState;
use std::collections::{BTreeMap, HashMap};

/// Seconds without a failure that end a burst.
const PAUSE: i64 = 60;
/// Fewer failures than this are scattered, unless a site never has more.
const LEAST: u64 = 5;
/// Seconds around a burst in which complaints belong to it: an access log has the end of a request, an error log the
/// moment of the trouble.
const AROUND: i64 = 5;
/// Kinds of complaint kept with a burst.
const SAID: usize = 5;

/// Failures of a site that stand together in time, above what is usual there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    /// Site as logged; empty where it is not known.
    pub site: Vec<u8>,
    /// Second of the first failure, since 1970.
    pub start: i64,
    /// Second of the last.
    pub end: i64,
    /// Requests that failed.
    pub lost: u64,
    /// How they failed, most first.
    pub how: Vec<Share>,
    /// What nginx complained of meanwhile, most first.
    pub said: Vec<Share>,
}

impl Burst {
    /// The site; where lines name none, the one that nginx complained of meanwhile. Empty where it is not known.
    pub fn known_site(&self) -> &[u8] {
        match &self.site[..] {
            b"" => self.said_of(|it| &it.site),
            site => site,
        }
    }

    /// The upstream that nginx complained of meanwhile: where lines name none, it was asked. Empty where it is not known.
    pub fn known_upstream(&self) -> &[u8] {
        self.said_of(|it| &it.upstream)
    }

    /// What complaints of this site have in common, where there are about as many as failures.
    fn said_of<'a>(&'a self, name: impl Fn(&'a Series) -> &'a [u8]) -> &'a [u8] {
        let of_site = |it: &&Share| self.site.is_empty() || it.series.site == self.site;
        let mut ours = self.said.iter().filter(of_site);
        let Some(first) = ours.next().map(|it| name(&it.series)) else {
            return b"";
        };
        let said: u64 = self.said.iter().filter(of_site).map(|it| it.count).sum();
        let alike = ours.all(|it| name(&it.series) == first);
        let enough = said.saturating_mul(4) >= self.lost.saturating_mul(3);
        if alike && enough { first } else { b"" }
    }
}

/// A part of a burst.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// What.
    pub series: Series,
    /// How often.
    pub count: u64,
}

/// Finds the bursts among failures, in order of time, and explains them by complaints.
///
/// A minute stands out where it has more than three times the failures of the site's quiet minutes (its lower quartile).
pub fn bursts(failures: &Cells, complaints: &Cells) -> Vec<Burst> {
    let mut sites: BTreeMap<&[u8], Vec<(i64, &Series, u64)>> = BTreeMap::new();
    for cell in failures.cells() {
        sites.entry(&cell.1.site).or_default().push(cell);
    }
    let unit = failures.step().max(60);
    let said = complaints.cells();
    let mut found: Vec<Burst> = sites.values().flat_map(|cells| of_site(cells, unit)).collect();
    for burst in &mut found {
        burst.said = said_during(burst, &said, unit);
    }
    found.sort_by(|a, b| (a.start, &a.site).cmp(&(b.start, &b.site)));
    found
}

type Cell<'a> = (i64, &'a Series, u64);

fn of_site(cells: &[Cell<'_>], unit: i64) -> Vec<Burst> {
    let mut minutes: BTreeMap<i64, u64> = BTreeMap::new();
    for (at, _, count) in cells {
        *minutes.entry(at.div_euclid(unit)).or_default() += count;
    }
    let usual = usual(&minutes);
    let stands_out = |at: i64| {
        minutes
            .get(&at.div_euclid(unit))
            .is_some_and(|count| *count > usual * 3)
    };
    let loud: Vec<Cell<'_>> = cells.iter().filter(|cell| stands_out(cell.0)).copied().collect();
    // all minutes alike are one burst where they are few, and none where they are the usual state
    let chosen = if loud.is_empty() { cells } else { &loud };
    let runs = chosen.chunk_by(|a, b| b.0.saturating_sub(a.0) <= PAUSE.max(unit));
    let runs: Vec<Burst> = runs.map(burst).collect();
    let most = runs.iter().map(|it| it.lost).max().unwrap_or(0);
    runs.into_iter().filter(|it| it.lost >= most.min(LEAST)).collect()
}

/// Failures of a quiet minute between the first failure and the last, minutes without any among them.
fn usual(minutes: &BTreeMap<i64, u64>) -> u64 {
    let (Some(first), Some(last)) = (minutes.keys().next(), minutes.keys().next_back()) else {
        return 0;
    };
    let quarter = usize::try_from(last.saturating_sub(*first) / 4).unwrap_or(usize::MAX);
    let all = usize::try_from(last.saturating_sub(*first))
        .unwrap_or(usize::MAX)
        .saturating_add(1);
    let mut counts: Vec<u64> = minutes.values().copied().collect();
    counts.sort_unstable();
    quarter
        .checked_sub(all.saturating_sub(counts.len()))
        .and_then(|at| counts.get(at))
        .copied()
        .unwrap_or(0)
}

fn burst(cells: &[Cell<'_>]) -> Burst {
    let (first, last) = (cells.first(), cells.last());
    Burst {
        site: first.map(|it| it.1.site.clone()).unwrap_or_default(),
        start: first.map_or(0, |it| it.0),
        end: last.map_or(0, |it| it.0),
        lost: cells.iter().map(|it| it.2).sum(),
        how: shares(cells.iter().copied()),
        said: Vec::new(),
    }
}

/// Of the site itself where nginx names it, else of all.
fn said_during(burst: &Burst, said: &[Cell<'_>], unit: i64) -> Vec<Share> {
    let around = if unit > 60 { unit } else { AROUND };
    let from = said.partition_point(|it| it.0 < burst.start.saturating_sub(around));
    let until = said.partition_point(|it| it.0 <= burst.end.saturating_add(around));
    let meanwhile = said.get(from..until).unwrap_or_default();
    let mut ours = shares(meanwhile.iter().filter(|it| it.1.site == burst.site).copied());
    if ours.is_empty() {
        ours = shares(meanwhile.iter().copied());
    }
    ours.truncate(SAID);
    ours
}

fn shares<'a>(cells: impl Iterator<Item = Cell<'a>>) -> Vec<Share> {
    // a series is kept once: where it stands tells it apart sooner than its names
    let mut counts: HashMap<*const Series, (&Series, u64), RandomState> = HashMap::default();
    for (_, series, count) in cells {
        counts.entry(series).or_insert((series, 0)).1 += count;
    }
    let mut all: Vec<(&Series, u64)> = counts.into_values().collect();
    all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let share = |(series, count): (&Series, u64)| Share {
        series: series.clone(),
        count,
    };
    all.into_iter().map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Key;

    fn cells(of: &[(std::ops::Range<i64>, usize, u64, &str)]) -> Cells {
        let mut cells = Cells::default();
        for (span, step, count, site) in of {
            for at in span.clone().step_by(*step) {
                let key = Key {
                    site: site.as_bytes(),
                    upstream: b"",
                    status: 502,
                    says: "refused",
                };
                cells.add(at, key, *count);
            }
        }
        cells
    }

    #[test]
    fn an_outage_is_told_from_what_is_usual() {
        type Row<'a> = (
            &'a str,
            &'a [(std::ops::Range<i64>, usize, u64, &'a str)],
            &'a [(i64, i64, u64)],
        );
        let rows: &[Row<'_>] = &[
            ("none", &[], &[]),
            ("one", &[(100..200, 1, 2, "a")], &[(100, 199, 200)]),
            (
                "two",
                &[(100..200, 1, 1, "a"), (5000..5010, 1, 1, "a")],
                &[(100, 199, 100), (5000, 5009, 10)],
            ),
            (
                "over a background",
                &[(0..36_000, 30, 1, "a"), (18_000..18_120, 1, 5, "a")],
                &[(18_000, 18_119, 604)],
            ),
            ("long", &[(0..7200, 1, 1, "a")], &[(0, 7199, 7200)]),
            (
                "absurd times",
                &[
                    (-9_000_000_000_000..-8_999_999_999_999, 1, 1, "a"),
                    (0..2, 1, 1, "a"),
                ],
                &[(0, 1, 2)],
            ),
        ];
        for (name, input, expected) in rows {
            let found: Vec<(i64, i64, u64)> = bursts(&cells(input), &Cells::default())
                .iter()
                .map(|it| (it.start, it.end, it.lost))
                .collect();
            assert_eq!(found, *expected, "{name}");
        }
    }

    #[test]
    fn what_lines_do_not_name_nginx_names_where_it_complains_of_all() {
        let complaint = |site: &'static str, count| {
            let mut cells = Cells::default();
            let key = Key {
                site: site.as_bytes(),
                upstream: b"unix:/run/php.sock",
                status: 0,
                says: "refused",
            };
            cells.add(105, key, count);
            cells
        };
        for (logged, said, site, upstream) in [
            ("", &[("a", 10)][..], "a", "unix:/run/php.sock"),
            // fewer complaints than failures: most failed in another way
            ("", &[("a", 5)], "", ""),
            ("", &[("a", 5), ("b", 5)], "", "unix:/run/php.sock"),
            ("b", &[("a", 10)], "b", ""),
            ("", &[], "", ""),
        ] {
            let mut complaints = Cells::default();
            said.iter()
                .for_each(|(site, count)| complaints.merge(&complaint(site, *count)));
            let found = &bursts(&cells(&[(100..110, 1, 1, logged)]), &complaints)[0];
            let known = [found.known_site(), found.known_upstream()];
            assert_eq!(known, [site.as_bytes(), upstream.as_bytes()], "{logged} {said:?}");
        }
    }

    #[test]
    fn a_burst_has_what_nginx_said_of_its_site() {
        let failures = cells(&[(100..110, 1, 1, "a"), (100..110, 1, 1, "b")]);
        let mut said = cells(&[(98..109, 1, 1, "a"), (300..400, 1, 1, "a")]);
        let found = bursts(&failures, &said);
        assert_eq!(found[0].said[0].count, 11);
        assert_eq!(
            found[1].said[0].series.site, b"a",
            "nothing of b: what was said at all"
        );
        said.merge(&cells(&[(100..101, 1, 1, "b")]));
        assert_eq!(bursts(&failures, &said)[1].said[0].count, 1);
    }
}
