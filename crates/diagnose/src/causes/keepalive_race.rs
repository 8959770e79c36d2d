use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    hop::{self, Idle},
    service,
    topology::{Route, Target},
    words::span,
};
use logscan::{Complaint, Trouble};
use std::time::Duration;

cause! {
    /// # What happens
    /// nginx keeps connections to the backend (`keepalive` in the upstream block) for longer than the backend does: Node.js
    /// and Apache close an idle one after 5 s, gunicorn after 2 s, nginx after 60 s. When a request is written just as the
    /// backend closes, it is lost. nginx sends a GET again on a new connection; a POST, LOCK or PATCH is lost with 502.
    /// A busy backend makes the moment long: what came in while it was busy is dropped when it looks at its timers first.
    /// # How to tell
    /// Rare; POST or PATCH only, and the same request goes well at other times; tiny upstream time, nothing in the
    /// backend's log, no process of it ended. The backend tells its own time: `Keep-Alive: timeout=5`.
    /// # Fix
    /// nginx must close first: `keepalive_timeout` in the upstream block below the backend's idle time. Or the backend's
    /// above nginx's: `server.keepAliveTimeout` (and `headersTimeout`) of Node.js, `KeepAliveTimeout`, `--keep-alive`.
    /// # Not this if
    /// GETs fail as well, the same POST fails every time, nginx opens a connection for each request, or the backend
    /// logs a crash, a timeout or the end of a worker (worker-recycle).
    pub static KEEPALIVE_RACE = {
        id: "keepalive-race",
        title: "a kept connection was closed just as nginx used it",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("keepalive", 60), ("keep-alive", 60), ("socket hang up", 50), ("econnreset", 40)],
        effect_of: &["worker-recycle"],
        settled_by: ("compare the idle times of both sides", "nginx -T 2>/dev/null | grep -n keepalive; curl -sI http://ADDRESS/ | grep -i keep-alive"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["keepalive-race"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ClosedEarly if keeps_alive(complaint) => 20,
        Trouble::Send(errno::EPIPE | errno::ECONNRESET) => 55,
        Trouble::Receive(errno::ECONNRESET) => 8,
        _ => 0,
    }
}

/// nginx keeps no connection to a uwsgi or SCGI server.
fn keeps_alive(complaint: &Complaint) -> bool {
    let scheme = complaint.peer.as_ref().map_or("", |peer| peer.scheme.as_str());
    !["uwsgi", "suwsgi", "scgi"].contains(&scheme)
}

/// Both sides of a kept connection.
struct Timers<'a> {
    route: &'a Route,
    peer: &'a PeerSight,
    nginx: Duration,
    backend: Idle,
}

fn timers(case: &Case) -> Option<Timers<'_>> {
    let route = case.route.as_ref()?;
    let nginx = hop::kept(route)?;
    case.peers.iter().filter(|peer| peer.in_use).find_map(|peer| {
        let backend = hop::idle_of_backend(case, peer)?;
        Some(Timers {
            route,
            peer,
            nginx,
            backend,
        })
    })
}

fn weigh(case: &Case) -> Opinion {
    let cut = service::cut_off(case);
    match timers(case).filter(|_| hop::all_are(&cut, hop::is_sent_once)) {
        Some(timers) => opinion(case, &timers, &cut),
        None => Opinion::none(),
    }
}

fn opinion(case: &Case, timers: &Timers<'_>, cut: &[&Symptom]) -> Opinion {
    let subject = service::subject(timers.peer);
    let Timers { nginx, backend, .. } = timers;
    let mut evidence = vec![race(case, timers)];
    evidence.push(Evidence::supports(
        Rank::Hint,
        backend.says.clone(),
        backend.source.clone(),
    ));
    evidence.extend(some_go_well(case));
    evidence.extend(at_once(cut));
    Opinion {
        says: format!(
            "{subject} closes idle connections after {}, nginx keeps them for {}: a request that is not sent twice can be lost",
            span(backend.time.unwrap_or_default()),
            span(*nginx)
        ),
        subject,
        evidence,
    }
}

/// Times that race are to be had on many hosts where nothing fails: they tell where the same request goes well at other
/// times, and no process ended.
fn race(case: &Case, timers: &Timers<'_>) -> Evidence {
    let Timers {
        route,
        peer,
        nginx,
        backend,
    } = timers;
    let source = keepalive_source(route);
    let Some(closes) = backend.time.filter(|time| time <= nginx) else {
        let says = format!(
            "the backend does not close first: nginx keeps connections for {}, {}",
            span(*nginx),
            backend.says
        );
        return Evidence::refutes(Rank::Decisive, says, source);
    };
    let lived = hop::lived_through(case, peer) == Some(true);
    let rank = if lived && case.neighbours.sent_once > 0 {
        Rank::Strong
    } else {
        Rank::Hint
    };
    let says = format!(
        "nginx keeps idle connections for {}, {} closes them after {}",
        span(*nginx),
        peer.endpoint,
        span(closes)
    );
    Evidence::supports(rank, says, source)
}

fn keepalive_source(route: &Route) -> Source {
    let place = hop::server_line(route).unwrap_or(&route.written);
    Source::file(&place.file, Some(place.line))
}

fn some_go_well(case: &Case) -> Option<Evidence> {
    let well = case.neighbours.sent_once;
    (well > 0).then(|| {
        Evidence::supports(
            Rank::Strong,
            format!("only requests that nginx sends once (POST, LOCK, PATCH) fail, and {well} of the same went well"),
            Source::command("grep -E '\"(POST|LOCK|PATCH) ' /var/log/nginx/access.log | awk '{print $7, $9}' | sort | uniq -c"),
        )
    })
}

