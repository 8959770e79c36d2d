use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::{NameAnswer, NameSight, NameSource, PeerSight},
    cause::{Group, Told, cause},
    elsewhere::is_ours,
    naming::{resolver_of_nginx, server, source, who},
    topology::Target,
};
use logscan::{Complaint, Trouble};
use std::net::IpAddr;

cause! {
    /// # What happens
    /// The resolver nginx uses answers with an address that the zone's own servers do not give: a stale cache, a secondary
    /// that is behind, a name that leaks to the wrong network. nginx asks that address, and whoever is there.
    /// # How to tell
    /// The answers differ when both are asked, and what the zone's own servers say takes connections. Private addresses in
    /// one answer and public ones in the other are a split horizon, made on purpose, and say nothing.
    /// # Fix
    /// Flush the resolver's cache or name another resolver.
    /// # Not this if
    /// They agree, and nginx asks an older address (dns-stale-address).
    pub static DNS_WRONG_ANSWER = {
        id: "dns-wrong-answer",
        title: "the resolver gives a wrong address",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("unexpected response for", 25)],
        effect_of: &[],
        settled_by: ("ask the zone's own servers and compare", "why502 dns NAME"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["dns-wrong-answer"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ResolverOdd(_) => 30,
        Trouble::Connect(110 | 113) if complaint.tcp().is_some() => 3,
        _ => 0,
    }
}

/// A failing peer, who gave its address, and who says otherwise.
struct Wrong<'a> {
    peer: &'a PeerSight,
    used: &'a NameSight,
    truth: &'a NameSight,
}

fn weigh(case: &Case) -> Opinion {
    let Some(Wrong { peer, used, truth }) = wrong(case) else {
        return Opinion::none();
    };
    let (name, right) = (&used.name, list(addresses(truth)));
    let mut evidence = vec![
        Evidence::supports(
            Rank::Strong,
            format!("{} says that {name} is {}", who(used), list(addresses(used))),
            source(used),
        ),
        Evidence::supports(
            Rank::Strong,
            format!("{} says {right}", who(truth)),
            source(truth),
        ),
    ];
    evidence.extend(right_one_answers(case, truth));
    Opinion {
        subject: server(used).map_or_else(|| name.clone(), |at| at.to_string()),
        says: format!(
            "nginx asks {}, which is not what the servers of its zone say of {name}: {right}",
            peer.endpoint
        ),
        evidence,
    }
}

/// A failing peer whose address comes from a resolver that the zone's own servers contradict, all of those that answered.
fn wrong(case: &Case) -> Option<Wrong<'_>> {
    case.failing_peers().find_map(|peer| {
        let (name, ip) = (peer.name.as_deref()?, peer.endpoint.tcp()?.ip());
        let of_name = || case.names.iter().filter(|sight| sight.name == name);
        let asked = |sight: &&NameSight| is_asked(case, sight) && addresses(sight).contains(&ip);
        let used = of_name().find(asked)?;
        let mut truths =
            of_name().filter(|it| matches!(it.by, NameSource::Authority(_)) && !addresses(it).is_empty());
        let truth = truths.next()?;
        let contradicts = |truth: &NameSight| addresses(used).iter().all(|ip| !addresses(truth).contains(ip));
        (contradicts(truth) && truths.all(contradicts) && !is_split(case, ip, truth)).then_some(Wrong {
            peer,
            used,
            truth,
        })
    })
}

/// nginx has its addresses from there: its own resolver for what it resolves at run time, else the system.
fn is_asked(case: &Case, sight: &NameSight) -> bool {
    let at_run_time = match case.route.as_ref().map(|route| &route.target) {
        Some(Target::Variable { .. }) => true,
        Some(Target::Group { servers, .. }) => servers.iter().any(|server| server.resolve),
        _ => false,
    };
    match sight.by {
        NameSource::NginxResolver(_) => at_run_time,
        NameSource::System | NameSource::SystemResolver(_) => !at_run_time,
        NameSource::Authority(_) => false,
    }
}

fn addresses(sight: &NameSight) -> &[IpAddr] {
    match &sight.answer {
        Ok(NameAnswer::Addresses(found)) => found,
        _ => &[],
    }
}

/// Inside and outside are told different addresses on purpose; and this host is no backend of its own by its public one.
fn is_split(case: &Case, ip: IpAddr, truth: &NameSight) -> bool {
    let inside = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    let truths = addresses(truth);
    let ours = |ip: IpAddr| is_ours(&case.world, ip);
    truths.iter().all(|other| inside(*other) != inside(ip))
        || !ours(ip) && truths.iter().any(|other| ours(*other))
}

fn list(addresses: &[IpAddr]) -> String {
    let all: Vec<String> = addresses.iter().take(4).map(IpAddr::to_string).collect();
    all.join(", ")
}

