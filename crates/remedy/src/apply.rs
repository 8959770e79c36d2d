//! Doing a plan, step by step. Each intent is on the disk before its step.

use crate::{
    Clock, Hands, Journal, Patience, Plan, Step, StepFailed,
    journal::{FixEvent, StepEvent, What},
    outcome::{Progress, Why},
    store::StoreError,
};
use std::sync::atomic::{AtomicBool, Ordering};

/// What doing and taking back work with.
pub(crate) struct Work<'a> {
    /// Changes the host.
    pub hands: &'a mut dyn Hands,
    /// Says when.
    pub clock: &'a dyn Clock,
    /// Somebody pressed Ctrl-C.
    pub stop: &'a AtomicBool,
    /// Hears what happens.
    pub tell: &'a mut dyn FnMut(Progress<'_>),
}

/// Where doing a plan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reached {
    /// All its steps are done.
    End,
    /// The host is about to go down, and this program with it. The journal says that the step was begun, not that it is
    /// done: that is for whoever looks after the host has started again.
    Restart,
}

/// Does every step, or says which was not done and why. Takes nothing back.
pub(crate) fn apply(plan: &Plan, journal: &mut Journal, work: &mut Work<'_>) -> Result<Reached, Why> {
    work.mark(journal, FixEvent::Began, "").map_err(cant_write)?;
    work.hands.wait(Patience::UntilAsked);
    for (n, step) in plan.steps.iter().enumerate() {
        if work.stop.load(Ordering::SeqCst) {
            return Err(Why::Interrupted);
        }
        work.note(journal, n, StepEvent::Started, "")
            .map_err(cant_write)?;
        (work.tell)(Progress::Doing { step: n, what: step });
        let failed = work.hands.apply(step).err();
        // a step that gave up for it has failed for no other reason
        let given_up = failed.is_some() && work.stop.load(Ordering::SeqCst);
        // a host that goes down stops us, and what we asked it with, before there is an answer
        if *step == Step::Reboot && (failed.is_none() || given_up) {
            (work.tell)(Progress::Done { step: n });
            return Ok(Reached::Restart);
        }
        work.ended(journal, n, failed)
            .map_err(|why| if given_up { Why::Interrupted } else { why })?;
    }
    work.mark(journal, FixEvent::Applied, "").map_err(cant_write)?;
    Ok(Reached::End)
}

/// Whether the files of a plan are as it expects them: asked before the first step, so that a host that has moved on is
/// not touched at all. A file that several steps write is asked once.
pub(crate) fn refused<'a>(
    steps: impl Iterator<Item = (usize, &'a Step)>,
    hands: &mut dyn Hands,
) -> Option<(usize, String)> {
    let mut asked = Vec::new();
    for (n, step) in steps {
        let Step::Write { path, .. } = step else { continue };
        if asked.contains(&path) {
            continue;
        }
        asked.push(path);
        if let Err(StepFailed::Moved { found }) = hands.check(step) {
            return Some((n, found));
        }
    }
    None
}

impl Work<'_> {
    /// Writes down what happens to the fix as a whole.
    pub(crate) fn mark(&self, journal: &mut Journal, fix: FixEvent, says: &str) -> Result<(), StoreError> {
        journal.record(self.clock.now(), What::Fix { fix }, says)
    }

    /// Writes down what happens to a step.
    pub(crate) fn note(
        &self,
        journal: &mut Journal,
        step: usize,
        event: StepEvent,
        says: &str,
    ) -> Result<(), StoreError> {
        journal.record(self.clock.now(), What::Step { step, event }, says)
    }

    fn ended(&mut self, journal: &mut Journal, step: usize, failed: Option<StepFailed>) -> Result<(), Why> {
        let event = match &failed {
            None => StepEvent::Done,
            Some(StepFailed::Moved { .. }) => StepEvent::Refused,
            Some(StepFailed::Failed { .. }) => StepEvent::Failed,
        };
        let says = failed.as_ref().map_or(String::new(), StepFailed::to_string);
        let written = self.note(journal, step, event, &says);
        let Some(failed) = failed else {
            (self.tell)(Progress::Done { step });
            return written.map_err(cant_write);
        };
        (self.tell)(Progress::Failed { step, why: &failed });
        Err(Why::Step { step, failed })
    }
}

fn cant_write(error: StoreError) -> Why {
    Why::Journal(error.to_string())
}
