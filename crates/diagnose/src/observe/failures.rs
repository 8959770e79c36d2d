//! What clients met: error lines and access lines of the same request, brought together.
//!
//! An error line is not yet a failure: nginx may have asked another peer and answered well. The access log tells.

use super::{
    access_logs::{Served, is_failure},
    attribute::endpoint_of,
    error_logs::Complained,
};
use crate::{World, case::MadeBy, refusal};
use host::{Endpoint, Timestamp};
use logscan::{Complaint, ErrorLine, Level, Phase, Trouble};
use std::{collections::HashMap, path::PathBuf};

/// Without `$request_time`: how long after nginx complained the request may have ended, milliseconds.
const LONGEST_REQUEST: i64 = 5_000;
/// Logs are whole seconds, and the lines of one request may fall on both sides of one.
const SLACK: i64 = 1_000;

/// One failed request, or one complaint that stands for one.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// When.
    pub at: Timestamp,
    /// The nginx instance.
    pub nginx: usize,
    /// What nginx said.
    pub complaint: Option<Complaint>,
    /// What the client got.
    pub status: Option<u16>,
    /// Who made it.
    pub made_by: MadeBy,
    /// Whom nginx asked.
    pub peer: Option<Endpoint>,
    /// The request line.
    pub request: Option<String>,
    /// server_name of the block, as the error log says, or the only site of the access log.
    pub server: Option<String>,
    /// The host the client asked for.
    pub host: Option<String>,
    /// The client.
    pub client: Option<String>,
    /// The sites that write to the access log the failure is from.
    pub among: Vec<String>,
    /// Time the upstream took, seconds.
    pub seconds: Option<f64>,
    /// The log line.
    pub sample: String,
    /// Its file.
    pub log: PathBuf,
    /// Clients were served all the same: only a hint at what an echo repeats.
    pub harmless: bool,
}

/// Joins both logs. `error_reach[nginx]`: from when on that instance's error log is known. Oldest first.
pub(super) fn join(
    world: &World,
    complaints: &[Complained],
    served: &[Served],
    error_reach: &[Option<Timestamp>],
) -> Vec<Failure> {
    let mut requests = Requests::new(served);
    // limit_req_log_level may be lower
    let limited = |it: &Complained| matches!(it.line.complaint.trouble, Trouble::Limited(_));
    let counted =
        |it: &Complained| it.line.level >= Level::Error || it.line.complaint.is_echo() || limited(it);
    // where nothing else parts alike requests: this one failed for certain, so it chooses first
    let certain = |it: &Complained| it.line.complaint.trouble == Trouble::NoLiveUpstreams;
    let counted = complaints.iter().enumerate().filter(|(_, it)| counted(it));
    let (first, then): (Vec<_>, Vec<_>) = counted.partition(|(_, it)| certain(it));
    let mut failures = Vec::new();
    for (order, complaint) in first.into_iter().chain(then) {
        let request = requests.of(complaint).map(|at| &served[at]);
        if request.is_none_or(|request| !request.own) {
            failures.push((order, from_complaint(world, complaint, request)));
        }
    }
    let told = requests.told;
    let silent = served
        .iter()
        .zip(&told)
        .filter(|(served, told)| **told == 0 && !served.own && is_failure(served.line.status));
    // a limit that tells no log of what it refuses
    let tells = |nginx: usize| complaints.iter().any(|it| it.nginx == nginx && limited(it));
    let quiet = |nginx: usize| world.nginx.get(nginx).is_some_and(|it| it.has_quiet_limits) && !tells(nginx);
    let refused = |it: &Served| {
        it.line.status == Some(503) && it.line.made_by_nginx() != Some(false) && quiet(it.nginx)
    };
    for (served, _) in silent.filter(|(served, _)| {
        matches!(served.line.status, Some(500 | 502..=504 | 520..=527)) && !refused(served)
    }) {
        let reach = error_reach.get(served.nginx).copied().flatten();
        let known = reach.is_some_and(|reach| reach <= served.at);
        failures.push((usize::MAX, from_access(served, known)));
    }
    // of one second in the order of the log: an echo belongs to what stands before it
    failures.sort_by_key(|(order, it)| (it.at, *order));
    failures.into_iter().map(|(_, failure)| failure).collect()
}

