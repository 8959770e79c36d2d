//! A verdict, drawn: for people, machines, tickets and monitoring. Pure.

pub mod account;
pub mod audit;
pub mod check;
pub mod fix;
pub mod head;
pub mod history;
pub mod html;
pub mod json;
pub mod like;
pub mod load;
pub mod logs;
pub mod markdown;
pub mod nagios;
pub mod outage;
pub mod text;
pub mod ticket;
pub mod undo;
pub mod words;

use diagnose::{Finding, Verdict, verdict::SymptomOf};

/// Nothing was seen to fail, by eyes that saw too little to call the host healthy.
pub const BLIND: &str =
    "Could not look: no failure was seen, but too little could be seen to call this host healthy.";

/// The symptoms a finding explains.
pub fn explained<'a>(
    verdict: &'a Verdict,
    finding: &'a Finding,
) -> impl Iterator<Item = &'a SymptomOf> + Clone {
    verdict
        .symptoms
        .iter()
        .filter(|it| finding.explains.contains(&it.symptom.id))
}

/// Sites, each once, in order.
pub fn sites<'a>(symptoms: impl Iterator<Item = &'a SymptomOf>) -> Vec<&'a str> {
    let mut sites: Vec<&str> = Vec::new();
    for symptom in symptoms {
        if !sites.contains(&symptom.site.as_str()) {
            sites.push(&symptom.site);
        }
    }
    sites
}

/// What would let us see it, in words for a person.
pub fn to_see_it(unseen: &host::Unseen) -> String {
    match unseen {
        host::Unseen::Forbidden { need, .. } if need == "root" => "run why502 as root: sudo why502".into(),
        host::Unseen::Forbidden { need, .. } => format!("run it with {need}"),
        host::Unseen::TimedOut { .. } => "look at what makes it hang, then run why502 again".into(),
        host::Unseen::TooBig { .. } => "look at it by hand".into(),
        host::Unseen::NotRecorded { .. } => "record it again on the host".into(),
        host::Unseen::NoTool { tool, .. } => format!("install {tool}"),
        host::Unseen::Unusable { .. } => String::new(),
    }
}
