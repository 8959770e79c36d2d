//! Which processes do a backend's work.

use crate::{Case, case::PeerSight};
use host::looks::{Process, Unit};
use std::time::Duration;

/// The processes that do the work: children of the backend's own processes; the process itself where it has none.
pub fn workers<'a>(case: &'a Case, peer: &'a PeerSight) -> Vec<&'a Process> {
    let all: Vec<&Process> = case
        .processes_of(peer)
        .filter(|it| is_pool_worker(peer, it))
        .collect();
    let pids = peer
        .backend
        .as_ref()
        .map_or(&[][..], |backend| backend.pids.as_slice());
    let children: Vec<&Process> = all.iter().copied().filter(|it| pids.contains(&it.ppid)).collect();
    if children.is_empty() { all } else { children }
}

/// It started less than so long ago; false where that can't be told.
pub fn is_younger(case: &Case, worker: &Process, age: Duration) -> bool {
    let started = case.world.boot.as_ref().map(|boot| worker.started(*boot));
    started.is_ok_and(|started| case.world.now.since(started) < age)
}

fn is_pool_worker(peer: &PeerSight, process: &Process) -> bool {
    let pool = peer.backend.as_ref().and_then(|backend| backend.pool.as_ref());
    let command = process.command();
    pool.is_none_or(|pool| {
        !command.contains(": pool ") || command.ends_with(&format!(": pool {}", pool.name))
    })
}

/// Its programs run and listen nowhere; a listener whose holder we may not see may be theirs.
pub fn is_silent(case: &Case, unit: &Unit) -> Option<bool> {
    let programs: Vec<u32> = case.world.processes_of(&unit.name).map(|it| it.pid).collect();
    let theirs = |pids: &[u32]| pids.iter().any(|pid| programs.contains(pid));
    let mut listeners = case.world.listeners().ok()?;
    let listens = listeners.any(|socket| socket.pids.as_deref().is_none_or(theirs));
    Some(!programs.is_empty() && !listens)
}
