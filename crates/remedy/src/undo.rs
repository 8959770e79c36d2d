//! Taking a plan back. The journal alone says what there is to take back, so this also mends what a crash left, and
//! can itself be cut off and asked again at any point.
//!
//! First what can be put back, last step first. Then what must read it again (a reload, a restart), in the plan's order.
//! Then what the plan had stopped is started: on files as they were, and with its sockets bound anew. Rights come last
//! once more: nginx gives its temp directories to its workers whenever it reads its configuration.

use crate::{
    Access, Fix, FixError, Hands, Patience, Step, StepFailed, Undo,
    apply::{Work, refused},
    journal::{FixEvent, Phase, StepEvent, StepState},
    outcome::{Conflict, Progress, Stuck, Why},
    show,
};
use diagnose::evidence::quote;

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct TakenBack {
    /// What went wrong and is no worse than it was.
    pub notes: Vec<String>,
    /// What waits for a person; empty where the host is as it was.
    pub stuck: Vec<Stuck>,
}

/// One thing to do for taking back.
#[derive(Clone)]
struct Move {
    step: usize,
    what: Step,
    /// The plan's own step once more, whatever state it finds.
    again: bool,
    /// With it the step is taken back; else it comes once more.
    ends: bool,
}

/// Takes back what the journal says may be on the host. Does nothing where that is nothing.
pub(crate) fn undo(fix: &mut Fix, why: &Why, work: &mut Work<'_>) -> TakenBack {
    let mut done = TakenBack::default();
    if matches!(fix.journal.phase(), Phase::Planned | Phase::Undone) {
        return done;
    }
    (work.tell)(Progress::TakingBack(why));
    let hurry = matches!(why, Why::Interrupted);
    work.hands
        .wait(if hurry { Patience::Short } else { Patience::Full });
    if !matches!(fix.journal.phase(), Phase::Undoing | Phase::Stuck) {
        let written = work.mark(&mut fix.journal, FixEvent::UndoBegan, &why.to_string());
        done.hear(written.err());
    }
    fix.release_spare();
    let lasting = lasting(fix);
    let moves = moves(fix);
    for (at, it) in moves.iter().enumerate() {
        let failed = take_back(fix, it, work, &mut done);
        let Some(failed) = failed else { continue };
        done.stuck.push(stuck(fix, it, Some(&failed)));
        if !it.again {
            // what is left stands on what could not be taken back
            done.stuck
                .extend(ends(&moves[at + 1..]).map(|it| stuck(fix, it, None)));
            break;
        }
    }
    done.notes.extend(lasting);
    let restarted = moves.iter().filter(|_| hurry && done.stuck.is_empty());
    done.notes.extend(restarted.filter_map(may_still_start));
    end(fix, work, &mut done);
    done
}

/// What was ended, or restarted, stays so: a person who takes a fix back should not think otherwise.
fn lasting(fix: &Fix) -> Vec<String> {
    let says = |n: usize| {
        let step = fix.plan().steps.get(n)?;
        let command = show::command(step)?;
        let lasts = step.undo() == Undo::Nothing && !step.is_reversible();
        lasts.then(|| format!("step {} can't be taken back: {command}", n + 1))
    };
    fix.journal.to_undo().into_iter().filter_map(says).collect()
}

/// Who is in a hurry was told before it came to its end.
fn may_still_start(it: &Move) -> Option<String> {
    match &it.what {
        Step::Restart { unit, .. } | Step::Start { unit, .. } => Some(format!(
            "{unit} was told to start again and was not waited for: systemctl status {}",
            quote(unit)
        )),
        _ => None,
    }
}

fn end(fix: &mut Fix, work: &Work<'_>, done: &mut TakenBack) {
    let says = done.stuck.first().map_or("", |stuck| stuck.why.as_str());
    let written = match done.stuck.is_empty() {
        true => work.mark(&mut fix.journal, FixEvent::UndoEnded, &done.notes.join("; ")),
        false if fix.journal.phase() == Phase::Stuck => Ok(()),
        false => work.mark(&mut fix.journal, FixEvent::Stuck, says),
    };
    done.hear(written.err());
}

fn moves(fix: &Fix) -> Vec<Move> {
    let open = fix.journal.to_undo();
    let steps = &fix.plan().steps;
    let open: Vec<(usize, &Step)> = open.iter().filter_map(|n| Some((*n, steps.get(*n)?))).collect();
    let by = open.iter().rev().filter_map(|(step, what)| match what.undo() {
        Undo::By(what) => Some(Move {
            step: *step,
            what,
            again: false,
            ends: true,
        }),
        Undo::Again | Undo::Nothing => None,
    });
    let (starts, back): (Vec<Move>, Vec<Move>) = by.partition(|it| matches!(it.what, Step::Start { .. }));
    let again = open.iter().filter(|(_, what)| what.undo() == Undo::Again);
    let again = again.map(|(step, what)| Move {
        step: *step,
        what: (*what).clone(),
        again: true,
        ends: true,
    });
    // what a server uses goes when it has read that it shall not
    let (caches, again): (Vec<Move>, Vec<Move>) =
        again.partition(|it| matches!(it.what, Step::DropCache { .. }));
    with_rights_last(back, again.into_iter().chain(starts).chain(caches).collect())
}

