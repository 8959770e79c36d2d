//! Whether a backend gets anywhere: its queue and its processes, looked at twice.

use crate::{
    World,
    case::{PeerSight, Progress, listens_on},
};
use host::{
    Host, Looks,
    answer::{Socket, SocketState},
    looks::{Process, ProcessState},
};
use std::time::Duration;

/// x86-64's select, accept, epoll_wait, pselect6, epoll_pwait, accept4, epoll_pwait2; elsewhere the kernel function tells.
/// Not poll: workers that wait for a database are in it.
const WAITING: &[u32] = &[23, 43, 232, 270, 281, 288, 441];

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
        progress.add(process, after);
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
    fn add(&mut self, before: &Process, after: &Process) {
        let ticks = after.cpu_ticks.saturating_sub(before.cpu_ticks);
        self.cpu_ticks += ticks;
        let still = ticks == 0 && (before.state, before.syscall) == (after.state, after.syscall);
        self.still.0 += usize::from(still);
        self.still.1 += 1;
        self.idle.0 += usize::from(is_idle(after));
        self.idle.1 += 1;
    }
}

/// It waits for a connection: asleep in accept or in an event loop.
fn is_idle(process: &Process) -> bool {
    let waits_for = ["accept", "ep_poll", "epoll_wait", "skb_wait_for_more_packets"];
    let by_function = waits_for.iter().any(|it| process.wchan.contains(it));
    let by_call = process.syscall.is_some_and(|call| WAITING.contains(&call));
    process.state == ProcessState::Sleeping && (by_function || by_call)
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
