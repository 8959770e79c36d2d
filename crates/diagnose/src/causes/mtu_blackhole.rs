use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{Passage, PeerSight},
    cause::{Group, Told, cause},
};
use host::looks::Ping;
use logscan::{Complaint, Phase, Trouble};
use std::net::IpAddr;

cause! {
    /// # What happens
    /// Somewhere on the way to the upstream large packets do not pass (a tunnel, a VPN, an overlay network, a link with a
    /// smaller MTU), and the ICMP message that says so is filtered. Connections come about and small answers arrive; large
    /// answers, large uploads and TLS certificates hang until nginx's timeout.
    /// # How to tell
    /// Timeouts while reading or shaking hands, for large answers only. Echo requests that must not be fragmented come back
    /// up to some size; larger ones vanish without a word.
    /// # Fix
    /// Lower the MTU of the route or the interface, or clamp the MSS, to what passes; or let ICMP "fragmentation needed" pass.
    /// why502 gives the peer a route of its own with that size: relief, for the router that drops it is a person's to mend,
    /// who also knows who else uses that way.
    /// # Not this if
    /// Packets as large as the interface's MTU come back, a router says that they are too big (senders then obey), or small
    /// answers hang as well (slow-backend).
    pub static MTU_BLACKHOLE = {
        id: "mtu-blackhole",
        title: "large packets do not get through",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("frag needed", 90), (" mtu ", 60)],
        effect_of: &[],
        settled_by: ("probe the path", "ping -M do -s 1472 -c2 ADDRESS"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["mtu-blackhole"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (&complaint.trouble, complaint.phase) {
        (Trouble::TimedOut, Some(Phase::ReadingBody | Phase::Handshaking)) => 20,
        (Trouble::TimedOut, Some(Phase::ReadingHeader)) => 1,
        _ => 0,
    }
}

/// A peer to which packets of different sizes were sent.
#[derive(Clone, Copy)]
struct Probed<'a> {
    to: IpAddr,
    way: &'a Passage,
}

fn weigh(case: &Case) -> Opinion {
    let Some(probed) = probed(case) else {
        return Opinion::none();
    };
    let (Some((passes, _)), Some((largest, last))) = (probed.passing(), probed.largest()) else {
        return Opinion::none();
    };
    let to = probed.to;
    let evidence = match last {
        Ping::Silent => lost(case, probed, passes, largest),
        Ping::Answered => vec![Evidence::refutes(
            Rank::Decisive,
            format!("packets of {largest} bytes, the largest that leave here, reach {to} and come back"),
            probe(to, largest),
        )],
        Ping::TooBig => vec![Evidence::refutes(
            Rank::Strong,
            format!(
                "packets of {largest} bytes are too big on the way to {to}, and somebody says so: senders obey"
            ),
            probe(to, largest),
        )],
    };
    Opinion {
        subject: to.to_string(),
        says: format!("packets larger than {passes} bytes vanish on the way to {to}"),
        evidence,
    }
}

fn probed(case: &Case) -> Option<Probed<'_>> {
    let probed = |peer: &'_ PeerSight| {
        Some((
            peer.endpoint.tcp()?.ip(),
            !peer.passage.as_ref()?.sizes.is_empty(),
        ))
    };
    case.peers.iter().find_map(|peer| {
        let (to, asked) = probed(peer)?;
        let way = peer.passage.as_ref().filter(|_| asked)?;
        Some(Probed { to, way })
    })
}

impl<'a> Probed<'a> {
    fn answers(self) -> impl Iterator<Item = (u16, Ping)> + 'a {
        self.way
            .sizes
            .iter()
            .filter_map(|(size, ping)| Some((*size, *ping.as_ref().ok()?)))
    }

    /// The largest that came back.
    fn passing(self) -> Option<(u16, Ping)> {
        self.answers()
            .filter(|(_, ping)| *ping == Ping::Answered)
            .max_by_key(|(size, _)| *size)
    }

    /// How the largest that leave here went; `None` where that could not be seen.
    fn largest(self) -> Option<(u16, Ping)> {
        let (size, ping) = self.way.sizes.iter().max_by_key(|(size, _)| *size)?;
        Some((*size, *ping.as_ref().ok()?))
    }
}

