//! The two sides of a wiring fault as measures: let nginx ask another address, or let the server listen on another one.

use super::{Server, written};
use crate::{
    Case, Measure, Remedy,
    case::PeerSight,
    service,
    topology::{ListenAddress, Place, Route, Target},
};
use host::{Endpoint, answer::FileKind, looks::Unit};
use std::path::{Path, PathBuf};

/// Has the case's nginx read its files again; `None` where they are known not to load.
pub fn reload_nginx(case: &Case) -> Option<Measure> {
    let nginx = case.route.as_ref().map_or(0, |route| route.nginx);
    let refuses = case
        .world
        .nginx
        .get(nginx)?
        .test
        .as_ref()
        .is_ok_and(|test| !test.passed);
    (!refuses).then_some(Measure::ReloadNginx { nginx })
}

/// Lets nginx ask `new` wherever its files name this peer: what nobody serves fails for every site that asks it.
pub fn point_nginx_at(case: &Case, peer: &PeerSight, new: &Endpoint) -> Option<Remedy> {
    let mut measures = replacements(case, peer, new);
    if measures.is_empty() {
        return None;
    }
    measures.push(reload_nginx(case)?);
    let title = format!("let nginx ask {new} instead of {}", peer.endpoint);
    Some(Remedy::ask(title, measures))
}

fn replacements(case: &Case, peer: &PeerSight, new: &Endpoint) -> Vec<Measure> {
    let Some(own) = &case.route else { return Vec::new() };
    let alike = |route: &&Route| (route.nginx, route.protocol) == (own.nginx, own.protocol);
    let routes = std::iter::once(own).chain(case.world.routes.iter().filter(alike));
    let mut measures: Vec<Measure> = Vec::new();
    let mut seen: Vec<&Place> = Vec::new();
    for route in routes {
        let place = written(route, peer);
        let spelled = spelled(route, peer, new).filter(|_| !seen.contains(&place));
        if let Some((old, new)) = spelled {
            seen.push(place);
            let at = place.clone();
            measures.push(Measure::NginxReplace { at, old, new });
        }
    }
    measures
}

/// The peer's address as this route spells it, and the new one in its stead. In an `upstream {}` it is taken to be
/// spelled out.
fn spelled(route: &Route, peer: &PeerSight, new: &Endpoint) -> Option<(String, String)> {
    match &route.target {
        Target::Group { servers, .. } => {
            let mut names = servers
                .iter()
                .filter_map(|server| spellings(&server.address, peer));
            Some((names.next()?.into_iter().next()?, new.to_string()))
        }
        target => {
            let names = spellings(target, peer)?;
            let old = names.into_iter().find(|name| route.pass.contains(name))?;
            Some(with_uri(&route.pass, old, new))
        }
    }
}

/// How this target may be written, where it is this peer: the longest first.
fn spellings(target: &Target, peer: &PeerSight) -> Option<Vec<String>> {
    let port = peer.endpoint.tcp().map(|at| at.port());
    match target {
        Target::Endpoint(endpoint) if *endpoint == peer.endpoint => {
            let short = endpoint.tcp().filter(|at| is_default(at.port()));
            let short = short.map(|at| {
                if at.is_ipv6() {
                    format!("[{}]", at.ip())
                } else {
                    at.ip().to_string()
                }
            });
            Some(std::iter::once(endpoint.to_string()).chain(short).collect())
        }
        Target::Name { host, port: asked } if peer.name.as_deref() == Some(host) && port == Some(*asked) => {
            let short = is_default(*asked).then(|| host.clone());
            Some(std::iter::once(format!("{host}:{asked}")).chain(short).collect())
        }
        _ => None,
    }
}

fn is_default(port: u16) -> bool {
    matches!(port, 80 | 443)
}

/// A socket's path ends at a colon where a URI follows: `http://unix:/run/app.sock:/api`.
fn with_uri(pass: &str, old: String, new: &Endpoint) -> (String, String) {
    let tail = pass.split_once(&old).map_or("", |(_, tail)| tail);
    match (old.starts_with("unix:"), new.tcp()) {
        (true, Some(_)) if tail.starts_with(':') => (format!("{old}:"), new.to_string()),
        (false, None) if !tail.is_empty() => (old, format!("{new}:")),
        _ => (old, new.to_string()),
    }
}

/// Lets the server listen where nginx asks. Not where others ask it at its own address, nor in a directory that is not
/// there.
pub fn listen_at(case: &Case, peer: &PeerSight, server: &Server<'_>) -> Option<Remedy> {
    if server.asked || server.serves_others(case) {
        return None;
    }
    let unit = case.world.unit(server.unit?)?;
    let claims = || {
        case.world
            .claims
            .iter()
            .filter(|claim| claim.unit.as_deref() == server.unit)
    };
    let title = format!("let {} listen on {}", unit.name, peer.endpoint);
    if claims().any(|claim| claim.address.covers(&peer.endpoint)) {
        let title = format!("{title}, as its files say: restart it");
        return Some(Remedy::ask(title, vec![service::restart(unit)]));
    }
    let claim = server.claim.filter(|_| has_directory(peer))?.clone();
    let to = ListenAddress::from(&peer.endpoint);
    Some(Remedy::ask(title, vec![Measure::Listen { claim, to }]))
}

