//! The intent log of a fix: what is about to happen is on the disk before it happens.

mod state;
mod tape;

pub use state::{FixEvent, Phase, StepEvent, StepState};

use crate::store::{FixId, StoreError, disk};
use host::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tape::{SLOT, TEXT, Tape};

/// Records for the fix as a whole, with a few to spare.
const WHOLE: usize = 16;
/// Records of a step: started, ended, undo started, stuck, undone.
const OF_STEP: usize = 5;
/// A journal is not larger, bytes.
const LARGEST: u64 = 16 << 20;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub what: What,
    /// In words, shortened to fit: what a tool said, why it was taken back.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub says: String,
}

/// To a step or to the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum What {
    /// To one step.
    Step {
        /// Index into the plan's steps.
        step: usize,
        /// What.
        event: StepEvent,
    },
    /// To the fix.
    Fix {
        /// What.
        fix: FixEvent,
    },
}

/// What has happened to one fix, in memory and on the disk.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    id: FixId,
    tape: Option<Tape>,
    records: Vec<Record>,
    phase: Phase,
    steps: Vec<StepState>,
}

impl Journal {
    /// A new one, with the space on the disk for every record of doing and taking back a plan of so many steps.
    ///
    /// # Errors
    /// Where it can't be made: nothing else has happened then.
    pub fn create(path: &Path, id: &FixId, steps: usize) -> Result<Self, StoreError> {
        let slots = WHOLE + OF_STEP * steps;
        disk::reserve(path, (slots * SLOT) as u64)?;
        Ok(Self::empty(path, id, steps))
    }

    /// One that is there. A torn last record never happened.
    ///
    /// # Errors
    /// Where it can't be read, or tells what can't have happened.
    pub fn load(path: &Path, id: &FixId, steps: usize) -> Result<Self, StoreError> {
        let corrupt = |n: usize| StoreError::corrupt(path, &format!("its record {n} is damaged"));
        let bytes = disk::read(path, LARGEST)?.unwrap_or_default();
        let mut journal = Self::empty(path, id, steps);
        for (n, text) in tape::parse(id, &bytes).map_err(corrupt)?.iter().enumerate() {
            let record: Record = serde_json::from_str(text).map_err(|_| corrupt(n))?;
            journal.take(record).map_err(|_| corrupt(n))?;
        }
        Ok(journal)
    }

    fn empty(path: &Path, id: &FixId, steps: usize) -> Self {
        Self {
            path: path.to_owned(),
            id: id.clone(),
            tape: None,
            records: Vec::new(),
            phase: Phase::default(),
            steps: vec![StepState::default(); steps],
        }
    }

    /// Writes down what happens next. It is on the disk when this returns.
    ///
    /// # Errors
    /// Where it is no legal move, or can't be written.
    pub fn record(&mut self, at: Timestamp, what: What, says: &str) -> Result<(), StoreError> {
        self.check(what)?;
        let (record, text) = fitting(Record {
            at,
            what,
            says: says.to_owned(),
        });
        if self.tape.is_none() {
            let file = disk::open_to_write(&self.path)?;
            self.tape = Some(Tape::new(file, &self.path, &self.id, self.records.len()));
        }
        if let Some(tape) = &mut self.tape {
            tape.append(&text)?;
        }
        self.take(record)
    }

    fn check(&self, what: What) -> Result<(), StoreError> {
        let legal = match what {
            What::Step { step, event } => self.step(step).next(event).is_some() && step < self.steps.len(),
            What::Fix { fix } => self.phase.next(fix).is_some(),
        };
        let refused = || StoreError::corrupt(&self.path, &format!("{what:?} can't follow on what it tells"));
        legal.then_some(()).ok_or_else(refused)
    }

    fn take(&mut self, record: Record) -> Result<(), StoreError> {
        self.check(record.what)?;
        match record.what {
            What::Step { step, event } => {
                if let (Some(state), Some(next)) = (self.steps.get(step), self.step(step).next(event)) {
                    debug_assert_ne!(*state, next);
                    self.steps[step] = next;
                }
            }
            What::Fix { fix } => self.phase = self.phase.next(fix).unwrap_or(self.phase),
        }
        self.records.push(record);
        Ok(())
    }

    /// Where the fix stands.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Where a step stands.
    pub fn step(&self, step: usize) -> StepState {
        self.steps.get(step).copied().unwrap_or_default()
    }

    /// Steps whose effect may be on the host, first one first.
    pub fn to_undo(&self) -> Vec<usize> {
        (0..self.steps.len())
            .filter(|step| self.step(*step).is_to_undo())
            .collect()
    }

    /// All that happened, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }
}

/// Shortens the words of a record until it fits its slot.
fn fitting(mut record: Record) -> (Record, String) {
    loop {
        let text = serde_json::to_string(&record).unwrap_or_default();
        if text.len() <= TEXT || record.says.is_empty() {
            return (record, text);
        }
        let over = text.len() - TEXT;
        let keep = record.says.len().saturating_sub(over.div_ceil(6).max(4));
        let keep = (0..=keep)
            .rev()
            .find(|at| record.says.is_char_boundary(*at))
            .unwrap_or(0);
        record.says.truncate(keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> FixId {
        "20261122-174501-3f9a0c12de".parse().expect("an id")
    }

    const BEGAN: What = What::Fix { fix: FixEvent::Began };
    const STARTED: What = What::Step {
        step: 1,
        event: StepEvent::Started,
    };

    #[test]
    fn what_was_recorded_is_read_again() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("journal");
        let mut journal = Journal::create(&path, &id(), 2).expect("made");
        journal.record(Timestamp(1), BEGAN, "").expect("legal");
        journal
            .record(Timestamp(2), STARTED, "\u{1b}[31m")
            .expect("legal");
        let mut again = Journal::load(&path, &id(), 2).expect("read");
        assert_eq!(again.records(), journal.records());
        assert_eq!((again.phase(), again.to_undo()), (Phase::Applying, vec![1]));
        let done = What::Step {
            step: 1,
            event: StepEvent::Done,
        };
        again.record(Timestamp(3), done, "").expect("goes on");
        assert_eq!(Journal::load(&path, &id(), 2).expect("read").records().len(), 3);
    }

    #[test]
    fn no_illegal_move_is_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("journal");
        let mut journal = Journal::create(&path, &id(), 2).expect("made");
        journal.record(Timestamp(1), STARTED, "").expect("legal");
        for what in [
            STARTED,
            What::Step {
                step: 2,
                event: StepEvent::Started,
            },
            What::Fix { fix: FixEvent::Kept },
        ] {
            journal.record(Timestamp(2), what, "").expect_err("illegal");
        }
        assert_eq!(Journal::load(&path, &id(), 2).expect("read").records().len(), 1);
    }

    #[test]
    fn long_words_are_shortened_to_fit() {
        for says in [
            "x".repeat(10_000),
            "\u{1b}".repeat(2000),
            "ä€😀".repeat(500),
            "\"".repeat(600),
        ] {
            let (record, text) = fitting(Record {
                at: Timestamp(i64::MAX),
                what: STARTED,
                says: says.clone(),
            });
            assert!(text.len() <= TEXT && text.len() > TEXT - 20, "{}", text.len());
            assert!(says.starts_with(&record.says));
        }
    }
}
