//! What was read, and what was not.

use super::parts::{head, scroll};
use crate::report::{
    account::Account,
    logs::{bytes, count, grouped},
};
use maud::{Markup, html};

/// The section.
pub fn section(account: &Account<'_>) -> Option<Markup> {
    let story = &account.story;
    let lines: u64 = story.scanned.seen.iter().map(|it| it.lines).sum();
    Some(html! {
        @if story.scanned.partial { p.cause { strong { "Partial: " } "reading was interrupted, so there may be more of everything." } }
        p { (count(lines, "line")) " in " (count(story.logs.len() as u64, "log")) ", " (bytes(story.scanned.bytes)) ", in " (format!("{:.1} s", story.took.as_secs_f64())) "." }
        @if !story.logs.is_empty() { (logs(account)) }
        @if !story.trouble.is_empty() { ul { @for it in story.trouble { li { "Not read: " (it) } } } }
        (warnings(account))
    })
}

fn logs(account: &Account<'_>) -> Markup {
    let story = &account.story;
    let table = html! {
        table {
            (head(&["log", "files", "lines", "not understood"], 1))
            tbody {
                @for (log, seen) in story.logs.iter().zip(&story.scanned.seen) {
                    tr {
                        th scope="row" { code { (log.name) } @for it in &seen.samples { br; span.quiet { code { (it) } } } }
                        td.n { (log.files.len()) }
                        td.n { (grouped(seen.lines)) }
                        td.n { (grouped(seen.unfit)) }
                    }
                }
            }
        }
    };
    scroll("Logs", table)
}

/// What backends said, where their logs were read too.
fn warnings(account: &Account<'_>) -> Markup {
    let all = account.story.scanned.warnings.totals();
    html! {
        @if !all.is_empty() {
            table {
                caption { "Backends said" }
                tbody {
                    @for (series, times) in all.into_iter().take(account.story.top) {
                        tr { td { (String::from_utf8_lossy(&series.site)) ": " (series.says) } td.n { (grouped(times)) } }
                    }
                }
            }
        }
    }
}

/// Who made it, and what is in it.
pub fn footer(_: &Account<'_>) -> Markup {
    html! {
        footer {
            p { "Made by why502 " (env!("CARGO_PKG_VERSION")) ". This page fetches nothing and runs nothing. It holds visitors' addresses and paths as logged: pass it on with care." }
        }
    }
}
