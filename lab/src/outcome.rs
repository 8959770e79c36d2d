//! How far a trial goes, and how it ended.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Scenario;
use crate::verdict::brief;

/// How far a trial goes.
#[derive(Clone, Debug)]
pub enum Mode {
    /// The tool must be right. The only mode whose pass means anything.
    Judge,
    /// For work on the lab itself: the fault is seen and goes away again; the tool is not run, what nginx
    /// said last is shown in place of its verdict.
    NoVerdict,
    /// As `Judge`; the tool also records its looks, kept with the right verdict under this directory.
    Record(PathBuf),
    /// The tool is not run: what a plain table and a restart script make of the fault is written down.
    Baselines,
}

/// How a trial ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario's name, with `+noise` for what was judged after the noise was laid in.
    pub scenario: String,
    /// The right verdict in a few words.
    pub expected: String,
    /// The tool's verdict in the same words; empty when the trial did not come to it.
    pub got: String,
    /// The chain of each root, from the visitors' side.
    #[serde(default)]
    pub chains: Vec<String>,
    /// `Baselines` only: the plain table named the truth.
    pub table_right: bool,
    /// `Baselines` only: the page answered again after the script.
    pub script_healed: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// It failed, was played again on another fresh host, and this is what came of it: why it failed the first time.
    #[serde(default)]
    pub failed_first: Option<String>,
    /// Wall time of the whole host; of the noise and its verdict only where it is `+noise`.
    pub ms: u64,
    /// What of that time went where, milliseconds, in the order of the trial.
    #[serde(default)]
    pub phases: Vec<(String, u64)>,
    /// What `why502 fix` and `undo` came to; empty where there is nothing to repair.
    #[serde(default)]
    pub repair: String,
    /// Wall time of the first `why502 fix`, its proof included.
    #[serde(default)]
    pub fix_ms: u64,
    /// What the tool says it took.
    pub took_ms: u64,
}

impl Outcome {
    /// Of a trial that has not begun.
    pub(crate) fn of(scenario: &Scenario, variant: &str) -> Self {
        Self::named([scenario.name, variant].concat(), brief(scenario.expect))
    }

    /// Of a trial of that name that has not begun.
    pub(crate) fn named(name: String, expected: String) -> Self {
        Self {
            scenario: name,
            expected,
            got: String::new(),
            chains: Vec::new(),
            table_right: false,
            script_healed: false,
            error: None,
            failed_first: None,
            ms: 0,
            phases: Vec::new(),
            repair: String::new(),
            fix_ms: 0,
            took_ms: 0,
        }
    }
}

/// Whole milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}
