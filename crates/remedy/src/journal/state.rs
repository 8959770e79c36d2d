//! What may follow on what. Every legal move stands here, and no other is one.

use serde::{Deserialize, Serialize};

/// Something that happened to one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepEvent {
    /// It is about to be done.
    Started,
    /// It was done.
    Done,
    /// The host was not as expected; nothing was changed.
    Refused,
    /// It did not come about, perhaps by half.
    Failed,
    /// It is about to be taken back.
    UndoStarted,
    /// It was taken back.
    Undone,
    /// It could not be taken back.
    Stuck,
}

/// Where one step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StepState {
    /// Not begun.
    #[default]
    Never,
    /// Begun; whether it came about is not known.
    Running,
    /// Done.
    Done,
    /// Not done, nothing changed.
    Refused,
    /// Perhaps done by half.
    Failed,
    /// Being taken back.
    Undoing,
    /// Taken back.
    Undone,
    /// Can't be taken back without a person.
    Stuck,
}

impl StepState {
    /// Where it stands after this; `None` is no legal move.
    pub fn next(self, event: StepEvent) -> Option<Self> {
        use StepEvent as On;
        match (self, event) {
            (Self::Never, On::Started) => Some(Self::Running),
            (Self::Running, On::Done) => Some(Self::Done),
            (Self::Running, On::Refused) => Some(Self::Refused),
            (Self::Running, On::Failed) => Some(Self::Failed),
            // a crash, or a person who asks again, finds it in any of these
            (Self::Running | Self::Done | Self::Failed, On::UndoStarted) => Some(Self::Undoing),
            (Self::Undoing | Self::Stuck, On::Undone) => Some(Self::Undone),
            (Self::Undoing, On::Stuck) => Some(Self::Stuck),
            _ => None,
        }
    }

    /// Its effect may be on the host.
    pub fn is_to_undo(self) -> bool {
        match self {
            Self::Running | Self::Done | Self::Failed | Self::Undoing | Self::Stuck => true,
            Self::Never | Self::Refused | Self::Undone => false,
        }
    }
}

/// Something that happened to the fix as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FixEvent {
    /// The first step is about to be done.
    Began,
    /// All steps are done; the proof comes.
    Applied,
    /// Proved: it stays.
    Kept,
    /// It is about to be taken back.
    UndoBegan,
    /// The host is as it was.
    UndoEnded,
    /// It can't be taken back without a person.
    Stuck,
}

/// Where a fix stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Written down, nothing done.
    #[default]
    Planned,
    /// Steps are being done, or were when it was cut off.
    Applying,
    /// All done, not proved.
    Applied,
    /// Done and proved.
    Kept,
    /// Being taken back, or was when it was cut off.
    Undoing,
    /// Taken back.
    Undone,
    /// Waits for a person.
    Stuck,
}

impl Phase {
    /// Where it stands after this; `None` is no legal move.
    pub fn next(self, event: FixEvent) -> Option<Self> {
        use FixEvent as On;
        match (self, event) {
            (Self::Planned, On::Began) => Some(Self::Applying),
            (Self::Applying, On::Applied) => Some(Self::Applied),
            (Self::Applied, On::Kept) => Some(Self::Kept),
            (Self::Applying | Self::Applied | Self::Kept, On::UndoBegan) => Some(Self::Undoing),
            (Self::Undoing | Self::Stuck, On::UndoEnded) => Some(Self::Undone),
            (Self::Undoing, On::Stuck) => Some(Self::Stuck),
            _ => None,
        }
    }

    /// Neither as it was nor as it was to be.
    pub fn is_half_done(self) -> bool {
        match self {
            Self::Applying | Self::Applied | Self::Undoing | Self::Stuck => true,
            Self::Planned | Self::Kept | Self::Undone => false,
        }
    }

    /// In words, for `why502 history`.
    pub fn says(self) -> &'static str {
        match self {
            Self::Planned => "nothing was done",
            Self::Applying => "cut off while it was done",
            Self::Applied => "cut off before it was proved",
            Self::Kept => "fixed",
            Self::Undoing => "cut off while it was taken back",
            Self::Undone => "taken back",
            Self::Stuck => "waits for a person",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [StepState; 8] = [
        StepState::Never,
        StepState::Running,
        StepState::Done,
        StepState::Refused,
        StepState::Failed,
        StepState::Undoing,
        StepState::Undone,
        StepState::Stuck,
    ];
    const EVENTS: [StepEvent; 7] = [
        StepEvent::Started,
        StepEvent::Done,
        StepEvent::Refused,
        StepEvent::Failed,
        StepEvent::UndoStarted,
        StepEvent::Undone,
        StepEvent::Stuck,
    ];

    #[test]
    fn ten_moves_of_a_step_are_legal() {
        let moves = STEPS
            .iter()
            .flat_map(|state| EVENTS.iter().map(move |event| state.next(*event)));
        assert_eq!(moves.flatten().count(), 10);
    }

    #[test]
    fn what_may_be_on_the_host_can_be_taken_back() {
        for state in STEPS {
            let way_back = [StepEvent::UndoStarted, StepEvent::Undone]
                .iter()
                .any(|event| state.next(*event).is_some());
            assert_eq!(state.is_to_undo(), way_back, "{state:?}");
        }
    }

    #[test]
    fn the_end_is_the_end() {
        for event in EVENTS {
            assert_eq!(StepState::Undone.next(event), None);
            assert_eq!(StepState::Refused.next(event), None);
        }
    }

    #[test]
    fn a_fix_that_is_half_done_can_be_taken_back() {
        for phase in [Phase::Applying, Phase::Applied, Phase::Undoing, Phase::Stuck] {
            let way_back = [FixEvent::UndoBegan, FixEvent::UndoEnded]
                .iter()
                .any(|event| phase.next(*event).is_some());
            assert!(phase.is_half_done() && way_back, "{phase:?}");
        }
    }
}