/// A backend that closes does not think first.
fn at_once(cut: &[&Symptom]) -> Option<Evidence> {
    let seconds: Vec<f64> = cut
        .iter()
        .flat_map(|it| it.upstream_seconds.iter().copied())
        .collect();
    let longest = seconds.iter().copied().reduce(f64::max)?;
    (longest < 0.1).then(|| {
        let log = cut.first().map(|it| it.log.clone()).unwrap_or_default();
        Evidence::supports(
            Rank::Hint,
            format!("the upstream took no more than {longest:.3} s over any of them"),
            Source::file(&log, None),
        )
    })
}

fn advise(case: &Case) -> String {
    let Some(timers) = timers(case) else {
        return String::new();
    };
    let name = match &timers.route.target {
        Target::Group { name, .. } => name.as_str(),
        _ => "its upstream",
    };
    let above = timers.nginx.as_secs().saturating_add(15);
    let backend = format!(
        "let {} keep idle connections for {above} s (server.keepAliveTimeout of Node.js, KeepAliveTimeout of Apache, \
         --keep-alive of gunicorn)",
        service::subject(timers.peer)
    );
    match timers.backend.shorter() {
        Some(seconds) => format!(
            "write keepalive_timeout {seconds}s; into upstream {name}, then nginx -t && systemctl reload nginx. Or {backend}"
        ),
        None => backend,
    }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let set = timers(case).and_then(|timers| {
        let seconds = timers.backend.shorter()?;
        let beside = hop::server_line(timers.route)?.clone();
        let set = Measure::NginxSet {
            beside,
            name: "keepalive_timeout".to_owned(),
            value: format!("{seconds}s"),
        };
        let reload = Measure::ReloadNginx {
            nginx: timers.route.nginx,
        };
        Some(Remedy::ask(
            format!("let nginx close idle connections after {seconds} s, before the backend does"),
            vec![set, reload],
        ))
    });
    set.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        testing::{Fixture, heard},
        topology::{GroupServer, Place, Target},
    };
    use host::Talk;
    use logscan::{Phase, Trouble};
    use std::time::Duration;

    /// The upstream is a group whose connections nginx keeps so long; the backend says so of its own time.
    fn keeps(fixture: Fixture, nginx: u64, backend: &str) -> Fixture {
        let talk = Talk::HttpKept {
            target: "/".into(),
            host: "shop.example".into(),
            patience_ms: 700,
        };
        let answer = format!("HTTP/1.1 200 OK\r\n{backend}\r\n\r\n");
        fixture.heard(heard(talk, answer.as_bytes())).with(|it| {
            let route = it.route.as_mut().expect("a route");
            let settings = &mut route.settings;
            settings.http_version = Some("1.1".into());
            settings.keepalive = Some(Duration::from_secs(nginx));
            settings.set_headers = vec![("Connection".into(), String::new())];
            let servers = vec![GroupServer {
                address: route.target.clone(),
                down: false,
                backup: false,
                resolve: false,
                written: Place::line("/etc/nginx/sites-enabled/shop".as_ref(), 2),
            }];
            route.target = Target::Group {
                name: "shop".into(),
                servers,
            };
        })
    }

    fn posts(fixture: Fixture, trouble: Trouble, well: u64) -> Fixture {
        fixture
            .complains(trouble, Phase::ReadingHeader)
            .requests("POST /cart HTTP/1.1")
            .with(|it| it.neighbours.sent_once = well)
    }

    const NODE: &str = "Connection: keep-alive\r\nKeep-Alive: timeout=5";

    #[test]
    fn fires_where_the_backend_closes_first() {
        keeps(posts(Fixture::node(), Trouble::ClosedEarly, 7), 60, NODE).check("found keepalive-race");
        keeps(posts(Fixture::apache(), Trouble::Receive(104), 7), 60, NODE).check("found keepalive-race");
        posts(
            keeps(
                Fixture::gunicorn().runs("/usr/bin/gunicorn --threads 4 shop:app"),
                60,
                "",
            ),
            Trouble::Send(32),
            7,
        )
        .check("found keepalive-race");
    }

    #[test]
    fn stays_quiet_where_nginx_closes_first() {
        keeps(posts(Fixture::node(), Trouble::ClosedEarly, 7), 4, NODE).check("unexplained");
        keeps(
            posts(Fixture::node(), Trouble::ClosedEarly, 7),
            60,
            "Connection: close",
        )
        .check("unexplained");
    }

    #[test]
    fn stays_quiet_where_the_same_request_never_goes_well() {
        keeps(posts(Fixture::node(), Trouble::ClosedEarly, 0), 60, NODE).check("unexplained");
    }

    #[test]
    fn stays_quiet_where_gets_fail_too_or_nothing_is_kept() {
        let fixture = posts(Fixture::node(), Trouble::ClosedEarly, 7);
        keeps(fixture.clone(), 60, NODE)
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .check("unexplained");
        fixture.check("unexplained");
    }

    #[test]
    fn lets_nginx_close_first() {
        keeps(posts(Fixture::node(), Trouble::ClosedEarly, 7), 60, NODE)
            .offers(&["ask: /etc/nginx/sites-enabled/shop:2 keepalive_timeout 4s; reload nginx"]);
    }
}
