//! The frame of the page: its head, its policy, its sections in order.

use super::{answer, bursts, foresight, latency, load, now, past, sources, timeline};
use crate::report::account::Account;
use base64::{Engine, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

/// All of its looks.
const STYLE: &str = include_str!("style.css");

/// The whole page.
pub fn page(account: &Account<'_>) -> Markup {
    let sections = sections(account);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (title(account)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#answer" { "To the answer" }
                (answer::header(account))
                @if sections.len() > 1 {
                    nav aria-label="Sections" {
                        @for (id, name, _) in &sections { a href={ "#" (id) } { (name) } " " }
                    }
                }
                main {
                    (answer::answer(account))
                    @for (id, name, body) in &sections {
                        section #(id) aria-labelledby={ (id) "-title" } {
                            h2 id={ (id) "-title" } { (name) }
                            (body)
                        }
                    }
                }
                (sources::footer(account))
            }
        }
    }
}

type Section = (&'static str, &'static str, Markup);

/// Those that have something to say.
fn sections(account: &Account<'_>) -> Vec<Section> {
    [
        ("happened", "What happened", timeline::section(account)),
        ("bursts", "Bursts", bursts::section(account)),
        ("now", "What the host shows now", now::section(account)),
        ("latency", "Where the time went", latency::section(account)),
        ("load", "Whose load it was", load::section(account)),
        ("past", "Incidents and fixes", past::section(account)),
        (
            "tomorrow",
            "What will make a 502 tomorrow",
            foresight::section(account),
        ),
        (
            "sources",
            "What was read, and what was not",
            sources::section(account),
        ),
    ]
    .into_iter()
    .filter_map(|(id, name, body)| Some((id, name, body?)))
    .collect()
}

fn title(account: &Account<'_>) -> String {
    match account.host.as_str() {
        "" => "why502 report".to_owned(),
        host => format!("why502 report: {host}"),
    }
}

/// Nothing but this style: no script, no picture, no font, no form, and nothing from elsewhere.
fn policy() -> String {
    let digest = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'")
}
