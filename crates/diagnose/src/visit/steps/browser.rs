//! What browsers keep, in words.

use super::{
    super::{
        Check,
        case::{BrowserSight, Why, status_says},
    },
    Line, State, Step, line,
};
use crate::words::count;

/// What the browsers keep, and what comes of it.
pub fn browser(check: &Check) -> Step {
    let sights = check.browsers.iter().enumerate();
    let lines = sights.flat_map(|(nth, sight)| {
        let cookies = cookies(check, nth, sight);
        std::iter::once(cookies).chain(kept(check, sight))
    });
    Step {
        name: "Browser",
        lines: lines.collect(),
    }
}

fn cookies(check: &Check, nth: usize, sight: &BrowserSight) -> Line {
    let cookies = sight.sends(&check.place, check.at);
    let bytes: u64 = cookies.iter().map(|it| it.bytes + it.name.len() as u64 + 3).sum();
    let (name, number) = (sight.name(), count(cookies.len(), "cookie"));
    let with = check.asked.iter().rfind(|it| it.why == Why::Cookies(nth));
    match (cookies.len(), with) {
        (0, _) => line(State::Note, format!("{name}: no cookies for this page")),
        (_, None) => line(State::Note, format!("{name}: {number}, not tried")),
        (_, Some(asked)) => {
            let state = match &asked.talk {
                Err(_) => State::Note,
                Ok(_) if asked.works() => State::Good,
                Ok(_) => State::Bad,
            };
            let sealed = if cookies.iter().any(|it| it.encrypted) {
                " (of that size; values are encrypted)"
            } else {
                ""
            };
            let outcome = asked.outcome();
            line(
                state,
                format!("{name}: with its {number}{sealed}, {bytes} bytes: {outcome}"),
            )
        }
    }
}

fn kept(check: &Check, sight: &BrowserSight) -> Vec<Line> {
    let name = sight.name();
    let mut lines = Vec::new();
    if let Some(cached) = sight.cached_failure(&check.place, check.at) {
        let status = cached.status.map(status_says).unwrap_or_default();
        let says = format!("{name}: its cache holds {status} for this page");
        lines.push(line(State::Bad, says));
    }
    let Ok(kept) = &sight.kept else {
        return lines;
    };
    for it in &kept.proxies {
        let says = format!("{name}: has a proxy of its own, {}={}", it.name, it.value);
        lines.push(line(State::Note, says));
    }
    if !kept.service_workers.is_empty() {
        let says = format!("{name}: a service worker of the site answers in its place");
        lines.push(line(State::Note, says));
    }
    if kept.strict_transport {
        let says = format!("{name}: remembers to use https only (HSTS)");
        lines.push(line(State::Note, says));
    }
    lines
}