/// What the zone's own servers say takes connections.
fn right_one_answers(case: &Case, truth: &NameSight) -> Option<Evidence> {
    let is_right = |peer: &&PeerSight| {
        let ip = peer.endpoint.tcp().map(|at| at.ip());
        peer.name.as_deref() == Some(truth.name.as_str())
            && ip.is_some_and(|ip| addresses(truth).contains(&ip))
    };
    let peer = case
        .peers
        .iter()
        .filter(is_right)
        .max_by_key(|peer| peer.reachable())?;
    let source = Source::connect(&peer.endpoint, case.worker_user());
    match peer.reachable()? {
        true => {
            let says = format!("{} takes connections", peer.endpoint);
            Some(Evidence::supports(Rank::Decisive, says, source))
        }
        false => {
            let says = format!("{} takes no connections either", peer.endpoint);
            Some(Evidence::refutes(Rank::Strong, says, source))
        }
    }
}

fn advise(case: &Case) -> String {
    let Some(Wrong { used, .. }) = wrong(case) else {
        return String::new();
    };
    let place = case
        .route
        .as_ref()
        .and_then(|route| route.settings.resolver_written.as_ref());
    match (server(used), place) {
        (Some(at), Some(place)) if matches!(used.by, NameSource::NginxResolver(_)) => {
            format!("flush or restart the DNS server at {at}; or at {place} name a resolver that answers as the zone does")
        }
        _ => "flush the cache of the system's resolver (resolvectl flush-caches, or restart it), look at /etc/hosts, then \
              nginx -t && systemctl reload nginx"
            .to_owned(),
    }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = wrong(case).and_then(|Wrong { used, truth, .. }| {
        let broken = server(used).filter(|_| matches!(used.by, NameSource::NginxResolver(_)))?;
        let agrees = |sight: &&NameSight| {
            let same = addresses(sight).iter().all(|ip| addresses(truth).contains(ip));
            matches!(sight.by, NameSource::SystemResolver(_)) && !addresses(sight).is_empty() && same
        };
        let good = case
            .names
            .iter()
            .filter(|sight| sight.name == used.name)
            .find(agrees)?;
        resolver_of_nginx(case, broken, server(good)?)
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        case::{NameAnswer::*, NameSource::*},
        testing::{Fixture, endpoint, peer},
        topology::Place,
    };
    use std::net::SocketAddr;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn says(ip: &str) -> crate::case::NameAnswer {
        Addresses(vec![ip.parse().expect("an address")])
    }

    /// nginx's resolver says 10.0.0.4, which refuses.
    fn cached() -> Fixture {
        Fixture::nothing("10.0.0.4:7080")
            .named("api.shop.internal")
            .connect_fails(113)
            .resolved_each_time("api.shop.internal")
            .name_says(NginxResolver(at("127.0.0.54:53")), says("10.0.0.4"))
            .name_says(SystemResolver(at("127.0.0.53:53")), says("10.0.0.9"))
    }

    fn right_one_answers(fixture: Fixture) -> Fixture {
        fixture.with(|it| {
            let mut right = peer(endpoint("10.0.0.9:7080"), None);
            (right.in_use, right.name) = (false, Some("api.shop.internal".into()));
            it.peers.push(right);
        })
    }

    #[test]
    fn fires_where_the_zone_says_otherwise() {
        right_one_answers(cached().name_says(Authority(at("10.0.0.2:53")), says("10.0.0.9")))
            .check("found dns-wrong-answer");
        cached()
            .name_says(Authority(at("10.0.0.2:53")), says("10.0.0.9"))
            .check("found dns-wrong-answer");
    }

    #[test]
    fn fires_where_the_system_has_an_old_answer() {
        Fixture::nothing("10.0.0.4:7080")
            .named("api.shop.internal")
            .connect_fails(111)
            .name_says(System, says("10.0.0.4"))
            .name_says(Authority(at("10.0.0.2:53")), says("10.0.0.9"))
            .check("found dns-wrong-answer");
    }

    #[test]
    fn stays_quiet_where_they_agree_or_nobody_could_say() {
        cached().check_not("dns-wrong-answer");
        cached()
            .name_says(Authority(at("10.0.0.2:53")), says("10.0.0.4"))
            .check_not("dns-wrong-answer");
        cached()
            .name_says(Authority(at("10.0.0.2:53")), says("10.0.0.9"))
            .name_says(Authority(at("10.0.0.3:53")), says("10.0.0.4"))
            .check_not("dns-wrong-answer");
    }

    #[test]
    fn a_split_horizon_is_made_on_purpose() {
        cached()
            .name_says(Authority(at("10.0.0.2:53")), says("203.0.113.9"))
            .check_not("dns-wrong-answer");
    }

    #[test]
    fn names_the_resolver_that_agrees_with_the_zone() {
        cached()
            .name_says(Authority(at("10.0.0.2:53")), says("10.0.0.9"))
            .with(|it| {
                let place = Some(Place::line("/etc/nginx/sites-enabled/shop".as_ref(), 8));
                for route in it.route.iter_mut().chain(&mut it.world.routes) {
                    route.settings.resolver_written.clone_from(&place);
                }
            })
            .offers(&["ask: /etc/nginx/sites-enabled/shop:8 127.0.0.54 -> 127.0.0.53; reload nginx"]);
    }
}
