use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy,
    cause::{Group, Told, cause},
    passage::{Remote, remotes},
};
use host::looks::RouteTo;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The kernel has no route to that address: a route or the default gateway is gone, a VPN is not up. Or a route forbids
    /// it: `unreachable` gives 113, `prohibit` 13, `blackhole` 22, each at once.
    /// # How to tell
    /// `(101: Network is unreachable)` at once, and `ip route get` says the same. 101 with a route that is there came from a
    /// router, or from a filter.
    /// # Fix
    /// Bring the route back, in the tool that owns it (ifupdown, systemd-networkd, NetworkManager, the VPN), or take the one
    /// that forbids it away. A default route that is gone is put back as the interface's own configuration names it; where
    /// none does, only a person can say which gateway is right, and why a route forbids.
    /// # Not this if
    /// An interface that holds the peer's network is down (interface-down), the lookup succeeds and a filter refuses
    /// (firewall-reject), or only IPv6 has no way (ipv6-unusable).
    pub static NO_ROUTE = {
        id: "no-route",
        title: "this host has no route to the upstream",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("network is unreachable", 60), ("enetunreach", 70)],
        effect_of: &["interface-down", "dns-stale-address", "dns-wrong-answer", "nginx-config-stale"],
        settled_by: ("look the route up", "ip route get ADDRESS"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["no-route-default-gone", "no-route-prohibited"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(101) if complaint.tcp().is_some_and(|it| it.is_ipv4()) => 75,
        Trouble::Connect(101) => 15,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((remote, says)) = refused(case).next() else {
        return Opinion::none();
    };
    let ip = remote.to.ip();
    let forbidden = forbids(says);
    let looked_up = format!("the kernel finds no way to {ip}: {says}");
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        looked_up,
        remote.route_source(),
    )];
    evidence.extend(only_v6(case, remote));
    Opinion {
        subject: ip.to_string(),
        says: if forbidden {
            format!("a route of this host forbids packets to {ip}")
        } else {
            format!("this host has no route to {ip}")
        },
        evidence,
    }
}

/// Failing peers to which the kernel would not send.
fn refused(case: &Case) -> impl Iterator<Item = (Remote<'_>, &str)> {
    remotes(case).filter_map(|remote| match &remote.way.route {
        Ok(RouteTo::Refused { says }) => Some((remote, says.as_str())),
        _ => None,
    })
}

/// A route is there, and its kind is to refuse.
fn forbids(says: &str) -> bool {
    says != "Network is unreachable"
}

/// That IPv6 alone has no way is another matter: most hosts have none.
fn only_v6(case: &Case, remote: Remote<'_>) -> Option<Evidence> {
    let v4 = refused(case).any(|(remote, _)| remote.to.is_ipv4());
    (!v4 && remote.to.is_ipv6()).then(|| {
        let says = "only its IPv6 address is asked in vain".to_owned();
        Evidence::refutes(Rank::Decisive, says, remote.route_source())
    })
}

fn advise(case: &Case) -> String {
    let Some((remote, says)) = refused(case).next() else {
        return String::new();
    };
    let ip = remote.to.ip();
    if forbids(says) {
        return format!(
            "find the route that forbids it (ip route show to match {ip}; ip rule) and take it away where it is set up"
        );
    }
    format!(
        "bring the route back where it is set up (ip route; networkctl, nmcli, /etc/network/interfaces, the VPN); for now: \
         ip route add {ip} via GATEWAY"
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    // with a default route no lookup of that family would have failed so
    let lost = refused(case).find(|(_, says)| !forbids(says));
    let remedy = lost.map(|(remote, _)| {
        let v6 = remote.to.is_ipv6();
        Remedy::ask("put the default route back", vec![Measure::DefaultRoute { v6 }])
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;

    #[test]
    fn fires_where_the_lookup_fails() {
        Fixture::nothing("10.99.0.1:80")
            .connect_fails(101)
            .no_way("Network is unreachable")
            .check("found no-route");
        for (errno, says) in [
            (13, "Permission denied"),
            (113, "No route to host"),
            (22, "Invalid argument"),
        ] {
            Fixture::nothing("10.99.0.1:80")
                .connect_fails(errno)
                .no_way(says)
                .check("found no-route");
        }
    }

    #[test]
    fn a_route_that_is_gone_is_put_back_and_one_that_forbids_is_a_persons() {
        let refused = |says| Fixture::nothing("10.99.0.1:80").connect_fails(101).no_way(says);
        refused("Network is unreachable").offers(&["ask: DefaultRoute { v6: false }"]);
        refused("Permission denied").offers(&[]);
    }

    #[test]
    fn stays_quiet_where_there_is_a_way() {
        Fixture::nothing("10.99.0.1:80")
            .connect_fails(101)
            .leaves_by("eth0", Some("10.0.0.1"))
            .check("unexplained");
    }

    #[test]
    fn ipv6_alone_is_another_cause() {
        Fixture::nothing("[2001:db8::5]:80")
            .connect_fails(101)
            .no_way("Network is unreachable")
            .check("found ipv6-unusable");
    }
}
