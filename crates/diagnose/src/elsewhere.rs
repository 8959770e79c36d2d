//! Running servers that listen somewhere else than nginx asks: what the wiring causes have in common.

use crate::{
    Case, World,
    case::{NameAnswer, NameSource, PeerSight, errno, listens_on},
    topology::{BackendKind, Claim, GroupServer, Place, Protocol, Route, Target},
};
use host::{
    Endpoint,
    answer::{Socket, SocketState},
    looks::Process,
};
use std::net::{IpAddr, SocketAddr};

/// A listener and who is behind it.
#[derive(Clone, Debug)]
pub struct Server<'a> {
    /// Where it listens; wildcard addresses as such.
    pub at: &'a Endpoint,
    /// Kind of server.
    pub kind: BackendKind,
    /// Its service.
    pub unit: Option<&'a str>,
    /// One of its processes.
    pub process: Option<&'a Process>,
    /// Where this address is configured.
    pub claim: Option<&'a Claim>,
    /// Some route asks it.
    pub asked: bool,
    /// The only listener of its process, or one of several.
    pub alone: bool,
}

/// How well a kind of server fits what nginx speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// It speaks something else.
    No,
    /// It may speak it, as any program may.
    Perhaps,
    /// It is made to be asked so.
    Well,
}

/// An address of this host: loopback, or one that some socket is bound to.
pub fn is_ours(world: &World, ip: IpAddr) -> bool {
    let sockets = world.sockets.as_ref().map_or(&[][..], Vec::as_slice);
    let mut bound = sockets.iter().filter_map(|socket| socket.local.tcp());
    ip.is_loopback() || bound.any(|local| local.ip() == ip)
}

/// A peer on this host that refuses because nobody listens on its address, and that no installed service that is down
/// is configured to serve: so either nginx asks the wrong address or the backend moved.
pub fn unserved(case: &Case) -> Option<&PeerSight> {
    case.failing_peers()
        .filter(|peer| {
            matches!(
                peer.errno(),
                Some(errno::ECONNREFUSED | errno::ENOENT | errno::EADDRNOTAVAIL)
            )
        })
        .filter(|peer| matches!(case.listener(&peer.endpoint), Ok(None)))
        .filter(|peer| peer.endpoint.tcp().is_none_or(|to| is_ours(&case.world, to.ip())))
        .find(|peer| down_owner(case, peer).is_none() && moved_name(case, peer).is_none())
}

/// The installed service that should serve this address and does not run.
pub fn down_owner<'a>(case: &'a Case, peer: &'a PeerSight) -> Option<&'a str> {
    let claims = case.world.claims.iter();
    let claimants = claims
        .filter(|claim| claim.address.covers(&peer.endpoint))
        .filter_map(|claim| claim.unit.as_deref());
    let owner = peer.backend.as_ref().and_then(|backend| backend.unit.as_deref());
    let units = claimants.chain(owner).filter_map(|name| case.world.unit(name));
    units
        .filter(|unit| unit.is_known() && !unit.is_up())
        .map(|unit| unit.name.as_str())
        .next()
}

/// The addresses that a peer's name has now, where the peer's own is not among them. Names that nginx resolves anew for
/// each request can't be stale.
pub fn moved_name(case: &Case, peer: &PeerSight) -> Option<Vec<IpAddr>> {
    let (name, ip) = (peer.name.as_deref()?, peer.endpoint.tcp()?.ip());
    let variable = matches!(case.route.as_ref()?.target, Target::Variable { .. });
    let now = addresses(case, name);
    let stale = !variable && !is_localhost(name) && !now.is_empty() && !now.contains(&ip);
    stale.then_some(now)
}

