//! Who can do something about a cause, and what they are asked: what they see that this host cannot.

use super::super::words;
use crate::cli::Whom;
use diagnose::{
    Finding, Verdict,
    cause::Group,
    causes,
    verdict::{Outcome, SymptomOf},
};

/// What is asked about a cause; `{}` is what it is about.
struct Question {
    cause: &'static str,
    whom: Whom,
    asks: &'static [&'static str],
}

const NETWORK: &[&str] = &[
    "Do you see packets between this machine and {} at that time, and where do they end?",
    "Was a packet filter, security group, route, VLAN or gateway between the two changed just before it began?",
];
const RESOLVER: &[&str] = &[
    "Does the resolver answer for {}, asked from this machine's network, and with what?",
    "Was the resolver, the zone or the way to it changed just before it began?",
];
const STORAGE: &[&str] = &[
    "Which errors do the disk, its controller or the storage behind it report for this machine since then?",
    "Is data at risk? Tell us before the machine is moved or restarted: we save first what can still be read.",
];
const BUSY: &[&str] = &[
    "How busy were the node and the storage under this machine at that time, and was it throttled (limits, credits)?",
    "Which plan or which other node would carry what it asks for?",
];
const SERVICE: &[&str] = &[
    "Does {} answer others at that time, and what do its own logs say about this machine's requests?",
    "Is there an incident, maintenance, or a limit of rate or connections in force for us?",
];
const EDGE: &[&str] = &[
    "Which error did your edges get from the origin, from which of your addresses, and since when?",
    "Which address, port, name and TLS version do they use for the origin now?",
];

const QUESTIONS: &[Question] = &[
    of("disk-error", Whom::Host, STORAGE),
    of("io-saturated", Whom::Host, BUSY),
    of("cpu-saturated", Whom::Host, BUSY),
    of("host-unreachable", Whom::Host, NETWORK),
    of("no-route", Whom::Host, NETWORK),
    of("interface-down", Whom::Host, NETWORK),
    of("firewall-drop", Whom::Host, NETWORK),
    of("firewall-reject", Whom::Host, NETWORK),
    of("stale-conntrack", Whom::Host, NETWORK),
    of(
        "mtu-blackhole",
        Whom::Host,
        &[
            "Which MTU does the way between this machine and {} have, tunnels included?",
            "Are ICMP \"fragmentation needed\" and \"packet too big\" let through everywhere on it?",
        ],
    ),
    of("dns-resolver-down", Whom::Host, RESOLVER),
    of("dns-wrong-answer", Whom::Host, RESOLVER),
    of("dns-name-missing", Whom::Host, RESOLVER),
    of("external-api-slow", Whom::Vendor, SERVICE),
    of("cdn-origin-error", Whom::Vendor, EDGE),
];

const fn of(cause: &'static str, whom: Whom, asks: &'static [&'static str]) -> Question {
    Question { cause, whom, asks }
}

/// Who can do something about it.
pub fn whom(root: Option<&Finding>) -> Whom {
    let Some(root) = root else { return Whom::Host };
    if let Some(question) = QUESTIONS.iter().find(|it| it.cause == root.cause) {
        return question.whom;
    }
    match causes::by_id(root.cause).map(|cause| cause.group) {
        Some(Group::Application | Group::Protocol) => Whom::Developer,
        Some(Group::Outside) => Whom::Vendor,
        _ => Whom::Host,
    }
}

/// What they are asked.
pub fn of_verdict(whom: Whom, verdict: &Verdict, root: Option<&Finding>) -> Vec<String> {
    let mut asks = vec![first(verdict)];
    let about = root.map_or("it", |root| root.subject.as_str());
    let special = root.and_then(|root| QUESTIONS.iter().find(|it| it.cause == root.cause));
    let special = special.filter(|it| it.whom == whom);
    match (special, whom) {
        (Some(special), _) => asks.extend(special.asks.iter().map(|ask| ask.replace("{}", about))),
        (None, Whom::Host) => {}
        (None, Whom::Vendor) => asks.extend(SERVICE.iter().map(|ask| ask.replace("{}", &peers(verdict)))),
        (None, Whom::Developer) => asks.extend(developer(root)),
    }
    match root.filter(|_| verdict.outcome == Outcome::Found) {
        Some(root) if !root.advice.is_empty() => asks.extend(advice(root)),
        Some(_) => {}
        None => asks.extend(settled(verdict)),
    }
    asks
}

fn first(verdict: &Verdict) -> String {
    match verdict.outcome {
        Outcome::Found => "Is the cause above right as far as you can see? If not: what do you see instead?",
        Outcome::Recovered => "What did you see or change on your side at those times, and can it come back?",
        _ => "What do you see on your side at those times (UTC)? From here the cause could not be told.",
    }
    .to_owned()
}

fn developer(root: Option<&Finding>) -> Vec<String> {
    let about = root.map_or("the application", |root| words::says(root));
    vec![
        format!("Which change of the code, of its settings or of its limits ends this: {about}?"),
        "Which release may we go back to until then, and what would be lost by it?".to_owned(),
    ]
}

/// What a person would do, where it is not ours to do.
fn advice(root: &Finding) -> Vec<String> {
    let lines = root.advice.lines().map(str::trim).filter(|line| !line.is_empty());
    let all: Vec<&str> = lines.collect();
    match all.as_slice() {
        [] => Vec::new(),
        all => vec![format!(
            "Please do this, or tell us that we shall: {}",
            all.join("; ")
        )],
    }
}

fn settled(verdict: &Verdict) -> Vec<String> {
    let looks = verdict.settled_by.iter();
    looks
        .map(|(says, command)| format!("This would settle it: {says}: {command}"))
        .collect()
}

fn peers(verdict: &Verdict) -> String {
    let peer = |it: &SymptomOf| it.symptom.peer.as_ref().map(ToString::to_string);
    let peer = verdict.symptoms.iter().find_map(peer);
    peer.unwrap_or_else(|| "your service".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_is_about_a_cause_that_exists() {
        for question in QUESTIONS {
            assert!(causes::by_id(question.cause).is_some(), "{}", question.cause);
        }
    }
}
