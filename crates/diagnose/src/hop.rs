//! The connections between nginx and a backend that speaks HTTP: whether they are kept, who closes them first, and which
//! requests nginx does not send a second time. Facts only.

use crate::{
    Case, Source, Symptom,
    case::PeerSight,
    topology::{BackendKind, Place, Protocol, Route, Target},
};
use host::{Talk, looks::Unit};
use std::time::Duration;

/// gunicorn's `keepalive` where nothing is set (docs.gunicorn.org/en/stable/settings.html).
const GUNICORN: Duration = Duration::from_secs(2);

/// Requests with these methods are sent once: `ngx_http_upstream_next` repeats them only with `non_idempotent`.
const SENT_ONCE: [&str; 3] = ["POST", "LOCK", "PATCH"];
/// Methods whose requests bring a body.
const WITH_BODY: [&str; 3] = ["POST", "PUT", "PATCH"];

/// nginx does not send this request line again when a kept connection turns out to be closed.
pub fn is_sent_once(request: &str) -> bool {
    has_method(request, &SENT_ONCE)
}

/// The request line is of one that brings a body.
pub fn has_body(request: &str) -> bool {
    has_method(request, &WITH_BODY)
}

fn has_method(request: &str, methods: &[&str]) -> bool {
    request
        .split_once(' ')
        .is_some_and(|(method, _)| methods.contains(&method))
}

/// All these failures are of such requests; false where of one no request is known.
pub fn all_are(symptoms: &[&Symptom], test: fn(&str) -> bool) -> bool {
    !symptoms.is_empty() && symptoms.iter().all(|it| it.request.as_deref().is_some_and(test))
}

/// For how long nginx keeps idle connections of this route: `keepalive` in the upstream block, HTTP/1.1, and a
/// `Connection` that is not `close`, which nginx sends unless told otherwise.
pub fn kept(route: &Route) -> Option<Duration> {
    let version = route.settings.http_version.as_deref() != Some("1.0");
    let told = field(route, "connection").is_some_and(|value| !value.eq_ignore_ascii_case("close"));
    route
        .settings
        .keepalive
        .filter(|_| version && told && route.protocol == Protocol::Http)
}

/// The location hands a client's wish for another protocol on.
pub fn passes_upgrades(route: &Route) -> bool {
    let version = route.settings.http_version.as_deref() != Some("1.0");
    let upgrade = field(route, "upgrade").is_some_and(|value| !value.is_empty());
    let connection = field(route, "connection").is_some_and(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("upgrade") || value.contains('$')
    });
    version && upgrade && connection
}

/// The value of a `proxy_set_header`, name in lower case.
fn field<'a>(route: &'a Route, name: &str) -> Option<&'a str> {
    let headers = &route.settings.set_headers;
    let header = headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
    header.map(|(_, value)| value.as_str())
}

/// When the backend closes a connection that it was asked nothing on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idle {
    /// After this time; `None` where it closes after each answer.
    pub time: Option<Duration>,
    /// What tells so.
    pub says: String,
    /// Where.
    pub source: Source,
}

impl Idle {
    /// A time for nginx that is below it, seconds: whoever closes first can't be surprised.
    pub fn shorter(&self) -> Option<u64> {
        match self.time?.as_secs() {
            0 | 1 => None,
            few @ 2..=9 => Some(few - 1),
            more => Some(more - 5),
        }
    }
}

/// A server line of the upstream block of a route.
pub fn server_line(route: &Route) -> Option<&Place> {
    match &route.target {
        Target::Group { servers, .. } => servers.first().map(|server| &server.written),
        _ => None,
    }
}

/// The same of the backend behind a peer, by its own answer, else by its configuration; `None` where neither tells.
pub fn idle_of_backend(case: &Case, peer: &PeerSight) -> Option<Idle> {
    told(peer).or_else(|| configured(case, peer))
}

/// `Connection: close`, or `Keep-Alive: timeout=5` as Node.js and Apache send it.
fn told(peer: &PeerSight) -> Option<Idle> {
    let spoken = peer
        .speaks
        .iter()
        .find(|it| matches!(it.talk, Talk::HttpKept { .. }) && it.is_http())?;
    let head = String::from_utf8_lossy(&spoken.answer.heard.0).into_owned();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (field, value) = line.split_once(':')?;
            field
                .eq_ignore_ascii_case(name)
                .then(|| value.trim().to_ascii_lowercase())
        })
    };
    let source = Source::command(format!("curl -sI http://{}/", peer.endpoint));
    if header("connection").is_some_and(|value| value == "close") {
        let says = format!("{} closes every connection after its answer", peer.endpoint);
        return Some(Idle {
            time: None,
            says,
            source,
        });
    }
    let value = header("keep-alive")?;
    let seconds = value
        .split([',', ';'])
        .find_map(|part| part.trim().strip_prefix("timeout="))?
        .parse()
        .ok()?;
    Some(Idle {
        time: Some(Duration::from_secs(seconds)),
        says: format!("{} says itself: Keep-Alive: {value}", peer.endpoint),
        source,
    })
}

