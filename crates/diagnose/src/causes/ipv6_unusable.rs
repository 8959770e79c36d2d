use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};
use std::net::SocketAddr;

cause! {
    /// # What happens
    /// The upstream's name has an IPv6 address and this host has no usable IPv6 route, so every try on that peer fails.
    /// # How to tell
    /// Only IPv6 peers fail, with 101 (network is unreachable) or 99.
    /// # Fix
    /// `resolver … ipv6=off`, or repair the route. Only a person can say whether this host should have IPv6.
    /// # Not this if
    /// IPv4 peers fail as well (no-route, ephemeral-ports-exhausted).
    pub static IPV6_UNUSABLE = {
        id: "ipv6-unusable",
        title: "the upstream is asked over IPv6, which does not work here",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[],
        effect_of: &[],
        settled_by: ("ask the route to that peer", "ip -6 route get ADDRESS"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["ipv6-unusable"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(101 | 99) if complaint.tcp().is_some_and(|it| it.is_ipv6()) => 85,
        Trouble::Connect(110 | 113) if complaint.tcp().is_some_and(|it| it.is_ipv6()) => 30,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, at)) = unroutable(case) else {
        return Opinion::none();
    };
    let named = peer
        .name
        .as_deref()
        .map_or(String::new(), |name| format!(", an address of {name},"));
    let mut evidence = vec![Evidence::supports(
        Rank::Strong,
        format!(
            "{at}{named} can't be reached from here: errno {}",
            peer.errno().unwrap_or_default()
        ),
        Source::command(format!("ip -6 route get {}", at.ip())),
    )];
    evidence.extend(over_v4(case, peer));
    evidence.extend(fails_otherwise(case));
    Opinion {
        subject: at.to_string(),
        says: format!("nginx asks {at} over IPv6, which does not work on this host"),
        evidence,
    }
}

/// A peer asked over IPv6 that the kernel has no way to; loopback always has one.
fn unroutable(case: &Case) -> Option<(&PeerSight, SocketAddr)> {
    let no_way = |errno: i32| matches!(errno, errno::ENETUNREACH | errno::EADDRNOTAVAIL);
    let asked = |peer: &PeerSight, symptom: &Symptom| symptom.peer.as_ref() == Some(&peer.endpoint);
    case.failing_peers().find_map(|peer| {
        let at = peer
            .endpoint
            .tcp()
            .filter(|at| at.is_ipv6() && !at.ip().is_loopback())?;
        let failed = case
            .having(|trouble| matches!(trouble, Trouble::Connect(errno) if no_way(*errno)))
            .any(|symptom| asked(peer, symptom));
        (failed && peer.errno().is_some_and(no_way)).then_some((peer, at))
    })
}

/// The same name, asked over IPv4, answers.
fn over_v4(case: &Case, failing: &PeerSight) -> Option<Evidence> {
    let works = |peer: &&PeerSight| {
        let v4 = peer.endpoint.tcp().is_some_and(|at| at.is_ipv4());
        v4 && peer.name == failing.name && peer.reachable() == Some(true)
    };
    let peer = case.peers.iter().find(works)?;
    Some(Evidence::supports(
        Rank::Decisive,
        format!("over IPv4 the same upstream answers: {}", peer.endpoint),
        Source::command("getent ahosts NAME"),
    ))
}

/// Failures of the route over IPv4 have another reason.
fn fails_otherwise(case: &Case) -> Option<Evidence> {
    let over_v4 = |symptom: &&Symptom| {
        let at = symptom.peer.as_ref().and_then(|peer| peer.tcp());
        let echo = symptom.complaint.as_ref().is_some_and(Complaint::is_echo);
        !echo && at.is_some_and(|at| at.is_ipv4())
    };
    let symptom = case.symptoms.iter().find(over_v4)?;
    Some(Evidence::refutes(
        Rank::Strong,
        format!("it fails over IPv4 as well: {}", symptom.signature()),
        Source::file(&symptom.log, None),
    ))
}

fn advise(case: &Case) -> String {
    let Some((_, at)) = unroutable(case) else {
        return String::new();
    };
    let settings = case.route.as_ref().map(|route| &route.settings);
    match settings.and_then(|settings| settings.resolver_written.as_ref()) {
        Some(place) => format!(
            "at {place} add `ipv6=off` to the resolver, then nginx -t && systemctl reload nginx; or repair the route \
             (ip -6 route get {})",
            at.ip()
        ),
        None => format!(
            "name the upstream by its IPv4 address; or repair the route (ip -6 route get {})",
            at.ip()
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, endpoint, peer};

    fn over_v6(fixture: Fixture, errno: i32) -> Fixture {
        fixture
            .asks_at("[2001:db8::5]:8000")
            .orphan()
            .nobody_listens()
            .connect_fails(errno)
    }

    #[test]
    fn fires_where_only_ipv6_has_no_way() {
        over_v6(Fixture::gunicorn(), 101).check("found ipv6-unusable");
        over_v6(Fixture::apache(), 99)
            .with(|it| it.peers.push(peer(endpoint("127.0.0.5:8000"), None)))
            .check("found ipv6-unusable");
    }

    #[test]
    fn a_refusal_is_another_matter() {
        over_v6(Fixture::gunicorn(), 111).check("unexplained");
    }

    #[test]
    fn loopback_always_has_a_way() {
        Fixture::gunicorn()
            .asks_at("[::1]:8000")
            .orphan()
            .nobody_listens()
            .connect_fails(99)
            .check("unexplained");
    }
}
