use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Case, Source,
    case::PeerSight,
    elsewhere::{point_nginx_at, written},
    survey::Survey,
    topology::Route,
};
use host::Endpoint;

rule! {
    /// # What it sees
    /// `localhost` as the address of a backend where it stands for 127.0.0.1 and ::1, and the backend listens on one only.
    /// # How it becomes a 502
    /// nginx takes both as servers and asks them in turn; each refused connection goes to the log and costs a second try.
    /// Where a second try is not allowed (`*_next_upstream off`, a POST that was sent) it is a 502; and when the one that
    /// listens fails once, both are left out for ten seconds: `no live upstreams`.
    /// # The change
    /// The address that listens, in numbers, in place of `localhost`.
    /// # Quiet where
    /// Both listen, none does (that is no foresight), `localhost` is one address here, or listeners could not be seen.
    pub static LOCALHOST_ONE_FAMILY = {
        id: "localhost-one-family",
        title: "localhost stands for two addresses and one listens",
        level: Level::Note,
        needs: Needs::Host,
        foresees: &["ipv6-localhost"],
        check: check,
    }
}

fn check(survey: &Survey) -> Checked {
    let asks = |(_, _, peer): &(&Case, &Route, &PeerSight)| peer.name.as_deref() == Some("localhost");
    let asked: Vec<_> = survey.peers().filter(asks).collect();
    if asked.is_empty() {
        return Checked::default();
    }
    let addresses = match (&survey.localhost, &survey.world.sockets) {
        (Ok(addresses), Ok(_)) => addresses,
        (Err(unseen), _) | (_, Err(unseen)) => return Checked::default().blind([unseen.clone()]),
    };
    let both = addresses.iter().any(|ip| ip.is_ipv4()) && addresses.iter().any(|ip| ip.is_ipv6());
    let hits = asked
        .into_iter()
        .filter(|_| both)
        .filter_map(|(case, route, peer)| hit(case, route, peer));
    once(hits).into()
}

/// Of an address without a listener whose sibling has one.
fn hit(case: &Case, route: &Route, peer: &PeerSight) -> Option<Hit> {
    let listens = |endpoint: &Endpoint| matches!(case.listener(endpoint), Ok(Some(_)));
    let asked = peer.endpoint.tcp()?;
    let sibling = |other: &&PeerSight| {
        let at = other.endpoint.tcp();
        other.name == peer.name && at.is_some_and(|at| at.port() == asked.port() && at != asked)
    };
    let other = case.peers.iter().find(sibling)?;
    if listens(&peer.endpoint) || !listens(&other.endpoint) {
        return None;
    }
    let (silent, live) = (&peer.endpoint, &other.endpoint);
    let place = written(route, peer).clone();
    let remedy = point_nginx_at(case, peer, live);
    let says = format!("localhost is {silent} too, where nobody listens; the backend is on {live}");
    let mut hit = Hit::new(live.to_string(), Some(place.clone()), says, Source::listeners(live))
        .why("every second request is refused first; where it may not be tried again, or both are left out, it is 502")
        .change(format!("write {live} in place of localhost at {}", super::spot(&place)));
    hit.remedies.extend(remedy);
    Some(hit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{Fixture, endpoint, listener, peer},
        topology::Target,
    };
    use std::net::Ipv6Addr;

    fn asks_localhost(listening: &[&str]) -> Survey {
        let fixture = Fixture::node().with(|it| {
            let route = it.route.as_mut().expect("a route");
            route.target = Target::Name {
                host: "localhost".into(),
                port: 3000,
            };
            route.pass = "proxy_pass http://localhost:3000".into();
            it.peers = ["127.0.0.1:3000", "[::1]:3000"]
                .map(|at| peer(endpoint(at), None))
                .to_vec();
            it.peers
                .iter_mut()
                .for_each(|peer| peer.name = Some("localhost".into()));
            it.world.sockets = Ok(listening
                .iter()
                .map(|at| listener(&endpoint(at), &[500]))
                .collect());
        });
        Survey::of(fixture)
    }

    #[test]
    fn fires_where_one_of_two_listens() {
        let at = "/etc/nginx/sites-enabled/shop:12:22";
        let told = |listening: &[&str]| asks_localhost(listening).told(&LOCALHOST_ONE_FAMILY);
        assert_eq!(told(&["127.0.0.1:3000"]), [format!("127.0.0.1:3000 at {at}")]);
        assert_eq!(told(&["[::1]:3000"]), [format!("[::1]:3000 at {at}")]);
        let hit = (LOCALHOST_ONE_FAMILY.check)(&asks_localhost(&["127.0.0.1:3000"]))
            .hits
            .remove(0);
        assert_eq!(hit.remedies.len(), 1);
    }

    #[test]
    fn stays_quiet_where_both_or_none_listen_or_it_is_one_address() {
        for listening in [
            &["127.0.0.1:3000", "[::1]:3000"][..],
            &[],
            &["0.0.0.0:3000", "[::]:3000"],
        ] {
            assert!(
                asks_localhost(listening).told(&LOCALHOST_ONE_FAMILY).is_empty(),
                "{listening:?}"
            );
        }
        let one =
            asks_localhost(&["127.0.0.1:3000"]).with(|it| it.localhost = Ok(vec![[127, 0, 0, 1].into()]));
        assert!(one.told(&LOCALHOST_ONE_FAMILY).is_empty());
        let blind = asks_localhost(&["127.0.0.1:3000"])
            .with(|it| it.localhost = Ok(vec![Ipv6Addr::LOCALHOST.into()]));
        assert!(blind.told(&LOCALHOST_ONE_FAMILY).is_empty());
    }
}