/// gunicorn's `--keep-alive`, of the workers that keep connections at all.
fn configured(case: &Case, peer: &PeerSight) -> Option<Idle> {
    let kind = peer.backend.as_ref()?.kind;
    let unit = case
        .unit_of(peer)
        .filter(|_| kind == Some(BackendKind::Gunicorn))?;
    let words: Vec<&str> = unit.exec_start.split_whitespace().collect();
    let option = |names: &[&str]| option(&words, names);
    let class = option(&["-k", "--worker-class"]).unwrap_or("sync");
    let threads = option(&["--threads"]).is_some_and(|it| it != "1");
    if class == "sync" && !threads {
        return None;
    }
    let set = option(&["--keep-alive"]);
    Some(Idle {
        time: Some(
            set.and_then(|it| it.parse().ok())
                .map_or(GUNICORN, Duration::from_secs),
        ),
        says: match set {
            Some(seconds) => format!("{} runs with --keep-alive {seconds}", unit.name),
            None => format!("{} runs without --keep-alive, which is 2 s then", unit.name),
        },
        source: exec(unit),
    })
}

fn exec(unit: &Unit) -> Source {
    Source::command(format!(
        "systemctl show -P ExecStart {}",
        crate::evidence::quote(&unit.name)
    ))
}

/// `-k gthread`, `--threads=4`
fn option<'a>(words: &[&'a str], names: &[&str]) -> Option<&'a str> {
    words
        .iter()
        .enumerate()
        .find_map(|(at, word)| match word.split_once('=') {
            Some((name, value)) => names.contains(&name).then_some(value),
            None => names.contains(word).then(|| words.get(at + 1).copied()).flatten(),
        })
}

/// Every process of the backend is older than the first failure: none of them ended or was started meanwhile. `None`
/// where that can't be told.
pub fn lived_through(case: &Case, peer: &PeerSight) -> Option<bool> {
    let boot = *case.world.boot.as_ref().ok()?;
    let mut processes = case.processes_of(peer).peekable();
    processes.peek()?;
    Some(processes.all(|process| process.started(boot) <= case.first()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, heard};

    fn route(version: &str, headers: &[(&str, &str)]) -> Route {
        let mut route = Fixture::node().case().route.expect("a route");
        route.settings.http_version = Some(version.into());
        route.settings.keepalive = Some(Duration::from_secs(60));
        let owned = headers
            .iter()
            .map(|(field, value)| ((*field).into(), (*value).into()));
        route.settings.set_headers = owned.collect();
        route
    }

    #[test]
    fn what_nginx_keeps_and_hands_on() {
        let upgrade = ("Upgrade", "$http_upgrade");
        for (version, headers, keeps, upgrades) in [
            ("1.0", vec![("Connection", "")], false, false),
            ("1.1", vec![], false, false),
            ("1.1", vec![("connection", "")], true, false),
            ("1.1", vec![("Connection", "close")], false, false),
            ("1.1", vec![upgrade, ("Connection", "upgrade")], true, true),
            (
                "1.1",
                vec![upgrade, ("Connection", "$connection_upgrade")],
                true,
                true,
            ),
            ("1.0", vec![upgrade, ("Connection", "upgrade")], false, false),
            ("1.1", vec![upgrade], false, false),
        ] {
            let route = route(version, &headers);
            let got = (kept(&route).is_some(), passes_upgrades(&route));
            assert_eq!(got, (keeps, upgrades), "{version} {headers:?}");
        }
    }

    #[test]
    fn when_a_backend_closes() {
        for (answer, seconds) in [
            (
                "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n",
                Some(5),
            ),
            (
                "HTTP/1.1 404 Not Found\r\nKeep-Alive: timeout=15, max=100\r\n\r\n",
                Some(15),
            ),
            ("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=0\r\n\r\n", Some(0)),
            ("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", None),
            ("HTTP/1.1 200 OK\r\n\r\n", None),
            ("SSH-2.0", None),
        ] {
            let talk = Talk::HttpKept {
                target: "/".into(),
                host: "shop.example".into(),
                patience_ms: 700,
            };
            let case = Fixture::node().heard(heard(talk, answer.as_bytes())).case();
            let idle = idle_of_backend(&case, &case.peers[0])
                .and_then(|it| it.time)
                .map(|it| it.as_secs());
            assert_eq!(idle, seconds, "{answer}");
        }
        for (command, seconds) in [
            ("/usr/bin/gunicorn -w 2 shop:app", None),
            ("/usr/bin/gunicorn --threads 4 shop:app", Some(2)),
            ("/usr/bin/gunicorn -k gthread --keep-alive=75 shop:app", Some(75)),
        ] {
            let case = Fixture::gunicorn().runs(command).case();
            let idle = idle_of_backend(&case, &case.peers[0])
                .and_then(|it| it.time)
                .map(|it| it.as_secs());
            assert_eq!(idle, seconds, "{command}");
        }
    }
}
