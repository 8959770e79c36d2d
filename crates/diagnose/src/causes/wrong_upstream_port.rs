use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::{
        Candidate, backend_side, candidates, edit, edited, equals, listen_at, point_nginx_at, rewritten,
        unserved, written,
    },
    stale::outlived,
    topology::Route,
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
        effect_of: &["dns-wrong-answer", "user-service-no-linger"],
        settled_by: ("see where the site's backend listens and compare it with what nginx asks", "ss -lxtnp"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["wrong-upstream-port"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED) => 14,
        Trouble::Connect(errno::ENOENT) => 8,
        _ if complaint.is_bare() => 10,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, route)) = unserved(case).zip(case.route.as_ref()) else {
        return Opinion::none();
    };
    // what nginx asks is not what is written: nothing is wrong with the files
    if outlived(case).is_some() {
        return Opinion::none();
    }
    let candidates = candidates(case, peer, route);
    let Some(best) = candidates.first() else {
        return Opinion::none();
    };
    let server = &best.server;
    server.instead_of(peer, evidence(case, peer, route, &candidates, best))
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
    all.extend(best.moved.and_then(|_| best.server.move_evidence(case)));
    let file = &written(route, peer).file;
    if best.rank >= Rank::Strong && edited(case, file).is_some() {
        all.push(edit(file));
    }
    all.extend(rivals(candidates));
    all
}

/// Others that could be meant as well.
fn rivals(candidates: &[Candidate<'_>]) -> Option<Evidence> {
    let equal = equals(candidates);
    (!equal.is_empty()).then(|| {
        Evidence::refutes(
            Rank::Hint,
            format!("others fit as well: {}", equal.join(", ")),
            Source::command("ss -lxtnp"),
        )
    })
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
    match is_backend_odd(case, peer, route, best) {
        true => format!("either {backend}; or {nginx}"),
        false => format!("either {nginx}; or {backend}"),
    }
}

/// The odd one out first: the side that was edited just before.
fn remedies(case: &Case) -> Vec<Remedy> {
    let Some((peer, route)) = unserved(case).zip(case.route.as_ref()) else {
        return Vec::new();
    };
    let candidates = candidates(case, peer, route);
    let best = candidates.first().filter(|_| equals(&candidates).is_empty());
    let Some(best) = best else {
        return Vec::new();
    };
    let nginx = point_nginx_at(case, peer, &best.server.as_asked(&peer.endpoint));
    let backend = listen_at(case, peer, &best.server);
    let sides = if is_backend_odd(case, peer, route, best) {
        [backend, nginx]
    } else {
        [nginx, backend]
    };
    sides.into_iter().flatten().collect()
}

fn is_backend_odd(case: &Case, peer: &PeerSight, route: &Route, best: &Candidate<'_>) -> bool {
    best.moved.is_some() && edited(case, &written(route, peer).file).is_none()
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
             /etc/nginx/sites-enabled/shop:12 write `proxy_pass http://127.0.0.1:8080`, then nginx -t && systemctl reload nginx"
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

    #[test]
    fn the_side_that_was_edited_gives_way_first() {
        let nginx = "ask: /etc/nginx/sites-enabled/shop:12 127.0.0.1:7080 -> 127.0.0.1:8080; reload nginx";
        let apache = "ask: /etc/apache2/ports.conf:5 listen 127.0.0.1:7080";
        let moved = || Fixture::apache().moves_to("127.0.0.1:8080").connect_fails(111);
        moved().offers(&[nginx, apache]);
        moved()
            .edited(90, "/etc/apache2/ports.conf")
            .offers(&[apache, nginx]);
    }

    #[test]
    fn offers_nothing_where_another_fits_as_well() {
        Fixture::apache()
            .moves_to("127.0.0.1:8080")
            .also_runs("httpd.service", &["/usr/sbin/httpd"], "127.0.0.1:8081")
            .connect_fails(111)
            .offers(&[]);
    }
}
