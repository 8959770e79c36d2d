//! One failing route and all that was seen of it: plain data, gathered before anyone judges it.

pub mod errno;
mod names;
mod passage;
mod spoken;

pub use names::{NameAnswer, NameSight, NameSource};
pub use passage::{HiddenListener, Passage};
pub use spoken::Spoken;

use crate::{
    Question,
    dependencies::DependencySight,
    scoreboard::OwnCount,
    topology::{BackendKind, Claim, FpmPool, Route},
    traffic::Demand,
    world::{ConfigTest, FirewallRule, Nginx, PathStep, World},
};
use host::{
    Endpoint, Look, Timestamp, Unseen,
    answer::{Connect, Conversation, Socket, SocketState},
    looks::{Process, ProcessState, Unit},
};
use logscan::{Complaint, Phase, Trouble};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// One failing route, its symptoms, and what was seen near it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The host.
    pub world: Arc<World>,
    /// The route; `None` when nginx itself is what fails.
    pub route: Option<Route>,
    /// What clients and nginx saw, oldest kind first. Never empty.
    pub symptoms: Vec<Symptom>,
    /// Peers the route asks or asked (from config, name resolution and log).
    pub peers: Vec<PeerSight>,
    /// The failing request, asked again through nginx just now.
    pub asked: Look<Asked>,
    /// What the application is configured with, and how that answers.
    pub dependencies: Vec<DependencySight>,
    /// What resolvers say of the route's name.
    pub names: Vec<NameSight>,
    /// Flows to nginx's resolvers that the kernel tracks, looked at where nginx gets no answer from them.
    pub flows: Flows,
    /// What else served the same backend meanwhile: other requests of the route in the access log.
    pub neighbours: Neighbours,
    /// When something happened that may have mended it, after the last failure: unit start, reload, config edit.
    pub mended: Option<Mended>,
    /// What is asked of its backends, where requests wait for them and an access log tells.
    pub demand: Option<Demand>,
    /// What we could not see that belongs to this case.
    pub unseen: Vec<Unseen>,
}

/// Resolvers, each with the flows to it.
pub type Flows = Vec<(std::net::SocketAddr, Vec<host::looks::Tracked>)>;

/// A kind of failure of one route.
#[derive(Clone, Debug, PartialEq)]
pub struct Symptom {
    /// Stable within a run: `s1`.
    pub id: String,
    /// What nginx said; `None` where only a status is known.
    pub complaint: Option<Complaint>,
    /// What the client got, if the access log or our own request tells.
    pub status: Option<u16>,
    /// Who made that answer.
    pub made_by: MadeBy,
    /// The peer it was about.
    pub peer: Option<Endpoint>,
    /// The request line of the sample: hostile.
    pub request: Option<String>,
    /// How often since `world.since`.
    pub count: u64,
    /// First seen.
    pub first: Timestamp,
    /// Last seen.
    pub last: Timestamp,
    /// The seconds in which it was seen, oldest first (the first 200).
    pub times: Vec<Timestamp>,
    /// Upstream response times of the failed requests, seconds, as far as logged (at most 200).
    pub upstream_seconds: Vec<f64>,
    /// One log line, whole: hostile.
    pub sample: String,
    /// The file the sample is from; empty for our own request.
    pub log: std::path::PathBuf,
}

/// Who made an error answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MadeBy {
    /// nginx, because the upstream failed it.
    Nginx,
    /// The upstream itself answered so.
    Upstream,
    /// Can't be told from the logs there are.
    Unknown,
}

/// One backend address, looked at just now.
#[derive(Clone, Debug)]
pub struct PeerSight {
    /// Where.
    pub endpoint: Endpoint,
    /// The name it was resolved from.
    pub name: Option<String>,
    /// It is what the running config (or the log) asks; false for an address only the name has now.
    pub in_use: bool,
    /// `connect(2)` as nginx's worker, from its namespaces.
    pub connect: Look<Conversation>,
    /// Each directory above a unix socket and the socket, as nginx sees them.
    pub path: Vec<PathStep>,
    /// The same socket path in the mount namespace of the process that listens on it.
    pub listener_sees: Option<Look<bool>>,
    /// Who listens, or should.
    pub backend: Option<Backend>,
    /// A second look at the listener's queue and its processes, some time after the first.
    pub progress: Option<Progress>,
    /// What the backend says of its own workers, where it has a page for that.
    pub own_count: Option<OwnCount>,
    /// Packet filter rules that meet this flow.
    pub firewall: Look<Vec<FirewallRule>>,
    /// Who listens on that address in another network namespace, where nobody does in nginx's.
    pub hidden: Option<HiddenListener>,
    /// The way there, where the peer is on another host and fails.
    pub passage: Option<Passage>,
    /// What the port said in several protocols, where that was asked. See [`crate::speech`].
    pub speaks: Vec<Spoken>,
}

