//! Peers on other hosts and the way there: what the network causes have in common.

use crate::{Case, Source, case::PeerSight};
use host::looks::Link;
use std::net::SocketAddr;

/// A failing peer on another host, with the way there.
#[derive(Clone, Copy, Debug)]
pub struct Remote<'a> {
    /// The peer.
    pub peer: &'a PeerSight,
    /// Its address.
    pub to: SocketAddr,
    /// The way.
    pub way: &'a crate::case::Passage,
}

/// The failing peers of which the way was looked at.
pub fn remotes(case: &Case) -> impl Iterator<Item = Remote<'_>> {
    case.failing_peers().filter_map(|peer| {
        Some(Remote {
            peer,
            to: peer.endpoint.tcp()?,
            way: peer.passage.as_ref()?,
        })
    })
}

/// This host's interfaces, as far as seen.
pub fn links(case: &Case) -> &[Link] {
    case.world.links.as_ref().map_or(&[][..], Vec::as_slice)
}

impl Remote<'_> {
    /// The command that shows what the kernel knows of who takes packets first.
    pub fn neighbour_source(&self) -> Source {
        let next = self.way.next_hop.unwrap_or(self.to.ip());
        Source::command(format!("ip neigh show {next}"))
    }

    /// The command that shows the route.
    pub fn route_source(&self) -> Source {
        Source::command(format!("ip route get {}", self.to.ip()))
    }
}
