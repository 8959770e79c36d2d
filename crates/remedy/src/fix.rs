//! A fix from beginning to end: one at a time, written down, proved, or taken back.

use crate::{
    Author, Clock, Fix, FixId, Hands, Opened, Plan, Step, Store,
    apply::{Reached, Work, apply, refused},
    history,
    journal::{FixEvent, Phase},
    outcome::{End, FixError, Outcome, Progress, Unproved, Why},
    prove::{Baseline, Prover},
    store::Holder,
    traces, undo,
};
use host::{Host, Looks};
use std::{path::Path, sync::atomic::AtomicBool};

/// Made anew by the kernel, or by what runs a container, at each boot.
pub(crate) const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// All that a fix works with. It asks nobody: whoever calls has agreement, and has had the plan reviewed.
pub struct Fixer<'a> {
    /// Where it is written down.
    pub store: &'a Store,
    /// To look, and to put requests through nginx.
    pub host: &'a dyn Host,
    /// To change.
    pub hands: &'a mut dyn Hands,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Who has it done.
    pub by: Author,
    /// Set by Ctrl-C: asked between steps, and what was done is taken back.
    pub stop: &'a AtomicBool,
    /// Hears what happens.
    pub tell: &'a mut dyn FnMut(Progress<'_>),
}

impl Fixer<'_> {
    /// Does a plan, proves it, and takes it back where it can't be proved.
    ///
    /// # Errors
    /// Where nothing was begun. All that happens after the first step is an [`Outcome`].
    pub fn fix(&mut self, plan: &Plan) -> Result<Outcome, FixError> {
        let held = self.store.lock(&self.holder("fix"))?;
        if let Some(open) = history::half_done(self.store)? {
            return Err(FixError::HalfDone {
                id: open.id,
                says: open.says,
            });
        }
        if let Some((step, found)) = refused(plan.steps.iter().enumerate(), self.hands) {
            return Err(FixError::Moved { step, found });
        }
        (self.tell)(Progress::Looking);
        let opened = self.open(plan);
        let mut fix = self.store.begin(&held, opened)?;
        self.hands.keep(&fix.forensics());
        (self.tell)(Progress::Opened(fix.id()));
        traces::keep(self.host, plan, &fix.forensics());
        let done = match apply(plan, &mut fix.journal, &mut self.work()) {
            Ok(Reached::Restart) => return Ok(outcome(&fix, End::Restarts, None, Vec::new())),
            Ok(Reached::End) => self.prove(&mut fix),
            Err(why) => Err(why),
        };
        match done {
            Ok(answers) => Ok(outcome(&fix, End::Kept { answers }, None, Vec::new())),
            Err(why) => Ok(self.take_back(&mut fix, why)),
        }
    }

    /// Takes a fix back: that one, or the last that there is to take back. Asked again, it does nothing.
    ///
    /// # Errors
    /// Where nothing was touched: nothing to take back, or a person changed what it would put back.
    pub fn undo(&mut self, id: Option<&FixId>) -> Result<Outcome, FixError> {
        let _held = self.store.lock(&self.holder("undo"))?;
        let id = match id {
            Some(id) => id.clone(),
            None => history::last_undoable(self.store)?.ok_or(FixError::NothingToUndo)?,
        };
        let mut fix = self.store.load(&id)?;
        if let Some(edited) = undo::edited(&fix, self.hands) {
            return Err(edited);
        }
        self.hands.keep(&fix.forensics());
        Ok(self.take_back(&mut fix, Why::Asked))
    }

    /// Goes on where a reboot was the last step: proves it now, or takes it back.
    ///
    /// # Errors
    /// Where that fix does not wait for its proof, or the host has not gone down since.
    pub fn finish(&mut self, id: &FixId) -> Result<Outcome, FixError> {
        let _held = self.store.lock(&self.holder("fix"))?;
        let mut fix = self.store.load(id)?;
        if !waits_for_proof(&fix) {
            return Err(FixError::HalfDone {
                id: id.clone(),
                says: fix.journal.phase().says().to_owned(),
            });
        }
        let begun_in = fix.opened.boot.as_ref();
        if fix.journal.phase() == Phase::Applying
            && begun_in.is_some_and(|it| self.boot().as_ref() == Some(it))
        {
            return Err(FixError::NotRestarted { id: id.clone() });
        }
        let applied = self.after_reboot(&mut fix);
        match applied.and_then(|()| self.prove(&mut fix)) {
            Ok(answers) => Ok(outcome(&fix, End::Kept { answers }, None, Vec::new())),
            Err(why) => Ok(self.take_back(&mut fix, why)),
        }
    }

    fn after_reboot(&mut self, fix: &mut Fix) -> Result<(), Why> {
        use crate::journal::StepEvent;
        if fix.journal.phase() == Phase::Applied {
            return Ok(());
        }
        let last = fix.plan().steps.len().saturating_sub(1);
        let work = self.work();
        work.note(
            &mut fix.journal,
            last,
            StepEvent::Done,
            "the host has started again",
        )
        .and_then(|()| work.mark(&mut fix.journal, FixEvent::Applied, ""))
        .map_err(|error| Why::Journal(error.to_string()))
    }

    fn open(&mut self, plan: &Plan) -> Opened {
        let before = Baseline::of(self.host, &plan.proof);
        let at = self.clock.now();
        let tests = plan.steps.iter().filter_map(|step| match step {
            Step::Test { test } => Some((step, test)),
            _ => None,
        });
        // a test changes nothing, so it needs no journal
        let failed = tests.filter(|(step, _)| self.hands.apply(step).is_err());
        let tests_failed = failed.map(|(_, test)| test.clone()).collect();
        Opened {
            schema: Opened::SCHEMA.to_owned(),
            id: FixId::new(at, &plan.id()),
            at,
            by: self.by.clone(),
            tests_failed,
            before,
            boot: plan.steps.contains(&Step::Reboot).then(|| self.boot()).flatten(),
            plan: plan.clone(),
        }
    }

    /// Differs from boot to boot, which no clock says for sure.
    fn boot(&self) -> Option<String> {
        let bytes = self.host.file(Path::new(BOOT_ID)).ok().flatten()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    fn prove(&mut self, fix: &mut Fix) -> Result<usize, Why> {
        (self.tell)(Progress::Proving(&fix.opened.plan.proof));
        let mut prover = Prover {
            host: self.host,
            clock: self.clock,
            stop: self.stop,
            tell: self.tell,
        };
        let answers = prover
            .prove(&fix.opened.plan.proof, &fix.opened.before)
            .map_err(|it| match it {
                Unproved::Interrupted => Why::Interrupted,
                other => Why::Unproved(other),
            })?;
        let says = format!("{answers} good answers");
        let written = self.work().mark(&mut fix.journal, FixEvent::Kept, &says);
        written.map_err(|error| Why::Journal(error.to_string()))?;
        Ok(answers)
    }

    fn take_back(&mut self, fix: &mut Fix, why: Why) -> Outcome {
        let back = undo::undo(fix, &why, &mut self.work());
        let end = if back.stuck.is_empty() {
            End::TakenBack
        } else {
            End::Stuck(back.stuck)
        };
        outcome(fix, end, Some(why), back.notes)
    }

    fn work(&mut self) -> Work<'_> {
        Work {
            hands: self.hands,
            clock: self.clock,
            stop: self.stop,
            tell: self.tell,
        }
    }

    fn holder(&self, doing: &str) -> Holder {
        Holder {
            pid: std::process::id(),
            name: self.by.to_string(),
            since: self.clock.now(),
            doing: doing.to_owned(),
        }
    }
}

/// All its steps are done, or all but the reboot that this is the other side of.
pub(crate) fn waits_for_proof(fix: &Fix) -> bool {
    use crate::journal::StepState;
    let last = fix.plan().steps.len().saturating_sub(1);
    let rebooted = matches!(fix.plan().steps.last(), Some(Step::Reboot));
    fix.journal.phase() == Phase::Applied
        || (rebooted
            && fix.journal.phase() == Phase::Applying
            && matches!(fix.journal.step(last), StepState::Running))
}

fn outcome(fix: &Fix, end: End, why: Option<Why>, notes: Vec<String>) -> Outcome {
    Outcome {
        id: fix.id().clone(),
        end,
        why,
        notes,
    }
}

#[cfg(test)]
mod tests;
