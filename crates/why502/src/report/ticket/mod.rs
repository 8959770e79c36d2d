//! `why502/ticket/1`: the brief description for a support desk. Times are absolute and in UTC: its readers sit elsewhere.

mod asks;
mod draw;

pub use draw::{markdown, text};

use super::{explained, json, words};
use crate::cli::Whom;
use diagnose::{
    Finding, Role, Verdict,
    evidence::Side,
    verdict::{Outcome, SymptomOf},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pieces of evidence, exclusions, blind spots, earlier fixes: a desk reads one page.
const EVIDENCE: usize = 5;
const EXCLUDED: usize = 4;
const UNSEEN: usize = 4;
const TRIED: usize = 8;
const SAMPLES: usize = 3;

/// What a support desk is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ticket {
    /// Always `why502/ticket/1`.
    pub schema: String,
    /// Version of the program.
    pub version: String,
    /// `host`, `vendor` or `developer`: who is asked.
    #[schemars(with = "String")]
    pub to: Whom,
    /// The answer in one line.
    pub subject: String,
    /// Name of the host.
    pub host: String,
    /// When it was looked at, RFC 3339 in UTC.
    pub at: String,
    /// What visitors meet, a line for each kind of failure.
    pub impact: Vec<String>,
    /// First failure seen, RFC 3339 in UTC.
    pub since: Option<String>,
    /// The change just before it.
    pub changed: Option<String>,
    /// What is known of why.
    pub known: Known,
    /// What could not be seen.
    pub unseen: Vec<String>,
    /// What why502 did about it, newest first.
    pub tried: Vec<String>,
    /// What is asked.
    pub asked: Vec<String>,
    /// Log lines, to be matched with other logs.
    pub samples: Vec<String>,
    /// All of it as plain text, which is what chat systems show.
    pub text: String,
}

/// What is known of why it fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Known {
    /// `found`, `torn`, `unexplained` or `recovered`.
    pub verdict: String,
    /// What is wrong, or what may be; each with its cause and how sure that is.
    pub says: Vec<String>,
    /// What was seen.
    pub evidence: Vec<Shown>,
    /// What was excluded, and by what.
    pub ruled_out: Vec<String>,
}

/// Something seen, and the command that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shown {
    /// The sentence.
    pub says: String,
    /// The command.
    pub command: String,
}

/// A fix that was begun, as `why502/history/1` has it.
#[derive(Clone, Debug, Deserialize)]
pub struct Tried {
    /// When it began.
    pub at: String,
    /// What it does.
    pub title: String,
    /// What became of it.
    pub outcome: String,
}

/// The ticket; `None` where nothing fails and nothing failed.
pub fn of(verdict: &Verdict, frame: &json::Frame, tried: &[Tried], to: Option<Whom>) -> Option<Ticket> {
    if verdict.symptoms.is_empty() {
        return None;
    }
    let told: Vec<&Finding> = told(verdict);
    let about: Vec<&SymptomOf> = about(verdict);
    let root = told.first().copied();
    let to = to.unwrap_or_else(|| asks::whom(root));
    let since = about.iter().map(|it| it.symptom.first).min();
    Some(Ticket {
        schema: "why502/ticket/1".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        to,
        subject: words::headline(verdict),
        host: frame.looked.host.clone(),
        at: frame.looked.at.to_string(),
        impact: about.iter().map(|it| impact(it)).collect(),
        since: since.map(|at| at.to_string()),
        changed: root
            .and_then(|root| root.trigger.as_ref())
            .map(|it| format!("{}, {}", it.says, it.at)),
        known: known(verdict, &told),
        unseen: words::not_seen(&verdict.unseen)
            .into_iter()
            .take(UNSEEN)
            .collect(),
        tried: tried.iter().take(TRIED).map(attempt).collect(),
        asked: asks::of_verdict(to, verdict, root),
        samples: samples(verdict, root, &about),
        text: String::new(),
    })
}

/// Roots of what fails now; where none stands alone, all that may be; where all is over, what it was.
fn told(verdict: &Verdict) -> Vec<&Finding> {
    let now = |it: &&Finding| it.role != Role::Effect && it.over == (verdict.outcome == Outcome::Recovered);
    let all: Vec<&Finding> = verdict.findings.iter().filter(now).collect();
    let roots: Vec<&Finding> = all.iter().copied().filter(|it| it.role == Role::Root).collect();
    if roots.is_empty() { all } else { roots }
}

/// What fails now; where nothing does, what failed.
fn about(verdict: &Verdict) -> Vec<&SymptomOf> {
    let now: Vec<&SymptomOf> = verdict.symptoms.iter().filter(|it| !it.over).collect();
    if now.is_empty() {
        verdict.symptoms.iter().collect()
    } else {
        now
    }
}

fn impact(it: &SymptomOf) -> String {
    let symptom = &it.symptom;
    let status = symptom
        .status
        .map_or_else(String::new, |status| format!("{status}, "));
    let place = match it.location.as_str() {
        "" => it.site.clone(),
        location => format!("{} {location} -> {}", it.site, it.upstream),
    };
    let times = match symptom.count {
        1 => format!("once, at {}", symptom.last),
        many => format!("{many} times from {} to {}", symptom.first, symptom.last),
    };
    let now = if it.over {
        format!("it {}", words::works(std::iter::once(it)))
    } else {
        "it fails now".to_owned()
    };
    format!("{place}: {status}{}, {times}; {now}", symptom.signature())
}

fn known(verdict: &Verdict, told: &[&Finding]) -> Known {
    let sure = |it: &Finding| match it.role {
        Role::Root => format!("{}; {}; evidence: {}", it.cause, it.title, json::word(&it.rank)),
        _ => format!("{}; {}; not certain", it.cause, it.title),
    };
    let evidence = told
        .iter()
        .flat_map(|it| &it.evidence)
        .filter(|it| it.side == Side::For);
    Known {
        verdict: json::word(&verdict.outcome),
        says: told
            .iter()
            .map(|it| format!("{} ({})", words::says(it), sure(it)))
            .collect(),
        evidence: evidence
            .take(EVIDENCE)
            .map(|it| Shown {
                says: it.says.clone(),
                command: it.source.command.clone(),
            })
            .collect(),
        ruled_out: verdict
            .ruled_out
            .iter()
            .take(EXCLUDED)
            .map(|it| format!("{}: {}", it.cause, it.says))
            .collect(),
    }
}

fn attempt(it: &Tried) -> String {
    format!("{}: {}: {}", it.at, it.title, it.outcome)
}

/// Lines of logs, not our own requests.
fn samples(verdict: &Verdict, root: Option<&Finding>, about: &[&SymptomOf]) -> Vec<String> {
    let of_root: Vec<&SymptomOf> = root.map_or_else(Vec::new, |root| explained(verdict, root).collect());
    let all = if of_root.is_empty() {
        about
    } else {
        of_root.as_slice()
    };
    let logged = all.iter().filter(|it| !it.symptom.log.as_os_str().is_empty());
    logged.map(|it| it.symptom.sample.clone()).take(SAMPLES).collect()
}
