//! Whose load it was.

use super::{
    answer,
    parts::{head, scroll},
    plot,
};
use crate::report::{
    account::Account,
    logs::{bytes, called, grouped, key},
};
use logscan::scan::{By, Ranked, Weight};
use maud::{Markup, html};

/// What is told, and whether it is open.
const LISTS: [(By, &str, bool); 9] = [
    (By::Route, "By path, ids folded", true),
    (By::Client, "By visitor", true),
    (By::Network, "By network", false),
    (By::System, "By autonomous system", false),
    (By::Agent, "By user agent", false),
    (By::Referrer, "By referrer", false),
    (By::Site, "By site", false),
    (By::Status, "By status", false),
    (By::Method, "By method", false),
];

/// The section; nothing where there is no access log.
pub fn section(account: &Account<'_>) -> Option<Markup> {
    let total = account.story.scanned.everyone.total;
    (total.requests > 0).then(|| {
        html! {
            p {
                @if total.micros > 0 { "The share is of the time that backends (where the log has none, requests) took, for a slow request weighs more than a quick one." }
                @else { "These logs have no times, so the share is of requests." }
            }
            @for (by, title, open) in LISTS { (list(account, by, title, open)) }
        }
    })
}

fn list(account: &Account<'_>, by: By, title: &str, open: bool) -> Markup {
    let everyone = &account.story.scanned.everyone;
    let top = everyone.by(by);
    let rows = top.ranked(Weight::Time, account.story.top);
    let about = if top.error() > 0 { "about " } else { "" };
    // one key, or none named at all, tells nothing
    let tells = rows.len() > 1 || rows.iter().any(|it| !it.key.is_empty());
    let columns = [called(by), "share", "seconds", "requests", "failed", "sent"];
    let table = html! { table { (head(&columns, 2)) tbody { @for it in &rows { (row(account, by, it)) } } } };
    html! {
        @if tells {
            details open[open] {
                summary { (title) " " span.quiet { (about) (grouped(top.distinct())) " in all" } }
                (scroll(title, table))
                @if top.error() > 0 { p.quiet { "Each may lack up to " (grouped(top.error())) " requests: there were more than are told apart." } }
            }
        }
    }
}

fn row(account: &Account<'_>, by: By, it: &Ranked) -> Markup {
    let (total, load) = (account.story.scanned.everyone.total, it.load);
    let (part, whole) = if total.micros > 0 {
        (load.micros, total.micros)
    } else {
        (load.requests, total.requests)
    };
    html! {
        tr {
            th scope="row" { code { (key(by, &it.key)) } }
            td.bar { (plot::share(part, whole)) " " (answer::share(part, whole)) }
            td.n { (format!("{:.1}", load.micros as f64 / 1e6)) }
            td.n { (grouped(load.requests)) }
            td.n.hot[load.failures * 10 > load.requests] { (grouped(load.failures)) }
            td.n { (bytes(load.bytes)) }
        }
    }
}
