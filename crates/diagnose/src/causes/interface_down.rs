use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    cause::{Group, Told, cause},
    passage::{Remote, links, remotes},
};
use host::looks::{Link, RouteTo};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The interface towards the upstream is set down or has no carrier. Set down, its routes are gone with it: packets take
    /// the default route into the wrong network (110), or none (101). Without carrier the routes stay, and nobody answers on
    /// it (113 after three seconds).
    /// # How to tell
    /// `ip link` shows no UP, or NO-CARRIER, on the interface whose network holds the upstream's address, or that the route
    /// names.
    /// # Fix
    /// Set it up, in the tool that owns it. Without carrier: the cable, the switch, the other end.
    /// # Not this if
    /// It is up and the route is missing (no-route).
    pub static INTERFACE_DOWN = {
        id: "interface-down",
        title: "a network interface is down",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("no-carrier", 90), ("link is down", 85), ("carrier lost", 85)],
        effect_of: &["dns-stale-address", "dns-wrong-answer", "nginx-config-stale"],
        settled_by: ("look at the interfaces", "ip -br link"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["interface-down-set-down", "interface-down-no-carrier"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(101) if complaint.tcp().is_some_and(|it| it.is_ipv4()) => 20,
        Trouble::Connect(113) => 6,
        _ => 0,
    }
}

/// A peer, and the interface it should be reached by.
struct Down<'a> {
    remote: Remote<'a>,
    link: &'a Link,
}

fn weigh(case: &Case) -> Opinion {
    let Some(Down { remote, link }) = down(case).next() else {
        return Opinion::none();
    };
    let (name, ip) = (&link.name, remote.to.ip());
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        format!("{name} {}, and {}", fate(link), belongs(remote, link)),
        Source::command(format!("ip address show dev {name}")),
    )];
    if let Ok(RouteTo::Refused { says }) = &remote.way.route {
        let says = format!("so the kernel finds no way to {ip}: {says}");
        evidence.push(Evidence::supports(Rank::Hint, says, remote.route_source()));
    }
    Opinion {
        subject: name.clone(),
        says: format!("{name}, which leads to {ip}, {}", fate(link)),
        evidence,
    }
}

/// Failing peers whose interface is down: the one whose network they lie in, or the one that the route names.
fn down(case: &Case) -> impl Iterator<Item = Down<'_>> {
    remotes(case).filter_map(move |remote| {
        let is_meant = |link: &&Link| {
            link.network_of(remote.to.ip()).is_some() || remote.way.device() == Some(link.name.as_str())
        };
        // one that works and leads there as well is the way that packets take
        let mut meant = links(case).iter().filter(is_meant).peekable();
        let link = meant.find(|link| !works(link))?;
        let elsewhere = links(case)
            .iter()
            .any(|other| works(other) && other.network_of(remote.to.ip()).is_some());
        (!elsewhere).then_some(Down { remote, link })
    })
}

fn works(link: &Link) -> bool {
    link.is_up && link.has_carrier
}

fn fate(link: &Link) -> &'static str {
    if link.is_up {
        "has no carrier"
    } else {
        "is set down"
    }
}

fn belongs(remote: Remote<'_>, link: &Link) -> String {
    let ip = remote.to.ip();
    match link.network_of(ip) {
        Some((own, length)) => format!("{ip} lies in its network ({own}/{length})"),
        None => format!("the route to {ip} leads by it"),
    }
}

fn advise(case: &Case) -> String {
    let Some(Down { link, .. }) = down(case).next() else {
        return String::new();
    };
    let name = &link.name;
    if link.is_up {
        return format!(
            "look at the cable or the other end of {name} (ip -s link show dev {name}; ethtool {name})"
        );
    }
    format!(
        "ip link set dev {name} up; for good, in the tool that owns it (ifup {name}, networkctl up {name}, nmcli device connect {name})"
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let is_set_down = |it: &Down<'_>| !it.link.is_up;
    let remedy = down(case).find(is_set_down).map(|Down { link, .. }| {
        let name = link.name.clone();
        Remedy::ask(format!("set {name} up"), vec![Measure::InterfaceUp { name }])
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, link, neighbour};

    fn private(up: bool, carrier: bool) -> Fixture {
        Fixture::nothing("10.5.0.9:8080")
            .link(link("eth0", "192.0.2.10/24", true, true))
            .link(link("eth1", "10.5.0.1/24", up, carrier))
    }

    #[test]
    fn fires_where_the_network_of_the_peer_is_down() {
        private(false, false)
            .connect_fails(101)
            .no_way("Network is unreachable")
            .check("found interface-down <- no-route");
        private(false, false)
            .connect_times_out()
            .leaves_by("eth0", Some("192.0.2.1"))
            .next_hop(neighbour("eth0", "REACHABLE"))
            .check("found interface-down");
    }

    #[test]
    fn fires_where_the_cable_is_out() {
        private(true, false)
            .connect_fails(113)
            .leaves_by("eth1", None)
            .next_hop(neighbour("eth1", "FAILED"))
            .check("found interface-down <- host-unreachable");
    }

    #[test]
    fn stays_quiet_where_another_interface_is_down() {
        Fixture::nothing("10.5.0.9:8080")
            .link(link("eth0", "192.0.2.10/24", true, true))
            .link(link("eth1", "10.6.0.1/24", false, false))
            .connect_fails(101)
            .no_way("Network is unreachable")
            .check("found no-route");
    }

    #[test]
    fn stays_quiet_where_a_twin_works() {
        private(true, true)
            .link(link("eth2", "10.5.0.2/24", false, false))
            .connect_times_out()
            .leaves_by("eth1", None)
            .next_hop(neighbour("eth1", "STALE"))
            .check("unexplained");
    }

    #[test]
    fn sets_up_what_was_set_down() {
        private(false, false)
            .connect_fails(101)
            .no_way("Network is unreachable")
            .offers(&["ask: InterfaceUp { name: \"eth1\" }"]);
        private(true, false)
            .connect_fails(113)
            .leaves_by("eth1", None)
            .next_hop(neighbour("eth1", "FAILED"))
            .offers(&[]);
    }
}
