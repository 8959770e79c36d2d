use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::{
        Fit, Server, from_localhost, listen_at, point_nginx_at, rewritten, servers, unserved, written,
    },
    topology::BackendKind,
};
use host::Endpoint;
use logscan::{Complaint, Trouble, complaint::PeerAddress};
use std::net::{Ipv6Addr, SocketAddr};

cause! {
    /// # What happens
    /// The backend listens on the port that nginx asks, but on another address of the host: on ::1 while nginx asks
    /// 127.0.0.1 (Node since version 17 binds `localhost` to ::1), on one interface while nginx asks another.
    /// # How to tell
    /// `ss -ltnp` shows that port with an address that does not cover the one nginx asks, and nothing else listens there.
    /// # Fix
    /// Let nginx ask the address that is bound, or bind the backend to the one nginx asks. Loopback is enough for both;
    /// binding to every address opens the backend to the network.
    /// # Not this if
    /// The address is the old one of a name that moved (dns-stale-address), nginx was told `localhost` and only its ::1
    /// is refused (ipv6-localhost), or the port differs (wrong-upstream-port).
    pub static BOUND_ELSEWHERE = {
        id: "bound-elsewhere",
        title: "the backend listens on another address of that port",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[],
        effect_of: &["dns-wrong-answer"],
        settled_by: ("see on which addresses the port is bound", "ss -ltnp"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["bound-elsewhere"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (
        &complaint.trouble,
        complaint.peer.as_ref().map(|peer| &peer.address),
    ) {
        (Trouble::Connect(errno::ECONNREFUSED), Some(PeerAddress::Unix(_))) => 0,
        (Trouble::Connect(errno::ECONNREFUSED), _) => 5,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, server)) = found(case) else {
        return Opinion::none();
    };
    let fits = case.route.as_ref().map(|route| server.fit(route.protocol));
    let sure = fits == Some(Fit::Well) && server.kind != BackendKind::Proxy;
    let evidence = vec![
        Evidence::supports(
            if sure { Rank::Decisive } else { Rank::Strong },
            format!(
                "{} listens on {}, which does not take connections to {}",
                server.describe(),
                server.at,
                peer.endpoint
            ),
            Source::listeners(&peer.endpoint),
        ),
        Evidence::supports(
            Rank::Hint,
            format!("{} refuses and nothing listens there", peer.endpoint),
            Source::connect(&peer.endpoint, case.worker_user()),
        ),
    ];
    server.instead_of(peer, evidence)
}

/// An unserved peer, and who listens on its port of another address.
fn found(case: &Case) -> Option<(&PeerSight, Server<'_>)> {
    let peer = unserved(case)?;
    let asked = peer.endpoint.tcp()?;
    if asked.ip() == Ipv6Addr::LOCALHOST && from_localhost(case, peer) {
        return None;
    }
    let protocol = case.route.as_ref()?.protocol;
    servers(case)
        .into_iter()
        .filter(|server| server.at.tcp().is_some_and(|at| at.port() == asked.port()))
        .filter(|server| server.fit(protocol) > Fit::No)
        .max_by_key(|server| {
            (
                server.fit(protocol),
                server.at.tcp().is_some_and(|at| at.ip().is_loopback()),
            )
        })
        .map(|server| (peer, server))
}

fn advise(case: &Case) -> String {
    let (Some((peer, server)), Some(route)) = (found(case), &case.route) else {
        return String::new();
    };
    let unit = server.unit.unwrap_or("the backend");
    let place = server
        .claim
        .map_or("its own settings".to_owned(), |claim| claim.written.to_string());
    format!(
        "one address for both sides. Either at {} write {}, then nginx -t && systemctl reload nginx; or let {unit} listen \
         on {} ({place}), then systemctl restart {unit}",
        written(route, peer),
        rewritten(route, peer, &server.as_asked(&loopback_like(peer, &server))),
        peer.endpoint,
    )
}

/// An address of the server's family to stand for its wildcard.
fn loopback_like(peer: &PeerSight, server: &Server<'_>) -> Endpoint {
    match server.at.tcp() {
        Some(at) if at.is_ipv6() => Endpoint::Tcp(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), at.port())),
        _ => peer.endpoint.clone(),
    }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let Some((peer, server)) = found(case) else {
        return Vec::new();
    };
    let nginx = point_nginx_at(case, peer, &server.as_asked(&loopback_like(peer, &server)));
    nginx.into_iter().chain(listen_at(case, peer, &server)).collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        case::{NameAnswer, NameSource},
        testing::Fixture,
    };

    #[test]
    fn fires_where_only_ipv6_is_bound() {
        Fixture::apache()
            .moves_to("[::1]:7080")
            .connect_fails(111)
            .check("found bound-elsewhere");
    }

    #[test]
    fn fires_where_another_address_is_bound() {
        Fixture::gunicorn()
            .moves_to("10.0.0.5:8000")
            .connect_fails(111)
            .check("found bound-elsewhere");
        Fixture::nothing("127.0.0.1:3000")
            .also_runs("web.service", &["/usr/bin/node", "server.js"], "[::1]:3000")
            .connect_fails(111)
            .check("found bound-elsewhere");
    }

    #[test]
    fn a_stopped_backend_is_not_explained_by_a_stranger_on_its_port() {
        Fixture::gunicorn()
            .refused()
            .unit_is("inactive", "success")
            .also_runs("other.service", &["/usr/bin/node", "other.js"], "10.0.0.5:8000")
            .check("found backend-stopped");
    }

    #[test]
    fn the_old_address_of_a_name_is_stale() {
        Fixture::apache()
            .moves_to("127.0.0.5:7080")
            .named("backend.internal")
            .name_says(
                NameSource::System,
                NameAnswer::Addresses(vec![[127, 0, 0, 5].into()]),
            )
            .connect_fails(111)
            .check("found dns-stale-address");
    }

    #[test]
    fn another_hosts_port_says_nothing_about_ours() {
        Fixture::apache()
            .asks_at("10.77.0.2:7080")
            .connect_fails(111)
            .check("unexplained");
    }

    #[test]
    fn either_side_can_give_way() {
        let nginx = |new: &str| {
            format!("ask: /etc/nginx/sites-enabled/shop:12 127.0.0.1:7080 -> {new}; reload nginx")
        };
        Fixture::apache()
            .moves_to("[::1]:7080")
            .connect_fails(111)
            .offers(&[
                &nginx("[::1]:7080"),
                "ask: /etc/apache2/ports.conf:5 listen 127.0.0.1:7080",
            ]);
        Fixture::nothing("127.0.0.1:7080")
            .also_runs("web.service", &["/usr/bin/node", "server.js"], "[::1]:7080")
            .connect_fails(111)
            .offers(&[&nginx("[::1]:7080")]);
    }
}
