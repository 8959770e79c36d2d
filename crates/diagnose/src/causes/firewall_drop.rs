use crate::{
    Case, Class, Opinion, Remedy,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    filtered::{self, Filtered},
    world::FirewallAction,
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// A packet filter drops nginx's packets to the backend, or the backend's answers: nginx waits until its connect
    /// timeout (60 s by default) and answers 504.
    /// # How to tell
    /// nginx timed out while *connecting*, the listener's accept queue is empty, a connection from here hangs in SYN-SENT,
    /// and a rule that meets the flow, in or out, counts packets.
    /// # Fix
    /// Accept exactly that flow, ahead of the rule, in the tool that owns it, and persistently. Never flush.
    /// # Not this if
    /// The accept queue is full (listen-backlog-full, backend-hung), the connection is refused at once (firewall-reject),
    /// or the timeout is while reading: then the backend was reached and is slow.
    pub static FIREWALL_DROP = {
        id: "firewall-drop",
        title: "a firewall drops the packets to the backend",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("[UFW BLOCK]", 70)],
        effect_of: &["conntrack-full"],
        settled_by: ("read the packet filter, with counters, here and on the backend's host", "nft list ruleset"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["firewall-drop"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::TimedOut if complaint.phase == Some(Phase::Connecting) => 35,
        Trouble::Connect(errno::ETIMEDOUT) => 35,
        Trouble::Status(504) => 8,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(found) = silent(case) else {
        return Opinion::none();
    };
    let mut evidence = found.evidence();
    let listener = found.listener;
    evidence.extend(listener.and_then(|it| filtered::queue_is_full(it, &found.peer.endpoint)));
    found.opinion(evidence, "drops")
}

fn silent(case: &Case) -> Option<Filtered<'_>> {
    filtered::find(case, FirewallAction::Drop, gave_no_answer)
}

fn gave_no_answer(peer: &PeerSight) -> bool {
    peer.connect_timed_out() || peer.errno() == Some(errno::ETIMEDOUT)
}

fn advise(case: &Case) -> String {
    silent(case).map_or(String::new(), |found| found.advice())
}

fn remedies(case: &Case) -> Vec<Remedy> {
    silent(case).map_or_else(Vec::new, |found| found.remedies())
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::{
        testing::Fixture,
        world::{FirewallAction::*, FlowMatch::*},
    };

    #[test]
    fn fires_before_a_live_listener() {
        for fixture in [Fixture::apache(), Fixture::gunicorn()] {
            fixture
                .connect_times_out()
                .rule(Drop, Yes, None, "iptables")
                .check("found firewall-drop");
        }
    }

    #[test]
    fn fires_towards_another_host() {
        Fixture::apache()
            .nobody_listens()
            .asks_at("10.77.0.2:7080")
            .connect_times_out()
            .rule(Drop, Yes, Some(4), "nftables")
            .check("found firewall-drop");
    }

    #[test]
    fn stays_quiet_without_a_rule() {
        Fixture::apache().connect_times_out().check("unexplained");
    }

    #[test]
    fn a_rule_that_rejects_does_not_make_silence() {
        Fixture::apache()
            .connect_times_out()
            .rule(Reject, Yes, Some(4), "iptables")
            .check("unexplained");
    }

    #[test]
    fn lets_the_replies_through_where_they_are_what_is_dropped() {
        let fixture = Fixture::apache()
            .connect_times_out()
            .rule(Drop, Yes, Some(4), "nftables");
        let case = fixture
            .peer(|peer| {
                if let Ok(rules) = &mut peer.firewall {
                    rules[0].text = "tcp sport 7080 counter packets 4 bytes 240 drop".into();
                }
            })
            .case();
        assert!(advise(&case).contains("ip saddr 127.0.0.1 tcp sport 7080 accept"));
    }

    #[test]
    fn lets_exactly_this_flow_pass() {
        let filtered = |matches| {
            Fixture::apache()
                .connect_times_out()
                .rule(Drop, matches, Some(4), "nftables")
        };
        filtered(Yes).offers(&["ask: accept 127.0.0.1:7080 before table inet filter chain input handle 7"]);
        filtered(Perhaps).offers(&[]);
    }
}