/// What the host's own library or its name servers say of a name: what nginx asks when it reads its config.
fn addresses(case: &Case, name: &str) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = case
        .names
        .iter()
        .filter(|sight| sight.name == name && !matches!(sight.by, NameSource::NginxResolver(_)))
        .filter_map(|sight| match &sight.answer {
            Ok(NameAnswer::Addresses(addresses)) => Some(addresses.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// `localhost` has an address of each family wherever it is asked.
pub fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost") || name == "ip6-localhost"
}

/// Every server on this host but nginx itself, each address once.
pub fn servers(case: &Case) -> Vec<Server<'_>> {
    let mut servers: Vec<Server<'_>> = Vec::new();
    let sockets = case.world.sockets.as_ref().map_or(&[][..], Vec::as_slice);
    let listening = sockets
        .iter()
        .filter(|socket| socket.state == SocketState::Listen);
    for socket in listening.filter(|socket| !is_nginx(case, socket)) {
        if !servers.iter().any(|known| *known.at == socket.local) {
            servers.push(server(case, socket));
        }
    }
    servers
}

fn is_nginx(case: &Case, socket: &Socket) -> bool {
    let pids = socket.pids.as_deref().unwrap_or_default();
    let ours = |pid: &u32| {
        let mut instances = case.world.nginx.iter();
        instances.any(|nginx| nginx.master == Some(*pid) || nginx.workers.contains(pid))
    };
    pids.iter().any(ours)
}

fn server<'a>(case: &'a Case, socket: &'a Socket) -> Server<'a> {
    let pids = socket.pids.as_deref().unwrap_or_default();
    let process = pids.iter().find_map(|pid| case.world.process(*pid));
    let claim = claim_of(case, &socket.local, process);
    let unit = process
        .and_then(|process| process.unit.as_deref())
        .filter(|unit| unit.ends_with(".service"))
        .or_else(|| claim.and_then(|claim| claim.unit.as_deref()));
    Server {
        at: &socket.local,
        kind: claim.map_or_else(|| process.map_or(BackendKind::Other, kind_of), |claim| claim.kind),
        unit,
        process,
        claim,
        asked: case.world.routes.iter().any(|route| asks(&route.target, socket)),
        alone: is_alone(case, socket),
    }
}

/// The claim on this address by the unit whose process holds it.
fn claim_of<'a>(case: &'a Case, at: &Endpoint, process: Option<&Process>) -> Option<&'a Claim> {
    let unit = process.and_then(|process| process.unit.as_deref());
    case.world
        .claims
        .iter()
        .filter(|claim| claim.address.covers(at))
        .find(|claim| unit.is_none() || claim.unit.is_none() || claim.unit.as_deref() == unit)
}

fn is_alone(case: &Case, socket: &Socket) -> bool {
    let pids = socket.pids.as_deref().unwrap_or_default();
    let held = |other: &&Socket| {
        let theirs = other.pids.as_deref().unwrap_or_default();
        other.state == SocketState::Listen && theirs.iter().any(|pid| pids.contains(pid))
    };
    let sockets = case.world.sockets.as_ref().map_or(&[][..], Vec::as_slice);
    sockets
        .iter()
        .filter(held)
        .all(|other| same_port(&other.local, &socket.local))
}

/// The same port of another address or family, or the same socket.
fn same_port(a: &Endpoint, b: &Endpoint) -> bool {
    match (a.tcp(), b.tcp()) {
        (Some(a), Some(b)) => a.port() == b.port(),
        (None, None) => a == b,
        _ => false,
    }
}

fn asks(target: &Target, socket: &Socket) -> bool {
    let port = socket.local.tcp().map(|at| at.port());
    match target {
        Target::Endpoint(endpoint) => listens_on(socket, endpoint),
        Target::Name { port: asked, .. } => port == Some(*asked),
        Target::Variable { port: asked, .. } => asked.is_some() && port == *asked,
        Target::Group { servers, .. } => servers.iter().any(|server| asks(&server.address, socket)),
    }
}

/// The kind of server by the name of its program.
fn kind_of(process: &Process) -> BackendKind {
    let exe = process.exe.as_ref().and_then(|exe| exe.file_name());
    let exe = exe
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let words = [exe.as_str(), process.comm.as_str()];
    let script = process
        .argv
        .iter()
        .take(3)
        .filter_map(|arg| arg.rsplit('/').next());
    words
        .into_iter()
        .chain(script)
        .map(kind_by_name)
        .find(|kind| *kind != BackendKind::Other)
        .unwrap_or(BackendKind::Other)
}

