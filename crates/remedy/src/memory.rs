//! What failed on this host before, how often, what was done, and whether it held. `diagnose` changes nothing, so it
//! remembers only where it is told to; `fix` has leave to write, and remembers each root it meets.
//!
//! One small file beside the fixes: a line of JSON for each incident, at most [`MOST`], oldest out first.

use crate::{Phase, Store, StoreError, history::Past, store::disk};
use diagnose::{Finding, Role, Verdict};
use host::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// In the state directory.
const FILE: &str = "incidents";
/// Incidents kept.
const MOST: usize = 500;
/// The file is not larger, bytes.
const LARGEST: u64 = 1 << 20;
/// Failures of one root with less than this between them are one incident.
const APART: Duration = Duration::from_secs(1800);
/// Of the sentence so many characters are kept.
const SAYS: usize = 200;

/// A root that made requests fail, from its first failure to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// The cause.
    pub cause: String,
    /// What it is about.
    pub subject: String,
    /// What was wrong. May quote the host: hostile.
    pub says: String,
    /// First failure seen.
    pub first: Timestamp,
    /// Last failure seen.
    pub last: Timestamp,
}

/// The same cause on the same subject before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// How often, this time included; at least two.
    pub times: usize,
    /// When it was first seen.
    pub since: Timestamp,
    /// What why502 did about it then, oldest first.
    pub done: Vec<Attempt>,
}

/// A fix of an earlier time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What it did: `restart php8.2-fpm.service`.
    pub title: String,
    /// How long it held until it failed again; `None` where it was taken back.
    pub held: Option<Duration>,
}

impl Incident {
    /// The roots of a verdict, those that are over too.
    pub fn of(verdict: &Verdict) -> Vec<Self> {
        let roots = verdict
            .findings
            .iter()
            .filter(|finding| finding.role == Role::Root);
        roots
            .filter_map(|finding| Self::of_root(verdict, finding))
            .collect()
    }

    /// From the first failure that a root explains to the last.
    pub fn of_root(verdict: &Verdict, root: &Finding) -> Option<Self> {
        let symptoms = || {
            verdict
                .symptoms
                .iter()
                .filter(|it| root.explains.contains(&it.symptom.id))
        };
        Some(Self {
            cause: root.cause.to_owned(),
            subject: root.subject.clone(),
            says: root.says.chars().take(SAYS).collect(),
            first: symptoms().map(|it| it.symptom.first).min()?,
            last: symptoms().map(|it| it.symptom.last).max()?,
        })
    }

    fn is_same(&self, other: &Self) -> bool {
        (&self.cause, &self.subject) == (&other.cause, &other.subject)
    }

    fn meets(&self, other: &Self) -> bool {
        self.is_same(other) && self.first <= other.last.after(APART) && other.first <= self.last.after(APART)
    }
}

/// What is remembered, oldest first. A line that can't be read is passed over.
///
/// # Errors
/// Where the state directory can't be read.
pub fn incidents(store: &Store) -> Result<Vec<Incident>, StoreError> {
    let bytes = disk::read(&store.root().join(FILE), LARGEST)?.unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}

/// Adds these, each to the incident that it goes on with, if one does.
///
/// # Errors
/// Where the state directory can't be written.
pub fn remember(store: &Store, seen: &[Incident]) -> Result<(), StoreError> {
    let before = incidents(store)?;
    let after = merged(before.clone(), seen);
    if after == before {
        return Ok(());
    }
    let lines = after
        .iter()
        .filter_map(|incident| serde_json::to_string(incident).ok());
    let text: String = lines.map(|line| line + "\n").collect();
    let (path, new) = (
        store.root().join(FILE),
        store.root().join(format!("{FILE}.{}", std::process::id())),
    );
    disk::write(&new, text.as_bytes())?;
    disk::rename(&new, &path)
}

fn merged(mut known: Vec<Incident>, seen: &[Incident]) -> Vec<Incident> {
    for incident in seen {
        match known.iter_mut().rfind(|it| it.meets(incident)) {
            Some(it) => {
                it.first = it.first.min(incident.first);
                it.last = it.last.max(incident.last);
            }
            None => known.push(incident.clone()),
        }
    }
    known.sort_by_key(|incident| incident.first);
    known.split_off(known.len().saturating_sub(MOST))
}

/// The same before: from what is remembered, and from the fixes, each of which had an incident to mend. A fix that was
/// proved ends an incident: what fails after it fails again.
pub fn recall(known: &[Incident], past: &[Past], now: &Incident) -> Option<Recurrence> {
    let fixes: Vec<&Past> = same_fixes(past, now);
    let proved = fixes
        .iter()
        .filter(|fix| fix.phase == Phase::Kept && fix.at < now.last);
    let begins = proved
        .map(|fix| fix.at)
        .max()
        .map_or(now.first, |at| at.max(now.first));
    let mended = fixes.iter().map(|fix| Incident {
        first: fix.at,
        last: fix.at,
        ..now.clone()
    });
    let known: Vec<Incident> = known.iter().filter(|it| it.is_same(now)).cloned().collect();
    let all = merged(known, &mended.collect::<Vec<_>>());
    let apart = |it: &&Incident| it.last.after(APART) < begins || (begins > now.first && it.first < begins);
    let before: Vec<&Incident> = all.iter().filter(apart).collect();
    Some(Recurrence {
        times: before.len() + 1,
        since: before.first()?.first,
        done: fixes
            .iter()
            .filter(|fix| fix.at <= begins)
            .map(|fix| attempt(fix, &before, begins, now))
            .collect(),
    })
}

