//! What came of a fix or of taking one back, as values that the program renders.

use crate::{FixId, Holds, Proof, Step, StepFailed, StoreError};
use diagnose::Question;
use serde::Serialize;
use std::{fmt, path::PathBuf};

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// Which fix.
    pub id: FixId,
    /// How it ended.
    pub end: End,
    /// Why it did not stay; `None` where it did.
    pub why: Option<Why>,
    /// What a person should know besides: a reload that failed as it did before.
    pub notes: Vec<String>,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// Done and proved.
    Kept {
        /// Good answers to the requests that had failed; 0 where there was none that may be repeated.
        answers: usize,
    },
    /// All is done, and the host goes down to start again: only then can it be proved, by [`crate::Fixer::finish`].
    Restarts,
    /// The host is as it was before.
    TakenBack,
    /// It waits for a person, with what could not be taken back.
    Stuck(Vec<Stuck>),
}

/// A step that could not be taken back. What comes after it in taking back was not tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stuck {
    /// Index into the plan's steps.
    pub step: usize,
    /// What the step was to leave, and where a person's later edit differs: both texts. `None` where it is no edit.
    pub conflict: Option<Conflict>,
    /// Why it could not; empty where it was not tried because of another.
    pub why: String,
    /// What a person would do.
    pub command: String,
}

/// What we left somewhere, and what stands there now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// The file; `None` for what is no file.
    pub path: Option<PathBuf>,
    /// As the fix left it.
    pub left: String,
    /// As found.
    pub found: String,
}

/// Why a fix was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// A person asked.
    Asked,
    /// Ctrl-C.
    Interrupted,
    /// A step was not done.
    Step {
        /// Index into the plan's steps.
        step: usize,
        /// What it ran into.
        failed: StepFailed,
    },
    /// All steps were done, and the proof failed.
    Unproved(Unproved),
    /// What happens could not be written down any more.
    Journal(String),
}

/// What a proof ran into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unproved {
    /// The request still fails.
    StillFails {
        /// The request.
        question: Box<Question>,
        /// The status; `None` is no answer in time.
        status: Option<u16>,
    },
    /// Another site answered before and does not now.
    Broke {
        /// The request.
        question: Box<Question>,
        /// Its status before.
        was: u16,
        /// Its status now; `None` is no answer in time.
        now: Option<u16>,
    },
    /// nginx went on complaining about the same page.
    Complains {
        /// The line: hostile.
        line: String,
    },
    /// On a visitor's machine something does not hold.
    Lacks {
        /// What should.
        holds: Box<Holds>,
        /// What is seen in its place.
        seen: String,
    },
    /// Ctrl-C while it was proved.
    Interrupted,
}

/// What happens, as it happens.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The sites are asked as they are before the first step.
    Looking,
    /// The plan is on disk.
    Opened(&'a FixId),
    /// A step is about to be done.
    Doing {
        /// Its index.
        step: usize,
        /// What.
        what: &'a Step,
    },
    /// It was done.
    Done {
        /// Its index.
        step: usize,
    },
    /// It was not done.
    Failed {
        /// Its index.
        step: usize,
        /// Why.
        why: &'a StepFailed,
    },
    /// The failing requests are put again.
    Proving(&'a Proof),
    /// One was.
    Answered {
        /// Which.
        question: &'a Question,
        /// The status.
        status: Option<u16>,
    },
    /// It is about to be taken back as a whole.
    TakingBack(&'a Why),
    /// A step is about to be taken back.
    Undoing {
        /// Its index.
        step: usize,
        /// What is done for it.
        what: &'a Step,
    },
    /// It was taken back, or not.
    Undone {
        /// Its index.
        step: usize,
        /// What went wrong with it.
        trouble: Option<&'a str>,
    },
}

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum FixError {
    /// The state directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another fix is half done.
    #[error("fix {id} is half done: {says}")]
    HalfDone {
        /// Which.
        id: FixId,
        /// Where it stands.
        says: String,
    },
    /// The host is not as the plan found it; nothing was changed.
    #[error("the host has moved on since the plan was made, nothing was changed: step {}: {found}", step + 1)]
    Moved {
        /// Index into the plan's steps.
        step: usize,
        /// What stands there now.
        found: String,
    },
    /// What would be put back was changed since, by a person or a tool; nothing was touched, and the fix stands.
    #[error(
        "{} was changed after fix {id}, so it is not taken back; nothing was touched",
        what(conflict)
    )]
    Edited {
        /// Which fix.
        id: FixId,
        /// Index into the plan's steps.
        step: usize,
        /// Both texts.
        conflict: Box<Conflict>,
        /// What takes all of it back nevertheless, by hand, in this order.
        commands: Vec<String>,
    },
    /// It was to restart the host, which has not gone down since.
    #[error("fix {id} waits for the host to restart, and it has not gone down yet")]
    NotRestarted {
        /// Which fix.
        id: FixId,
    },
    /// There is nothing to take back.
    #[error("there is no fix to take back")]
    NothingToUndo,
}

impl FixError {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Store(error) => error.hint(),
            Self::HalfDone { id, .. } => format!("why502 undo {id}"),
            Self::NotRestarted { id } => {
                format!("what holds it up: systemctl list-jobs; systemd-inhibit --list; or why502 undo {id}")
            }
            Self::Moved { .. } => "why502 fix makes a new plan".to_owned(),
            Self::Edited { commands, .. } => format!("merge by hand, or: {}", commands.join(" && ")),
            Self::NothingToUndo => "why502 history lists what was done".to_owned(),
        }
    }
}

fn what(conflict: &Conflict) -> String {
    let path = conflict.path.as_ref();
    path.map_or("what it left".to_owned(), |path| path.display().to_string())
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("a person asked for it"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Step { step, failed } => write!(f, "step {} was not done: {failed}", step + 1),
            Self::Unproved(unproved) => write!(f, "{unproved}"),
            Self::Journal(why) => write!(f, "the journal can't be written: {why}"),
        }
    }
}

impl fmt::Display for Unproved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = |status: &Option<u16>| {
            status.map_or("gives no answer in time".to_owned(), |status| {
                format!("answers {status}")
            })
        };
        let of = |it: &Question| format!("{} {} of {}", it.method, it.target, it.host);
        match self {
            Self::StillFails { question, status } => write!(f, "{} still {}", of(question), answers(status)),
            Self::Broke { question, was, now } => {
                write!(
                    f,
                    "{} answered {was} before and now {}",
                    of(question),
                    answers(now)
                )
            }
            Self::Complains { line } => write!(f, "nginx goes on complaining: {line}"),
            Self::Lacks { holds, seen } => write!(f, "{holds}: not so, {seen}"),
            Self::Interrupted => f.write_str("interrupted while it was proved"),
        }
    }
}
