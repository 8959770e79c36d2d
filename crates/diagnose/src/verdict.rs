//! What a diagnosis concludes.

use crate::{CauseId, Class, Evidence, Question, Remedy, Symptom, evidence::Source, world::ChangeKind};
use host::{Timestamp, Unseen};
use serde::Serialize;

/// The conclusion about a host.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// In one word.
    pub outcome: Outcome,
    /// Every symptom, by id.
    pub symptoms: Vec<SymptomOf>,
    /// Roots first, strongest first; then what they explain.
    pub findings: Vec<Finding>,
    /// Candidates that decisive evidence excludes.
    pub ruled_out: Vec<RuledOut>,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
    /// Looks that would settle what is torn or unexplained: a sentence and a command.
    pub settled_by: Vec<(String, String)>,
}

/// The conclusion in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Every failing site has a root cause.
    Found,
    /// Several causes stand equally somewhere and none is found elsewhere.
    Torn,
    /// Something fails and nothing we know stands.
    Unexplained,
    /// It failed, it works now.
    Recovered,
    /// Nothing fails.
    Healthy,
}

/// A symptom with the route it belongs to.
#[derive(Clone, Debug)]
pub struct SymptomOf {
    /// The symptom.
    pub symptom: Symptom,
    /// Site.
    pub site: String,
    /// Location as written.
    pub location: String,
    /// What it asks, as written: `fastcgi_pass unix:…`.
    pub upstream: String,
    /// It works now.
    pub over: bool,
    /// Why that is believed, where the request could not be tried and no visitor's shows it.
    pub untried: Option<String>,
}

/// A cause that stands.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Its id.
    pub cause: CauseId,
    /// Its title.
    pub title: &'static str,
    /// What is wrong here, one sentence with names.
    pub says: String,
    /// Root, effect, or contributing.
    pub role: Role,
    /// What it is about.
    pub subject: String,
    /// Rank of its best evidence.
    pub rank: crate::Rank,
    /// Symptoms it explains.
    pub explains: Vec<String>,
    /// For an effect: the causes it comes from.
    pub because_of: Vec<CauseId>,
    /// For and against, strongest first.
    pub evidence: Vec<Evidence>,
    /// For a root: what lies behind it and could not be seen, with what would show it.
    pub gap: Option<Evidence>,
    /// The change just before.
    pub trigger: Option<Trigger>,
    /// Who may act.
    pub class: Class,
    /// What to do.
    pub advice: String,
    /// What would mend it, best first.
    pub remedies: Vec<Remedy>,
    /// The failing requests, to be put again: what a repair must prove.
    pub proof: Vec<Question>,
    /// It stood for a failure that is over.
    pub over: bool,
}

/// What part a finding plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Nothing deeper stands.
    Root,
    /// A root explains it.
    Effect,
    /// One of several that stand equally, or that makes it worse.
    Contributing,
}

/// The change just before the first failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trigger {
    /// What kind.
    pub kind: ChangeKind,
    /// One sentence.
    pub says: String,
    /// When.
    pub at: Timestamp,
}

/// A candidate that decisive evidence excludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuledOut {
    /// Its id.
    pub cause: CauseId,
    /// The sentence that excludes it.
    pub says: String,
    /// Where that was seen.
    pub source: Source,
}

impl Verdict {
    /// The answer: the first root.
    pub fn root(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.role == Role::Root)
    }

    /// How the failure of this root comes about.
    pub fn chain<'a>(&'a self, root: &'a Finding) -> Chain<'a> {
        let met = |it: &&SymptomOf| root.explains.contains(&it.symptom.id);
        let meets = |effect: &&Finding| {
            let same_failure = effect.explains.iter().any(|id| root.explains.contains(id));
            effect.role == Role::Effect && same_failure && effect.because_of.contains(&root.cause)
        };
        let mut effects: Vec<&Finding> = self.findings.iter().filter(meets).collect();
        effects.sort_by_key(|effect| effect.cause);
        let mut links = above(root, &effects);
        links.push(root);
        Chain {
            met: self.symptoms.iter().filter(met).collect(),
            links,
            gap: root.gap.as_ref(),
        }
    }
}

/// From what clients meet to a root.
#[derive(Clone, Debug)]
pub struct Chain<'a> {
    /// What clients and nginx saw of it.
    pub met: Vec<&'a SymptomOf>,
    /// Effects from the clients' side, each an effect of all that follow; the root is the last.
    pub links: Vec<&'a Finding>,
    /// What lies behind the root and could not be seen.
    pub gap: Option<&'a Evidence>,
}

/// The longest way from the clients down to this one, itself not included: each is an effect of all that follow.
fn above<'a>(deeper: &Finding, effects: &[&'a Finding]) -> Vec<&'a Finding> {
    let next = effects.iter().filter(|it| it.because_of.contains(&deeper.cause));
    let ways = next.map(|it| {
        let mut way = above(it, effects);
        way.push(*it);
        way
    });
    ways.max_by_key(Vec::len).unwrap_or_default()
}
