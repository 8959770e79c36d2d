//! The sentences that several ways of drawing share. Raw: what draws them makes them harmless.

use super::json::HalfDone;
use crate::screen::age;
use diagnose::{
    Evidence, Finding, Verdict,
    case::MadeBy,
    evidence::Side,
    verdict::{Outcome, SymptomOf},
};
use host::{Timestamp, Unseen};
use jiff::tz::TimeZone;
use logscan::Phase;
use std::collections::BTreeSet;

/// A fix that was cut off, and what to do about it.
pub fn half_done(it: &HalfDone) -> String {
    let HalfDone {
        id,
        says,
        waits_for_proof,
    } = it;
    match waits_for_proof {
        true => format!(
            "A fix waits for its proof ({says}): why502 fix proves it, why502 undo {id} takes it back."
        ),
        false => format!("A fix is half done ({says}): why502 undo {id} takes it back."),
    }
}

/// Sites named in one sentence.
const SITES: usize = 3;

/// The whole answer in one sentence: the site, what it answers, and why.
pub fn headline(verdict: &Verdict) -> String {
    let failing = || verdict.symptoms.iter().filter(|it| !it.over);
    match verdict.outcome {
        Outcome::Healthy => {
            "Healthy: nothing fails now, and nothing failed in the time looked at.".to_owned()
        }
        Outcome::Recovered => recovered(verdict),
        Outcome::Found => match verdict.root() {
            Some(root) => of_finding(verdict, root) + &also_failing(verdict, root),
            None => who_fails(failing()),
        },
        Outcome::Torn => torn(verdict),
        Outcome::Unexplained => match failing().max_by_key(|it| (is_nginx_itself(it), it.symptom.count)) {
            Some(it) => not_found(verdict, it),
            None => super::BLIND.to_owned(),
        },
    }
}

/// Several causes stand equally, or one does and what it may come from could not be seen.
fn torn(verdict: &Verdict) -> String {
    let who = who_fails(verdict.symptoms.iter().filter(|it| !it.over));
    let rivals = verdict
        .findings
        .iter()
        .filter(|it| it.role == diagnose::Role::Contributing && !it.over);
    let rivals: Vec<&Finding> = rivals.collect();
    match rivals.as_slice() {
        [only] => format!(
            "{who}: {}; whether that is the root could not be seen.",
            says(only)
        ),
        _ => format!("{who}: one of {} causes that stand equally.", rivals.len()),
    }
}

/// The worst failure that has no cause. Where nginx itself is down, sites are not spoken of.
fn not_found(verdict: &Verdict, worst: &SymptomOf) -> String {
    let alike = verdict
        .symptoms
        .iter()
        .filter(|it| !it.over && is_nginx_itself(it) == is_nginx_itself(worst));
    let said = what(worst).map(|what| format!(": {what}")).unwrap_or_default();
    format!("{}{said}; the cause was not found.", who_fails(alike))
}

/// It belongs to no route.
pub fn is_nginx_itself(it: &SymptomOf) -> bool {
    it.upstream.is_empty()
}

/// `shop.example answers 502: php8.2-fpm.service was stopped`
pub fn of_finding(verdict: &Verdict, finding: &Finding) -> String {
    let explained = super::explained(verdict, finding).filter(|it| it.over == finding.over);
    format!("{}: {}", who_fails(explained), says(finding))
}

/// One link of a chain, in a sentence.
pub struct Link<'a> {
    /// The sentence.
    pub says: String,
    /// The best evidence for this very link; `None` where the page tells it anyway: of what clients meet, and of the root.
    pub shown: Option<&'a Evidence>,
}

/// How the failure of this root comes about, from the clients' side. Empty where nothing lies between.
pub fn chain<'a>(verdict: &'a Verdict, root: &'a Finding) -> Vec<Link<'a>> {
    let chain = verdict.chain(root);
    if chain.links.len() < 2 && chain.gap.is_none() {
        return Vec::new();
    }
    let met = chain.met.iter().find_map(|it| it.symptom.status);
    let met = Link {
        says: met.map_or_else(
            || "visitors get no answer".to_owned(),
            |status| format!("visitors get {status}"),
        ),
        shown: None,
    };
    let between = chain.links.iter().map(|link| match link.role {
        diagnose::Role::Effect => Link {
            says: format!("<- {} ({})", says(link), link.cause),
            shown: link.evidence.iter().find(|it| it.side == Side::For),
        },
        // the answer stands above in full
        _ => Link {
            says: format!("<- {} ({})", link.title, link.cause),
            shown: None,
        },
    });
    let gap = chain.gap.map(|gap| Link {
        says: format!("<- ? {}", gap.says),
        shown: Some(gap).filter(|gap| !root.evidence.contains(gap)),
    });
    std::iter::once(met).chain(between).chain(gap).collect()
}

/// The failing sites that this finding does not explain.
fn also_failing(verdict: &Verdict, root: &Finding) -> String {
    let explained = super::sites(super::explained(verdict, root));
    let mut others = super::sites(verdict.symptoms.iter().filter(|it| !it.over));
    others.retain(|site| !explained.contains(site));
    match others.as_slice() {
        [] => String::new(),
        others => format!("; for another reason also failing: {}", named(others)),
    }
}

/// That it works now, or only seems to.
pub fn works<'a>(mut over: impl Iterator<Item = &'a SymptomOf>) -> String {
    let untried = over.find_map(|it| it.untried.as_deref());
    untried.map_or("works now".to_owned(), |why| {
        format!("seems to work now: {why}; the request that failed is none to be tried again")
    })
}

