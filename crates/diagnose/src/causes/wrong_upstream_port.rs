use crate::{
    Case, Class, Evidence, Opinion, Rank, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    causes::words::php_version,
    elsewhere::{Fit, Server, edited, idle_owner, reloaded, rewritten, servers, unserved, written},
    evidence::quote,
    topology::{BackendKind, Protocol, Route},
    world::Change,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx asks one port (or socket path) and the backend listens on another: one side was changed without the other.
    /// Typical: Apache moved from 7080 to 8080, or a second location has another port than the first.
    /// # How to tell
    /// Nothing listens where nginx asks and no installed service is configured to. A running backend of the fitting kind
    /// listens on an address that no route asks; its log or its edited config shows that it moved.
    /// # Fix
    /// Change the side that is the odd one out: the address in nginx, or the backend's listen line.
    /// # Not this if
    /// A stopped or failed service claims exactly that address (backend-stopped and its kin), the port is bound on
    /// another address (bound-elsewhere), or the sides differ in kind (listen-type-mismatch).
    pub static WRONG_UPSTREAM_PORT = {
        id: "wrong-upstream-port",
        title: "nginx asks another address than the backend has",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[],
        effect_of: &[],
        settled_by: ("see where the site's backend listens and compare it with what nginx asks", "ss -lxtnp"),
        told: Told::OnHost(weigh),
        advise: advise,
        lab: &["wrong-upstream-port"],
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED) => 14,
        Trouble::Connect(errno::ENOENT) => 8,
        _ => 0,
    }
}

/// A server that may be the one meant, and what links it to the asked address.
struct Candidate<'a> {
    server: Server<'a>,
    /// Its own log, once: it listened where nginx asks.
    said: Option<Evidence>,
    /// The file that says where it listens was edited just before.
    moved: Option<&'a Change>,
    /// How much it says that this server runs, unasked, without either of those.
    rank: Rank,
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, route)) = unserved(case).zip(case.route.as_ref()) else {
        return Opinion::none();
    };
    let candidates = candidates(case, peer, route);
    let Some(best) = candidates.first() else {
        return Opinion::none();
    };
    let server = &best.server;
    Opinion {
        subject: server.unit.map_or_else(|| server.at.to_string(), str::to_owned),
        says: format!(
            "nginx asks {}, {} listens on {}",
            peer.endpoint,
            server.describe(),
            server.at
        ),
        evidence: evidence(case, peer, route, &candidates, best),
    }
}

fn evidence(
    case: &Case,
    peer: &PeerSight,
    route: &Route,
    candidates: &[Candidate<'_>],
    best: &Candidate<'_>,
) -> Vec<Evidence> {
    let server = &best.server;
    let mut all = vec![
        Evidence::supports(
            best.rank,
            format!(
                "{} listens on {}, which no route asks",
                server.describe(),
                server.at
            ),
            Source::listeners(server.at),
        ),
        Evidence::supports(
            Rank::Hint,
            format!(
                "nothing listens on {}, which nginx asks ({})",
                peer.endpoint,
                written(route, peer)
            ),
            Source::listeners(&peer.endpoint),
        ),
    ];
    all.extend(server.claim.map(|claim| {
        Evidence::supports(
            Rank::Hint,
            format!("its address is configured at {}", claim.written),
            Source::file(&claim.written.file, Some(claim.written.line)),
        )
    }));
    all.extend(best.said.clone());
    all.extend(best.moved.map(edit));
    if best.rank >= Rank::Strong {
        all.extend(edited(case, &written(route, peer).file).map(edit));
    }
    all.extend(rivals(candidates));
    all
}

fn edit(change: &Change) -> Evidence {
    Evidence::supports(
        Rank::Strong,
        format!(
            "edited just before the first failure: {} ({})",
            change.about, change.says
        ),
        Source::command(format!("stat {}", quote(&change.about))),
    )
}

/// Others that could be meant as well.
fn rivals(candidates: &[Candidate<'_>]) -> Option<Evidence> {
    let (best, rest) = candidates.split_first()?;
    let equal: Vec<String> = rest
        .iter()
        .filter(|rival| rival.strength() == best.strength())
        .map(|rival| format!("{} on {}", rival.server.describe(), rival.server.at))
        .collect();
    (!equal.is_empty()).then(|| {
        Evidence::refutes(
            Rank::Hint,
            format!("others fit as well: {}", equal.join(", ")),
            Source::command("ss -lxtnp"),
        )
    })
}

/// Unasked servers of the fitting protocol on an address of the same kind; the likeliest first.
fn candidates<'a>(case: &'a Case, peer: &PeerSight, route: &Route) -> Vec<Candidate<'a>> {
    let owner = idle_owner(case, peer);
    let mut all: Vec<Candidate<'a>> = servers(case)
        .into_iter()
        .filter(|server| !server.asked && server.fit(route.protocol) > Fit::No)
        .filter(|server| is_of_the_same_kind(server, peer))
        .filter(|server| owner.is_none_or(|owner| server.unit == Some(owner.name.as_str())))
        .map(|server| candidate(case, peer, route, server))
        .collect();
    all.sort_by_key(|candidate| std::cmp::Reverse(candidate.strength()));
    let unclear = all.iter().filter(|it| it.said.is_some()).count() > 1;
    for it in all.iter_mut().filter(|_| unclear) {
        it.said = it.said.take().map(|said| Evidence {
            rank: Rank::Strong,
            ..said
        });
    }
    // The same port on another address has a cause of its own.
    let port = peer.endpoint.tcp().map(|at| at.port());
    let bound = servers(case).iter().any(|server| {
        port.is_some() && server.at.tcp().map(|at| at.port()) == port && server.fit(route.protocol) > Fit::No
    });
    if bound { Vec::new() } else { all }
}

