//! Recordings: every look of a run with its raw answer, one JSON object a line. A replay answers from the recording
//! alone and never falls back to the live host.

use crate::{Answer, Host, Look, Query, Unseen, memory::Memory};
use serde::{Deserialize, Serialize};
use std::{io::Write, sync::Mutex};

#[derive(Serialize, Deserialize)]
struct Line {
    look: Query,
    answer: Result<Answer, Unseen>,
}

/// Passes every look on to another host and remembers it.
pub struct Recorder<'a> {
    host: &'a dyn Host,
    seen: Mutex<Memory>,
}

impl<'a> Recorder<'a> {
    /// Records what is asked of `host`.
    pub fn new(host: &'a dyn Host) -> Self {
        Self {
            host,
            seen: Mutex::default(),
        }
    }

    /// Writes the recording.
    pub fn write(self, to: &mut dyn Write) -> std::io::Result<()> {
        write(&self.memory(), to)
    }

    /// What was seen.
    pub fn memory(self) -> Memory {
        self.seen
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Recorder<'_> {
    fn seen(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The same look is made once: a replay, which knows one answer to it, must judge as this run did.
impl Host for Recorder<'_> {
    fn ask(&self, query: &Query) -> Look<Answer> {
        if let Some(answer) = self.seen().get(query) {
            return answer.clone();
        }
        let answer = self.host.ask(query);
        self.seen().first(query.clone(), answer)
    }
}

/// Writes a recording, one look a line.
pub fn write(memory: &Memory, to: &mut dyn Write) -> std::io::Result<()> {
    for (look, answer) in memory.iter() {
        let line = Line {
            look: look.clone(),
            answer: answer.clone(),
        };
        serde_json::to_writer(&mut *to, &line)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}

/// A recording that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("line {line} of the recording: {why}")]
pub struct BadRecording {
    /// Counted from 1.
    pub line: usize,
    /// What the parser said.
    pub why: String,
}

/// Reads a recording back. One without a single look is none.
pub fn read(recording: &[u8]) -> Result<Memory, BadRecording> {
    if recording.trim_ascii().is_empty() {
        let why = "it is empty".to_owned();
        return Err(BadRecording { line: 1, why });
    }
    let mut memory = Memory::default();
    for (index, line) in recording.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let line: Line = serde_json::from_slice(line).map_err(|error| BadRecording {
            line: index + 1,
            why: error.to_string(),
        })?;
        memory.set(line.look, line.answer);
    }
    Ok(memory)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Looks, Timestamp,
        answer::{Blob, Bytes},
        query::Part,
    };
    use std::path::Path;

    #[test]
    fn a_replay_answers_as_the_host_did_and_knows_nothing_else() {
        let mut live = Memory::default();
        let path = Path::new("/etc/x");
        let query = Query::File {
            path: path.into(),
            part: Part::Tail(10),
        };
        let blob = Blob {
            bytes: Bytes(vec![0xff, b'a']),
            size: 2,
            modified: Timestamp(5),
        };
        live.set(query, Ok(Answer::File(Some(blob.clone()))));
        let recorder = Recorder::new(&live);
        assert_eq!(recorder.tail(path, 10), Ok(Some(blob.clone())));
        let mut bytes = Vec::new();
        recorder.write(&mut bytes).expect("to memory");
        let replay = read(&bytes).expect("reads back");
        assert_eq!(replay.tail(path, 10), Ok(Some(blob)));
        assert!(matches!(replay.dir(path), Err(Unseen::NotRecorded { .. })));
    }
}
