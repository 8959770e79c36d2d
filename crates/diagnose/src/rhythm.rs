//! Whether failures keep time with something that happens now and then.

use crate::Symptom;
use host::Timestamp;

/// Such an agreement by chance would be seen less often than this.
const CHANCE: f64 = 0.02;

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its begin.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

impl Stretch {
    /// It holds that moment.
    pub fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to
    }
}

/// In how many separate windows failures fell, where all of them fell in one and the windows are open so little of all
/// this time that it is no chance.
pub fn keeps_time(symptoms: &[&Symptom], windows: &[Stretch], all: Stretch) -> Option<usize> {
    let times: Vec<Timestamp> = symptoms.iter().flat_map(|it| it.times.iter().copied()).collect();
    let windows = separate(windows);
    let held = |at: &Timestamp| windows.iter().any(|window| window.holds(*at));
    let hit = windows
        .iter()
        .filter(|window| times.iter().any(|at| window.holds(*at)));
    let hit = hit.count();
    let seconds = |it: &Stretch| it.to.since(it.from).as_secs_f64();
    let open: f64 = windows.iter().map(seconds).sum();
    let luck = (open / seconds(&all).max(1.0)).powf(hit as f64);
    (!times.is_empty() && times.iter().all(held) && luck < CHANCE).then_some(hit)
}

/// Windows that overlap are one.
fn separate(windows: &[Stretch]) -> Vec<Stretch> {
    let mut sorted = windows.to_vec();
    sorted.sort_by_key(|it| it.from);
    let mut all: Vec<Stretch> = Vec::new();
    for window in sorted {
        match all.last_mut() {
            Some(last) if window.from <= last.to => last.to = last.to.max(window.to),
            _ => all.push(window),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, NOW};
    use logscan::{Phase, Trouble};
    use std::time::Duration;

    #[test]
    fn luck_or_not() {
        let ago = |seconds| NOW.before(Duration::from_secs(seconds));
        let all = Stretch {
            from: ago(100),
            to: NOW,
        };
        let window = |at: u64| Stretch {
            from: ago(at),
            to: ago(at - 2),
        };
        let windows = [window(90), window(60), window(30)];
        let keeps = |times: &[u64], windows: &[Stretch]| {
            let fixture = Fixture::node().complains(Trouble::ClosedEarly, Phase::ReadingHeader);
            let case = fixture.seen_at(times).case();
            keeps_time(&case.symptoms.iter().collect::<Vec<_>>(), windows, all)
        };
        for (times, expect) in [
            (&[89][..], None),
            (&[89, 60], Some(2)),
            (&[89, 60, 59, 29], Some(3)),
            (&[89, 70], None),
        ] {
            assert_eq!(keeps(times, &windows), expect, "{times:?}");
        }
        let always: Vec<Stretch> = (1..50).map(|at| window(2 * at)).collect();
        assert_eq!(keeps(&[89, 60], &always), None);
    }
}
