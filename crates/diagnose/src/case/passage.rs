//! How packets leave this host for a peer on another one.

use host::{
    Look,
    looks::{Neighbour, Ping, RouteTo},
};
use std::net::IpAddr;

/// The way to a peer's address, looked at where connecting to it, or hearing from it, fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// What the kernel would do with a packet.
    pub route: Look<RouteTo>,
    /// Who takes the packet first: the gateway, or the peer where it is on the link; `None` where none is sent.
    pub next_hop: Option<IpAddr>,
    /// What the kernel knows of that one.
    pub neighbour: Look<Option<Neighbour>>,
    /// Which sizes of packets come through, smallest first; empty where that was not asked.
    pub sizes: Vec<(u16, Look<Ping>)>,
}

impl Passage {
    /// The interface packets leave by.
    pub fn device(&self) -> Option<&str> {
        match self.route.as_ref().ok()? {
            RouteTo::Via { device, .. } => Some(device),
            RouteTo::Refused { .. } => None,
        }
    }

    /// The gateway, where the peer is behind one.
    pub fn gateway(&self) -> Option<IpAddr> {
        match self.route.as_ref().ok()? {
            RouteTo::Via { gateway, .. } => *gateway,
            RouteTo::Refused { .. } => None,
        }
    }

    /// The entry of who takes packets first, if there is one.
    pub fn entry(&self) -> Option<&Neighbour> {
        self.neighbour.as_ref().ok()?.as_ref()
    }
}

/// Somebody who listens on a peer's address in another network namespace than nginx's, where nobody does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HiddenListener {
    /// Where.
    pub at: host::Endpoint,
    /// A process that holds the listener, or lives where it is.
    pub pid: u32,
    /// The unit of that process.
    pub unit: Option<String>,
}
