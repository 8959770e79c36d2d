use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::{from_localhost, point_nginx_at, unserved, written},
};
use host::Endpoint;
use logscan::{Complaint, Trouble, complaint::PeerAddress};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

cause! {
    /// # What happens
    /// nginx was told `localhost`, which stands for two addresses, ::1 and 127.0.0.1, and asks both in turn; the backend
    /// listens on 127.0.0.1 only, so every second connection is refused. nginx then tries the other one.
    /// # How to tell
    /// The refused peer is `[::1]:PORT`, 127.0.0.1 of the same port listens. Mostly noise: the client's status is 200.
    /// It becomes a 502 where retries are off, for POST, or once both are marked down for ten seconds: then every second
    /// request fails, and one try that goes well proves nothing.
    /// # Fix
    /// Write 127.0.0.1 in place of localhost.
    /// # Not this if
    /// 127.0.0.1 refuses too: then the backend is down and this line only stands beside it.
    pub static IPV6_LOCALHOST = {
        id: "ipv6-localhost",
        title: "localhost is also ::1, where nobody listens",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[],
        effect_of: &[],
        settled_by: ("see whether both loopback addresses of the port are bound", "ss -ltn"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["ipv6-localhost"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (
        &complaint.trouble,
        complaint.peer.as_ref().map(|peer| &peer.address),
    ) {
        (Trouble::Connect(errno::ECONNREFUSED), Some(PeerAddress::Tcp(at)))
            if at.ip() == Ipv6Addr::LOCALHOST =>
        {
            60
        }
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, v4)) = found(case) else {
        return Opinion::none();
    };
    let noise = fails_otherwise(case, peer);
    let mut evidence = vec![Evidence::supports(
        if noise.is_some() {
            Rank::Hint
        } else {
            Rank::Decisive
        },
        format!("{} is refused and {v4} listens: localhost is both", peer.endpoint),
        Source::listeners(&v4),
    )];
    evidence.extend(noise);
    if case
        .symptoms
        .iter()
        .all(|it| it.status.is_some_and(|status| status < 500))
    {
        evidence.push(Evidence::supports(
            Rank::Hint,
            "the clients were answered by the other address: this only fills the log",
            Source::command("getent ahosts localhost"),
        ));
    }
    Opinion {
        subject: peer.endpoint.to_string(),
        says: format!("nginx asks localhost, and of its two addresses only {v4} has a listener"),
        evidence,
    }
}

/// The refused ::1, and the IPv4 address of the same port that has a listener.
fn found(case: &Case) -> Option<(&PeerSight, Endpoint)> {
    let peer = unserved(case)?;
    let port = peer
        .endpoint
        .tcp()
        .filter(|at| at.ip() == Ipv6Addr::LOCALHOST)?
        .port();
    let v4 = Endpoint::Tcp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    let listens = matches!(case.listener(&v4), Ok(Some(_)));
    (listens && from_localhost(case, peer)).then_some((peer, v4))
}

/// A failure of the route that is not about ::1: the refusals only stand beside it.
fn fails_otherwise(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let other = case.symptoms.iter().find(|symptom| {
        let elsewhere = symptom.peer.as_ref().is_some_and(|at| *at != peer.endpoint);
        let refused = |trouble: &Trouble| matches!(trouble, Trouble::Connect(errno::ECONNREFUSED));
        let echo = symptom.complaint.as_ref().is_some_and(Complaint::is_echo);
        !echo
            && symptom
                .trouble()
                .is_some_and(|trouble| elsewhere || !refused(trouble))
    })?;
    Some(Evidence::refutes(
        Rank::Strong,
        "the route also fails in another way, which a refused ::1 does not explain",
        Source::file(&other.log, None),
    ))
}

fn advise(case: &Case) -> String {
    let (Some((peer, v4)), Some(route)) = (found(case), &case.route) else {
        return String::new();
    };
    format!(
        "at {} write {v4} in place of localhost, then nginx -t && systemctl reload nginx",
        written(route, peer)
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = found(case).and_then(|(peer, v4)| point_nginx_at(case, peer, &v4));
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, peer};
    use host::Endpoint;
    use logscan::{Phase, Trouble};

    fn v6(fixture: Fixture, port: u16) -> Fixture {
        let v4 = fixture.peers[0].endpoint.clone();
        let mut fixture = fixture
            .asks_at(&format!("[::1]:{port}"))
            .named("localhost")
            .connect_fails(111);
        fixture.peers.push(peer(v4, None));
        fixture
    }

    #[test]
    fn fires_where_only_ipv4_listens() {
        v6(Fixture::gunicorn(), 8000).check("found ipv6-localhost");
        v6(Fixture::apache(), 7080).check("found ipv6-localhost");
    }

    #[test]
    fn a_restart_just_before_does_not_explain_it() {
        v6(Fixture::node(), 3000)
            .seen(50, 1)
            .life(&[(62, "Stopping"), (61, "Stopped"), (60, "Started")])
            .with(|it| {
                it.peers[1].backend = it.peers[0].backend.clone();
                it.neighbours.interleaved = true;
            })
            .works_now()
            .check("found ipv6-localhost");
    }

    #[test]
    fn stays_quiet_where_both_refuse() {
        v6(Fixture::gunicorn(), 8000)
            .nobody_listens()
            .unit_is("inactive", "success")
            .with(|it| it.peers[1].backend = it.peers[0].backend.clone())
            .check("found backend-stopped");
    }

    #[test]
    fn an_address_that_is_written_out_is_bound_elsewhere() {
        Fixture::gunicorn()
            .asks_at("[::1]:8000")
            .connect_fails(111)
            .check("found bound-elsewhere");
    }

    #[test]
    fn is_noise_beside_another_failure() {
        v6(Fixture::gunicorn(), 8000)
            .complains(Trouble::HeaderTooBig, Phase::ReadingHeader)
            .with(|it| it.symptoms[1].peer = Some(Endpoint::from(([127, 0, 0, 1].into(), 8000))))
            .check("found header-too-big");
    }

    #[test]
    fn writes_the_address_that_listens() {
        v6(Fixture::gunicorn(), 8000).offers(&[
            "ask: /etc/nginx/sites-enabled/shop:12 localhost:8000 -> 127.0.0.1:8000; reload nginx",
        ]);
        v6(Fixture::gunicorn(), 8000)
            .with(|it| it.route.as_mut().expect("a route").pass = "proxy_pass http://$backend".into())
            .with(|it| it.world.routes.clear())
            .offers(&[]);
    }
}
