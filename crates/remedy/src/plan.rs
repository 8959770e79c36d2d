//! A plan is a value that people read before anything happens.

use crate::Step;
use diagnose::{Class, Question};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{fmt, net::IpAddr, path::PathBuf};

/// What would be done to a host, why, and how it is proved. An older version's plan still loads: fields are only added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// `why502/plan/1`
    pub schema: String,
    /// The cause it is for.
    pub cause: String,
    /// What the finding is about: a unit, an address, a file.
    pub subject: String,
    /// The finding in one sentence.
    pub why: String,
    /// What the plan does, imperative, lower case, one line.
    pub title: String,
    /// Who may act.
    pub class: Class,
    /// It only makes the site answer again; the root stays.
    pub relief: bool,
    /// What is done, in this order.
    pub steps: Vec<Step>,
    /// What must hold afterwards, or it is taken back.
    pub proof: Proof,
    /// What a person should know before agreeing: a file that a tool of configuration management owns, other sites
    /// that the same line serves. Sentences; may quote files: escape before printing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What must hold after a repair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The requests that failed: each must be answered below 500.
    pub must_answer: Vec<Question>,
    /// One request to each other site: those that answered before must still do.
    pub must_not_break: Vec<Question>,
    /// How long the failing request is repeated and the error log watched, in milliseconds.
    pub settle_ms: u64,
    /// How long the first good answer may take to come, in milliseconds: a service may be slow to start. 0 is twenty
    /// seconds, and no time for other sites.
    #[serde(default)]
    pub warm_up_ms: u64,
    /// nginx's error logs, as we see them.
    #[serde(default)]
    pub error_logs: Vec<PathBuf>,
    /// What must hold on a visitor's machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Holds>,
}

/// What a visitor's machine must be able to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "holds")]
pub enum Holds {
    /// Its own library finds an address of a name.
    Resolves {
        /// The name.
        name: String,
        /// One of these; any where there is none.
        to: Vec<IpAddr>,
    },
    /// A neighbour answers.
    Reaches {
        /// The gateway.
        address: IpAddr,
    },
    /// A page is answered below 500, or at least better than before.
    Answers {
        /// The page.
        page: Page,
        /// Its status when the plan was made; `None` is no answer.
        before: Option<u16>,
    },
}

/// A page as a visitor asks for it: by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// Over TLS.
    pub tls: bool,
    /// Its host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query.
    pub target: String,
}

/// Names a plan by its content: whoever agrees to an id agrees to exactly these steps on a host in exactly this state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlanId(pub String);

impl Plan {
    /// The schema of plans written by this version.
    pub const SCHEMA: &'static str = "why502/plan/1";

    /// The first ten hex digits of the SHA-256 of its JSON.
    pub fn id(&self) -> PlanId {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let digest = Sha256::digest(&json);
        PlanId(digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.tls { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port != usual {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.target)
    }
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolves { name, to } if to.is_empty() => write!(f, "{name} has an address here"),
            Self::Resolves { name, to } => {
                let to: Vec<String> = to.iter().map(ToString::to_string).collect();
                write!(f, "{name} is {} here", to.join(" or "))
            }
            Self::Reaches { address } => write!(f, "the gateway {address} answers"),
            Self::Answers { page, .. } => write!(f, "{page} is answered"),
        }
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
