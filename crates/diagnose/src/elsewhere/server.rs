//! Listeners of this host and who is behind them.

use super::{REACH, SLACK, edit, edited};
use crate::{
    Case, Evidence, Opinion,
    case::{PeerSight, listens_on},
    topology::{BackendKind, Claim, Protocol, Target},
    world::{Change, Said},
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
    /// All processes that hold the listener.
    pub pids: &'a [u32],
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

/// How well a kind of server fits what nginx speaks.
pub fn fit(kind: BackendKind, protocol: Protocol) -> Fit {
    use BackendKind as Kind;
    match (protocol, kind) {
        (Protocol::FastCgi, Kind::PhpFpm) | (Protocol::Uwsgi, Kind::Uwsgi) => Fit::Well,
        (Protocol::FastCgi | Protocol::Uwsgi, _) | (_, Kind::PhpFpm) => Fit::No,
        (Protocol::Http | Protocol::Https, Kind::Other | Kind::Uwsgi) => Fit::Perhaps,
        (Protocol::Http | Protocol::Https, _) => Fit::Well,
        _ => Fit::Perhaps,
    }
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
        kind: claim.map_or_else(
            || process.map_or(BackendKind::Other, crate::discover::kind_of),
            |claim| claim.kind,
        ),
        unit,
        process,
        pids,
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

impl<'a> Server<'a> {
    /// An edit of the file that says where it listens, just before the first failure.
    pub fn moved(&self, case: &'a Case) -> Option<&'a Change> {
        edited(case, &self.claim?.written.file)
    }

    /// That edit as evidence.
    pub fn move_evidence(&self, case: &Case) -> Option<Evidence> {
        let claim = self.claim?;
        self.moved(case).map(|_| edit(&claim.written.file))
    }

    /// A line of its own log in which it said that it listens where nginx asks.
    pub fn once_listened(&self, case: &'a Case, on: &Endpoint) -> Option<Said<'a>> {
        let said = case.world.said_by(self.unit?);
        said.into_iter()
            .rev()
            .find(|line| line.text.to_lowercase().contains("listen") && names(line.text, on))
    }

    /// It was started so shortly before the first failure that it may have moved then.
    pub fn is_fresh(&self, case: &Case) -> bool {
        let started = self.process.zip(case.world.boot.as_ref().ok());
        let first = case.first().after(SLACK);
        started.is_some_and(|(process, boot)| first.since(process.started(*boot)) <= REACH)
    }

    /// It was there, all of it, while the route still worked, and its config was not edited since: it did not move.
    pub fn stood_beside(&self, case: &Case) -> bool {
        let worked = case.neighbours.last_success.zip(case.world.boot.as_ref().ok());
        let Some((worked, boot)) = worked else {
            return false;
        };
        let older = |pid: &u32| {
            case.world
                .process(*pid)
                .is_some_and(|it| it.started(*boot) < worked)
        };
        self.moved(case).is_none() && !self.pids.is_empty() && self.pids.iter().all(older)
    }

    /// Others than nginx are connected to it: it has a purpose of its own.
    pub fn serves_others(&self, case: &Case) -> bool {
        let sockets = case.world.sockets.as_ref().map_or(&[][..], Vec::as_slice);
        let Some(port) = self.at.tcp().map(|at| at.port()) else {
            return false;
        };
        let connected = |socket: &&Socket| {
            socket.state == SocketState::Established
                && socket.local.tcp().is_some_and(|local| local.port() == port)
        };
        sockets.iter().any(|socket| connected(&socket))
    }

    /// The port of a debugger, not of the program that is debugged.
    pub fn is_debugger(&self) -> bool {
        let args = self.process.map_or(&[][..], |process| process.argv.as_slice());
        let port = self.at.tcp().map_or(0, |at| at.port());
        args.iter()
            .filter(|arg| arg.starts_with("--inspect") || arg.starts_with("-agentlib:jdwp"))
            .any(|arg| port == 9229 || arg.ends_with(&port.to_string()))
    }

    /// This address is what the program is for: configured, or its only one.
    pub fn is_its_purpose(&self) -> bool {
        !self.is_debugger() && (self.claim.is_some() || self.alone)
    }
}

/// The text names this address or port, not a longer number.
fn names(text: &str, on: &Endpoint) -> bool {
    let needles = match on {
        Endpoint::Tcp(at) => [format!(":{}", at.port()), format!("port {}", at.port())],
        Endpoint::Unix(path) => [
            path.to_string_lossy().into_owned(),
            format!("unix:{}", path.display()),
        ],
    };
    needles.iter().any(|needle| {
        let after = text
            .match_indices(needle.as_str())
            .map(|(at, _)| &text[at + needle.len()..]);
        after
            .into_iter()
            .any(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
    })
}

impl Server<'_> {
    /// What a cause says that finds it listening where nginx does not ask.
    pub fn instead_of(&self, peer: &PeerSight, evidence: Vec<Evidence>) -> Opinion {
        let says = format!(
            "nginx asks {}, {} listens on {}",
            peer.endpoint,
            self.describe(),
            self.at
        );
        Opinion {
            subject: self.unit.map_or_else(|| self.at.to_string(), str::to_owned),
            says,
            evidence,
        }
    }

    /// How well it fits what nginx speaks.
    pub fn fit(&self, protocol: Protocol) -> Fit {
        fit(self.kind, protocol)
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
