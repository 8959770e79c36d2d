//! What was done to this host before: who, when, what, and what came of it.

use crate::{
    Author, Fix, FixId, PlanId, Step, Store, StoreError,
    journal::{FixEvent, Phase, StepEvent, What},
};
use host::Timestamp;
use serde::Serialize;

/// A fix in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Past {
    /// Its name.
    pub id: FixId,
    /// When it began.
    pub at: Timestamp,
    /// Who had it done.
    pub by: Author,
    /// The cause it was for.
    pub cause: String,
    /// What that was about.
    pub subject: String,
    /// What the plan did.
    pub title: String,
    /// The plan.
    pub plan: PlanId,
    /// It only made the site answer again.
    pub relief: bool,
    /// Where it stands.
    pub phase: Phase,
    /// Why it was taken back, what it waits for: the journal's last words. May quote the host: hostile.
    pub says: String,
    /// Units that it restarted, with the time.
    pub restarts: Vec<(String, Timestamp)>,
}

/// A fix that is neither done nor taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HalfDone {
    /// Its name.
    pub id: FixId,
    /// Where it stands.
    pub phase: Phase,
    /// That in words, with the plan's title.
    pub says: String,
    /// Only its proof is missing: the host has started again since, or it was cut off behind its last step.
    pub waits_for_proof: bool,
}

/// Every fix, newest first. One that can't be read is left out here; [`Store::load`] says why.
///
/// # Errors
/// Where the state directory can't be read.
pub fn list(store: &Store) -> Result<Vec<Past>, StoreError> {
    let mut ids = store.ids()?;
    ids.reverse();
    Ok(ids
        .iter()
        .filter_map(|id| store.load(id).ok())
        .map(|fix| past(&fix))
        .collect())
}

/// A fix that is half done while nobody works on it. `why502` itself asks this whenever it runs.
///
/// # Errors
/// Where the state directory or a fix in it can't be read: then it is not known.
pub fn half_done(store: &Store) -> Result<Option<HalfDone>, StoreError> {
    for id in store.ids()?.iter().rev() {
        let fix = store.load(id)?;
        let phase = fix.journal.phase();
        if phase.is_half_done() {
            let waits_for_proof = crate::fix::waits_for_proof(&fix);
            let stands = if waits_for_proof {
                "not proved yet"
            } else {
                phase.says()
            };
            return Ok(Some(HalfDone {
                id: id.clone(),
                phase,
                says: format!("{}: {stands}", fix.plan().title),
                waits_for_proof,
            }));
        }
    }
    Ok(None)
}

/// The last fix that there is to take back: a half done one, else the last that stands.
///
/// # Errors
/// Where the state directory can't be read.
pub fn last_undoable(store: &Store) -> Result<Option<FixId>, StoreError> {
    if let Some(open) = half_done(store)? {
        return Ok(Some(open.id));
    }
    let kept = list(store)?.into_iter().find(|past| past.phase == Phase::Kept);
    Ok(kept.map(|past| past.id))
}

fn past(fix: &Fix) -> Past {
    let plan = fix.plan();
    Past {
        id: fix.id().clone(),
        at: fix.opened.at,
        by: fix.opened.by.clone(),
        cause: plan.cause.clone(),
        subject: plan.subject.clone(),
        title: plan.title.clone(),
        plan: plan.id(),
        relief: plan.relief,
        phase: fix.journal.phase(),
        says: last_words(fix),
        restarts: restarts(fix),
    }
}

/// Why it was taken back, unless taking back ran into something itself.
fn last_words(fix: &Fix) -> String {
    let records = fix.journal.records().iter().rev();
    let mut told = records.filter(|record| match record.what {
        What::Fix { fix } => matches!(fix, FixEvent::Stuck | FixEvent::UndoBegan | FixEvent::Kept),
        What::Step { .. } => false,
    });
    told.next().map(|record| record.says.clone()).unwrap_or_default()
}

fn restarts(fix: &Fix) -> Vec<(String, Timestamp)> {
    let of = |step: usize| match fix.plan().steps.get(step) {
        Some(Step::Restart { unit, .. }) => Some(unit.clone()),
        _ => None,
    };
    let records = fix.journal.records().iter();
    records
        .filter_map(|record| match record.what {
            What::Step {
                step,
                event: StepEvent::Started | StepEvent::UndoStarted,
            } => Some((of(step)?, record.at)),
            _ => None,
        })
        .collect()
}
