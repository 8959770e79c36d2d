//! Doing an agreed plan, with a line for each step as it happens, and what came of it in plain words.

use crate::{
    commands::who,
    interrupt::Interrupt,
    report::fix::{self, Outcome},
};
use host::live::Live;
use remedy::{End, FixError, Fixer, Plan, Policy, Progress, Proof, Store, Stuck, WallClock, live::LiveHands};
use std::io::Write;

/// What became of a plan.
pub struct Done {
    pub outcome: Outcome,
    /// Plain words, one paragraph a line.
    pub says: String,
    /// Its name in the history.
    pub id: Option<String>,
}

/// Who does it, with what.
pub struct Doer<'a> {
    pub live: &'a Live,
    pub store: &'a Store,
    pub interrupt: &'a Interrupt,
    /// Nobody reads along.
    pub quiet: bool,
}

impl Doer<'_> {
    /// Does it, proves it, or takes it back.
    pub fn fix(&self, plan: &Plan) -> Done {
        let done = self.with(|fixer| fixer.fix(plan));
        match done {
            Ok(outcome) => of(&outcome, plan),
            Err(error) => refused(&error),
        }
    }

    /// Proves what a reboot cut off from its proof.
    pub fn finish(&self, id: &remedy::FixId) -> Done {
        match self.with(|fixer| fixer.finish(id)) {
            Ok(outcome) => match self.store.load(id) {
                Ok(fix) => of(&outcome, fix.plan()),
                Err(error) => refused(&FixError::Store(error)),
            },
            Err(error) => refused(&error),
        }
    }

    /// With hands, a clock, and Ctrl-C taken for "take it back".
    pub fn with<T>(&self, act: impl FnOnce(&mut Fixer<'_>) -> T) -> T {
        let mut tell = |progress: Progress<'_>| {
            if !self.quiet {
                tell(&progress);
            }
        };
        self.interrupt.during(|stop| {
            act(&mut Fixer {
                store: self.store,
                host: self.live,
                hands: &mut LiveHands::new(Policy::default().roots).stopped_by(self.interrupt.flag()),
                clock: &WallClock,
                by: who::author(self.live),
                stop,
                tell: &mut tell,
            })
        })
    }
}

/// One line, or the end of one. A screen that is gone must not stop what is half done.
fn tell(progress: &Progress<'_>) {
    let mut screen = anstream::stdout();
    let _ = screen.write_all(fix::draw_progress(progress).as_bytes());
    let _ = screen.flush();
}

fn of(outcome: &remedy::Outcome, plan: &Plan) -> Done {
    let id = outcome.id.to_string();
    let undo = format!("To take it back: why502 undo {id}");
    let why = outcome.why.as_ref().map(ToString::to_string).unwrap_or_default();
    let (end, says) = match &outcome.end {
        End::Kept { answers } if plan.relief => (
            Outcome::Relieved,
            format!(
                "{}\nThe root is still there: {}\n{undo}",
                proved(*answers, plan),
                plan.why
            ),
        ),
        End::Restarts => (
            Outcome::Restarts,
            format!(
                "the host goes down and starts again. When it is back, this proves that it helped:\n    why502 fix\n{undo}"
            ),
        ),
        End::Kept { answers } => (Outcome::Fixed, format!("{}\n{undo}", proved(*answers, plan))),
        End::TakenBack => (
            Outcome::Undone,
            format!("{why}\nAll of it was taken back; the host is as it was before."),
        ),
        End::Stuck(stuck) => (Outcome::HalfDone, format!("{why}\n{}", by_hand(stuck, &id))),
    };
    let notes = outcome.notes.iter().map(|note| format!("\n{note}"));
    Done {
        outcome: end,
        says: says + &notes.collect::<String>(),
        id: Some(id),
    }
}

fn proved(answers: usize, plan: &Plan) -> String {
    let holds: Vec<String> = plan.proof.holds.iter().map(ToString::to_string).collect();
    match (answers, holds.is_empty()) {
        (_, false) => format!("{}.", holds.join(", and ")),
        (0, true) if plan.proof == Proof::default() => {
            "every step is done, and nothing of it is left.".to_owned()
        }
        (0, true) => {
            "every step is done; no failing request can be repeated, and no other site broke.".to_owned()
        }
        (answers, true) => format!(
            "the failing request was answered {answers} times through nginx, and no other site broke."
        ),
    }
}

/// What stands half done, and the exact commands that end it.
pub fn by_hand(stuck: &[Stuck], id: &str) -> String {
    let mut says = String::from("It could not be taken back by itself. By hand, in this order:");
    for step in stuck {
        if !step.why.is_empty() {
            says += &format!(
                "\nStep {}: {}",
                step.step + 1,
                step.why.lines().next().unwrap_or_default()
            );
        }
        says += &format!("\n    {}", step.command);
    }
    says + &format!("\nthen: why502 undo {id}")
}

fn refused(error: &FixError) -> Done {
    let outcome = match error {
        FixError::Moved { .. } => Outcome::Moved,
        FixError::Store(_)
        | FixError::HalfDone { .. }
        | FixError::Edited { .. }
        | FixError::NotRestarted { .. }
        | FixError::NothingToUndo => Outcome::Refused,
    };
    Done {
        outcome,
        says: format!("{error}.\n{}", error.hint()),
        id: None,
    }
}
