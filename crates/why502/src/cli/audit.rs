//! Options of `audit`.

use super::{
    State,
    parse::{number, rule},
};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Options of `audit`.
#[derive(Args, Clone, Debug)]
pub struct Audit {
    /// Only these rules
    #[arg(long, value_name = "RULE", num_args = 1.., value_delimiter = ',', value_parser = rule)]
    pub rule: Vec<String>,
    /// Only what this configuration tells (its main file): no host is looked at
    #[arg(long, value_name = "FILE", conflicts_with = "fix")]
    pub conf: Option<PathBuf>,
    /// Same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
    pub format: AuditFormat,
    /// Print every finding, not only what fits on a screen
    #[arg(long)]
    pub all: bool,
    /// What a rule sees, why, and where it stays quiet
    #[arg(long, value_name = "RULE", value_parser = rule)]
    pub explain: Option<String>,
    /// Every rule, one a line
    #[arg(long)]
    pub list: bool,
    /// Change what it found: each plan is shown first, agreed to, written down, proved; `undo` takes it back
    #[arg(long, conflicts_with = "format")]
    pub fix: bool,
    /// With --fix: only print the plans
    #[arg(long, requires = "fix", conflicts_with = "yes")]
    pub plan: bool,
    /// With --fix: do what is printed without asking
    #[arg(long, requires = "fix")]
    pub yes: bool,
    /// With --fix: only these findings, by their numbers
    #[arg(long, requires = "fix", value_name = "N", num_args = 1.., value_delimiter = ',', value_parser = number)]
    pub only: Vec<usize>,
    /// Where it is written down.
    #[command(flatten)]
    pub state: State,
}

impl Audit {
    /// The format asked for, either way.
    pub fn format(&self) -> AuditFormat {
        if self.json { AuditFormat::Json } else { self.format }
    }
}

/// How an audit is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    /// For people
    Text,
    /// For machines: schema why502/audit/1
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
}