/// A request as nginx's complaints know it.
type Connection<'a> = (usize, Option<u32>, u64, &'a str);

/// Requests by client and request line, and what was complained of them.
struct Requests<'a> {
    served: &'a [Served],
    by_request: HashMap<(usize, &'a str, &'a str), Vec<usize>>,
    /// Complaints about each.
    told: Vec<usize>,
    /// The last request of each connection that was complained of.
    tried: HashMap<Connection<'a>, Tried>,
}

/// A request that was complained of.
struct Tried {
    request: usize,
    peers: Vec<Option<Endpoint>>,
    /// The second of a complaint that ended it.
    ended: Option<Timestamp>,
}

impl<'a> Requests<'a> {
    fn new(served: &'a [Served]) -> Self {
        let mut by_request: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, it) in served.iter().enumerate() {
            let client = it.line.client.as_deref().unwrap_or_default();
            let request = it.line.request.as_deref().unwrap_or_default();
            by_request
                .entry((it.nginx, client, request))
                .or_default()
                .push(index);
        }
        Self {
            served,
            by_request,
            told: vec![0; served.len()],
            tried: HashMap::new(),
        }
    }

    /// The request a complaint is about. The tries of one request are complaints on one connection about different peers.
    fn of(&mut self, complaint: &'a Complained) -> Option<usize> {
        let line = &complaint.line;
        let peer = line.complaint.peer.as_ref().and_then(endpoint_of);
        let request = line.request.as_deref()?;
        let connection = line
            .connection
            .map(|number| (complaint.nginx, line.pid, number, request));
        if let Some(tried) = connection.and_then(|it| self.tried.get_mut(&it))
            && !tried.peers.contains(&peer)
            && tried.ended.is_none_or(|at| at == complaint.at)
            && self.served[tried.request].at.0 >= complaint.at.0 - SLACK
        {
            tried.peers.push(peer);
            self.told[tried.request] += 1;
            return Some(tried.request);
        }
        let at = self.find(complaint)?;
        self.told[at] += 1;
        if let Some(connection) = connection {
            let ended = line.complaint.is_echo().then_some(complaint.at);
            self.tried.insert(
                connection,
                Tried {
                    request: at,
                    peers: vec![peer],
                    ended,
                },
            );
        }
        Some(at)
    }

    /// Of those in flight at that second the one that asked this peer, and of these one that failed and was not yet
    /// complained of. Each try of a request takes one complaint.
    fn find(&self, complaint: &Complained) -> Option<usize> {
        let line = &complaint.line;
        let request = line.request.as_deref()?;
        let client = line.client.as_deref().unwrap_or_default();
        let same = self
            .by_request
            .get(&(complaint.nginx, client, request))
            .or_else(|| self.by_request.get(&(complaint.nginx, "", request)))?;
        let from = same.partition_point(|at| self.served[*at].at.0 < complaint.at.0 - SLACK);
        let near = same[from..].iter().copied().take(256);
        let possible = near.filter(|at| {
            let served = &self.served[*at];
            in_flight(served, complaint.at) && may_be_about(&served.line, complaint)
        });
        possible.min_by_key(|at| {
            let served = &self.served[*at];
            let tries = served.line.upstream_addr.len().max(1);
            let (taken, well) = (self.told[*at] >= tries, !is_failure(served.line.status));
            (taken, well, served.at.distance(complaint.at))
        })
    }
}

fn in_flight(served: &Served, at: Timestamp) -> bool {
    match served.line.request_time {
        Some(seconds) => served.at.0 - (seconds * 1000.0) as i64 - SLACK <= at.0,
        None => served.at.0 - at.0 <= LONGEST_REQUEST,
    }
}

/// The request asked the peer of the complaint, as far as its line tells.
fn may_be_about(line: &logscan::access::AccessLine, complaint: &Complained) -> bool {
    let peer = complaint.line.complaint.peer.as_ref().and_then(endpoint_of);
    match peer {
        Some(peer) if !line.upstream_addr.is_empty() => line
            .upstream_addr
            .iter()
            .any(|tried| parse_peer(tried) == Some(peer.clone())),
        _ => true,
    }
}