/// Who listens on a peer's address, or should.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backend {
    /// Kind of server.
    pub kind: Option<BackendKind>,
    /// systemd unit.
    pub unit: Option<String>,
    /// Processes: of the unit, or that hold the listener.
    pub pids: Vec<u32>,
    /// The claim that links it, where it is known from configuration.
    pub claim: Option<Claim>,
    /// php-fpm pool.
    pub pool: Option<FpmPool>,
}

/// Two looks at a backend, `apart` from each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Time between them.
    pub apart: Duration,
    /// Accept queue, before and after.
    pub queue: (u32, u32),
    /// CPU ticks (1/100 s) used by all its processes in between.
    pub cpu_ticks: u64,
    /// Workers whose state and system call did not change, and all workers looked at.
    pub still: (usize, usize),
    /// Workers that wait for a connection (idle in accept/epoll), and all workers.
    pub idle: (usize, usize),
}

/// A request made just now, through nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The question, to be put again.
    pub question: Question,
    /// `GET / of shop.example`.
    pub request: String,
    /// The status; `None` if there was no answer within our patience.
    pub status: Option<u16>,
    /// The command that does the same.
    pub command: String,
    /// How long it took.
    pub took: Duration,
}

/// Other requests of the same route in the time of the failures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// Requests that succeeded after the first failure.
    pub succeeded: u64,
    /// Some succeeded on the very paths that fail, between the first and the last failure: it comes and goes.
    pub interleaved: bool,
    /// Requests of the very paths that fail, in the seconds after the last failure: all of them succeeded.
    pub in_a_row: u64,
    /// Those of them that succeeded since the first failure, with a method that nginx sends once (POST, LOCK, PATCH).
    pub sent_once: u64,
    /// Distinct paths that failed (bounded).
    pub failing_paths: Vec<String>,
    /// Some paths that succeeded (bounded).
    pub good_paths: Vec<String>,
    /// When a request of the route (of nginx, where that itself fails) last succeeded (status under 500), before or after
    /// the failures, as far back as logs were read: tells a backend that died from one that never came up.
    pub last_success: Option<Timestamp>,
}

/// What may have mended a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// Requests of visitors show it: so many went well in a row since that it can't be luck.
    pub seen: bool,
    /// When.
    pub at: Timestamp,
    /// One sentence.
    pub says: String,
}

impl Case {
    /// The nginx instance of the route.
    pub fn nginx(&self) -> Option<&Nginx> {
        self.world
            .nginx
            .get(self.route.as_ref().map_or(0, |route| route.nginx))
    }

    /// Name of the workers' user, for sentences.
    pub fn worker_user(&self) -> &str {
        let account = self.nginx().and_then(|nginx| nginx.account.as_ref());
        account.map_or("nginx's user", |account| account.name.as_str())
    }

    /// Name of the site, for sentences.
    pub fn site(&self) -> &str {
        self.route.as_ref().map_or("nginx", |route| route.site.as_str())
    }

    /// First failure.
    pub fn first(&self) -> Timestamp {
        self.symptoms
            .iter()
            .map(|symptom| symptom.first)
            .min()
            .unwrap_or(self.world.now)
    }

    /// Last failure.
    pub fn last(&self) -> Timestamp {
        self.symptoms
            .iter()
            .map(|symptom| symptom.last)
            .max()
            .unwrap_or(self.world.now)
    }

    /// Symptoms with such a trouble.
    pub fn having(&self, test: impl Fn(&Trouble) -> bool) -> impl Iterator<Item = &Symptom> {
        self.symptoms
            .iter()
            .filter(move |symptom| symptom.trouble().is_some_and(&test))
    }

    /// nginx could not connect, with one of these errnos, or a peer refuses so now.
    pub fn connect_failed(&self, errnos: &[i32]) -> bool {
        self.having(|trouble| matches!(trouble, Trouble::Connect(errno) if errnos.contains(errno)))
            .next()
            .is_some()
            || self
                .peers
                .iter()
                .any(|peer| peer.errno().is_some_and(|errno| errnos.contains(&errno)))
    }

    /// nginx timed out in that phase.
    pub fn timed_out(&self, phase: Phase) -> bool {
        self.symptoms
            .iter()
            .filter_map(|symptom| symptom.complaint.as_ref())
            .any(|complaint| matches!(complaint.trouble, Trouble::TimedOut) && complaint.phase == Some(phase))
    }

