//! The verdict: causes with their evidence, what to do, what was ruled out, what could not be seen.

use crate::report::{
    account::{Account, Now},
    explained, words,
};
use diagnose::{Finding, Role, evidence::Side};
use maud::{Markup, html};

/// The section; nothing where no host was looked at.
pub fn section(account: &Account<'_>) -> Option<Markup> {
    let now = account.now.as_ref()?;
    let verdict = now.verdict;
    let unseen = words::not_seen(&verdict.unseen);
    Some(html! {
        p { "Looked at " (account.story.moment(now.frame.looked.at.secs(), "%-d %b %H:%M:%S")) ": " (words::headline(verdict)) }
        @if let Some(half_done) = &now.frame.fixes.half_done { p.cause { (words::half_done(half_done)) } }
        @for (nth, it) in verdict.findings.iter().enumerate() { (finding(account, now, nth, it)) }
        (items("What would settle it", true, verdict.settled_by.iter().map(|(says, command)| (says.clone(), command.clone()))))
        (items("Ruled out", false, verdict.ruled_out.iter().map(|it| (format!("{}: {}", it.cause, it.says), String::new()))))
        (items("Could not be seen", false, unseen.into_iter().map(|it| (it, String::new()))))
    })
}

fn role(finding: &Finding) -> &'static str {
    match (finding.role, finding.over) {
        (Role::Root, false) => "Cause",
        (Role::Root, true) => "It was",
        (Role::Effect, _) => "Effect",
        (Role::Contributing, _) => "Possible cause",
    }
}

fn finding(account: &Account<'_>, now: &Now<'_>, nth: usize, it: &Finding) -> Markup {
    let zone = &(account.story.zone)();
    let fails = explained(now.verdict, it).map(|symptom| words::failure(symptom, now.frame.looked.at, zone));
    let fails: Vec<String> = fails.collect();
    let chain = if it.role == Role::Root {
        words::chain(now.verdict, it)
    } else {
        Vec::new()
    };
    let again = now.frame.fixes.recurrences.get(nth).and_then(Option::as_ref);
    html! {
        article.finding {
            h3 { (role(it)) ": " (words::says(it)) }
            p.quiet { (it.title) " " code { (it.cause) } @if let Some(again) = again { "; " (again.says) } }
            @if let Some(trigger) = &it.trigger { p { strong { "Just before: " } (trigger.says) ", " (words::when(trigger.at, now.frame.looked.at, zone)) } }
            @if !chain.is_empty() { ul.chain { @for link in &chain { li { (link.says) @if let Some(it) = link.shown { br; code { (it.source.command) } } } } } }
            @if !fails.is_empty() { ul { @for text in &fails { li { (text) } } } }
            (evidence(it))
            @if !it.advice.is_empty() && it.role == Role::Root { h4 { "What to do" } pre tabindex="0" { (it.advice) } }
        }
    }
}

fn evidence(finding: &Finding) -> Markup {
    html! {
        @if !finding.evidence.is_empty() {
            details open[finding.role == Role::Root] {
                summary { "Evidence" }
                ul.evidence {
                    @for it in &finding.evidence {
                        li.against[it.side != Side::For] {
                            @if it.side != Side::For { strong { "Against: " } }
                            (it.says)
                            @if !it.source.command.is_empty() { br; code { (it.source.command) } }
                        }
                    }
                }
            }
        }
    }
}

fn items(title: &str, open: bool, items: impl Iterator<Item = (String, String)>) -> Markup {
    let items: Vec<(String, String)> = items.collect();
    html! {
        @if !items.is_empty() {
            details open[open] {
                summary { (title) " " span.quiet { (items.len()) } }
                ul { @for (says, command) in &items { li { (says) @if !command.is_empty() { br; code { (command) } } } } }
            }
        }
    }
}
