//! The browsers of whoever asks: what they keep of the site, and what comes of it when they send it.

use super::{
    super::{
        Check, Question,
        case::{BrowserSight, Why},
        steps,
    },
    asks::Asker,
    best,
};
use host::{Host, Looks, browser::Jar};
use std::net::SocketAddr;

/// Profiles looked at, and of these asked with cookies.
const PROFILES: usize = 8;
const ASKED: usize = 3;

/// Of each profile what it keeps of this site.
pub(super) fn look(host: &dyn Host, question: &Question, check: &mut Check) {
    let profiles = match (&question.profile, &question.home) {
        (Some(dir), _) => match host.browser_profile(dir) {
            Ok(profile) => vec![profile],
            Err(unseen) => {
                check.unseen.push(unseen);
                Vec::new()
            }
        },
        (None, Some(home)) => {
            let (profiles, unseen) = host.browser_profiles(home);
            check.unseen.extend(unseen);
            profiles
        }
        (None, None) => Vec::new(),
    };
    let name = check.place.host.as_str();
    let sight = |profile| BrowserSight {
        cookies: host.cookies(&profile, name),
        kept: host.kept(&profile, name),
        profile,
    };
    check.browsers = profiles.into_iter().take(PROFILES).map(sight).collect();
    for sight in &check.browsers {
        check.unseen.extend(sight.cookies.as_ref().err().cloned());
        match &sight.kept {
            Ok(kept) => check.unseen.extend(kept.unread.iter().cloned()),
            Err(unseen) => check.unseen.push(unseen.clone()),
        }
    }
}

/// The page with each profile's cookies. Where it fails with them and worked without, once more with and without: a
/// site that fails now and then must not be blamed on a browser.
pub(super) fn ask(asker: &mut Asker<'_>, check: &mut Check) {
    promise(asker, check);
    let slow = check.plain().any(super::Asked::is_slow);
    let Some(to) = best(check).filter(|_| !slow) else {
        return;
    };
    let place = check.place.clone();
    let http2 = speaks_http2(check, to);
    let jars: Vec<(usize, Jar)> = check
        .browsers
        .iter()
        .enumerate()
        .filter(|(_, sight)| !sight.sends(&place, check.at).is_empty())
        .filter_map(|(nth, sight)| Some((nth, sight.cookies.as_ref().ok()?.as_ref()?.0.clone())))
        .take(ASKED)
        .collect();
    for (nth, jar) in jars {
        let Some(first) = asker.with_cookies(nth, &place, (to, http2), &jar) else {
            return;
        };
        let differs = first.talk.is_ok() && !first.suits() && bare(check);
        check.asked.push(first);
        if differs {
            check.asked.extend(asker.bare(&place, to, http2));
            check
                .asked
                .extend(asker.with_cookies(nth, &place, (to, http2), &jar));
            check.asked.extend(asker.bare(&place, to, http2));
        }
    }
}

/// A browser uses HTTP/2 where it is offered.
fn speaks_http2(check: &Check, to: SocketAddr) -> bool {
    let by_http2 = |it: &&super::Asked| it.why == Why::Http2 && it.visit.to == to;
    check.asked.iter().filter(by_http2).any(|it| it.page.is_some())
}

/// The page comes without cookies, each time.
fn bare(check: &Check) -> bool {
    let mut ours = check.plain().filter(|it| check.is_systems(it) && it.connected());
    ours.all(|it| it.suits() || steps::is_refused_h2(it))
}

/// A browser that remembers that the site wants TLS never asks for `http://`.
fn promise(asker: &mut Asker<'_>, check: &mut Check) {
    let promised = check
        .browsers
        .iter()
        .any(|it| it.kept.as_ref().is_ok_and(|kept| kept.strict_transport));
    if check.place.tls || !promised {
        return;
    }
    let mut place = check.place.clone();
    (place.tls, place.port) = (true, if place.port == 80 { 443 } else { place.port });
    if let Some(to) = best(check) {
        let to = std::net::SocketAddr::new(to.ip(), place.port);
        check.asked.extend(asker.plain(Why::Promise, &place, to));
    }
}