fn has_directory(peer: &PeerSight) -> bool {
    let Some(dir) = peer.endpoint.unix().and_then(Path::parent) else {
        return true;
    };
    let steps = peer.path.iter().filter(|step| step.path == dir);
    let mut stats = steps.filter_map(|step| step.stat.as_ref().ok()?.as_ref());
    stats.any(|stat| stat.kind == FileKind::Dir)
}

/// Moves a peer's socket into a directory under /run that systemd makes for the backend's unit, on both sides.
pub fn move_socket(case: &Case, peer: &PeerSight) -> Option<Remedy> {
    let unit = case.unit_of(peer).filter(|unit| unit.is_known())?;
    let claim = peer.backend.as_ref()?.claim.clone()?;
    let (name, made) = runtime_directory(unit)?;
    let to = PathBuf::from("/run")
        .join(name)
        .join(peer.endpoint.unix()?.file_name()?);
    let replaced = point_nginx_at(case, peer, &Endpoint::Unix(to.clone()))?;
    let listen = Measure::Listen {
        claim,
        to: ListenAddress::Unix(to.clone()),
    };
    let title = format!(
        "move the socket of {} to {}, on both sides",
        unit.name,
        to.display()
    );
    let measures = made.into_iter().chain([listen]).chain(replaced.measures);
    Some(Remedy::ask(title, measures.collect()))
}

/// Has systemd make the directory of this socket, straight under /run, each time it starts the unit.
pub fn give_directory(unit: &Unit, socket: &Endpoint) -> Option<Remedy> {
    let dir = socket.unix()?.parent()?;
    let name = ["/run", "/var/run"]
        .iter()
        .find_map(|run| dir.strip_prefix(run).ok())?
        .to_str()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (!name.is_empty() && !name.starts_with('.') && name.chars().all(plain)).then_some(())?;
    let begin = match unit.is_up() {
        true => service::restart(unit),
        false => Measure::Start {
            unit: unit.name.clone(),
        },
    };
    let made = service::setting(unit, "RuntimeDirectory", vec![name.to_owned()]);
    let title = format!(
        "have systemd make {} for {}, and start it",
        dir.display(),
        unit.name
    );
    Some(Remedy::ask(title, vec![made, begin]))
}

/// The first runtime directory of a unit, and what gives it one where it has none.
fn runtime_directory(unit: &Unit) -> Option<(String, Option<Measure>)> {
    let first = unit
        .property("RuntimeDirectory")
        .split(' ')
        .next()
        .unwrap_or_default();
    if !first.is_empty() {
        return Some((first.to_owned(), None));
    }
    let name = unit.name.strip_suffix(".service")?.to_owned();
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let made = service::setting(unit, "RuntimeDirectory", vec![name.clone()]);
    (plain && !name.starts_with('.')).then_some((name, Some(made)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, endpoint};

    #[track_caller]
    fn check(pass: &str, asked: &str, new: &str, expect: &str) {
        let mut case = Fixture::nothing("127.0.0.1:1").asks(endpoint(asked)).case();
        let route = case.route.as_mut().expect("a route");
        route.pass = pass.into();
        let spelled = spelled(route, &case.peers[0], &endpoint(new));
        let shown = spelled.map_or(String::new(), |(old, new)| format!("{old} -> {new}"));
        assert_eq!(shown, expect, "{pass}");
    }

    #[test]
    fn addresses_are_replaced_as_they_are_written() {
        let (tcp, unix, new) = ("127.0.0.1:8000", "unix:/run/a.sock", "unix:/run/b.sock");
        check(
            "proxy_pass http://127.0.0.1:8000",
            tcp,
            "127.0.0.1:9",
            "127.0.0.1:8000 -> 127.0.0.1:9",
        );
        check(
            "proxy_pass http://127.0.0.1",
            "127.0.0.1:80",
            "[::1]:80",
            "127.0.0.1 -> [::1]:80",
        );
        check(
            "proxy_pass http://127.0.0.1:8000",
            tcp,
            new,
            "127.0.0.1:8000 -> unix:/run/b.sock",
        );
        check(
            "proxy_pass http://127.0.0.1:8000/x",
            tcp,
            new,
            "127.0.0.1:8000 -> unix:/run/b.sock:",
        );
        check(
            "proxy_pass http://unix:/run/a.sock:/x",
            unix,
            tcp,
            "unix:/run/a.sock: -> 127.0.0.1:8000",
        );
        check(
            "proxy_pass http://unix:/run/a.sock:/x",
            unix,
            new,
            "unix:/run/a.sock -> unix:/run/b.sock",
        );
        check(
            "fastcgi_pass unix:/run/a.sock",
            unix,
            new,
            "unix:/run/a.sock -> unix:/run/b.sock",
        );
        check(
            "fastcgi_pass unix:/run/a.sock",
            unix,
            tcp,
            "unix:/run/a.sock -> 127.0.0.1:8000",
        );
        check("proxy_pass http://$b", tcp, new, "");
    }

    #[test]
    fn every_place_that_asks_the_dead_address_is_changed_once() {
        let mut fixture = Fixture::nothing("127.0.0.1:8000")
            .also_asked("127.0.0.1:8000")
            .also_asked("127.0.0.1:9");
        fixture.world.routes[1].written.line = 40;
        let case = fixture.case();
        let remedy = point_nginx_at(&case, &case.peers[0], &endpoint("127.0.0.1:8001")).expect("a remedy");
        assert_eq!(remedy.measures.len(), 3, "{remedy:#?}");
    }
}
