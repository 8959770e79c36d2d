use crate::{
    Case, Class, Evidence, Opinion, Rank,
    case::errno,
    cause::{Group, Told, cause},
    passage::{Remote, remotes},
};
use host::looks::Neighbour;
use logscan::{Complaint, Phase, Trouble};
use std::time::Duration;

cause! {
    /// # What happens
    /// No machine answers for that address: it is down, gone, or moved. On the same network nginx gets 113 after about
    /// three seconds (three ARP requests), or 110 where its connect timeout is shorter; behind a router 110, or 113 where
    /// the router says so.
    /// # How to tell
    /// The neighbour table has the address, or the gateway before it, as FAILED or INCOMPLETE. A machine that vanished is
    /// taken for alive for up to half a minute (REACHABLE, then STALE, DELAY, PROBE): look again.
    /// # Fix
    /// Find where the backend is now and bring it back, or name its new address. An entry that somebody made by hand
    /// (PERMANENT) outlives the machine: delete it. Only a person can reach the other machine, or say what replaced it.
    /// # Not this if
    /// The neighbour answers (firewall-reject, firewall-drop), or our own interface is down (interface-down).
    pub static HOST_UNREACHABLE = {
        id: "host-unreachable",
        title: "the upstream's host does not answer at all",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("no route to host", 40), ("ehostunreach", 45), ("destination host unreachable", 85)],
        effect_of: &["interface-down", "dns-stale-address", "dns-wrong-answer", "nginx-config-stale"],
        settled_by: ("ask the neighbour table", "ip neigh show ADDRESS; ping -c1 -W1 ADDRESS"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["host-unreachable-gone", "host-unreachable-behind-router"],
        },
    }
}

/// A refusal that came sooner is an answer, not a silence: three ARP requests take three seconds.
const AT_ONCE: Duration = Duration::from_millis(500);

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(113) => 35,
        Trouble::Connect(110) => 15,
        Trouble::TimedOut if complaint.during(Phase::Connecting) => 15,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(remote) = silent(case).next() else {
        return Opinion::none();
    };
    let mut evidence = Vec::new();
    evidence.extend(entry(remote));
    evidence.extend(router_says(case, remote));
    Opinion {
        subject: remote.to.ip().to_string(),
        says: match remote.way.gateway() {
            Some(gateway) if is_missing(remote) => {
                format!(
                    "the gateway {gateway} on the way to {} does not answer",
                    remote.to.ip()
                )
            }
            _ => format!("no machine answers for {}", remote.to.ip()),
        },
        evidence,
    }
}

/// Peers that gave no answer of their own, the surest first.
fn silent(case: &Case) -> impl Iterator<Item = Remote<'_>> {
    let no_answer = |remote: &Remote<'_>| {
        let took = remote.peer.connect.as_ref().map_or(0, |it| it.connect_us);
        let late = Duration::from_micros(took) >= AT_ONCE;
        let unreachable = matches!(remote.peer.errno(), Some(errno::EHOSTUNREACH | errno::ETIMEDOUT));
        remote.peer.connect_timed_out() || unreachable && (late || is_missing(*remote))
    };
    let mut all: Vec<Remote<'_>> = remotes(case).filter(no_answer).collect();
    all.sort_by_key(|remote| !is_missing(*remote));
    all.into_iter()
}

fn is_missing(remote: Remote<'_>) -> bool {
    remote.way.entry().is_some_and(Neighbour::is_missing)
}

/// What the neighbour table says of who must take the packets first.
fn entry(remote: Remote<'_>) -> Option<Evidence> {
    let (entry, next) = (remote.way.entry()?, remote.way.next_hop?);
    let who = match remote.way.gateway() {
        Some(_) => format!("the gateway {next}"),
        None => next.to_string(),
    };
    let source = remote.neighbour_source();
    if entry.is_missing() {
        let rank = if entry.state == "FAILED" {
            Rank::Decisive
        } else {
            Rank::Strong
        };
        let says = format!(
            "{who} does not answer on {}: its neighbour entry is {}",
            entry.device, entry.state
        );
        return Some(Evidence::supports(rank, says, source));
    }
    // what a gateway answers says nothing of who is behind it
    let answers = entry.is_there() && entry.state == "REACHABLE" && remote.way.gateway().is_none();
    answers.then(|| {
        let says = format!(
            "{who} answers on {}: its neighbour entry is {}",
            entry.device, entry.state
        );
        Evidence::refutes(Rank::Decisive, says, source)
    })
}

