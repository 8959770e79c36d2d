use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::errno,
    cause::{Group, Told, cause},
    filtered::{self, Filtered},
    world::FirewallAction,
};
use host::looks::Neighbour;
use logscan::{Complaint, Trouble};
use std::time::Duration;

cause! {
    /// # What happens
    /// A packet filter answers nginx's connection with a refusal, though a backend listens: errno 111 for a tcp-reset or
    /// port-unreachable, 113 for host- or admin-prohibited (firewalld, Red Hat's default), 101 for net-unreachable.
    /// # How to tell
    /// A process listens on exactly that address and the connection fails at once all the same; a rule that meets the
    /// flow counts packets. 113 in under a millisecond is a filter, after three seconds it is a missing neighbour.
    /// # Fix
    /// Accept exactly that flow, ahead of the rule, in the tool that owns it (ufw, firewalld, nftables), and persistently.
    /// Never flush: that opens the host and the rules come back with the next reload.
    /// # Not this if
    /// Nothing listens there: a refusal then needs no firewall. Connections that time out are firewall-drop. A filter on
    /// the other host can't be read from here; that it answers "No route to host" at once, though the machine is there,
    /// gives it away.
    pub static FIREWALL_REJECT = {
        id: "firewall-reject",
        title: "a firewall refuses the connection to the backend",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("icmp-host-prohibited", 80), ("reject-with tcp-reset", 80)],
        effect_of: &[],
        settled_by: ("read the packet filter, with counters, here and on the backend's host", "nft list ruleset"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["firewall-reject", "firewall-reject-there"],
        },
    }
}

/// What an ICMP refusal or a reset becomes in connect(2).
const REFUSALS: [i32; 4] = [
    errno::ECONNREFUSED,
    errno::EHOSTUNREACH,
    errno::ENETUNREACH,
    errno::EACCES,
];

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Connect(errno::EHOSTUNREACH) => 45,
        Trouble::Connect(errno::ENETUNREACH) => 10,
        Trouble::Connect(errno::ECONNREFUSED) => 3,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(found) = refused(case) else {
        return Opinion::none();
    };
    let mut evidence = found.evidence();
    evidence.extend(at_once(&found));
    if found.ours && matches!(case.listener(&found.peer.endpoint), Ok(None)) {
        evidence.push(Evidence::refutes(
            Rank::Decisive,
            format!("nothing listens on {}, so a refusal needs no firewall", found.to),
            Source::listeners(&found.peer.endpoint),
        ));
    }
    found.opinion(evidence, "refuses")
}

fn refused(case: &Case) -> Option<Filtered<'_>> {
    filtered::find(case, FirewallAction::Reject, |peer| {
        peer.errno().is_some_and(|errno| REFUSALS.contains(&errno))
    })
}

/// `No route to host` from a filter comes at once; from a neighbour that does not answer it takes seconds. From a machine
/// on the link that is there, only a filter says so.
fn at_once(found: &Filtered<'_>) -> Option<Evidence> {
    let took = Duration::from_micros(found.peer.connect.as_ref().ok()?.connect_us);
    let unreachable = found.peer.errno() == Some(errno::EHOSTUNREACH);
    (unreachable && took < Duration::from_millis(500)).then(|| {
        let neighbour = on_the_link(found);
        let but = neighbour.map_or(String::new(), |it| {
            format!(", and {} is there ({} on {})", found.to.ip(), it.state, it.device)
        });
        Evidence::supports(
            if neighbour.is_some() {
                Rank::Strong
            } else {
                Rank::Hint
            },
            format!(
                "\"No route to host\" came after {} ms: an answer, not a silence{but}",
                took.as_millis()
            ),
            Source::command(format!("ip neigh show {}", found.to.ip())),
        )
    })
}

/// The peer's machine, where it is on this host's own network and answered there.
fn on_the_link<'a>(found: &Filtered<'a>) -> Option<&'a Neighbour> {
    let way = found.peer.passage.as_ref()?;
    let entry = way.entry().filter(|_| way.gateway().is_none())?;
    (entry.hardware.is_some() && !entry.is_missing()).then_some(entry)
}

