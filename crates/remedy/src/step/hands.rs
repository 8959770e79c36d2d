//! Who changes a host, by steps and nothing else.

use super::Step;
use serde::Serialize;
use std::path::Path;

/// How long a step waits for what it began: a unit that starts for a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Patience {
    /// To its end, or its time limit.
    #[default]
    Full,
    /// The same, but gives up as soon as somebody asks to stop.
    UntilAsked,
    /// Hardly: somebody asked to stop. What is begun goes on by itself.
    Short,
}

/// Changes a host. Only the code that applies a journaled plan holds one.
///
/// Idempotent: a host that is already as the step leaves it is left alone, one that is as the step expects is changed,
/// and any third state is refused as [`StepFailed::Moved`]. So a step whose effect is unknown after a crash can simply
/// be taken back.
pub trait Hands {
    /// Does it, within the step's own time limit.
    ///
    /// # Errors
    /// Where nothing was changed (`Moved`), or it did not come about (`Failed`).
    fn apply(&mut self, step: &Step) -> Result<(), StepFailed>;

    /// Does an [`crate::Undo::Again`] step once more, in whatever state it finds what the step names: a unit that was restarted
    /// has another main process since, and a reload may find its master gone.
    ///
    /// # Errors
    /// Where it did not come about (`Failed`).
    fn again(&mut self, step: &Step) -> Result<(), StepFailed>;

    /// Whether a [`Step::Write`] would find what it expects. Changes nothing.
    ///
    /// # Errors
    /// `Moved` where it would not, with the text that stands there: a person sees it beside what we left.
    fn check(&mut self, step: &Step) -> Result<(), StepFailed>;

    /// From now on steps wait so for what they began.
    fn wait(&mut self, patience: Patience) {
        let _ = patience;
    }

    /// From now on forensics go to this directory, which is there.
    fn keep(&mut self, forensics: &Path) {
        let _ = forensics;
    }
}

/// Why a step was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum StepFailed {
    /// The host is not as the plan found it; nothing was changed.
    #[error("the host has moved on since the plan was made: {found}")]
    Moved {
        /// What stands there now.
        found: String,
    },
    /// It was tried and did not come about.
    #[error("{why}")]
    Failed {
        /// What the tool said.
        why: String,
    },
}
