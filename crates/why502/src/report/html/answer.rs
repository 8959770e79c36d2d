//! What a reader must know who reads nothing else.

use super::parts::unbroken;
use crate::{
    report::{
        account::Account,
        logs::{grouped, site},
        words,
    },
    screen::age,
};
use diagnose::{Role, verdict::Outcome};
use maud::{Markup, html};
use std::time::Duration;

/// Whose page it is.
pub fn header(account: &Account<'_>) -> Markup {
    let zone = account.story.moment(account.at, "%Z");
    html! {
        header {
            p.brand { "why502 report" }
            p {
                @if !account.host.is_empty() { strong { (account.host) } ", " }
                "made " (account.story.moment(account.at, "%-d %B %Y %H:%M")) ". All times are " (zone) "."
            }
        }
    }
}

/// The answer, then the figures.
pub fn answer(account: &Account<'_>) -> Markup {
    let (class, word) = standing(account);
    html! {
        section #answer.(class) {
            p.standing { (word) }
            h1 { (unbroken(&account.answer())) }
            p { @if account.now.is_some() { "The logs: " } (unbroken(&account.lost())) }
            @if let Some(text) = reason(account) { p { (text) } }
            (figures(account))
            @if account.is_bad() && account.now.is_some() { p { a href="#now" { "The evidence, and what to do" } } }
        }
    }
}

fn standing(account: &Account<'_>) -> (&'static str, &'static str) {
    let class = if account.is_bad() { "bad" } else { "good" };
    let word = match &account.now {
        None if account.is_bad() => "From the logs alone",
        None => "No failure in the logs",
        Some(now) => match now.verdict.outcome {
            Outcome::Found => "Fails now, the cause is found",
            Outcome::Torn => "Fails now, several causes stand equally",
            Outcome::Unexplained if now.verdict.symptoms.is_empty() => "Could not look",
            Outcome::Unexplained => "Fails now, the cause was not found",
            Outcome::Recovered => "Works again",
            Outcome::Healthy => "Healthy",
        },
    };
    (class, word)
}

/// The change just before, which is often what people ask for next.
fn reason(account: &Account<'_>) -> Option<String> {
    let now = account.now.as_ref()?;
    let roots = now.verdict.findings.iter().filter(|it| it.role == Role::Root);
    let trigger = roots.filter_map(|it| it.trigger.as_ref()).next()?;
    let when = words::when(trigger.at, now.frame.looked.at, &(account.story.zone)());
    Some(format!("Just before: {}, {when}", trigger.says))
}

fn figures(account: &Account<'_>) -> Markup {
    let story = &account.story;
    let (lost, requests) = (story.lost(), account.requests());
    let worst = story.bursts.iter().max_by_key(|it| it.lost);
    html! {
        dl.figures {
            @if requests > 0 { (figure("Requests", &grouped(requests), "")) }
            @let of = share(lost, requests);
            @let what = if account.has_access() { "Failed" } else { "Complaints" };
            (figure(what, &grouped(lost), &of))
            (figure("Bursts", &grouped(story.bursts.len() as u64), ""))
            @if let Some(burst) = worst {
                @let lasted = Duration::from_secs(u64::try_from(burst.end - burst.start).unwrap_or(0) + 1);
                (figure("The worst", &age(lasted), &format!("{} from {}", site(burst), story.moment(burst.start, "%-d %b %H:%M:%S"))))
            }
        }
    }
}

/// `4.2%`; what is not nothing is never told as nothing.
pub fn share(part: u64, whole: u64) -> String {
    match part as f64 * 100.0 / whole.max(1) as f64 {
        _ if whole == 0 => String::new(),
        _ if part == 0 => "0%".to_owned(),
        percent if percent < 0.1 => "under 0.1%".to_owned(),
        percent if percent < 10.0 => format!("{percent:.1}%"),
        percent => format!("{percent:.0}%"),
    }
}

fn figure(name: &str, value: &str, note: &str) -> Markup {
    html! {
        div {
            dt { (name) }
            dd { span.value { (value) } @if !note.is_empty() { " " span.note { (note) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_never_rounded_to_nothing() {
        for (part, whole, expected) in [
            (0, 0, ""),
            (0, 9, "0%"),
            (1, 100_000, "under 0.1%"),
            (1, 30, "3.3%"),
            (9, 9, "100%"),
        ] {
            assert_eq!(share(part, whole), expected);
        }
    }
}