/// Larger ones than those that pass were lost without a word.
fn lost(case: &Case, probed: Probed<'_>, passes: u16, largest: u16) -> Vec<Evidence> {
    let to = probed.to;
    // one lost packet in between is bad luck, not a size
    let in_order = probed
        .answers()
        .all(|(size, ping)| (size <= passes) == (ping == Ping::Answered));
    let says = format!(
        "packets of {passes} bytes reach {to} and come back; of {largest} none does, and nobody says why"
    );
    let mut evidence = vec![Evidence::supports(
        if in_order { Rank::Strong } else { Rank::Hint },
        says,
        probe(to, largest),
    )];
    if case.neighbours.succeeded > 0 {
        evidence.push(Evidence::supports(
            Rank::Hint,
            "other answers of the same upstream arrive".to_owned(),
            Source::command("tail /var/log/nginx/access.log"),
        ));
    }
    evidence
}

fn probe(to: IpAddr, bytes: u16) -> Source {
    let load = bytes.saturating_sub(if to.is_ipv4() { 28 } else { 48 });
    Source::command(format!("ping -M do -s {load} -c2 {to}"))
}

fn advise(case: &Case) -> String {
    let Some(probed) = probed(case) else {
        return String::new();
    };
    let (Some((passes, _)), Some(device)) = (probed.passing(), probed.way.device()) else {
        return String::new();
    };
    let to = probed.to;
    let via = probed
        .way
        .gateway()
        .map_or(String::new(), |gateway| format!(" via {gateway}"));
    format!(
        "ip route replace {to}{via} dev {device} mtu {passes}, which also makes the upstream send smaller packets; for good, \
         set the MTU where the tunnel is set up, or clamp the MSS on the router (nft: tcp option maxseg size set rt mtu)"
    )
}

/// What every IPv6 host must be able to receive; a way that is narrower than that is broken otherwise.
const NARROWEST: u16 = 1280;

fn remedies(case: &Case) -> Vec<Remedy> {
    let narrow = probed(case).and_then(|probed| {
        let (bytes, _) = probed.passing()?;
        let lost = matches!(probed.largest()?, (_, Ping::Silent));
        (lost && bytes >= NARROWEST && probed.way.device().is_some()).then_some((probed.to, bytes))
    });
    let remedy = narrow.map(|(to, bytes)| {
        let title = format!("send {to} no packets above {bytes} bytes");
        Remedy::ask(title, vec![Measure::PathMtu { to, bytes }]).relief()
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use host::looks::Ping::{Answered, Silent, TooBig};
    use logscan::{Phase, Trouble};

    fn hangs(answers: &[(u16, host::looks::Ping)]) -> Fixture {
        Fixture::nothing("10.9.0.7:8080")
            .peer(|peer| peer.connect = Ok(crate::testing::conversation(host::answer::Connect::Accepted)))
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .leaves_by("tun0", Some("10.0.0.1"))
            .sizes(answers)
    }

    #[test]
    fn fires_where_large_packets_vanish() {
        hangs(&[(100, Answered), (1280, Answered), (1400, Silent), (1500, Silent)])
            .check("found mtu-blackhole");
        hangs(&[(100, Answered), (1280, Silent), (1400, Silent), (1500, Silent)])
            .others_succeed()
            .check("found mtu-blackhole <- slow-backend");
    }

    #[test]
    fn a_route_of_its_own_carries_what_passes() {
        hangs(&[(100, Answered), (1280, Answered), (1400, Silent), (1500, Silent)])
            .offers(&["ask relief: PathMtu { to: 10.9.0.7, bytes: 1280 }"]);
        hangs(&[(100, Answered), (1280, Silent), (1400, Silent), (1500, Silent)]).offers(&[]);
    }

    #[test]
    fn stays_quiet_where_they_pass_or_somebody_says_so() {
        for last in [Answered, TooBig] {
            hangs(&[(100, Answered), (1280, Answered), (1400, Answered), (1500, last)])
                .check_not("mtu-blackhole");
        }
    }

    #[test]
    fn stays_quiet_where_nobody_answers_a_ping() {
        hangs(&[(100, Silent), (1500, Silent)]).check_not("mtu-blackhole");
    }

    #[test]
    fn a_packet_lost_by_chance_is_not_a_size() {
        hangs(&[(100, Answered), (1280, Silent), (1400, Answered), (1500, Silent)])
            .check_not("mtu-blackhole");
    }
}
