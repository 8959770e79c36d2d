//! `why502/verdict/1`: the verdict for machines. The types are the schema.

mod page;

pub use page::{Inert, page};

use super::{
    head::{Head, Looked},
    like::Like,
};
use diagnose::{
    Verdict,
    case::MadeBy,
    evidence::Side,
    verdict::{self, SymptomOf},
};
use schemars::JsonSchema;
use serde::Serialize;

mod chain;
pub use chain::Link;

/// What `why502 diagnose --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Of `why502/verdict/1`.
    #[serde(flatten)]
    pub head: Head,
    /// A fix that is neither done nor taken back.
    pub half_done: Option<HalfDone>,
    /// `found`, `torn`, `unexplained`, `recovered` or `healthy`.
    pub verdict: String,
    /// What clients and nginx saw.
    pub symptoms: Vec<Symptom>,
    /// Causes that stand. The first with role `root` is the answer.
    pub findings: Vec<Finding>,
    /// Candidates that decisive evidence excludes.
    pub ruled_out: Vec<RuledOut>,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
    /// Looks that would settle what is open.
    pub settled_by: Vec<Settled>,
    /// With `--like`: what the logs hold of a visitor's report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub like: Option<Like>,
}

/// A fix that was cut off: `why502 undo` takes it back.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct HalfDone {
    /// Its name.
    pub id: String,
    /// What it does and where it stands.
    pub says: String,
    /// Only its proof is missing: `why502 fix` goes on with it.
    pub waits_for_proof: bool,
}

/// One kind of failure of one route.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Symptom {
    /// Referred to by `findings[].explains`.
    pub id: String,
    /// What nginx said, in short.
    pub signature: String,
    /// What the client got, if known.
    pub status: Option<u16>,
    /// The site.
    pub site: String,
    /// The location as written.
    pub location: String,
    /// The pass directive as written.
    pub upstream: String,
    /// `nginx`, `upstream` or `unknown`.
    pub made_by: &'static str,
    /// How often in the time looked at.
    pub count: u64,
    /// First seen, RFC 3339.
    pub first: String,
    /// Last seen, RFC 3339.
    pub last: String,
    /// One log line.
    pub sample: String,
    /// It works now.
    pub over: bool,
    /// Why that is believed, where the request could not be tried and no visitor's shows it; else null.
    pub untried: Option<String>,
}

/// A cause that stands.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Finding {
    /// Its id.
    pub cause: String,
    /// Its title.
    pub title: String,
    /// What is wrong here.
    pub says: String,
    /// `root`, `effect` or `contributing`.
    pub role: String,
    /// What it is about.
    pub subject: String,
    /// `decisive`, `strong` or `hint`.
    pub rank: String,
    /// Ids of symptoms.
    pub explains: Vec<String>,
    /// Deeper causes this one comes from.
    pub because_of: Vec<String>,
    /// For a root: how the failure comes about, from what clients met to this root. Empty otherwise.
    pub chain: Vec<Link>,
    /// For and against, strongest first.
    pub evidence: Vec<Evidence>,
    /// The change just before.
    pub trigger: Option<Trigger>,
    /// What may be done.
    pub remedy: Remedy,
    /// It was here before; null where that is not remembered.
    pub recurrence: Option<Recurrence>,
    /// The failure it stood for is over.
    pub over: bool,
}

/// One observation.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Evidence {
    /// The sentence.
    pub says: String,
    /// Where it was seen.
    pub source: String,
    /// The command that shows it.
    pub command: String,
    /// `for` or `against`.
    pub side: String,
    /// `decisive`, `strong` or `hint`.
    pub rank: String,
}

/// The change just before the first failure.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Trigger {
    /// What kind: `package-upgrade`, `config-edit`, `unit-stop`…
    pub kind: String,
    /// One sentence.
    pub says: String,
    /// When, RFC 3339.
    pub at: String,
}

/// The same cause on the same subject before.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Recurrence {
    /// How often, this time included.
    pub times: usize,
    /// When it was first seen, RFC 3339.
    pub since: String,
    /// In words: how often in how long, what was done, how long that held.
    pub says: String,
}

/// What may be done.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Remedy {
    /// `auto`, `ask`, `never` or `inform`.
    pub class: String,
    /// Id of the plan that `why502 fix` would show; null where none can be made.
    pub plan: Option<String>,
    /// What a person would do.
    pub says: String,
}

/// A candidate that decisive evidence excludes.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RuledOut {
    /// Its id.
    pub cause: String,
    /// The sentence that excludes it.
    pub says: String,
    /// Where that was seen.
    pub source: String,
}

/// A blind spot.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unseen {
    /// What we wanted to see.
    pub what: String,
    /// Why we could not.
    pub why: String,
    /// What would let us.
    pub to_see_it: String,
}

/// A look that would settle it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Settled {
    /// What to look for.
    pub says: String,
    /// The command.
    pub command: String,
}

/// What the verdict itself does not hold.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When, and for how long.
    pub looked: Looked,
    /// The host's time zone: people read its clocks.
    pub zone: jiff::tz::TimeZone,
    /// Plans, and a fix that was cut off.
    pub fixes: Fixes,
    /// A visitor's report, found again.
    pub like: Option<Like>,
}

