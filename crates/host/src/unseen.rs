use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The answer, or why there is none.
pub type Look<T> = Result<T, Unseen>;

/// Why we could not look. An answer like any other: it reaches the report as a blind spot and never counts as absence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum Unseen {
    /// The system said no.
    #[error("not allowed to see {what} (needs {need})")]
    Forbidden {
        /// What we wanted to see.
        what: String,
        /// What would let us: `root`, `CAP_NET_ADMIN`, membership of a group.
        need: String,
    },
    /// No answer within the look's own time limit.
    #[error("{what} gave no answer within {after:?}")]
    TimedOut {
        /// What we wanted to see.
        what: String,
        /// The limit that ran out.
        after: Duration,
    },
    /// Larger than the look's own size limit.
    #[error("{what} is too big to read ({bytes} bytes)")]
    TooBig {
        /// What we wanted to see.
        what: String,
        /// Its size.
        bytes: u64,
    },
    /// A replay was asked for something that was not recorded.
    #[error("the recording does not hold {what}")]
    NotRecorded {
        /// What we wanted to see.
        what: String,
    },
    /// The tool that would tell is not on this host.
    #[error("{what}: {tool} is not installed")]
    NoTool {
        /// What we wanted to see.
        what: String,
        /// The program that is missing.
        tool: String,
    },
    /// It answered, with something we can't use.
    #[error("{what}: {why}")]
    Unusable {
        /// What we wanted to see.
        what: String,
        /// What was wrong with the answer.
        why: String,
    },
}

impl Unseen {
    /// What we wanted to see.
    pub fn what(&self) -> &str {
        match self {
            Self::Forbidden { what, .. }
            | Self::TimedOut { what, .. }
            | Self::TooBig { what, .. }
            | Self::NotRecorded { what }
            | Self::NoTool { what, .. }
            | Self::Unusable { what, .. } => what,
        }
    }
}