/// `$upstream_addr`: `127.0.0.1:80`, `unix:/run/x.sock`.
pub(super) fn parse_peer(text: &str) -> Option<Endpoint> {
    endpoint_of(&logscan::Peer::parse(text)?)
}

fn from_complaint(world: &World, complaint: &Complained, request: Option<&Served>) -> Failure {
    let line = &complaint.line;
    let status = request.and_then(|served| served.line.status);
    let served_well = status.is_some() && !is_failure(status);
    let failed = refusal::fault(world.nginx.get(complaint.nginx), line, status).is_some();
    let guarded = is_refusal(line) && !failed;
    Failure {
        at: complaint.at,
        nginx: complaint.nginx,
        complaint: Some(line.complaint.clone()),
        status,
        made_by: made_by(&line.complaint, status),
        peer: line.complaint.peer.as_ref().and_then(endpoint_of),
        request: line.request.clone(),
        server: line.server.clone().filter(|server| !server.is_empty()),
        host: line.host.clone().or_else(|| request?.line.host.clone()),
        client: line.client.clone(),
        among: Vec::new(),
        seconds: request.and_then(seconds),
        sample: complaint.sample.clone(),
        log: complaint.log.clone(),
        harmless: served_well || guarded || (status.is_none() && !is_grave(complaint)),
    }
}

/// A backend's stderr stands beside its own answer; of every other complaint nginx made the answer itself.
fn made_by(complaint: &Complaint, status: Option<u16>) -> MadeBy {
    match (&complaint.trouble, status) {
        (Trouble::BackendStderr(_), Some(_)) => MadeBy::Upstream,
        (Trouble::BackendStderr(_), None) | (_, Some(499)) => MadeBy::Unknown,
        _ => MadeBy::Nginx,
    }
}

/// nginx itself turned the client away, as it was told to.
fn is_refusal(line: &ErrorLine) -> bool {
    matches!(
        line.complaint.trouble,
        Trouble::Limited(_) | Trouble::BodyTooLarge
    )
}

/// Without an access line: does this complaint alone mean that a client was failed?
fn is_grave(complaint: &Complained) -> bool {
    let line = &complaint.line;
    if line.level < Level::Error || line.complaint.phase == Some(Phase::ReadingBody) {
        return false;
    }
    match &line.complaint.trouble {
        Trouble::BackendStderr(text) => text.contains("Fatal error") || text.contains("Uncaught "),
        Trouble::WorkerConnections(_) | Trouble::TooManyFiles | Trouble::Unresolved { .. } => true,
        Trouble::BadConfig { .. } | Trouble::HostNotFound { .. } | Trouble::ListenFailed { .. } => false,
        Trouble::WorkerDied { .. } | Trouble::BodyTooLarge | Trouble::LogWrite { .. } => false,
        _ => line.request.is_some(),
    }
}

/// A failure without a complaint is of the upstream's own making, if the error log would have held one.
fn from_access(served: &Served, error_log_known: bool) -> Failure {
    let line = &served.line;
    let made_by = match line.made_by_nginx() {
        Some(true) => MadeBy::Nginx,
        Some(false) => MadeBy::Upstream,
        None if error_log_known => MadeBy::Upstream,
        None => MadeBy::Unknown,
    };
    Failure {
        at: served.at,
        nginx: served.nginx,
        complaint: None,
        status: line.status,
        made_by,
        peer: line.upstream_addr.last().and_then(|addr| parse_peer(addr)),
        request: line.request.clone(),
        server: served.sites.first().filter(|_| served.sites.len() == 1).cloned(),
        host: line.host.clone(),
        client: line.client.clone(),
        among: served.sites.clone(),
        seconds: seconds(served),
        sample: served.sample.clone(),
        log: served.log.clone(),
        harmless: false,
    }
}

/// Time of the last try, of the whole request where that is all there is.
fn seconds(served: &Served) -> Option<f64> {
    let tries = &served.line.upstream_response;
    tries.iter().rev().find_map(|it| *it).or(served.line.request_time)
}