fn advise(case: &Case) -> String {
    refused(case).map_or(String::new(), |found| found.advice())
}

fn remedies(case: &Case) -> Vec<Remedy> {
    refused(case).map_or_else(Vec::new, |found| found.remedies())
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::{
        testing::{Fixture, forbidden, neighbour},
        world::{FirewallAction::*, FlowMatch::*},
    };

    #[test]
    fn fires_where_a_listener_stands_behind_a_rule() {
        for errno in [111, 113, 101] {
            Fixture::apache()
                .connect_fails(errno)
                .rule(Reject, Yes, None, "iptables")
                .check("found firewall-reject");
        }
    }

    #[test]
    fn fires_towards_another_host_where_the_rule_counts() {
        Fixture::apache()
            .nobody_listens()
            .asks_at("10.77.0.2:7080")
            .connect_fails(111)
            .rule(Reject, Yes, Some(3), "ufw")
            .check("found firewall-reject");
    }

    #[test]
    fn stays_quiet_where_nothing_listens() {
        Fixture::apache()
            .refused()
            .unit_is("inactive", "success")
            .rule(Reject, Perhaps, None, "iptables")
            .check("found backend-stopped");
    }

    #[test]
    fn an_unseen_firewall_is_only_a_hint() {
        Fixture::apache()
            .connect_fails(113)
            .peer(|peer| peer.firewall = forbidden("the packet filter"))
            .check("unexplained");
    }

    #[test]
    fn a_filter_on_the_other_machine_gives_itself_away() {
        let there = |errno, hardware: Option<&str>| {
            let mut entry = neighbour("eth0", "STALE");
            entry.hardware = hardware.map(str::to_owned);
            Fixture::nothing("10.77.0.2:7080")
                .connect_fails(errno)
                .leaves_by("eth0", None)
                .next_hop(entry)
        };
        there(113, Some("6e:b5:93:00:00:01")).check("found firewall-reject");
        there(113, None).check("unexplained");
        there(111, Some("6e:b5:93:00:00:01")).check("unexplained");
    }

    #[test]
    fn a_rule_that_may_not_meet_the_flow_is_not_enough_for_another_host() {
        Fixture::apache()
            .nobody_listens()
            .asks_at("10.77.0.2:7080")
            .connect_fails(113)
            .rule(Reject, Perhaps, Some(9), "iptables")
            .check("unexplained");
    }

    #[test]
    fn advises_in_the_tool_that_owns_the_rule() {
        let advice = |owner: &str| {
            let fixture = Fixture::apache()
                .connect_fails(111)
                .rule(Reject, Yes, Some(1), owner);
            advise(&fixture.case())
        };
        assert_eq!(
            advice("ufw"),
            "ufw prepend allow in to 127.0.0.1 port 7080 proto tcp"
        );
        assert!(advice("nftables").starts_with(
            "nft insert rule inet filter input position 7 ip daddr 127.0.0.1 tcp dport 7080 accept;"
        ));
        assert!(
            advice("iptables").starts_with("iptables -I INPUT 1 -p tcp -d 127.0.0.1 --dport 7080 -j ACCEPT")
        );
        assert!(advice("firewalld").contains("--add-port=7080/tcp"));
        for owner in ["ufw", "nftables", "firewalld", "iptables", "fail2ban", "docker"] {
            assert!(!advice(owner).contains("flush") && !advice(owner).contains(" -F"));
        }
    }

    #[test]
    fn lets_the_flow_pass_in_tools_that_keep_it() {
        let refused = |owner| {
            Fixture::apache()
                .connect_fails(111)
                .rule(Reject, Yes, Some(1), owner)
        };
        for owner in ["ufw", "iptables", "firewalld"] {
            refused(owner).offers(&["ask: accept 127.0.0.1:7080 before iptables filter INPUT rule 3"]);
        }
        refused("fail2ban").offers(&[]);
        refused("docker").offers(&[]);
    }
}
