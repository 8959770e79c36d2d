//! What one browser keeps of the site.

use super::{
    super::{
        Check,
        case::{Asked, Why, status_says},
    },
    Theory, Whose, ours,
};
use crate::{Rank, words::count};

/// It fails with a browser's cookies, each time, and works without them, each time.
pub(super) fn cookies(check: &Check) -> Option<Theory> {
    if !ours(check).filter(|it| it.connected()).all(Asked::suits) {
        return None;
    }
    check.browsers.iter().enumerate().find_map(|(nth, sight)| {
        let with: Vec<&Asked> = check.asked.iter().filter(|it| it.why == Why::Cookies(nth) && it.talk.is_ok()).collect();
        if with.len() < 2 || with.iter().any(|it| it.suits()) {
            return None;
        }
        let cookies = sight.sends(&check.place, check.at);
        let bytes: u64 = cookies.iter().map(|it| it.bytes + it.name.len() as u64 + 3).sum();
        let sealed = cookies.iter().any(|it| it.encrypted);
        let mut largest = cookies.clone();
        largest.sort_by_key(|it| std::cmp::Reverse(it.bytes));
        let names: Vec<String> = largest.iter().take(3).map(|it| format!("{} ({} bytes)", it.name, it.bytes)).collect();
        let outcome = with.first()?.outcome();
        let host = &check.place.host;
        let (rank, sent) = match sealed {
            true => (Rank::Strong, "cookies of the same names and sizes (their values are encrypted)"),
            false => (Rank::Decisive, "the stored cookies"),
        };
        Some(
            Theory::new(Whose::Browser, format!("the cookies that {} keeps for {host} make it fail: {outcome} with them, the page without.", sight.name()))
                .cause("client-cookie")
                .seen(rank, format!("with {sent}: {outcome}, {} times of {0}; without: the page, each time", with.len()), format!("why502 check {}", check.place))
                .seen(Rank::Hint, format!("{}, {bytes} bytes as a header; the largest: {}", count(cookies.len(), "cookie"), names.join(", ")), format!("why502 check {} --json", check.place))
                .visitor(format!("Clear this site's cookies only: close the browser, then why502 client clear {} (it shows what it does, and undo puts it back); or in the browser the lock beside the address, then \"Clear cookies and site data\" for {host}.", crate::evidence::quote(&check.place.to_string())))
                .visitor("You will be logged out there, nowhere else."),
        )
    })
}

/// The page works, and a browser keeps a failure of it.
pub(super) fn cache(check: &Check) -> Option<Theory> {
    let works = ours(check).any(Asked::works) && !ours(check).any(Asked::fails);
    let (sight, cached) = check
        .browsers
        .iter()
        .find_map(|it| Some((it, it.cached_failure(&check.place, check.at)?)))
        .filter(|_| works)?;
    let status = cached.status.map(status_says).unwrap_or_default();
    let until = cached.shown_until.unwrap_or(cached.stored);
    Some(
        Theory::new(Whose::Browser, format!("{} shows a stored answer: {status} from {}; the page itself works now.", sight.name(), cached.stored))
            .cause("client-cache")
            .seen(Rank::Decisive, format!("its cache holds {status} for exactly this page, which came with leave to be shown until {until} unasked"), format!("ls -l {}", crate::evidence::quote(&cached.file.to_string_lossy())))
            .visitor(format!("Reload past the cache: Ctrl+Shift+R (Cmd+Shift+R). If it comes back: close the browser, then why502 client clear {}", crate::evidence::quote(&check.place.to_string()))),
    )
}

/// A browser only asks for https, which fails, while http works.
pub(super) fn promise(check: &Check) -> Option<Theory> {
    let secure = check.asked.iter().find(|it| it.why == Why::Promise)?;
    let sight = check
        .browsers
        .iter()
        .find(|it| it.kept.as_ref().is_ok_and(|kept| kept.strict_transport))?;
    let trouble = super::tls::trouble(check, secure);
    if super::is_sound(check, secure) || secure.talk.is_err() {
        return None;
    }
    let why = trouble.map_or_else(|| secure.outcome(), |it| it.says());
    Some(
        Theory::new(Whose::Browser, format!("{} remembers that {} wants https, and https fails there: {why}.", sight.name(), check.place.host))
            .cause("client-cache")
            .seen(Rank::Strong, format!("{} works, {} does not, and the browser never asks for the first (HSTS)", check.place, secure.place), super::curl(secure, ""))
            .visitor("The promise came from the site itself: tell its operator to mend https. Until then another browser that never met the site opens it by http."),
    )
}

/// What to do where the page works, and a browser may still show something else.
pub(super) fn kept(check: &Check) -> Vec<String> {
    let worker = check.browsers.iter().find(|it| {
        it.kept
            .as_ref()
            .is_ok_and(|kept| !kept.service_workers.is_empty())
    });
    let reload = "If your browser still shows an error, reload with Ctrl+Shift+R, then try a private window; what only fails there is kept in the browser.".to_owned();
    let clear = worker.map(|sight| {
        format!(
            "In {} a service worker of the site answers in its place, also with what it stored while the site failed. If only this browser fails: close it, then why502 client clear {}",
            sight.name(),
            crate::evidence::quote(&check.place.to_string())
        )
    });
    std::iter::once(reload).chain(clear).collect()
}