fn is_of_the_same_kind(server: &Server<'_>, peer: &PeerSight) -> bool {
    match (peer.endpoint.unix(), server.at.unix()) {
        (None, None) => true,
        (Some(asked), Some(at)) => {
            let (asked, at) = (
                php_version(&asked.to_string_lossy()),
                php_version(&at.to_string_lossy()),
            );
            asked.is_none() || at.is_none() || asked == at
        }
        _ => false,
    }
}

fn candidate<'a>(case: &'a Case, peer: &PeerSight, route: &Route, server: Server<'a>) -> Candidate<'a> {
    let said = server.once_listened(case, &peer.endpoint).map(|said| {
        Evidence::supports(
            Rank::Decisive,
            format!("it once listened where nginx asks: {}", said.text.trim()),
            said.source,
        )
    });
    Candidate {
        rank: by_itself(case, peer, route, &server),
        moved: server.moved(case).filter(|_| server.is_its_purpose()),
        said,
        server,
    }
}

/// A server that is made to stand behind nginx and that nothing asks says much. Of programs that can be anything (Node,
/// Java, Python, Go) it says something only where one of the sides changed just before.
fn by_itself(case: &Case, peer: &PeerSight, route: &Route, server: &Server<'_>) -> Rank {
    use BackendKind as Kind;
    let nginx_changed = reloaded(case) || edited(case, &written(route, peer).file).is_some();
    let changed = server.is_fresh(case) || nginx_changed;
    let plausible = server.is_its_purpose() && server.unit.is_some() && !server.serves_others(case);
    if server.stood_beside(case) && !nginx_changed {
        return Rank::Hint;
    }
    let strong = match (server.kind, route.protocol) {
        (Kind::PhpFpm, Protocol::FastCgi) | (Kind::Uwsgi, Protocol::Uwsgi) => true,
        (Kind::Apache | Kind::Gunicorn | Kind::Ruby, _) => plausible,
        (Kind::Node | Kind::Java | Kind::Proxy, _) => plausible && changed && is_private(server),
        _ => false,
    };
    if strong { Rank::Strong } else { Rank::Hint }
}

/// Bound where only this host can ask it: meant for something in front of it.
fn is_private(server: &Server<'_>) -> bool {
    server.at.tcp().is_none_or(|at| at.ip().is_loopback())
}

impl Candidate<'_> {
    fn strength(&self) -> (bool, bool, Rank) {
        (self.said.is_some(), self.moved.is_some(), self.rank)
    }
}

fn advise(case: &Case) -> String {
    let Some((peer, route)) = unserved(case).zip(case.route.as_ref()) else {
        return String::new();
    };
    let candidates = candidates(case, peer, route);
    let Some(best) = candidates.first() else {
        return String::new();
    };
    let nginx = format!(
        "at {} write {}, then nginx -t && systemctl reload nginx",
        written(route, peer),
        rewritten(route, peer, &best.server.as_asked(&peer.endpoint))
    );
    let backend = backend_side(case, peer, &best.server);
    let nginx_is_odd = edited(case, &written(route, peer).file).is_some();
    match best.moved.is_some() && !nginx_is_odd {
        true => format!("either {backend}; or {nginx}"),
        false => format!("either {nginx}; or {backend}"),
    }
}