fn kind_by_name(name: &str) -> BackendKind {
    const KINDS: &[(&str, BackendKind)] = &[
        ("php-fpm", BackendKind::PhpFpm),
        ("apache2", BackendKind::Apache),
        ("httpd", BackendKind::Apache),
        ("gunicorn", BackendKind::Gunicorn),
        ("uwsgi", BackendKind::Uwsgi),
        ("puma", BackendKind::Ruby),
        ("unicorn", BackendKind::Ruby),
        ("ruby", BackendKind::Ruby),
        ("node", BackendKind::Node),
        ("nodejs", BackendKind::Node),
        ("java", BackendKind::Java),
        ("haproxy", BackendKind::Proxy),
        ("varnishd", BackendKind::Proxy),
        ("envoy", BackendKind::Proxy),
        ("caddy", BackendKind::Proxy),
        ("traefik", BackendKind::Proxy),
    ];
    let known = KINDS.iter().find(|(prefix, _)| {
        let rest = name.strip_prefix(prefix);
        rest.is_some_and(|rest| {
            rest.chars()
                .next()
                .is_none_or(|c| !c.is_ascii_lowercase() && c != '_')
        })
    });
    known.map_or(BackendKind::Other, |(_, kind)| *kind)
}

impl Server<'_> {
    /// How well it fits what nginx speaks.
    pub fn fit(&self, protocol: Protocol) -> Fit {
        use BackendKind as Kind;
        match (protocol, self.kind) {
            (Protocol::FastCgi, Kind::PhpFpm) | (Protocol::Uwsgi, Kind::Uwsgi) => Fit::Well,
            (Protocol::FastCgi | Protocol::Uwsgi, _) | (_, Kind::PhpFpm) => Fit::No,
            (Protocol::Http | Protocol::Https, Kind::Other | Kind::Uwsgi) => Fit::Perhaps,
            (Protocol::Http | Protocol::Https, _) => Fit::Well,
            _ => Fit::Perhaps,
        }
    }

    /// `gunicorn of app.service (process 500)`
    pub fn describe(&self) -> String {
        let of = self.unit.map_or(String::new(), |unit| format!(" of {unit}"));
        let pid = self
            .process
            .map_or(String::new(), |process| format!(" (process {})", process.pid));
        match (self.kind, self.process) {
            (BackendKind::Other, Some(process)) => format!("{}{of}{pid}", process.comm),
            (kind, _) => format!("{kind}{of}{pid}"),
        }
    }

    /// The address as nginx would name it: a wildcard by the address that was asked so far, or loopback.
    pub fn as_asked(&self, instead_of: &Endpoint) -> Endpoint {
        let Some(at) = self.at.tcp().filter(|at| at.ip().is_unspecified()) else {
            return self.at.clone();
        };
        let loopback: IpAddr = if at.is_ipv6() {
            [0, 0, 0, 0, 0, 0, 0, 1].into()
        } else {
            [127, 0, 0, 1].into()
        };
        let asked = instead_of.tcp().map(|asked| asked.ip());
        let ip = asked.filter(|ip| ip.is_ipv4() == at.is_ipv4());
        Endpoint::Tcp(SocketAddr::new(ip.unwrap_or(loopback), at.port()))
    }
}

/// Where the address of this peer is written in nginx's config.
pub fn written<'a>(route: &'a Route, peer: &PeerSight) -> &'a Place {
    let Target::Group { servers, .. } = &route.target else {
        return &route.written;
    };
    let names = |server: &&GroupServer| match &server.address {
        Target::Endpoint(endpoint) => *endpoint == peer.endpoint,
        Target::Name { host, .. } => peer.name.as_deref() == Some(host),
        _ => false,
    };
    servers
        .iter()
        .find(names)
        .map_or(&route.written, |server| &server.written)
}

/// What to write there instead: the whole directive where that is what stands there.
pub fn rewritten(route: &Route, peer: &PeerSight, new: &Endpoint) -> String {
    let old = peer.endpoint.to_string();
    if route.pass.contains(&old) {
        format!("`{}`", route.pass.replace(&old, &new.to_string()))
    } else {
        format!("{new} in place of {old}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_told_by_name() {
        for (name, kind) in [
            ("php-fpm8.2", BackendKind::PhpFpm),
            ("apache2", BackendKind::Apache),
            ("node", BackendKind::Node),
            ("nodejs", BackendKind::Node),
            ("node_exporter", BackendKind::Other),
            ("python3.11", BackendKind::Other),
            ("gunicorn:", BackendKind::Gunicorn),
        ] {
            assert_eq!(kind_by_name(name), kind, "{name}");
        }
    }
}
