//! `why502/audit/1`: what will make a 502 tomorrow, for machines. The types are the schema, and what the screen and SARIF
//! are made from.

pub mod sarif;
pub mod text;

use super::{
    head::{Head, Looked},
    json::{Unseen, page, word},
};
use diagnose::audit::{Audit, Found, spot};
use schemars::JsonSchema;
use serde::Serialize;

/// What `why502 audit --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Of `why502/audit/1`.
    #[serde(flatten)]
    pub head: Head,
    /// What was found, warnings first.
    pub findings: Vec<Finding>,
    /// Ids of the rules that were asked.
    pub asked: Vec<String>,
    /// Rules that could not look: of these, nothing found means nothing.
    pub blind: Vec<Blind>,
}

/// One place where a rule holds.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// As `--fix --only` takes it, from one.
    pub number: usize,
    /// The rule's id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// `warning` or `note`.
    pub level: String,
    /// What it is about: a unit, an address, a pool.
    pub subject: String,
    /// The file; null where it is about a process or a unit without one.
    pub file: Option<String>,
    /// Its line, from one; null: the whole file.
    pub line: Option<u32>,
    /// Its column, from one, where known.
    pub column: Option<u32>,
    /// What is so.
    pub says: String,
    /// How that becomes a 502.
    pub why: String,
    /// What to change.
    pub change: String,
    /// The command that shows it.
    pub command: String,
    /// Ids of the causes that it may become.
    pub foresees: Vec<String>,
    /// What `--fix` would do; null where only a person can.
    pub plan: Option<Plan>,
    /// `file:line:column` as far as known, for drawing.
    #[serde(skip)]
    at: Option<String>,
}

/// What `--fix` would do.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Plan {
    /// Names exactly its steps on this host in this state.
    pub id: String,
    /// What it does.
    pub title: String,
}

/// A rule that could not look.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Blind {
    /// The rule's id.
    pub rule: String,
    /// What it could not see.
    #[serde(flatten)]
    pub unseen: Unseen,
}

impl Blind {
    /// Why it could not, and what would let it.
    pub fn says(&self) -> String {
        match self.unseen.to_see_it.as_str() {
            "" => self.unseen.why.clone(),
            how => format!("{} ({how})", self.unseen.why),
        }
    }
}

impl Report {
    /// Of an audit, with the plan of each finding.
    pub fn of(audit: &Audit, plans: &[Option<Plan>], looked: &Looked) -> Self {
        let numbered = (1..).zip(&audit.found).zip(plans);
        Self {
            head: looked.head("why502/audit/1"),
            findings: numbered
                .map(|((number, found), plan)| Finding::of(number, found, plan))
                .collect(),
            asked: audit.asked.iter().map(|rule| rule.id.to_owned()).collect(),
            blind: audit
                .blind
                .iter()
                .map(|(rule, unseen)| Blind {
                    rule: rule.id.to_owned(),
                    unseen: super::json::unseen(unseen),
                })
                .collect(),
        }
    }

    /// As one JSON document.
    pub fn render(&self) -> anyhow::Result<String> {
        Ok(page(self)? + "\n")
    }
}

impl Finding {
    /// `file:line:column` as far as known.
    pub fn place(&self) -> Option<&str> {
        self.at.as_deref()
    }

    fn of(number: usize, found: &Found, plan: &Option<Plan>) -> Self {
        let Found { rule, hit } = found;
        let place = hit.place.as_ref();
        let known = |value: u32| (value > 0).then_some(value);
        Self {
            number,
            rule: rule.id.to_owned(),
            title: rule.title.to_owned(),
            level: word(&rule.level),
            subject: hit.subject.clone(),
            file: place.map(|place| place.file.display().to_string()),
            line: place.and_then(|place| known(place.line)),
            column: place.and_then(|place| known(place.column)),
            says: hit.says.clone(),
            why: hit.why.clone(),
            change: hit.change.clone(),
            command: hit.source.command.clone(),
            foresees: rule.foresees.iter().map(|id| (*id).to_owned()).collect(),
            plan: plan.clone(),
            at: place.map(spot),
        }
    }
}

#[cfg(test)]
mod tests;