fn backend_side(case: &Case, peer: &PeerSight, server: &Server<'_>) -> String {
    let unit = server.unit.unwrap_or("the backend");
    let already = case
        .world
        .claims
        .iter()
        .find(|claim| claim.address.covers(&peer.endpoint) && claim.unit.as_deref() == server.unit);
    match (already, server.claim) {
        (Some(claim), _) => format!(
            "systemctl restart {unit}: {} already says {}",
            claim.written, peer.endpoint
        ),
        (None, Some(claim)) => format!(
            "at {} name {}, then systemctl restart {unit}",
            claim.written, peer.endpoint
        ),
        (None, None) => format!("let {unit} listen on {} and restart it", peer.endpoint),
    }
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::testing::Fixture;

    #[test]
    fn fires_where_apache_moved() {
        let moved = || Fixture::apache().moves_to("127.0.0.1:8080").connect_fails(111);
        assert_eq!(
            advise(&moved().edited(90, "/etc/apache2/ports.conf").case()),
            "either at /etc/apache2/ports.conf:5 name 127.0.0.1:7080, then systemctl restart apache2.service; or at \
             /etc/nginx/sites-enabled/shop:12 write `proxy_pass 127.0.0.1:8080`, then nginx -t && systemctl reload nginx"
        );
        moved().check("found wrong-upstream-port");
    }

    #[test]
    fn fires_where_nginx_asks_another_port_than_the_pool_has() {
        Fixture::php_fpm()
            .moves_to("127.0.0.1:9001")
            .asks_at("127.0.0.1:9000")
            .connect_fails(111)
            .check("found wrong-upstream-port");
    }

    #[test]
    fn its_own_log_decides() {
        Fixture::gunicorn()
            .journal(
                4000,
                "gunicorn",
                "[INFO] Listening at: http://127.0.0.1:8000 (500)",
            )
            .moves_to("0.0.0.0:8001")
            .connect_fails(111)
            .also_runs("other.service", &["/usr/sbin/apache2"], "127.0.0.1:8002")
            .check("found wrong-upstream-port");
    }

    #[test]
    fn lookalikes_do_not_win() {
        let asked = || Fixture::nothing("127.0.0.1:8000").connect_fails(111);
        for (argv, at) in [
            (&["python3", "-m", "http.server", "9999"][..], "0.0.0.0:9999"),
            (
                &["node", "--inspect=127.0.0.1:9230", "job.js"][..],
                "127.0.0.1:9230",
            ),
            (&["/usr/sbin/mariadbd"][..], "127.0.0.1:3306"),
            (&["/usr/bin/redis-server"][..], "127.0.0.1:6379"),
            (&["java", "-jar", "console.jar"][..], "0.0.0.0:9990"),
            (&["php-fpm8.2"][..], "127.0.0.1:9000"),
        ] {
            asked().also_runs("thing.service", argv, at).check("unexplained");
        }
    }

    #[test]
    fn a_program_that_can_be_anything_needs_a_change_beside_it() {
        let asked = || {
            Fixture::nothing("127.0.0.1:8000")
                .also_runs("thing.service", &["node", "thing.js"], "127.0.0.1:3000")
                .connect_fails(111)
        };
        asked().check("unexplained");
        asked()
            .edited(90, "/etc/nginx/sites-enabled/shop")
            .check("found wrong-upstream-port");
    }

    #[test]
    fn a_server_that_stood_beside_the_working_backend_did_not_move() {
        Fixture::nothing("127.0.0.1:8000")
            .also_runs("apache2.service", &["/usr/sbin/apache2"], "127.0.0.1:7080")
            .connect_fails(111)
            .with(|it| {
                it.neighbours.last_success =
                    Some(crate::testing::NOW.before(std::time::Duration::from_secs(90)))
            })
            .check("unexplained");
    }

    #[test]
    fn a_server_that_another_site_asks_is_not_meant() {
        Fixture::nothing("127.0.0.1:8000")
            .also_runs("apache2.service", &["/usr/sbin/apache2"], "127.0.0.1:7080")
            .also_asked("127.0.0.1:7080")
            .connect_fails(111)
            .check("unexplained");
    }

    #[test]
    fn a_stopped_service_of_that_address_stands_instead() {
        Fixture::gunicorn()
            .refused()
            .unit_is("inactive", "success")
            .also_runs("apache2.service", &["/usr/sbin/apache2"], "127.0.0.1:7080")
            .check("found backend-stopped");
    }
}
