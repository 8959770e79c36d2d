//! Each backend address of a failing route, looked at as nginx's worker would meet it.

use super::{
    parallel, progress, speaks,
    stance::{foreign_master, of_worker, talk},
    symptoms::Draft,
    targets::Asked,
};
use crate::{
    Case, World,
    case::{Backend, PeerSight, errno, listens_on},
    discover::backend_of,
    world::PathStep,
};
use host::{
    Endpoint, Host, Look, Looks, Talk, Unseen,
    answer::{Connect, Conversation, SocketState},
};
use std::{collections::BTreeMap, path::Path};

/// How connecting went, by instance and address.
pub(super) type Connects = BTreeMap<(usize, Endpoint), Look<Conversation>>;

/// Connects to each address once.
pub(super) fn connect(
    host: &dyn Host,
    world: &World,
    wanted: impl Iterator<Item = (usize, Endpoint)>,
) -> Connects {
    let mut wanted: Vec<(usize, Endpoint)> = wanted.collect();
    wanted.sort_unstable();
    wanted.dedup();
    let answers = parallel::map(&wanted, |(nginx, endpoint)| {
        talk(host, endpoint, &of_worker(world, *nginx), &Talk::Nothing)
    });
    wanted.into_iter().zip(answers).collect()
}

/// Nobody answers there, as far as we could ask.
pub(super) fn fails(connects: &Connects, nginx: usize, endpoint: &Endpoint) -> bool {
    let answer = connects.get(&(nginx, endpoint.clone()));
    answer.is_some_and(|answer| answer.as_ref().is_ok_and(|it| it.connect != Connect::Accepted))
}

/// All there is to see of a draft's addresses.
pub(super) fn sights(
    host: &dyn Host,
    world: &World,
    draft: &Draft,
    asked: &[Asked],
    connects: &Connects,
) -> Vec<PeerSight> {
    parallel::map(asked, |asked| sight(host, world, draft, asked, connects))
}

fn sight(host: &dyn Host, world: &World, draft: &Draft, asked: &Asked, connects: &Connects) -> PeerSight {
    let endpoint = &asked.endpoint;
    let not_asked = || {
        let what = format!("connecting to {endpoint}");
        Err(Unseen::NotRecorded { what })
    };
    let connect = connects
        .get(&(draft.nginx, endpoint.clone()))
        .cloned()
        .unwrap_or_else(not_asked);
    let inside = foreign_master(world, draft.nginx);
    let steps = endpoint
        .unix()
        .map(|path| steps(host, path, inside))
        .unwrap_or_default();
    let failed = connect.as_ref().is_ok_and(|it| it.connect != Connect::Accepted);
    let backend = backend_of(world, endpoint);
    PeerSight {
        endpoint: endpoint.clone(),
        name: asked.name.clone(),
        in_use: asked.in_use,
        path: steps,
        listener_sees: if failed {
            listener_sees(host, world, endpoint)
        } else {
            None
        },
        progress: None,
        own_count: None,
        firewall: Ok(Vec::new()),
        hidden: None,
        passage: None,
        speaks: speaks::ask(host, world, draft, endpoint, &connect, backend.as_ref()),
        backend,
        connect,
    }
}

/// An address that nobody was asked at: only who serves it is known.
pub(crate) fn unasked(endpoint: Endpoint, backend: Option<Backend>) -> PeerSight {
    let what = format!("connecting to {endpoint}");
    PeerSight {
        endpoint,
        name: None,
        in_use: true,
        connect: Err(Unseen::NotRecorded { what }),
        path: Vec::new(),
        listener_sees: None,
        backend,
        progress: None,
        own_count: None,
        firewall: Ok(Vec::new()),
        hidden: None,
        passage: None,
        speaks: Vec::new(),
    }
}

/// Every directory from the root on, and the socket.
fn steps(host: &dyn Host, path: &Path, seen_by: Option<u32>) -> Vec<PathStep> {
    let mut above: Vec<&Path> = path.ancestors().collect();
    above.reverse();
    let step = |path: &&Path| PathStep {
        path: path.to_path_buf(),
        stat: host.stat_seen_by(path, seen_by),
    };
    above.iter().take(32).map(step).collect()
}

/// The socket's path as the process sees it that listens there: another mount namespace may hide it from nginx.
fn listener_sees(host: &dyn Host, world: &World, endpoint: &Endpoint) -> Option<Look<bool>> {
    let path = endpoint.unix()?;
    let sockets = world.sockets.as_ref().ok()?;
    let listener = sockets
        .iter()
        .find(|socket| socket.state == SocketState::Listen && listens_on(socket, endpoint))?;
    let pid = *listener.pids.as_ref()?.first()?;
    Some(host.stat_seen_by(path, Some(pid)).map(|stat| stat.is_some()))
}

/// A second look at the peers whose backend may make no progress. False if there is none.
pub(super) fn watch(host: &dyn Host, world: &World, cases: &mut [Case], ms: u64) -> bool {
    let wanted: Vec<(usize, usize)> = cases
        .iter()
        .enumerate()
        .flat_map(|(at, case)| (0..case.peers.len()).map(move |peer| (at, peer)))
        .filter(|(at, peer)| may_be_stuck(&cases[*at], &cases[*at].peers[*peer]))
        .collect();
    if wanted.is_empty() {
        return false;
    }
    let Some(later) = progress::Later::look(host, world, ms) else {
        return false;
    };
    for (at, peer) in wanted {
        let peer = &mut cases[at].peers[peer];
        peer.progress = progress::of_peer(world, &later, peer);
    }
    true
}

/// Its listener has connections waiting, its processes are stopped, or nginx waited for it in vain.
fn may_be_stuck(case: &Case, peer: &PeerSight) -> bool {
    use logscan::Trouble;
    let waited = |trouble: &Trouble| {
        matches!(
            trouble,
            Trouble::TimedOut | Trouble::Connect(errno::EAGAIN) | Trouble::Receive(errno::ECONNRESET)
        )
    };
    let complained = case.having(waited).any(|symptom| {
        symptom
            .peer
            .as_ref()
            .is_none_or(|asked| super::attribute::is_same(asked, &peer.endpoint))
    });
    let queued = matches!(case.listener(&peer.endpoint), Ok(Some(listener)) if listener.recv_q > 0);
    let killed = crate::service::ends_slow_workers(case, peer);
    complained
        || queued
        || killed
        || peer.connect_timed_out()
        || case.processes_of(peer).any(crate::case::is_stuck)
}
