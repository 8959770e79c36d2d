//! What was done to this host, and what failed on it before.

use super::parts::{head, scroll};
use crate::report::{account::Account, history::Fix};
use maud::{Markup, html};

/// Rows of each list.
const ROWS: usize = 20;

/// The section; nothing where no host was looked at.
pub fn section(account: &Account<'_>) -> Option<Markup> {
    account.now.as_ref()?;
    Some(html! {
        @if account.fixes.is_empty() { p { "why502 has changed nothing on this host, as far as could be seen." } }
        @for fix in account.fixes.iter().take(ROWS) { (article(account, fix)) }
        @if !account.incidents.is_empty() { (scroll("What failed", incidents(account))) }
    })
}

fn incidents(account: &Account<'_>) -> Markup {
    let moment = |at: host::Timestamp| account.story.moment(at.secs(), "%-d %b %H:%M:%S");
    html! {
        table {
            caption { "What failed, as it was written down" }
            (head(&["from", "until", "what"], 3))
            tbody {
                @for it in account.incidents.iter().take(ROWS) {
                    tr { td { (moment(it.first_ms)) } td { (moment(it.last_ms)) } td { (it.says) " " code { (it.cause) } } }
                }
            }
        }
    }
}

fn article(account: &Account<'_>, fix: &Fix) -> Markup {
    let at = fix
        .events
        .first()
        .map(|it| account.story.moment(it.at_ms.secs(), "%-d %b %H:%M:%S"));
    html! {
        article {
            h3 { (fix.title) }
            p.facts { (at.unwrap_or_else(|| fix.at.clone())) ", by " (fix.by) ": " strong { (fix.outcome) } }
            p { (fix.why) " " code { (fix.cause) } }
            details {
                summary { "Its steps" }
                ol { @for step in &fix.steps { li { (step.does) ": " (step.state) } } }
                p.quiet { "Kept in " code { (fix.dir) } @if fix.can_be_undone() { ". To take it back: " code { "why502 undo " (fix.id) } } }
            }
        }
    }
}