fn recovered(verdict: &Verdict) -> String {
    let sites = named(&super::sites(verdict.symptoms.iter()));
    let now = works(verdict.symptoms.iter());
    match verdict.root() {
        Some(root) => format!("Recovered: {sites} failed and {now}. It was: {}", says(root)),
        None => format!("Recovered: {sites} failed and {now}; why it failed was not found."),
    }
}

/// What is wrong here, or in general where the cause has no words for here.
pub fn says(finding: &Finding) -> &str {
    if finding.says.is_empty() {
        finding.title
    } else {
        &finding.says
    }
}

/// `shop.example and blog.example answer 502, 504`
pub fn who_fails<'a>(symptoms: impl Iterator<Item = &'a SymptomOf> + Clone) -> String {
    let sites = super::sites(symptoms.clone());
    let statuses: BTreeSet<u16> = symptoms.filter_map(|it| it.symptom.status).collect();
    let statuses: Vec<String> = statuses.iter().map(u16::to_string).collect();
    let one = sites.len() == 1;
    let does = match (statuses.is_empty(), one) {
        (true, true) => "fails".to_owned(),
        (true, false) => "fail".to_owned(),
        (false, true) => format!("answers {}", statuses.join(", ")),
        (false, false) => format!("answer {}", statuses.join(", ")),
    };
    format!("{} {does}", named(&sites))
}

fn named(sites: &[&str]) -> String {
    match sites {
        [first, second, third, _, ..] => {
            format!(
                "{first}, {second}, {third} and {} more sites",
                sites.len() - SITES
            )
        }
        [some @ .., last] if !some.is_empty() => format!("{} and {last}", some.join(", ")),
        few => few.concat(),
    }
}

/// What nginx said, and of whom; else who made the answer, or what we saw. `None` where only the status is known.
fn what(it: &SymptomOf) -> Option<String> {
    let symptom = &it.symptom;
    match (&symptom.complaint, symptom.status, symptom.made_by) {
        (Some(complaint), _, _) => {
            let peer = symptom
                .peer
                .as_ref()
                .filter(|_| complaint.phase == Some(Phase::Connecting));
            Some(format!(
                "{complaint}{}",
                peer.map(|peer| format!(" to {peer}")).unwrap_or_default()
            ))
        }
        (None, None, _) => Some(symptom.sample.clone()),
        (None, Some(_), MadeBy::Upstream) => Some(symptom.signature()),
        (None, Some(_), MadeBy::Nginx | MadeBy::Unknown) => None,
    }
}

/// `shop.example / -> proxy_pass …: 502, connection refused (111), 42 times since 14:03:12 CET (3 min ago), last 2 s ago`
pub fn failure(it: &SymptomOf, now: Timestamp, zone: &TimeZone) -> String {
    let symptom = &it.symptom;
    let status = symptom.status.map(|status| status.to_string());
    let said: Vec<String> = status.into_iter().chain(what(it)).collect();
    let place = match it.location.as_str() {
        "" => it.site.clone(),
        location => format!("{} {location} -> {}", it.site, it.upstream),
    };
    let times = match symptom.count {
        1 => format!("once, {}", when(symptom.last, now, zone)),
        many => format!(
            "{many} times since {}, last {} ago",
            when(symptom.first, now, zone),
            age(now.since(symptom.last))
        ),
    };
    format!("{place}: {}, {times}", said.join(", "))
}

/// What failed and works now, in one line: `blog.example (502, 12 times, last 14:03:12 CET, 20 min ago)`.
pub fn earlier(verdict: &Verdict, now: Timestamp, zone: &TimeZone) -> Option<String> {
    let over: Vec<&SymptomOf> = verdict.symptoms.iter().filter(|it| it.over).collect();
    let last = over.iter().map(|it| it.symptom.last).max()?;
    let times: u64 = over.iter().map(|it| it.symptom.count).sum();
    let sites = named(&super::sites(over.iter().copied()));
    let works = works(over.into_iter());
    Some(format!(
        "{sites} failed and {works} ({times} times, last {})",
        when(last, now, zone)
    ))
}

/// `14:03:12 CET (3 min ago)`; with the day where that is not today's.
pub fn when(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = |at: Timestamp| jiff::Timestamp::from_second(at.secs()).map(|at| at.to_zoned(zone.clone()));
    let ago = age(now.since(at));
    match (local(at), local(now)) {
        (Ok(at), Ok(now)) if at.date() == now.date() => format!("{} ({ago} ago)", at.strftime("%H:%M:%S %Z")),
        (Ok(at), _) => format!("{} ({ago} ago)", at.strftime("%b %-d %H:%M %Z")),
        (Err(_), _) => format!("{ago} ago"),
    }
}

/// What could not be seen; what only root may see is one sentence.
pub fn not_seen(unseen: &[Unseen]) -> Vec<String> {
    let needs_root = |it: &&Unseen| matches!(it, Unseen::Forbidden { need, .. } if need == "root");
    let root: Vec<&str> = unseen.iter().filter(needs_root).map(Unseen::what).collect();
    let root = (!root.is_empty()).then(|| format!("without root: {}; run sudo why502", root.join(", ")));
    let rest = unseen
        .iter()
        .filter(|it| !needs_root(it))
        .map(|it| match super::to_see_it(it) {
            how if how.is_empty() => it.to_string(),
            how => format!("{it}; {how}"),
        });
    root.into_iter().chain(rest).collect()
}
