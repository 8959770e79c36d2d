//! Sockets of a network namespace: listeners with their accept queues, and TCP connections.

mod diag;
mod owners;
mod proc_net;

use super::{enter, refusal::refused};
use crate::{Look, answer::Socket, answer::SocketState};

/// Most TCP connections in one answer.
const MAX_CONNECTIONS: usize = 20_000;

/// Listeners first, then connections. Where netlink is refused /proc/net tells less: see `proc_net`.
pub(super) fn all(netns_of: Option<u32>) -> Look<Vec<Socket>> {
    if let Some(pid) = netns_of {
        enter::network(pid)?;
    }
    let mut sockets = match diag::dump() {
        Ok(sockets) => sockets,
        Err(_) => proc_net::read().map_err(|error| refused("the sockets", error))?,
    };
    owners::fill_in(&mut sockets);
    Ok(sockets)
}

/// The kernel's numbers (include/net/tcp_states.h), the same for netlink and /proc/net.
fn state(number: u8) -> SocketState {
    match number {
        1 => SocketState::Established,
        2 => SocketState::SynSent,
        6 => SocketState::TimeWait,
        8 => SocketState::CloseWait,
        10 => SocketState::Listen,
        _ => SocketState::Other,
    }
}
