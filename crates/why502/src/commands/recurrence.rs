//! The same cause before: read from the state directory, and written there where that was asked for.

use crate::{cli, commands::history::hinted, report::json::Recurrence, screen::age};
use anyhow::bail;
use diagnose::{Role, Verdict};
use host::Timestamp;
use remedy::{
    Store, history,
    memory::{self, Attempt, Incident},
};

/// For each finding the same before, as far as the state directory can be read: it is root's.
pub fn of(verdict: &Verdict, state: &cli::State) -> Vec<Option<Recurrence>> {
    let store = Store::at(&state.dir());
    let known = memory::incidents(&store).unwrap_or_default();
    let past = history::list(&store).unwrap_or_default();
    let of = |finding: &diagnose::Finding| {
        let now = Incident::of_root(verdict, finding).filter(|_| finding.role == Role::Root)?;
        let before = memory::recall(&known, &past, &now)?;
        Some(Recurrence {
            times: before.times,
            since: before.since.to_string(),
            says: says(&before, now.last),
        })
    };
    verdict.findings.iter().map(of).collect()
}

/// Writes the roots down.
///
/// # Errors
/// Where the state directory can't be written: it is root's.
pub fn remember(verdict: &Verdict, state: &cli::State) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("--remember writes to {} and needs root", state.dir().display());
    }
    let store = hinted(Store::open(&state.dir()))?;
    hinted(memory::remember(&store, &Incident::of(verdict)))
}

/// `third time in 9 days; twice mended by why502 (restart app.service), the last time it held 2 h`
fn says(before: &memory::Recurrence, now: Timestamp) -> String {
    let often = format!(
        "{} time in {}",
        ordinal(before.times),
        age(now.since(before.since))
    );
    let kept: Vec<&Attempt> = before.done.iter().filter(|done| done.held.is_some()).collect();
    let failed = before.done.len() - kept.len();
    let mut says = vec![often];
    if let Some((last, held)) = kept.last().and_then(|last| Some((last, last.held?))) {
        let times = times(kept.len());
        says.push(format!(
            "mended {times} by why502 ({}), and it came back after {}",
            last.title,
            age(held)
        ));
    }
    if failed > 0 {
        says.push(format!("a fix was taken back {}", times(failed)));
    }
    if before.done.is_empty() {
        says.push("what was done about it is not known: not by why502".to_owned());
    }
    says.join("; ")
}

fn ordinal(number: usize) -> String {
    match number {
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        4 => "fourth".to_owned(),
        5 => "fifth".to_owned(),
        _ => format!("{number}th"),
    }
}

fn times(number: usize) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        _ => format!("{number} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn sentences() {
        let hour = Duration::from_secs(3600);
        let done = |held: Option<u32>| Attempt {
            title: "restart app.service".into(),
            held: held.map(|hours| hour * hours),
        };
        let rows: [(usize, Vec<Attempt>, &str); 3] = [
            (
                3,
                vec![done(Some(48)), done(Some(2))],
                "third time in 9 days; mended twice by why502 (restart app.service), and it came back after 2 h",
            ),
            (
                2,
                vec![done(None)],
                "second time in 9 days; a fix was taken back once",
            ),
            (
                2,
                vec![],
                "second time in 9 days; what was done about it is not known: not by why502",
            ),
        ];
        for (times, done, expected) in rows {
            let since = Timestamp::from_secs(1_700_000_000);
            let now = since.after(Duration::from_secs(9 * 86400));
            assert_eq!(says(&memory::Recurrence { times, since, done }, now), expected);
        }
    }
}