/// Fixes of the same root that came to an end, oldest first.
fn same_fixes<'a>(past: &'a [Past], now: &Incident) -> Vec<&'a Past> {
    let same = |fix: &&Past| fix.cause == now.cause && fix.subject == now.subject;
    let ended = |fix: &&Past| matches!(fix.phase, Phase::Kept | Phase::Undone);
    let mut fixes: Vec<&Past> = past.iter().filter(same).filter(ended).collect();
    fixes.sort_by_key(|fix| fix.at);
    fixes
}

/// It held until the next failure that began after it.
fn attempt(fix: &Past, before: &[&Incident], begins: Timestamp, now: &Incident) -> Attempt {
    let later = before.iter().map(|it| it.first).filter(|first| *first > fix.at);
    // what went on failing across the fix is known by its last failure only
    let again = if begins > now.first { now.last } else { begins };
    let next = later.chain([again]).filter(|at| *at > fix.at).min();
    Attempt {
        title: fix.title.clone(),
        held: next
            .filter(|_| fix.phase == Phase::Kept)
            .map(|at| at.since(fix.at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Author, FixId, testing};

    const DAY: i64 = 86_400;

    fn incident(first: i64, last: i64) -> Incident {
        Incident {
            cause: "backend-died".into(),
            subject: "app.service".into(),
            says: "it died".into(),
            first: Timestamp::from_secs(first),
            last: Timestamp::from_secs(last),
        }
    }

    fn fix(at: i64, phase: Phase) -> Past {
        let plan = testing::plan(vec![testing::restart("app.service")]);
        let at = Timestamp::from_secs(at);
        Past {
            id: FixId::new(at, &plan.id()),
            at,
            by: Author {
                uid: 0,
                name: "root".into(),
                sudo: None,
            },
            cause: "backend-died".into(),
            subject: "app.service".into(),
            title: "restart app.service".into(),
            plan: plan.id(),
            relief: false,
            phase,
            says: String::new(),
            restarts: Vec::new(),
        }
    }

    /// `times since [held…]`, seconds.
    #[track_caller]
    fn check(known: &[Incident], past: &[Past], now: &Incident, expect: &str) {
        let shown = recall(known, past, now).map_or("new".to_owned(), |it| {
            let held = it.done.iter().map(|done| done.held.map(|held| held.as_secs()));
            format!("{} {} {:?}", it.times, it.since.secs(), held.collect::<Vec<_>>())
        });
        assert_eq!(shown, expect);
    }

    #[test]
    fn how_often_since_when_and_what_held() {
        let now = incident(9 * DAY, 9 * DAY + 60);
        check(&[], &[], &now, "new");
        check(std::slice::from_ref(&now), &[], &now, "new");
        check(&[incident(100, 200), now.clone()], &[], &now, "2 100 []");
        check(
            &[incident(100, 200), incident(2 * DAY, 2 * DAY)],
            &[],
            &now,
            "3 100 []",
        );
        check(&[], &[fix(DAY, Phase::Kept)], &now, "2 86400 [Some(691200)]");
        check(
            &[incident(DAY - 60, DAY)],
            &[fix(DAY, Phase::Undone)],
            &now,
            "2 86340 [None]",
        );
        let twice = [fix(DAY, Phase::Kept), fix(DAY + 7200, Phase::Kept)];
        check(&[], &twice, &now, "3 86400 [Some(7200), Some(684000)]");
        check(&[], &[fix(DAY, Phase::Stuck)], &now, "new");
    }

    #[test]
    fn what_fails_after_a_proved_fix_fails_again() {
        let now = incident(9 * DAY, 9 * DAY + 5000);
        check(
            std::slice::from_ref(&now),
            &[fix(9 * DAY + 600, Phase::Kept)],
            &now,
            "2 777600 [Some(4400)]",
        );
        // mended, and nothing failed since
        check(
            std::slice::from_ref(&now),
            &[fix(9 * DAY + 6000, Phase::Kept)],
            &now,
            "new",
        );
    }

    #[test]
    fn others_do_not_count() {
        let now = incident(9 * DAY, 9 * DAY);
        let other = Incident {
            subject: "blog.service".into(),
            ..incident(100, 200)
        };
        check(&[other], &[], &now, "new");
    }

    #[test]
    fn an_incident_goes_on_and_the_file_has_an_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::open(dir.path()).expect("opens");
        for at in [0, 60, 600, 600 + 1799] {
            remember(&store, &[incident(at, at)]).expect("writes");
        }
        assert_eq!(incidents(&store).expect("reads"), [incident(0, 600 + 1799)]);
        let many: Vec<Incident> = (1..=600).map(|day| incident(day * DAY, day * DAY)).collect();
        remember(&store, &many).expect("writes");
        let kept = incidents(&store).expect("reads");
        assert_eq!((kept.len(), kept[0].first.secs()), (MOST, 101 * DAY));
    }
}
