use crate::{
    Case, Class, Evidence, Opinion, Rank, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    topology::{Listen, ListenAddress, Route},
};
use host::Endpoint;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The upstream is one of nginx's own listeners and the request comes back to the same location, again and again,
    /// until connections, ports or files run out.
    /// # How to tell
    /// The peer's address is a listen address of nginx; the access log repeats from 127.0.0.1.
    /// # Fix
    /// Correct the target. Only a person can say which backend was meant: nothing on the host names it.
    /// # Not this if
    /// The peer is another program.
    pub static PROXY_LOOP = {
        id: "proxy-loop",
        title: "nginx asks itself",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("redirect cycle", 30), ("request loop", 70)],
        effect_of: &[],
        settled_by: ("compare the peer with nginx's own listeners", "nginx -T 2>/dev/null | grep -nE \"listen|_pass\""),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["proxy-loop"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::WorkerConnections(_) => 20,
        Trouble::TooManyFiles => 12,
        Trouble::Connect(99) => 12,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, route)) = itself(case) else {
        return Opinion::none();
    };
    let mut evidence = Vec::new();
    let returns = returns(case, route);
    evidence.push(Evidence::supports(
        if returns.is_some() {
            Rank::Decisive
        } else {
            Rank::Hint
        },
        format!(
            "{}, which nginx asks at {}, is served by nginx itself",
            peer.endpoint, route.written
        ),
        Source::listeners(&peer.endpoint),
    ));
    evidence.extend(returns);
    evidence.extend(exhausted(case));
    Opinion {
        subject: route.written.to_string(),
        says: format!(
            "{} sends its requests to nginx itself, and they come back to it",
            route.written
        ),
        evidence,
    }
}

/// The peer is an address that this very site listens on, and the listener is nginx's.
fn itself(case: &Case) -> Option<(&PeerSight, &Route)> {
    let (route, nginx) = (case.route.as_ref()?, case.nginx()?);
    let peer = case.peers.iter().filter(|peer| peer.in_use).find(|peer| {
        let ours = |pid: &u32| nginx.master == Some(*pid) || nginx.workers.contains(pid);
        let listener = case.listener(&peer.endpoint).ok().flatten();
        let pids = listener.and_then(|it| it.pids.as_deref()).unwrap_or_default();
        pids.iter().any(ours) && route.listen.iter().any(|listen| covers(listen, &peer.endpoint))
    })?;
    Some((peer, route))
}

fn covers(listen: &Listen, peer: &Endpoint) -> bool {
    let address = match &listen.endpoint {
        Endpoint::Unix(path) => ListenAddress::Unix(path.clone()),
        Endpoint::Tcp(at) => ListenAddress::Tcp {
            ip: Some(at.ip()),
            port: at.port(),
        },
    };
    address.covers(peer)
}

/// The request names the same site when it comes back: by the Host it keeps, or because no other site is there.
fn returns(case: &Case, route: &Route) -> Option<Evidence> {
    let host = route
        .settings
        .set_headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let kept = host.filter(|(_, value)| {
        matches!(value.as_str(), "$host" | "$http_host" | "$server_name") || route.names.contains(value)
    });
    let alone = case.world.routes.iter().all(|other| other.site == route.site);
    let why = match (kept, alone) {
        (Some((_, value)), _) => {
            format!("it passes `Host {value}` on, so the request meets the same site again")
        }
        (None, true) => "no other site is there to take the request when it comes back".to_owned(),
        (None, false) => return None,
    };
    Some(Evidence::supports(
        Rank::Strong,
        why,
        Source::file(&route.written.file, Some(route.written.line)),
    ))
}

/// What a loop ends in.
fn exhausted(case: &Case) -> Option<Evidence> {
    let ended = |trouble: &Trouble| {
        matches!(
            trouble,
            Trouble::WorkerConnections(_) | Trouble::TooManyFiles | Trouble::Connect(errno::EADDRNOTAVAIL)
        )
    };
    let symptom = case.having(ended).max_by_key(|symptom| symptom.last)?;
    Some(Evidence::supports(
        Rank::Strong,
        format!("nginx ran out, {} times: {}", symptom.count, symptom.signature()),
        Source::file(&symptom.log, None),
    ))
}

fn advise(case: &Case) -> String {
    let Some((peer, route)) = itself(case) else {
        return String::new();
    };
    format!(
        "at {} write the address of the application in place of {}, which is nginx's own, then nginx -t && systemctl \
         reload nginx",
        route.written, peer.endpoint
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, endpoint};
    use logscan::{Phase, Trouble};

    fn looped(fixture: Fixture) -> Fixture {
        fixture
            .asks_at("127.0.0.1:80")
            .orphan()
            .also_listens(endpoint("0.0.0.0:80"), &[100, 101])
            .complains(Trouble::WorkerConnections(768), Phase::Connecting)
    }

    #[test]
    fn fires_where_the_request_comes_back() {
        looped(Fixture::gunicorn()).check("found proxy-loop");
        looped(Fixture::apache()).check("found proxy-loop");
    }

    #[test]
    fn another_site_of_the_same_nginx_is_no_loop() {
        Fixture::node()
            .also_asked("127.0.0.1:3100")
            .asks_at("127.0.0.1:80")
            .orphan()
            .also_listens(endpoint("0.0.0.0:80"), &[100, 101])
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .check("unexplained");
    }

    #[test]
    fn another_program_is_no_loop() {
        Fixture::node()
            .complains(Trouble::WorkerConnections(768), Phase::Connecting)
            .check("found worker-connections-limit");
    }
}
