//! The site's own servers, from outside inwards.

use super::{
    super::{
        Check,
        case::{Asked, Why, status_says},
        hop::{self, Maker},
        steps, tls,
    },
    Theory, Whose, curl, failure, hops, ours,
};
use crate::{Rank, case::errno};
use host::answer::Connect;

pub(super) const TELL: &str =
    "Nothing here is at fault: wait, or tell the site's operator. The line below is for them.";

/// A certificate that no browser takes.
pub(super) fn certificate(check: &Check) -> Option<Theory> {
    let way = |it: &&Asked| it.why == Why::Redirect || ours(check).any(|own| std::ptr::eq(own, *it));
    let mut tried = check.asked.iter().filter(|it| way(it) && it.connected());
    let it = tried.find(|it| tls::trouble(check, it).is_some())?;
    let trouble = tls::trouble(check, it)?;
    let behind = check.telling().filter(|it| it.page.is_some()).map(Asked::outcome);
    // who trusts the issuer in the browser alone sees the failure behind it
    if matches!(trouble, tls::Trouble::Untrusted(_)) && behind.is_some() {
        return None;
    }
    let to = it.visit.to;
    let host = &it.place.host;
    let behind = behind
        .map(|outcome| format!(" Behind the warning it answers {outcome}."))
        .unwrap_or_default();
    Some(
        Theory::new(Whose::Edge, format!("{host} can't be reached securely: {}.{behind}", trouble.says()))
            .seen(Rank::Decisive, format!("{to}: {}", trouble.says()), format!("openssl s_client -connect {to} -servername {host} </dev/null"))
            .visitor("Do not click the warning away: tell the site's operator. In a hotel or an office the network may stand in between; try another one."),
    )
}

/// Nobody listens at the address.
pub(super) fn closed(check: &Check) -> Option<Theory> {
    let tried: Vec<&Asked> = ours(check).filter(|it| it.talk.is_ok()).collect();
    let is_closed = |it: &&Asked| {
        it.talk.as_ref().is_ok_and(|talk| {
            matches!(
                talk.connect,
                Connect::Failed(errno::ECONNREFUSED | errno::ECONNRESET)
            )
        })
    };
    let through = check.asked.iter().any(|it| it.why == Why::Proxy && it.works());
    if tried.is_empty() || through || tried.iter().any(|it| it.connected()) || !tried.iter().any(is_closed) {
        return None;
    }
    let to = tried.iter().find(|it| is_closed(it))?.visit.to;
    let host = &check.place.host;
    Some(
        Theory::new(
            Whose::Edge,
            format!("no web server runs at {to}: {host} refuses connections."),
        )
        .seen(
            Rank::Decisive,
            format!("{to}: Connection refused"),
            format!("nc -vz {} {}", to.ip(), to.port()),
        )
        .visitor(TELL),
    )
}

/// A failing answer, by who made it.
pub(super) fn answer(check: &Check) -> Option<Theory> {
    let it = check.telling()?;
    let trouble = tls::trouble(check, it);
    if !it.connected()
        || trouble
            .as_ref()
            .is_some_and(|it| !matches!(it, tls::Trouble::Untrusted(_)))
    {
        return None;
    }
    let theory = match &it.page {
        None => silent(check, it),
        Some(page) => {
            let status = page.status;
            match only_http2(check, it) {
                Some(theory) => theory,
                None => by_maker(check, it, status),
            }
        }
    };
    let theory = match trouble {
        Some(trouble) => theory.seen(
            Rank::Hint,
            format!("browsers warn before they show it: {}", trouble.says()),
            curl(it, "-k "),
        ),
        None => theory,
    };
    Some(often(check, sick(check, stored(it, theory))).visitor(TELL))
}

fn silent(check: &Check, it: &Asked) -> Theory {
    let host = &check.place.host;
    Theory::new(
        Whose::Edge,
        format!("{host} takes the connection, and then: {}.", it.outcome()),
    )
    .seen(
        Rank::Strong,
        format!("{}: {}", it.visit.to, it.outcome()),
        curl(it, ""),
    )
}

fn only_http2(check: &Check, it: &Asked) -> Option<Theory> {
    let all_else: Vec<&Asked> = ours(check).filter(|other| !other.visit.http2).collect();
    if !it.visit.http2 || all_else.is_empty() || !all_else.iter().all(|other| other.works()) {
        return None;
    }
    let host = &check.place.host;
    Some(
        Theory::new(
            Whose::Edge,
            format!(
                "{host} fails over HTTP/2 only: {}; over HTTP/1.1 the page comes.",
                it.outcome()
            ),
        )
        .seen(
            Rank::Strong,
            format!("HTTP/2: {}", it.outcome()),
            curl(it, "--http2 "),
        ),
    )
}

