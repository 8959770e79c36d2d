use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{NameAnswer, NameSight, NameSource},
    cause::{Group, Told, cause},
};
use host::{Endpoint, looks::Tracked};
use logscan::{Complaint, Phase, Trouble};
use std::net::{IpAddr, SocketAddr};

cause! {
    /// # What happens
    /// An address is translated (a Kubernetes service, a virtual address, a published port), what stands behind it moved, and
    /// the kernel still translates an old flow to the old place. Each new TCP connection is a new flow and goes right; nginx
    /// keeps one UDP socket to its resolver for as long as it lives, and with it the old translation.
    /// # How to tell
    /// nginx gets no answer from its resolver, while a question from another socket is answered at once; `conntrack -L` has
    /// flows to the resolver that are translated to different places.
    /// # Fix
    /// Delete those entries: the next packet makes a new one. A reload of nginx helps as well: new workers, new sockets.
    /// # Not this if
    /// No entry names the peer, or all are translated to the same place (dns-resolver-down).
    pub static STALE_CONNTRACK = {
        id: "stale-conntrack",
        title: "connection tracking still points at an old address",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("conntrack", 30)],
        effect_of: &[],
        settled_by: ("look for the flow", "conntrack -L -d ADDRESS"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["stale-conntrack"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::Connecting) => 2,
        _ => 0,
    }
}

/// A resolver that answers us and not nginx, and where flows to it are translated to.
struct Stale<'a> {
    resolver: SocketAddr,
    places: Vec<IpAddr>,
    answered: &'a NameSight,
}

fn weigh(case: &Case) -> Opinion {
    let Some(Stale {
        resolver,
        places,
        answered,
    }) = stale(case)
    else {
        return Opinion::none();
    };
    let list: Vec<String> = places.iter().map(IpAddr::to_string).collect();
    let evidence = vec![
        Evidence::supports(
            Rank::Strong,
            format!(
                "the kernel translates flows to {resolver} to different places: {}",
                list.join(", ")
            ),
            Source::command(format!(
                "conntrack -L -p udp -d {} --dport {}",
                resolver.ip(),
                resolver.port()
            )),
        ),
        Evidence::supports(
            Rank::Strong,
            format!(
                "{resolver} answers a question about {} from a new flow, and not nginx's",
                answered.name
            ),
            crate::naming::source(answered),
        ),
    ];
    Opinion {
        subject: resolver.to_string(),
        says: format!("nginx's questions to {resolver} still go to a place that it was moved from"),
        evidence,
    }
}

fn stale(case: &Case) -> Option<Stale<'_>> {
    let waits = |trouble: &Trouble| matches!(trouble, Trouble::Unresolved { code: 110, .. });
    case.having(waits).next()?;
    case.flows.iter().find_map(|(resolver, flows)| {
        let answers = |sight: &&NameSight| {
            sight.by == NameSource::NginxResolver(*resolver)
                && matches!(sight.answer, Ok(NameAnswer::Addresses(_)))
        };
        let answered = case.names.iter().find(answers)?;
        let places = places(*resolver, flows);
        (places.len() > 1).then_some(Stale {
            resolver: *resolver,
            places,
            answered,
        })
    })
}

/// Where UDP flows to it are translated to, each place once.
fn places(resolver: SocketAddr, flows: &[Tracked]) -> Vec<IpAddr> {
    let udp = flows.iter().filter(|flow| flow.protocol == "udp");
    let mut places: Vec<IpAddr> = udp.map(|flow| flow.answers.0).collect();
    places.sort_unstable();
    places.dedup();
    // where one is not translated at all, an address of several homes may answer
    if places.contains(&resolver.ip()) {
        Vec::new()
    } else {
        places
    }
}

fn advise(case: &Case) -> String {
    stale(case).map_or_else(String::new, |Stale { resolver, .. }| {
        format!(
            "conntrack -D -p udp -d {} --dport {}; or systemctl reload nginx, whose new workers open new sockets",
            resolver.ip(),
            resolver.port()
        )
    })
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = stale(case).map(|Stale { resolver, .. }| {
        let to = Endpoint::Tcp(resolver);
        Remedy::ask(
            format!("forget the tracked flows to {resolver}"),
            vec![Measure::FlushConntrack { to, udp: true }],
        )
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        case::{NameAnswer::*, NameSource::*},
        testing::Fixture,
    };
    use host::looks::Tracked;
    use std::net::{IpAddr, SocketAddr};

    fn resolver() -> SocketAddr {
        ([10, 96, 0, 10], 53).into()
    }

    fn flow(answers: [u8; 4], from_port: u16) -> Tracked {
        Tracked {
            protocol: "udp".into(),
            state: None,
            to: (resolver().ip(), 53),
            from_port,
            answers: (IpAddr::from(answers), 53),
            unreplied: false,
        }
    }

    fn moved(code: u16, flows: Vec<Tracked>) -> Fixture {
        Fixture::gunicorn()
            .unresolved("api.shop.internal", code)
            .name_says(NginxResolver(resolver()), Addresses(vec![[10, 0, 0, 9].into()]))
            .with(|it| it.flows = vec![(resolver(), flows)])
    }

    #[test]
    fn fires_where_flows_go_to_two_places() {
        moved(110, vec![flow([10, 1, 0, 7], 40000), flow([10, 1, 0, 8], 50000)])
            .check("found stale-conntrack");
        moved(
            110,
            vec![
                flow([10, 1, 0, 7], 40000),
                flow([10, 1, 0, 8], 50000),
                flow([10, 1, 0, 8], 50001),
            ],
        )
        .offers(&["ask: FlushConntrack { to: Tcp(10.96.0.10:53), udp: true }"]);
    }

    #[test]
    fn stays_quiet_where_all_go_the_same_way() {
        moved(110, vec![flow([10, 1, 0, 7], 40000), flow([10, 1, 0, 7], 50000)]).check_not("stale-conntrack");
        moved(110, Vec::new()).check_not("stale-conntrack");
        moved(
            110,
            vec![flow([10, 96, 0, 10], 40000), flow([10, 1, 0, 7], 50000)],
        )
        .check_not("stale-conntrack");
    }

    #[test]
    fn a_name_that_is_missing_is_another_matter() {
        moved(3, vec![flow([10, 1, 0, 7], 40000), flow([10, 1, 0, 8], 50000)]).check_not("stale-conntrack");
    }
}