    /// Peers that can't be connected to now.
    pub fn failing_peers(&self) -> impl Iterator<Item = &PeerSight> {
        self.peers
            .iter()
            .filter(|peer| peer.in_use && peer.reachable() == Some(false))
    }

    /// The unit behind a peer of this case, as systemd has it.
    pub fn unit_of(&self, peer: &PeerSight) -> Option<&Unit> {
        self.world.unit(peer.backend.as_ref()?.unit.as_deref()?)
    }

    /// Units behind the peers, each once.
    pub fn units(&self) -> Vec<&Unit> {
        let mut units: Vec<&Unit> = self.peers.iter().filter_map(|peer| self.unit_of(peer)).collect();
        units.dedup_by_key(|unit| &unit.name);
        units
    }

    /// The config test of a unit, if it was run.
    pub fn config_test(&self, unit: &str) -> Option<&ConfigTest> {
        self.world.config_tests.get(unit)?.as_ref().ok()
    }

    /// The processes of a peer's backend.
    pub fn processes_of<'a>(&'a self, peer: &'a PeerSight) -> impl Iterator<Item = &'a Process> {
        let pids = peer.backend.iter().flat_map(|backend| &backend.pids);
        pids.filter_map(|pid| self.world.process(*pid))
    }

    /// What listens on exactly this address (a wildcard listener counts).
    pub fn listener(&self, endpoint: &Endpoint) -> Look<Option<&Socket>> {
        let sockets = self.world.sockets.as_ref().map_err(Clone::clone)?;
        Ok(sockets
            .iter()
            .filter(|socket| socket.state == SocketState::Listen)
            .find(|socket| listens_on(socket, endpoint)))
    }

    /// The failing request was not answered within our patience, which is shorter than nginx's.
    pub fn timed_out_now(&self) -> bool {
        self.asked
            .as_ref()
            .is_ok_and(|asked| asked.status.is_none() && asked.took >= asked.question.patience())
    }

    /// The failing request works now. Where no nginx runs, whoever answers in its place is not the site.
    pub fn works_now(&self) -> Option<bool> {
        if self.route.is_none() && self.nginx().is_some_and(|nginx| nginx.master.is_none()) {
            return Some(false);
        }
        Some(
            self.asked
                .as_ref()
                .ok()?
                .status
                .is_some_and(|status| status < 500),
        )
    }
}

/// A connection to `endpoint` would reach this listener.
pub fn listens_on(socket: &Socket, endpoint: &Endpoint) -> bool {
    match (&socket.local, endpoint) {
        (Endpoint::Unix(bound), Endpoint::Unix(asked)) => crate::topology::same_path(bound, asked),
        (Endpoint::Tcp(bound), Endpoint::Tcp(asked)) => {
            bound.port() == asked.port()
                && (bound.ip() == asked.ip() || takes_any(bound.ip(), asked.ip(), socket))
        }
        _ => false,
    }
}

fn takes_any(bound: IpAddr, asked: IpAddr, socket: &Socket) -> bool {
    match bound {
        IpAddr::V4(ip) => ip.is_unspecified() && asked.is_ipv4(),
        IpAddr::V6(ip) => ip.is_unspecified() && (asked.is_ipv6() || socket.v6_only != Some(true)),
    }
}

impl Symptom {
    /// What nginx said, in a few words: `connection refused (111) while connecting`.
    pub fn signature(&self) -> String {
        match &self.complaint {
            Some(complaint) => complaint.to_string(),
            None => match (self.status, self.made_by) {
                (Some(status), MadeBy::Upstream) => format!("the upstream itself answered {status}"),
                (Some(status), _) => format!("answered {status}"),
                (None, _) => "no answer".to_owned(),
            },
        }
    }

    /// What went wrong, as nginx said.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.complaint.as_ref().map(|complaint| &complaint.trouble)
    }
}

impl PeerSight {
    /// Does it take a connection from nginx: `None` where we could not ask.
    pub fn reachable(&self) -> Option<bool> {
        Some(self.connect.as_ref().ok()?.connect == Connect::Accepted)
    }

    /// The errno of the connection just tried.
    pub fn errno(&self) -> Option<i32> {
        match self.connect.as_ref().ok()?.connect {
            Connect::Failed(errno) => Some(errno),
            Connect::Accepted | Connect::TimedOut => None,
        }
    }

    /// The connection just tried got no answer.
    pub fn connect_timed_out(&self) -> bool {
        self.connect
            .as_ref()
            .is_ok_and(|it| it.connect == Connect::TimedOut)
    }
}

/// Processes that can make no progress: stopped, or stuck in the kernel.
pub fn is_stuck(process: &Process) -> bool {
    matches!(
        process.state,
        ProcessState::Stopped | ProcessState::Uninterruptible
    )
}
