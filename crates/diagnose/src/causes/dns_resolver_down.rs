use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy,
    case::{NameAnswer, NameSight, NameSource},
    cause::{Group, Told, cause},
    naming::{self, Lookup, Meaning, as_written, is_asked_by_nginx, meaning, resolver_of_nginx},
};
use logscan::{Complaint, Trouble};
use std::net::SocketAddr;

cause! {
    /// # What happens
    /// nginx asks its `resolver` for the upstream's address and gets no usable answer: nothing listens there (111), it is
    /// silent (110, after resolver_timeout, 30 s by default), or it fails (2 SERVFAIL, 5 REFUSED). Each request that needs
    /// the name is a 502.
    /// # How to tell
    /// The server in nginx's `resolver` directive does not answer a direct question; another server does.
    /// # Fix
    /// Start that server, or name one that answers in `resolver`, and reload.
    /// # Not this if
    /// The server answers that the name does not exist (dns-name-missing), or no resolver is set (dns-no-resolver).
    pub static DNS_RESOLVER_DOWN = {
        id: "dns-resolver-down",
        title: "the resolver nginx asks does not answer",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("SERVFAIL", 60), ("EAI_AGAIN", 75), ("Temporary failure in name resolution", 75)],
        effect_of: &["stale-conntrack"],
        settled_by: ("ask nginx's resolver, and another one, for the name", "dig NAME @RESOLVER"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["dns-resolver-down"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::ResolverUnreachable { .. } => 95,
        Trouble::Unresolved { code: 3, .. } => 5,
        Trouble::Unresolved { .. } => 85,
        Trouble::ResolverOdd(_) => 40,
        Trouble::HostNotFound { .. } => 20,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(lookup) = naming::failed(case) else {
        return Opinion::none();
    };
    let asked: Vec<&NameSight> = naming::sights(case, lookup)
        .filter(|sight| is_asked_by_nginx(lookup, sight))
        .collect();
    let mut evidence = vec![complaint(case, lookup)];
    evidence.extend(asked.iter().filter_map(|sight| broken(case, lookup, sight)));
    evidence.extend(answers_now(case, &asked));
    let who = asked
        .iter()
        .find(|sight| meaning(sight) == Meaning::Broken)
        .and_then(|sight| naming::server(sight))
        .map_or("nginx's resolver".to_owned(), |at| at.to_string());
    Opinion {
        says: format!("{who} does not resolve {} for nginx", lookup.name),
        subject: who,
        evidence,
    }
}

fn complaint(case: &Case, lookup: Lookup<'_>) -> Evidence {
    let (rank, says) = match lookup.symptom.trouble() {
        Some(Trouble::ResolverUnreachable { errno, .. }) => (
            Rank::Strong,
            format!("nginx could not reach its resolver (errno {errno})"),
        ),
        Some(Trouble::Unresolved { code: 3, .. }) => {
            (Rank::Hint, format!("nginx could not resolve {}", lookup.name))
        }
        Some(Trouble::Unresolved { code, .. }) => (
            Rank::Strong,
            format!(
                "nginx got no answer for {} from its resolver (code {code})",
                lookup.name
            ),
        ),
        _ => (
            Rank::Hint,
            format!("nginx could not find {} when it read its config", lookup.name),
        ),
    };
    Evidence::supports(rank, says, naming::told_by(case, lookup))
}

/// A server nginx asks that fails: decisive where nothing listens there, or where somebody else does better.
fn broken(case: &Case, lookup: Lookup<'_>, sight: &NameSight) -> Option<Evidence> {
    if meaning(sight) != Meaning::Broken {
        return None;
    }
    let better =
        naming::sights(case, lookup).any(|it| matches!(meaning(it), Meaning::Found | Meaning::Missing));
    let (says, closed) = match sight.answer.as_ref().ok()? {
        NameAnswer::PortClosed => ("is not running: nothing listens there".to_owned(), true),
        NameAnswer::Failed(2) => ("answers SERVFAIL".to_owned(), false),
        NameAnswer::Failed(5) => ("answers REFUSED".to_owned(), false),
        NameAnswer::Failed(code) => (format!("answers with code {code}"), false),
        _ => ("gives no answer".to_owned(), false),
    };
    let but = if better {
        ", while another source answers"
    } else {
        ""
    };
    Some(Evidence::supports(
        if better || closed {
            Rank::Decisive
        } else {
            Rank::Strong
        },
        format!("{} {says}{but}", naming::who(sight)),
        naming::source(sight),
    ))
}

/// All that nginx asks answer now: the failure is over, or it was another one.
fn answers_now(case: &Case, asked: &[&NameSight]) -> Option<Evidence> {
    let works = |sight: &&NameSight| matches!(meaning(sight), Meaning::Found | Meaning::Missing);
    let known: Vec<&&NameSight> = asked
        .iter()
        .filter(|it| meaning(it) != Meaning::Unknown)
        .collect();
    let sight = known.first().filter(|_| known.iter().all(|it| works(it)))?;
    let over = case.works_now() == Some(true);
    Some(Evidence::refutes(
        if over { Rank::Hint } else { Rank::Decisive },
        format!("{} answers now", naming::who(sight)),
        naming::source(sight),
    ))
}

fn advise(case: &Case) -> String {
    let Some(lookup) = naming::failed(case) else {
        return String::new();
    };
    let answers = |sight: &&NameSight| meaning(sight) == Meaning::Found;
    let other = naming::sights(case, lookup)
        .filter(answers)
        .find_map(|sight| match sight.by {
            NameSource::SystemResolver(at) => Some(at),
            _ => None,
        });
    let settings = case.route.as_ref().map(|route| &route.settings);
    let place = settings.and_then(|settings| settings.resolver_written.as_ref());
    let place = place.map_or("nginx's `resolver` line".to_owned(), |place| place.to_string());
    match (lookup.at_start, other) {
        (true, _) => {
            "repair the name server in /etc/resolv.conf (resolvectl status), then systemctl restart nginx"
                .into()
        }
        (false, Some(at)) => format!(
            "start the DNS server that nginx asks; or at {place} write `resolver {}`, which answers, then nginx -t && \
             systemctl reload nginx",
            as_written(at)
        ),
        (false, None) => format!("start the DNS server that nginx asks, or name one that answers at {place}"),
    }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = naming::failed(case).and_then(|lookup| {
        let servers = |wanted: Meaning| {
            let sights = naming::sights(case, lookup).filter(move |sight| meaning(sight) == wanted);
            sights.filter_map(move |sight| Some((is_asked_by_nginx(lookup, sight), naming::server(sight)?)))
        };
        let good = servers(Meaning::Found).find_map(|(asked, at)| (!asked).then_some(at))?;
        let broken = servers(Meaning::Broken).find_map(|(asked, at)| asked.then_some(at))?;
        if lookup.at_start {
            name_servers_of_host(case, good)
        } else {
            resolver_of_nginx(case, broken, good)
        }
    });
    remedy.into_iter().collect()
}

/// nginx could not start for it. /etc/resolv.conf names no ports.
fn name_servers_of_host(case: &Case, good: SocketAddr) -> Option<Remedy> {
    let unit = case.nginx()?.unit.clone().filter(|_| good.port() == 53)?;
    let servers = vec![good.ip()];
    let title = format!("let this host ask the name server {}, and start nginx", good.ip());
    Some(Remedy::ask(
        title,
        vec![Measure::Resolver { servers }, Measure::Start { unit }],
    ))
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::{
        case::{NameAnswer::*, NameSource::*},
        testing::Fixture,
        topology::Place,
    };
    use std::net::SocketAddr;

    fn at(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn known() -> crate::case::NameAnswer {
        Addresses(vec![[10, 0, 0, 9].into()])
    }

    #[test]
    fn fires_where_the_resolver_is_stopped_silent_or_failing() {
        for answer in [PortClosed, Silent, Failed(2), Failed(5)] {
            let fixture = Fixture::apache()
                .unresolved("api.shop.internal", 110)
                .name_says(NginxResolver(at(5353)), answer)
                .name_says(SystemResolver(at(53)), known());
            assert!(advise(&fixture.clone().case()).contains("`resolver 127.0.0.1`"));
            fixture.check("found dns-resolver-down");
        }
    }

    #[test]
    fn keeps_nginx_from_starting() {
        Fixture::apache()
            .host_not_found("api.shop.internal")
            .name_says(SystemResolver(at(53)), PortClosed)
            .name_says(System, Missing)
            .check("found dns-resolver-down <- nginx-will-not-start");
    }

    #[test]
    fn a_name_that_does_not_exist_is_not_the_resolvers_fault() {
        Fixture::apache()
            .unresolved("api.shop.internal", 3)
            .name_says(NginxResolver(at(5353)), Missing)
            .check("found dns-name-missing");
    }

    #[test]
    fn stays_quiet_where_the_resolver_answers_and_it_still_fails() {
        Fixture::apache()
            .unresolved("api.shop.internal", 110)
            .name_says(NginxResolver(at(5353)), known())
            .check("unexplained");
    }

    #[test]
    fn explains_a_failure_that_is_over() {
        Fixture::apache()
            .unresolved("api.shop.internal", 2)
            .name_says(NginxResolver(at(5353)), known())
            .works_now()
            .check("recovered dns-resolver-down");
    }

    #[test]
    fn asks_a_server_that_answers() {
        let down = |good| {
            Fixture::apache()
                .unresolved("api.shop.internal", 110)
                .name_says(NginxResolver(at(5353)), Silent)
                .name_says(SystemResolver(at(53)), good)
                .with(|it| {
                    let route = it.route.as_mut().expect("a route");
                    route.settings.resolver_written = Some(Place::line("/etc/nginx/nginx.conf".as_ref(), 7));
                })
        };
        down(known()).offers(&["ask: /etc/nginx/nginx.conf:7 127.0.0.1:5353 -> 127.0.0.1; reload nginx"]);
        down(Silent).offers(&[]);
    }

    #[test]
    fn lets_the_host_ask_another_where_nginx_could_not_start() {
        let start = |good| {
            Fixture::apache()
                .host_not_found("api.shop.internal")
                .name_says(SystemResolver(at(5354)), PortClosed)
                .name_says(NginxResolver(good), known())
        };
        start(at(53)).offers(&["ask: ask [127.0.0.1]; start nginx.service"]);
        start(at(5353)).offers(&[]);
    }
}