/// The first time the journal does not call them taken back, so that a crash in between does both anew.
fn with_rights_last(mut back: Vec<Move>, rest: Vec<Move>) -> Vec<Move> {
    let mut rights = Vec::new();
    for it in back.iter_mut().filter(|_| !rest.is_empty()) {
        if matches!(it.what, Step::SetAccess { .. }) {
            rights.push(it.clone());
            it.ends = false;
        }
    }
    back.into_iter().chain(rest).chain(rights).collect()
}

/// Each step once.
fn ends(moves: &[Move]) -> impl Iterator<Item = &Move> {
    moves.iter().filter(|it| it.ends)
}

impl Fix {
    /// What taking it back does, in this order, each with its index in the plan: shown before anybody agrees to it.
    pub fn way_back(&self) -> Vec<(usize, Step)> {
        let moves = moves(self).into_iter().filter(|it| it.ends);
        moves.map(|it| (it.step, it.what)).collect()
    }
}

/// What a person changed since, of the files that taking back would write; asked before anything is touched.
pub(crate) fn edited(fix: &Fix, hands: &mut dyn Hands) -> Option<FixError> {
    let moves = moves(fix);
    let steps = moves.iter().map(|it| &it.what).enumerate();
    let (at, found) = refused(steps, hands)?;
    let it = moves.get(at)?;
    let conflict = conflict(fix, it, &StepFailed::Moved { found })?;
    Some(FixError::Edited {
        id: fix.id().clone(),
        step: it.step,
        conflict: Box::new(conflict),
        commands: ends(&moves).map(|it| by_hand(fix, it)).collect(),
    })
}

fn take_back(fix: &mut Fix, it: &Move, work: &mut Work<'_>, done: &mut TakenBack) -> Option<StepFailed> {
    if !matches!(fix.journal.step(it.step), StepState::Undoing | StepState::Stuck) {
        let written = work.note(&mut fix.journal, it.step, StepEvent::UndoStarted, "");
        done.hear(written.err());
    }
    (work.tell)(Progress::Undoing {
        step: it.step,
        what: &it.what,
    });
    let result = if it.again {
        work.hands.again(&it.what)
    } else {
        work.hands.apply(&it.what)
    };
    let says = result.as_ref().err().map(StepFailed::to_string);
    (work.tell)(Progress::Undone {
        step: it.step,
        trouble: says.as_deref(),
    });
    let tolerated = says.is_some() && it.again && failed_before(fix, &it.what);
    if tolerated {
        let says = says.as_deref().unwrap_or_default();
        done.notes.push(format!(
            "{}: {says}; it failed before the fix too",
            by_hand(fix, it)
        ));
    }
    if result.is_ok() && !it.ends {
        return None;
    }
    let event = match result.is_ok() || tolerated {
        true => StepEvent::Undone,
        false if fix.journal.step(it.step) == StepState::Stuck => return result.err(),
        false => StepEvent::Stuck,
    };
    let written = work.note(
        &mut fix.journal,
        it.step,
        event,
        says.as_deref().unwrap_or_default(),
    );
    done.hear(written.err());
    result.err().filter(|_| !tolerated)
}

/// With the fault back, what could not run before can't run now.
fn failed_before(fix: &Fix, step: &Step) -> bool {
    match step {
        Step::Restart { from, .. } => from.active != "active",
        Step::Reload { .. } | Step::DaemonReload => !fix.opened.tests_failed.is_empty(),
        _ => false,
    }
}

fn stuck(fix: &Fix, it: &Move, failed: Option<&StepFailed>) -> Stuck {
    Stuck {
        step: it.step,
        conflict: failed.and_then(|failed| conflict(fix, it, failed)),
        why: failed.map(StepFailed::to_string).unwrap_or_default(),
        command: by_hand(fix, it),
    }
}

fn conflict(fix: &Fix, it: &Move, failed: &StepFailed) -> Option<Conflict> {
    let StepFailed::Moved { found } = failed else {
        return None;
    };
    let step = fix.plan().steps.get(it.step)?;
    let left = match step {
        Step::Write { to: Some(to), .. } => String::from_utf8_lossy(&to.bytes).into_owned(),
        Step::Write { to: None, .. } => "no file".to_owned(),
        other => show::command(other).unwrap_or_default(),
    };
    Some(Conflict {
        path: step.path().map(ToOwned::to_owned),
        left,
        found: found.clone(),
    })
}

fn by_hand(fix: &Fix, it: &Move) -> String {
    match &it.what {
        Step::Write {
            path, to: Some(to), ..
        } => {
            let Access { mode, uid, gid } = to.access;
            let [copy, path] = [&fix.before(it.step), path].map(|path| quote(&path.to_string_lossy()));
            format!("install -m {mode:04o} -o {uid} -g {gid} {copy} {path}")
        }
        // only this program knows how; the browser that was in its way must be closed first
        Step::TakeOut { .. } | Step::PutBack { .. } => format!("why502 undo {}", fix.id()),
        other => show::command(other).unwrap_or_default(),
    }
}

impl TakenBack {
    /// Taking back goes on where the journal can't be written: what it says then is still to be taken back, and doing
    /// that twice is harmless.
    fn hear(&mut self, error: Option<crate::StoreError>) {
        self.notes
            .extend(error.map(|error| format!("the journal can't be written: {error}")));
    }
}