/// What `why502 fix` has to do with a verdict.
#[derive(Clone, Debug, Default)]
pub struct Fixes {
    /// A fix that is neither done nor taken back.
    pub half_done: Option<HalfDone>,
    /// For each finding the same before, as it is remembered.
    pub recurrences: Vec<Option<Recurrence>>,
    /// For each finding the plans that can be made.
    pub plans: Vec<Vec<Planned>>,
}

/// A plan that can be made.
#[derive(Clone, Debug)]
pub struct Planned {
    /// As `--way` takes it.
    pub way: usize,
    /// Its id.
    pub id: String,
    /// What it does.
    pub title: String,
}

/// The report as one JSON document.
pub fn render(verdict: &Verdict, frame: &Frame) -> anyhow::Result<String> {
    Ok(page(&report(verdict, frame))?)
}

fn report(verdict: &Verdict, frame: &Frame) -> Report {
    Report {
        head: frame.looked.head("why502/verdict/1"),
        half_done: frame.fixes.half_done.clone(),
        verdict: word(&verdict.outcome),
        symptoms: verdict.symptoms.iter().map(symptom).collect(),
        findings: findings(verdict, &frame.fixes),
        ruled_out: verdict.ruled_out.iter().map(ruled_out).collect(),
        unseen: verdict.unseen.iter().map(unseen).collect(),
        like: frame.like.clone(),
        settled_by: verdict
            .settled_by
            .iter()
            .map(|(says, command)| Settled {
                says: says.clone(),
                command: command.clone(),
            })
            .collect(),
    }
}

fn symptom(of: &SymptomOf) -> Symptom {
    let it = &of.symptom;
    Symptom {
        id: it.id.clone(),
        signature: it.signature(),
        status: it.status,
        site: of.site.clone(),
        location: of.location.clone(),
        upstream: of.upstream.clone(),
        made_by: match it.made_by {
            MadeBy::Nginx => "nginx",
            MadeBy::Upstream => "upstream",
            MadeBy::Unknown => "unknown",
        },
        count: it.count,
        first: it.first.to_string(),
        last: it.last.to_string(),
        sample: it.sample.clone(),
        over: of.over,
        untried: of.untried.clone(),
    }
}

fn findings(verdict: &Verdict, fixes: &Fixes) -> Vec<Finding> {
    let all = verdict.findings.iter().enumerate();
    all.map(|(index, it)| {
        let plan = fixes.plans.get(index).and_then(|plans| plans.first());
        Finding {
            recurrence: fixes.recurrences.get(index).cloned().flatten(),
            ..finding(verdict, it, plan.map(|plan| plan.id.clone()))
        }
    })
    .collect()
}

fn finding(verdict: &Verdict, it: &verdict::Finding, plan: Option<String>) -> Finding {
    Finding {
        cause: it.cause.to_owned(),
        title: it.title.to_owned(),
        says: it.says.clone(),
        role: word(&it.role),
        subject: it.subject.clone(),
        rank: word(&it.rank),
        explains: it.explains.clone(),
        because_of: it.because_of.iter().map(ToString::to_string).collect(),
        chain: match it.role {
            verdict::Role::Root => chain::links(verdict, it),
            _ => Vec::new(),
        },
        evidence: it.evidence.iter().map(evidence).collect(),
        trigger: it.trigger.as_ref().map(|trigger| Trigger {
            kind: word(&trigger.kind),
            says: trigger.says.clone(),
            at: trigger.at.to_string(),
        }),
        remedy: Remedy {
            class: word(&it.class),
            plan,
            says: it.advice.clone(),
        },
        recurrence: None,
        over: it.over,
    }
}

fn evidence(it: &diagnose::Evidence) -> Evidence {
    Evidence {
        says: it.says.clone(),
        source: it.source.place.clone(),
        command: it.source.command.clone(),
        side: if it.side == Side::For {
            "for".into()
        } else {
            "against".into()
        },
        rank: word(&it.rank),
    }
}

fn ruled_out(it: &verdict::RuledOut) -> RuledOut {
    RuledOut {
        cause: it.cause.to_owned(),
        says: it.says.clone(),
        source: it.source.place.clone(),
    }
}

pub(super) fn unseen(it: &host::Unseen) -> Unseen {
    Unseen {
        what: it.what().to_owned(),
        why: it.to_string(),
        to_see_it: super::to_see_it(it),
    }
}

/// The word a plain enum is written as.
pub fn word(it: &impl Serialize) -> String {
    match serde_json::to_value(it) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inert_json_says_the_same() {
        for text in [
            "plain",
            "\u{1b}[2J",
            "\u{9b}31m\u{7f}",
            "a\u{202e}b\u{e0041}c",
            "grün 🙂\n\t\"\\",
        ] {
            let mut written = Vec::new();
            serde_json::to_writer_pretty(Inert(&mut written), &[text]).unwrap();
            let inert = page(&[text]).unwrap();
            assert_eq!(str::from_utf8(&written), Ok(&inert[..]));
            assert!(
                !inert.contains(|c: char| c != '\n' && (c.is_control() || logscan::text::is_deceptive(c))),
                "{inert:?}"
            );
            assert_eq!(serde_json::from_str::<[String; 1]>(&inert).unwrap(), [text]);
        }
    }
}
