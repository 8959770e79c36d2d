//! Whether a backend gets anywhere: its queue and its processes, looked at twice.

use crate::{
    World,
    case::{PeerSight, Progress, listens_on},
};
use host::{
    Endpoint, Host, Looks,
    answer::{Socket, SocketState},
    looks::{Process, ProcessState},
};
use std::time::Duration;

/// x86-64's select, accept, epoll_wait, pselect6, epoll_pwait, accept4, epoll_pwait2; elsewhere the kernel function tells.
const WAITING: &[u32] = &[23, 43, 232, 270, 281, 288, 441];

/// x86-64's poll and ppoll: workers wait in them for a connection, but for a database too.
const POLLING: &[u32] = &[7, 271];

/// The host as it was some time after the first look.
pub(super) struct Later {
    apart: Duration,
    processes: Vec<Process>,
    sockets: Vec<Socket>,
}

impl Later {
    /// Looks at processes and sockets again. Both looks wait at the same time.
    pub(super) fn look(host: &dyn Host, world: &World, ms: u64) -> Option<Self> {
        let netns_of = super::stance::foreign_master(world, 0);
        let (processes, sockets) = std::thread::scope(|scope| {
            let sockets = scope.spawn(|| host.sockets_later(netns_of, ms));
            (host.processes_later(ms), sockets.join())
        });
        Some(Self {
            apart: Duration::from_millis(ms),
            processes: processes.ok()?,
            sockets: sockets.ok()?.ok()?,
        })
    }
}

impl Later {
    /// The processes at the second look.
    pub(super) fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// A process may be serving: it holds a connection of that TCP port, or that can't be told.
    fn serves(&self, pid: u32, endpoint: &Endpoint) -> bool {
        let Some(addr) = endpoint.tcp() else { return true };
        let open = |it: &&Socket| matches!(it.state, SocketState::Established | SocketState::CloseWait);
        let of_port = |it: &&Socket| it.local.tcp().is_some_and(|local| local.port() == addr.port());
        let mut held = self.sockets.iter().filter(open).filter(of_port);
        held.any(|it| it.pids.as_ref().is_none_or(|pids| pids.contains(&pid)))
    }
}

/// What moved at one peer.
pub(super) fn of_peer(world: &World, later: &Later, peer: &PeerSight) -> Option<Progress> {
    let before = world.sockets.as_ref().ok()?;
    let queue_in = |sockets: &[Socket]| {
        let listener = sockets
            .iter()
            .find(|it| it.state == SocketState::Listen && listens_on(it, &peer.endpoint));
        listener.map_or(0, |it| it.recv_q)
    };
    let mut progress = Progress {
        apart: later.apart,
        queue: (queue_in(before), queue_in(&later.sockets)),
        ..Progress::default()
    };
    let pids = peer
        .backend
        .as_ref()
        .map_or(&[][..], |backend| backend.pids.as_slice());
    for process in workers(world, pids) {
        let Some(after) = later.processes.iter().find(|it| it.pid == process.pid) else {
            continue;
        };
        progress.add(
            process,
            after,
            is_idle(after, || later.serves(after.pid, &peer.endpoint)),
        );
    }
    Some(progress)
}

/// Processes that serve: a master that has children among them only minds them.
fn workers<'a>(world: &'a World, pids: &'a [u32]) -> impl Iterator<Item = &'a Process> {
    let processes = || pids.iter().filter_map(|pid| world.process(*pid));
    let masters: Vec<u32> = processes().map(|process| process.ppid).collect();
    processes().filter(move |process| !masters.contains(&process.pid))
}

impl Progress {
    fn add(&mut self, before: &Process, after: &Process, idle: bool) {
        let ticks = after.cpu_ticks.saturating_sub(before.cpu_ticks);
        self.cpu_ticks += ticks;
        let still = ticks == 0 && (before.state, before.syscall) == (after.state, after.syscall);
        self.still.0 += usize::from(still);
        self.still.1 += 1;
        self.idle.0 += usize::from(idle);
        self.idle.1 += 1;
    }
}

/// It waits for a connection: asleep in accept or in an event loop. Asleep in poll that is only so while it serves none.
fn is_idle(process: &Process, serves: impl Fn() -> bool) -> bool {
    let called = |calls: &[u32]| process.syscall.is_some_and(|call| calls.contains(&call));
    let sleeps_in = |functions: &[&str]| functions.iter().any(|it| process.wchan.contains(it));
    let accepts =
        called(WAITING) || sleeps_in(&["accept", "ep_poll", "epoll_wait", "skb_wait_for_more_packets"]);
    let polls = called(POLLING) || sleeps_in(&["sys_poll", "poll_schedule_timeout"]);
    process.state == ProcessState::Sleeping && (accepts || (polls && !serves()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[test]
    fn the_master_is_not_a_worker_and_idle_is_told() {
        let fixture = Fixture::php_fpm();
        let before = fixture.world.processes.clone().expect("seen");
        let mut after = before.clone();
        after[1].cpu_ticks += 3;
        after[2].wchan = "inet_csk_accept".into();
        let sockets = fixture.world.sockets.clone().expect("seen");
        let later = Later {
            apart: Duration::from_millis(250),
            processes: after,
            sockets,
        };
        let progress = of_peer(&fixture.world, &later, &fixture.peers[0]).expect("seen");
        assert_eq!(
            (progress.cpu_ticks, progress.still, progress.idle),
            (3, (1, 2), (1, 2))
        );
    }
}
