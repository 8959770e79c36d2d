//! Listeners in other network namespaces than nginx's, where nobody listens in its own.

use super::{Sights, parallel, symptoms::Draft};
use crate::{
    World,
    case::{HiddenListener, PeerSight, errno, listens_on},
};
use host::{
    Host, Looks,
    answer::{Socket, SocketState},
};
use std::net::IpAddr;

/// Namespaces looked into, at most.
const MOST: usize = 8;

/// A process for each network namespace but nginx's, and who listens there.
pub(super) struct Elsewhere(Vec<(u32, Vec<Socket>)>);

/// Looks, where a peer refuses as if nobody listened.
pub(super) fn look(
    host: &dyn Host,
    world: &World,
    drafts: &[&Draft],
    sights: &[Sights],
) -> Option<Elsewhere> {
    let nginx = drafts.first().map_or(0, |draft| draft.nginx);
    let mut peers = sights.iter().flat_map(|it| &it.peers);
    if !peers.any(|peer| is_unserved(world, peer)) {
        return None;
    }
    let others = namespaces(world, nginx)?;
    let sockets = parallel::map(&others, |pid| host.sockets(Some(*pid)).unwrap_or_default());
    Some(Elsewhere(others.into_iter().zip(sockets).collect()))
}

/// Tells each such peer who listens on its port elsewhere.
pub(super) fn tell(seen: Option<&Elsewhere>, world: &World, sights: &mut [Sights]) {
    let Some(Elsewhere(seen)) = seen else { return };
    let peers = sights.iter_mut().flat_map(|it| &mut it.peers);
    for peer in peers.filter(|peer| is_unserved(world, peer)) {
        let found = |(pid, sockets): &(u32, Vec<Socket>)| {
            let listens =
                |socket: &&Socket| socket.state == SocketState::Listen && listens_on(socket, &peer.endpoint);
            let socket = sockets.iter().find(listens)?;
            let holder = socket.pids.as_ref().and_then(|pids| pids.iter().min().copied());
            let pid = holder.unwrap_or(*pid);
            Some(HiddenListener {
                at: socket.local.clone(),
                pid,
                unit: world.process(pid).and_then(|process| process.unit.clone()),
            })
        };
        peer.hidden = seen.iter().find_map(found);
    }
}

/// An address that means this host whoever asks, where nginx finds nobody. Without `lo` up there is not even a way.
fn is_unserved(world: &World, peer: &PeerSight) -> bool {
    let loopback = peer.endpoint.tcp().is_some_and(|at| means_itself(at.ip()));
    let refuses = matches!(
        peer.errno(),
        Some(errno::ECONNREFUSED | errno::ENETUNREACH | errno::EADDRNOTAVAIL)
    );
    let mut listeners = world.listeners().ok().into_iter().flatten();
    peer.in_use && loopback && refuses && !listeners.any(|socket| listens_on(socket, &peer.endpoint))
}

fn means_itself(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified()
}

/// The first process of each network namespace but nginx's; the host's own first. `None` where they could not be told.
fn namespaces(world: &World, nginx: usize) -> Option<Vec<u32>> {
    let own = world.process(world.nginx.get(nginx)?.master?)?.netns?;
    let mut seen = vec![own];
    let mut firsts = Vec::new();
    for process in world.processes.as_ref().ok()? {
        if let Some(netns) = process.netns.filter(|netns| !seen.contains(netns)) {
            seen.push(netns);
            firsts.push(process.pid);
        }
    }
    firsts.sort_unstable();
    firsts.truncate(MOST);
    Some(firsts)
}