fn by_maker(check: &Check, it: &Asked, status: u16) -> Theory {
    let hops = hops(it);
    let (host, says) = (&it.place.host, status_says(status));
    let command = format!("curl -sS {}", crate::evidence::quote(&it.place.to_string()));
    match (&hops.page_of, hops.cdn) {
        (Some(Maker::Cdn(name)), _) => {
            let why =
                hop::origin_trouble(status).unwrap_or("it gets no good answer from the site's own servers");
            Theory::new(
                Whose::Cdn,
                format!("{name}, which stands before {host}, answers {says}: {why}."),
            )
            .seen(Rank::Decisive, format!("the error page is {name}'s own"), command)
        }
        (Some(maker), Some(cdn)) => {
            let name = maker.name();
            Theory::new(
                Whose::Edge,
                format!("the site's own {name}, behind {cdn}, answers {says}."),
            )
            .seen(
                Rank::Strong,
                format!("{cdn} handed on an error page of {name}"),
                command,
            )
        }
        (Some(maker @ Maker::Server(product, version)), None) => {
            let name = maker.name();
            match is_first(&hops, product, version.as_deref()) {
                true => Theory::new(
                    Whose::Edge,
                    format!(
                        "{name}, the first server of {host}, answers {says}: what it asks behind it fails."
                    ),
                )
                .seen(
                    Rank::Strong,
                    format!("the error page is {name}'s own, and so is the Server header"),
                    command,
                ),
                false => Theory::new(
                    Whose::Inner,
                    format!("{name}, a server behind the first one of {host}, answers {says}."),
                )
                .seen(
                    Rank::Strong,
                    format!(
                        "the error page is {name}'s own, but the first server calls itself {}",
                        first_name(&hops)
                    ),
                    command,
                ),
            }
        }
        (None, _) => unknown(check, it, status, command),
    }
}

fn first_name(hops: &hop::Hops) -> String {
    match (&hops.server, hops.via.first()) {
        (Some(server), _) => server.clone(),
        (None, Some(via)) => via.clone(),
        (None, None) => "nothing".to_owned(),
    }
}

/// The server that answers us is the one that made the page: same product, no other version, no proxy named between.
fn is_first(hops: &hop::Hops, product: &str, version: Option<&str>) -> bool {
    let Some(server) = &hops.server else {
        return hops.via.is_empty();
    };
    let (server, product) = (server.to_ascii_lowercase(), product.to_ascii_lowercase());
    let word = product.split(' ').next().unwrap_or_default();
    let same = server.contains(word) || (word == "aws" && server.starts_with("awselb"));
    let other_version = version.is_some_and(|version| {
        let told = server
            .split('/')
            .nth(1)
            .map(|it| it.split(' ').next().unwrap_or_default());
        told.is_some_and(|told| told != version)
    });
    // HAProxy, Varnish and Traefik hand Server headers of others on, and send none of their own
    let nameless =
        ["haproxy", "varnish", "traefik"].contains(&word) && hops.via.is_empty() && !server.contains("nginx");
    (same && !other_version) || nameless
}

/// No page that we know: the application's own, or one that the operator wrote.
fn unknown(check: &Check, it: &Asked, status: u16, command: String) -> Theory {
    let (host, says) = (&it.place.host, status_says(status));
    if let Some(cdn) = hops(it).cdn.filter(|_| (520..=530).contains(&status)) {
        let why = hop::origin_trouble(status).unwrap_or("its origin fails");
        return Theory::new(
            Whose::Cdn,
            format!("{cdn}, which stands before {host}, answers {says}: {why}."),
        )
        .seen(Rank::Strong, "only a CDN makes that status", command);
    }
    let framework = it.page.as_ref().and_then(|page| {
        [
            "x-powered-by",
            "x-aspnet-version",
            "x-runtime",
            "x-generator",
            "x-drupal-cache",
            "x-django-version",
        ]
        .iter()
        .find_map(|name| Some(format!("{name}: {}", page.header(name)?)))
    });
    match (status, framework) {
        (500 | 501, sign) => {
            let sign = sign.unwrap_or_else(|| "proxies do not make 500 of their own accord".to_owned());
            Theory::new(
                Whose::Application,
                format!("the application of {host} answers {says}."),
            )
            .seen(Rank::Strong, sign, command)
        }
        (_, Some(sign)) => Theory::new(
            Whose::Application,
            format!("the application of {host} itself answers {says}."),
        )
        .seen(Rank::Strong, format!("the answer has its mark: {sign}"), command),
        (_, None) => {
            let place = check.place.to_string();
            Theory::new(
                Whose::Site,
                format!("{host} answers {says}; the page does not tell which of its servers made it."),
            )
            .seen(
                Rank::Hint,
                "the body is no error page of a proxy that we know: the operator's own, or the application's",
                format!("curl -sS {}", crate::evidence::quote(&place)),
            )
            .unclear()
        }
    }
}

/// A failure that came out of a cache may be over behind it.
fn stored(it: &Asked, theory: Theory) -> Theory {
    match hops(it).cached {
        Some(sign) => theory.seen(
            Rank::Strong,
            format!("the failure came out of a cache on the way ({sign}): it may be over behind it"),
            curl(it, ""),
        ),
        None => theory,
    }
}

/// Some addresses fail, others answer.
fn sick(check: &Check, theory: Theory) -> Theory {
    let first = |it: &&Asked| it.why == Why::Address && it.talk.is_ok();
    let (good, bad): (Vec<&Asked>, Vec<&Asked>) = ours(check).filter(first).partition(|it| it.works());
    match (good.first(), bad.first()) {
        (Some(good), Some(bad)) => theory.seen(
            Rank::Strong,
            format!(
                "of its addresses {} fails and {} answers: one server is sick, not all",
                bad.visit.to.ip(),
                good.visit.to.ip()
            ),
            curl(bad, ""),
        ),
        _ => theory,
    }
}

fn often(check: &Check, mut theory: Theory) -> Theory {
    let (failed, all) = steps::failed(check);
    if failed > 0 && failed < all {
        theory.says = format!(
            "{} It fails now and then: {failed} of {all} requests.",
            theory.says
        );
    }
    match all {
        0 | 1 => theory,
        _ => theory.seen(
            Rank::Hint,
            format!("{failed} of {all} requests failed: {}", failure(check)),
            format!("why502 check {}", check.place),
        ),
    }
}
