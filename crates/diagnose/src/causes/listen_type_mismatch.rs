use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::{
        Fit, Server, edited, idle_owner, listen_at, point_nginx_at, reloaded, rewritten, servers, unserved,
        written,
    },
    topology::BackendKind,
};
use host::Endpoint;
use logscan::{Complaint, Trouble, complaint::PeerAddress};

cause! {
    /// # What happens
    /// nginx asks a TCP port and the backend listens on a unix socket, or the reverse. The same pool, two kinds of
    /// address: the port refuses (111), the socket does not exist (2).
    /// # How to tell
    /// The backend that speaks this protocol runs and listens, on an address of the other kind that no route asks; nobody
    /// listens where nginx asks. Typical: a guide's `fastcgi_pass 127.0.0.1:9000` on a distribution whose pool has a socket.
    /// # Fix
    /// Write the address that the backend listens on into nginx.
    /// # Not this if
    /// The backend that is configured for the asked address is down (backend-stopped and its kin), or it listens on
    /// another port (wrong-upstream-port) or another version's socket (php-socket-version).
    pub static LISTEN_TYPE_MISMATCH = {
        id: "listen-type-mismatch",
        title: "one side uses a unix socket, the other TCP",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[],
        effect_of: &[],
        settled_by: ("see where the backend listens, TCP and unix", "ss -lxtnp"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["listen-type-mismatch"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    let Some(peer) = &complaint.peer else { return 0 };
    match (&complaint.trouble, &peer.address) {
        (Trouble::Connect(errno::ECONNREFUSED), PeerAddress::Tcp(at)) => match at.port() {
            9000 if peer.scheme == "fastcgi" => 30,
            _ if peer.scheme == "fastcgi" || peer.scheme == "uwsgi" => 10,
            _ => 1,
        },
        (Trouble::Connect(errno::ENOENT), PeerAddress::Unix(_)) => 6,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, candidates)) = found(case) else {
        return Opinion::none();
    };
    let Some(server) = candidates.first() else {
        return Opinion::none();
    };
    let mut evidence = vec![Evidence::supports(
        rank(case, server, candidates.len()),
        format!(
            "{} listens on {}{}; nobody listens on {}",
            server.describe(),
            server.at,
            if server.asked { "" } else { ", which no route asks" },
            peer.endpoint
        ),
        Source::listeners(server.at),
    )];
    evidence.extend(server.claim.map(|claim| {
        Evidence::supports(
            Rank::Hint,
            format!("its configuration says so: {}", claim.written),
            Source::file(&claim.written.file, Some(claim.written.line)),
        )
    }));
    evidence.extend(server.move_evidence(case));
    server.instead_of(peer, evidence)
}

/// A server that another route uses already is this one's too only where it is the only one there is.
fn rank(case: &Case, server: &Server<'_>, candidates: usize) -> Rank {
    let unmoved = case.route.as_ref().is_some_and(|route| {
        server.stood_beside(case) && !reloaded(case) && edited(case, &route.written.file).is_none()
    });
    let only = candidates == 1 && server.kind == BackendKind::PhpFpm;
    if !unmoved && (!server.asked || only) {
        Rank::Strong
    } else {
        Rank::Hint
    }
}

/// An unserved peer, and servers of the fitting protocol whose address is of the other kind; unasked ones first.
fn found(case: &Case) -> Option<(&PeerSight, Vec<Server<'_>>)> {
    let peer = unserved(case)?;
    let (protocol, owner) = (case.route.as_ref()?.protocol, idle_owner(case, peer));
    let mut candidates: Vec<Server<'_>> = servers(case)
        .into_iter()
        .filter(|server| server.at.tcp().is_some() != peer.endpoint.tcp().is_some())
        .filter(|server| server.fit(protocol) == Fit::Well && is_reachable_so(server))
        .filter(|server| owner.is_none_or(|owner| server.unit == Some(owner.name.as_str())))
        .collect();
    candidates.sort_by_key(|server| (server.asked, server.moved(case).is_none(), server.claim.is_none()));
    Some((peer, candidates))
}

/// Not every unix listener of a server takes requests: Apache's CGI daemon and process managers have their own.
fn is_reachable_so(server: &Server<'_>) -> bool {
    match (server.kind, server.at) {
        (BackendKind::PhpFpm, _) => true,
        (BackendKind::Gunicorn | BackendKind::Uwsgi | BackendKind::Ruby, Endpoint::Unix(_)) => {
            server.is_its_purpose()
        }
        (_, Endpoint::Unix(_)) => server.claim.is_some(),
        (BackendKind::Gunicorn | BackendKind::Uwsgi | BackendKind::Ruby, _) => server.is_its_purpose(),
        _ => false,
    }
}

fn advise(case: &Case) -> String {
    let (Some((peer, candidates)), Some(route)) = (found(case), &case.route) else {
        return String::new();
    };
    let Some(server) = candidates.first() else {
        return String::new();
    };
    let other_side = server.claim.map_or(String::new(), |claim| {
        let unit = server.unit.unwrap_or("the backend");
        format!(
            "; or let {unit} listen on {} ({}) and restart it",
            peer.endpoint, claim.written
        )
    });
    format!(
        "at {} write {}, then nginx -t && systemctl reload nginx{other_side}",
        written(route, peer),
        rewritten(route, peer, &server.as_asked(&peer.endpoint)),
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let Some((peer, candidates)) = found(case) else {
        return Vec::new();
    };
    let Some(server) = candidates.first() else {
        return Vec::new();
    };
    let nginx = point_nginx_at(case, peer, &server.as_asked(&peer.endpoint));
    nginx.into_iter().chain(listen_at(case, peer, server)).collect()
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::{testing::Fixture, topology::BackendKind};

    #[test]
    fn fires_where_the_pool_has_a_socket_and_nginx_asks_a_port() {
        let fixture = Fixture::php_fpm()
            .asks_at("127.0.0.1:9000")
            .orphan()
            .connect_fails(111);
        assert!(advise(&fixture.clone().case()).contains("`fastcgi_pass unix:/run/php/php8.2-fpm.sock`"));
        fixture.check("found listen-type-mismatch");
    }

    #[test]
    fn fires_where_the_app_has_a_port_and_nginx_asks_a_socket() {
        Fixture::gunicorn()
            .asks_unix("/run/app/app.sock")
            .orphan()
            .connect_fails(2)
            .check("found listen-type-mismatch");
    }

    #[test]
    fn a_stopped_pool_of_that_port_is_only_stopped() {
        Fixture::php_fpm()
            .moves_to("127.0.0.1:9000")
            .own_again()
            .asks_at("127.0.0.1:9000")
            .refused()
            .unit_is("inactive", "success")
            .also_runs(
                "php8.1-fpm.service",
                &["php-fpm8.1"],
                "unix:/run/php/php8.1-fpm.sock",
            )
            .check("found backend-stopped");
    }

    #[test]
    fn apaches_own_sockets_are_not_meant() {
        Fixture::nothing("127.0.0.1:7080")
            .also_runs(
                "apache2.service",
                &["/usr/sbin/apache2"],
                "unix:/run/apache2/cgisock.812",
            )
            .connect_fails(111)
            .check("unexplained");
    }

    #[test]
    fn a_pool_that_others_use_is_not_meant_where_there_are_two() {
        Fixture::nothing("127.0.0.1:9001")
            .fastcgi()
            .also_runs("php8.2-fpm.service", &["php-fpm8.2"], "unix:/run/php/a.sock")
            .also_runs("php8.2-fpm.service", &["php-fpm8.2"], "unix:/run/php/b.sock")
            .claims("php8.2-fpm.service", BackendKind::PhpFpm, "unix:/run/php/a.sock")
            .also_asked("unix:/run/php/a.sock")
            .also_asked("unix:/run/php/b.sock")
            .connect_fails(111)
            .check("unexplained");
    }

    #[test]
    fn either_side_can_give_way() {
        Fixture::php_fpm().asks_at("127.0.0.1:9000").orphan().connect_fails(111).offers(&[
            "ask: /etc/nginx/sites-enabled/shop:12 127.0.0.1:9000 -> unix:/run/php/php8.2-fpm.sock; reload nginx",
            "ask: /etc/php/8.2/fpm/pool.d/www.conf:41 listen 127.0.0.1:9000",
        ]);
    }

    #[test]
    fn a_server_stays_where_others_ask_it_and_makes_no_socket_where_no_directory_is() {
        let only_nginx = |at: &str| format!("ask: /etc/nginx/sites-enabled/shop:12 {at}; reload nginx");
        Fixture::gunicorn()
            .asks_unix("/run/app/app.sock")
            .orphan()
            .connect_fails(2)
            .offers(&[&only_nginx("unix:/run/app/app.sock -> 127.0.0.1:8000")]);
        Fixture::php_fpm()
            .asks_at("127.0.0.1:9000")
            .also_asked("unix:/run/php/php8.2-fpm.sock")
            .orphan()
            .connect_fails(111)
            .offers(&[&only_nginx("127.0.0.1:9000 -> unix:/run/php/php8.2-fpm.sock")]);
    }
}
