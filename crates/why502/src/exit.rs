//! Exit codes, picked in one place.

use diagnose::{Verdict, verdict::Outcome};
use std::process::ExitCode;

/// What the program says to the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Healthy, recovered, or done.
    Good,
    /// A cause was found, or something that will be one.
    CauseFound,
    /// Something fails and no cause was found.
    NoCause,
    /// Could not look.
    Blind,
    /// Used wrongly.
    Usage,
    /// A code of the monitoring-plugins convention.
    Nagios(u8),
}

impl Exit {
    /// For a verdict about a host we could see.
    pub fn of(verdict: &Verdict) -> Self {
        match verdict.outcome {
            Outcome::Healthy | Outcome::Recovered => Self::Good,
            Outcome::Found => Self::CauseFound,
            Outcome::Unexplained if verdict.symptoms.is_empty() => Self::Blind,
            Outcome::Torn | Outcome::Unexplained => Self::NoCause,
        }
    }
}

impl From<&anyhow::Error> for Exit {
    fn from(error: &anyhow::Error) -> Self {
        if error.is::<Misuse>() {
            Self::Usage
        } else {
            Self::Blind
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Good => 0,
            Exit::CauseFound => 1,
            Exit::NoCause => 2,
            Exit::Blind => 3,
            Exit::Usage => 64,
            Exit::Nagios(code) => code,
        })
    }
}

/// Used wrongly, as only the host could tell.
#[derive(Debug)]
pub struct Misuse(pub String);

impl std::fmt::Display for Misuse {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Misuse {}

/// `why502 | head` is not an error.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The table of `docs/exit-codes.md`.
pub const TABLE: &[(u8, &str)] = &[
    (0, "healthy, or recovered: nothing fails now"),
    (
        1,
        "a cause was found; `audit`: there are findings; `load`: something is saturated",
    ),
    (2, "failures without a found cause: torn or unexplained"),
    (
        3,
        "could not look: no nginx, no permission, unreadable input; the message says what to do",
    ),
    (64, "used wrongly"),
    (
        130,
        "Ctrl-C, as a shell tells it: nothing was begun; a fix that had begun is taken back instead, and ends with 1",
    ),
];
