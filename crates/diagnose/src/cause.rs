//! What a cause is: everything about one way a host comes to answer 502, in one value.

use crate::{Case, Evidence, Remedy};
use logscan::Complaint;
use serde::{Deserialize, Serialize};

/// Kebab-case, what is wrong, never the fix; never renamed once shipped.
pub type CauseId = &'static str;

/// A way a host comes to answer 502. Every field is required: a cause without a doc, a way to be refuted or a lab
/// scenario does not compile.
pub struct Cause {
    /// Its id.
    pub id: CauseId,
    /// A few words, lower case, no full stop; the headline of the report.
    pub title: &'static str,
    /// The doc comment above the cause, under fixed headings: `why502 explain ID`, the manual.
    pub doc: &'static str,
    /// Group of the catalogue.
    pub group: Group,
    /// Who may act on it.
    pub class: Class,
    /// Of a hundred field reports that show only this line, about how many were this cause; 0 where it can't be.
    /// Used by `explain`, never by the judge.
    pub share_of: fn(&Complaint) -> u8,
    /// Words that point to this cause in any pasted line, of whatever program (`WORKER TIMEOUT`, `invalid request block
    /// size`), each with its share of a hundred such lines; compared without regard to case. Often empty.
    pub phrases: &'static [(&'static str, u8)],
    /// Deeper causes: where one of them stands, this one is only its effect.
    pub effect_of: &'static [CauseId],
    /// What would settle it when evidence does not: a sentence and a command, shown when the verdict is torn, and by
    /// `explain`.
    pub settled_by: (&'static str, &'static str),
    /// How the host is asked.
    pub told: Told,
    /// This source file.
    pub file: &'static str,
}

/// Whether a cause is judged on the host, or so far only named as a candidate by `explain`.
pub enum Told {
    /// Judged on a host.
    OnHost {
        /// Evidence from a case.
        weigh: fn(&Case) -> Opinion,
        /// What to do, with the exact commands, for this case.
        advise: fn(&Case) -> String,
        /// What would mend it, best first; where two sides could give way, one each. [`crate::remedy::none`] where the
        /// class is `never` or `inform`.
        remedies: fn(&Case) -> Vec<Remedy>,
        /// Lab scenarios that bring it about, by name. Never empty.
        lab: &'static [&'static str],
    },
    /// `explain` names it; the looks that would tell it on a host are not made yet, so `diagnose` never claims it.
    ByExplain,
    /// Told on a visitor's machine by `why502 check` ([`crate::visit::judge`]); no server can see it.
    ByCheck,
}

/// What a cause thinks of a case. No evidence: no opinion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opinion {
    /// What it is about: a unit, an address, a file. Findings of several sites on one subject are one finding.
    pub subject: String,
    /// For and against.
    pub evidence: Vec<Evidence>,
    /// One sentence for the first line of the report: what is wrong here, with names.
    pub says: String,
}

impl Opinion {
    /// Nothing to say.
    pub fn none() -> Self {
        Self::default()
    }
}

/// Groups of the catalogue, in the order of the manual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Backend process
    Process,
    /// What the backend depends on
    Dependency,
    /// Load and limits
    Load,
    /// Wiring
    Wiring,
    /// Permission
    Permission,
    /// Protocol and TLS
    Protocol,
    /// Application
    Application,
    /// Network
    Network,
    /// Outside this nginx
    Outside,
}

impl Group {
    /// The heading of the group.
    pub fn title(self) -> &'static str {
        match self {
            Self::Process => "Backend process",
            Self::Dependency => "What the backend depends on",
            Self::Load => "Load and limits",
            Self::Wiring => "Wiring",
            Self::Permission => "Permission",
            Self::Protocol => "Protocol and TLS",
            Self::Application => "Application",
            Self::Network => "Network",
            Self::Outside => "Outside this nginx",
        }
    }
}

/// Who may act on a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// May be applied unattended, under policy.
    Auto,
    /// Applied after the plan was shown and agreed to.
    Ask,
    /// Explained, with what a person would do; has no step.
    Never,
    /// Not ours to change.
    Inform,
}

/// Declares a cause; its doc comment becomes data, with no procedural macro.
macro_rules! cause {
    ($(#[doc = $doc:expr])+ pub static $name:ident = { $($field:ident: $value:expr),* $(,)? }) => {
        $(#[doc = $doc])+
        pub static $name: $crate::Cause = $crate::Cause {
            doc: concat!($($doc, "\n"),+),
            file: file!(),
            $($field: $value),*
        };
    };
}
pub(crate) use cause;