/// The gateway is there, and "No route to host" came all the same, late: its own search for the machine failed.
fn router_says(case: &Case, remote: Remote<'_>) -> Option<Evidence> {
    let gateway = remote.way.gateway()?;
    let entry = remote.way.entry().filter(|entry| !entry.is_missing())?;
    let symptom = case
        .having(|trouble| *trouble == Trouble::Connect(errno::EHOSTUNREACH))
        .find(|symptom| symptom.peer.as_ref() == Some(&remote.peer.endpoint))?;
    let late = symptom.upstream_seconds.iter().any(|seconds| *seconds >= 1.0);
    let rank = if late { Rank::Strong } else { Rank::Hint };
    let says = format!(
        "the gateway {gateway} is there ({}), and \"No route to host\" came from behind it",
        entry.state
    );
    Some(Evidence::supports(
        rank,
        says,
        crate::Source::log(&symptom.log, "113: "),
    ))
}

fn advise(case: &Case) -> String {
    let Some(remote) = silent(case).next() else {
        return String::new();
    };
    let ip = remote.to.ip();
    match remote.way.gateway().filter(|_| is_missing(remote)) {
        Some(gateway) => {
            format!("bring the gateway {gateway} back, or route {ip} another way (ip route get {ip})")
        }
        None => format!(
            "find the machine that has {ip} and start it (arping -c 3 {ip} shows when it is back); if it has another \
             address now, name that one in nginx"
        ),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, conversation, neighbour};
    use host::answer::Connect;

    fn on_the_link(state: &str) -> Fixture {
        Fixture::nothing("10.0.0.7:8080")
            .connect_fails(113)
            .leaves_by("eth0", None)
            .next_hop(neighbour("eth0", state))
    }

    #[test]
    fn fires_where_nobody_answers_on_the_link() {
        on_the_link("FAILED").check("found host-unreachable");
        on_the_link("INCOMPLETE").check("found host-unreachable");
        Fixture::nothing("10.0.0.7:8080")
            .connect_times_out()
            .leaves_by("eth0", None)
            .next_hop(neighbour("eth0", "FAILED"))
            .check("found host-unreachable");
    }

    #[test]
    fn fires_where_the_gateway_is_gone() {
        Fixture::nothing("10.9.0.7:8080")
            .connect_times_out()
            .leaves_by("eth0", Some("10.0.0.1"))
            .next_hop(neighbour("eth0", "FAILED"))
            .check("found host-unreachable");
    }

    #[test]
    fn believes_a_gateway_that_searched_in_vain() {
        let behind = || {
            Fixture::nothing("10.9.0.7:8080")
                .connect_fails(113)
                .peer(|peer| peer.connect = Ok(conversation(Connect::TimedOut)))
                .leaves_by("eth0", Some("10.0.0.1"))
                .next_hop(neighbour("eth0", "REACHABLE"))
        };
        behind().waited(&[3.07]).check("found host-unreachable");
        behind().waited(&[0.001]).check("unexplained");
    }

    #[test]
    fn stays_quiet_where_somebody_is_there() {
        for state in ["REACHABLE", "STALE", "PERMANENT"] {
            Fixture::nothing("10.0.0.7:8080")
                .connect_times_out()
                .leaves_by("eth0", None)
                .next_hop(neighbour("eth0", state))
                .check("unexplained");
        }
    }

    #[test]
    fn a_refusal_is_an_answer() {
        Fixture::nothing("10.0.0.7:8080")
            .connect_fails(111)
            .leaves_by("eth0", None)
            .next_hop(neighbour("eth0", "REACHABLE"))
            .check_not("host-unreachable");
    }
}
