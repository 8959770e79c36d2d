//! What browsers keep, in words.

use super::{
    super::{
        Check,
        case::{Why, status_says},
    },
    State, Step, line,
};
use crate::words::count;

/// What the browsers keep, and what comes of it.
pub fn browser(check: &Check) -> Step {
    let mut lines = Vec::new();
    for (nth, sight) in check.browsers.iter().enumerate() {
        let cookies = sight.sends(&check.place, check.at);
        let bytes: u64 = cookies.iter().map(|it| it.bytes + it.name.len() as u64 + 3).sum();
        let with = check.asked.iter().rfind(|it| it.why == Why::Cookies(nth));
        let name = sight.name();
        match (cookies.len(), with) {
            (0, _) => lines.push(line(State::Note, format!("{name}: no cookies for this page"))),
            (number, None) => lines.push(line(
                State::Note,
                format!("{name}: {}, not tried", count(number, "cookie")),
            )),
            (number, Some(asked)) => {
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
                let sent = format!(
                    "{name}: with its {}{sealed}, {bytes} bytes",
                    count(number, "cookie")
                );
                lines.push(line(state, format!("{sent}: {}", asked.outcome())));
            }
        }
        if let Some(cached) = sight.cached_failure(&check.place) {
            let status = cached.status.map(status_says).unwrap_or_default();
            lines.push(line(
                State::Bad,
                format!("{name}: its cache holds {status} for this page"),
            ));
        }
        let kept = sight.kept.as_ref().ok();
        for it in kept.iter().flat_map(|kept| &kept.proxies) {
            lines.push(line(
                State::Note,
                format!("{name}: has a proxy of its own, {}={}", it.name, it.value),
            ));
        }
        if kept.is_some_and(|kept| !kept.service_workers.is_empty()) {
            lines.push(line(
                State::Note,
                format!("{name}: a service worker of the site answers in its place"),
            ));
        }
        if kept.is_some_and(|kept| kept.strict_transport) {
            lines.push(line(
                State::Note,
                format!("{name}: remembers to use https only (HSTS)"),
            ));
        }
    }
    Step {
        name: "Browser",
        lines,
    }
}
