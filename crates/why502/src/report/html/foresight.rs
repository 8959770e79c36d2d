//! What an audit of the host says.

use crate::report::{
    account::Account,
    audit::{Finding, Report},
};
use maud::{Markup, html};

/// The section; nothing where no host was looked at.
pub fn section(account: &Account<'_>) -> Option<Markup> {
    let audit = account.now.as_ref()?.audit.as_ref()?;
    Some(html! {
        @if audit.findings.is_empty() { p { "Nothing that the rules know." } }
        @for it in &audit.findings { (finding(it)) }
        (blind(audit))
    })
}

fn finding(it: &Finding) -> Markup {
    html! {
        details.finding {
            summary { span.level { (it.level) } " " (it.says) }
            @if let Some(place) = it.place() { p { code { (place) } } }
            p { (it.why) }
            p { strong { "Change: " } (it.change) }
            p.quiet { "Seen by " code { (it.command) } "; rule " code { (it.rule) } }
        }
    }
}

/// Of these rules, nothing found means nothing.
fn blind(audit: &Report) -> Markup {
    let mut all: Vec<(&str, String)> = audit
        .blind
        .iter()
        .map(|it| (it.rule.as_str(), it.says()))
        .collect();
    all.dedup();
    html! {
        @if !all.is_empty() {
            details {
                summary { "Rules that could not look " span.quiet { (all.len()) } }
                ul { @for (rule, says) in &all { li { code { (rule) } ": " (says) } } }
            }
        }
    }
}
