//! A backend that gives way: on the next free port, and nginx after it.

use super::point_nginx_at;
use crate::{
    Case, Measure, Remedy,
    case::PeerSight,
    topology::{Claim, ListenAddress},
};
use host::{Endpoint, looks::Unit};

/// Ports looked at.
const NEAR: u16 = 50;

/// Moves what is configured here to the next free port, on both sides; not where some route asks it in a way that can't
/// be rewritten.
pub fn move_port(case: &Case, peer: &PeerSight, claim: &Claim, unit: &Unit) -> Option<Remedy> {
    let ListenAddress::Tcp { ip, port } = claim.address else {
        return None;
    };
    let free = free_port(case, port)?;
    let asked = ip.or(peer.endpoint.tcp().map(|at| at.ip()))?;
    let old = PeerSight {
        endpoint: Endpoint::from((asked, port)),
        ..peer.clone()
    };
    let nginx = point_nginx_at(case, &old, &Endpoint::from((asked, free)));
    // one that nobody asks may be a pool beside the one that is missed
    if nginx.is_none() && is_asked(case, port) {
        return None;
    }
    let listen = Measure::Listen {
        claim: claim.clone(),
        to: ListenAddress::Tcp { ip, port: free },
    };
    let title = format!("move {} from port {port} to {free}, which is free", unit.name);
    let nginx = nginx.map(|nginx| nginx.measures).unwrap_or_default();
    Some(Remedy::ask(title, std::iter::once(listen).chain(nginx).collect()))
}

/// Some route names this port.
fn is_asked(case: &Case, port: u16) -> bool {
    let ends = format!(":{port}");
    let names = |endpoint: &Endpoint| endpoint.tcp().is_some_and(|at| at.port() == port);
    case.world.routes.iter().any(|route| route.pass.contains(&ends))
        || case.peers.iter().any(|peer| names(&peer.endpoint))
}

/// The next port that nobody listens on, is configured to, or is asked at.
fn free_port(case: &Case, taken: u16) -> Option<u16> {
    let sockets = case.world.sockets.as_ref().ok()?;
    let mut used: Vec<u16> = sockets
        .iter()
        .filter_map(|it| Some(it.local.tcp()?.port()))
        .collect();
    used.extend(case.world.claims.iter().filter_map(|claim| match claim.address {
        ListenAddress::Tcp { port, .. } => Some(port),
        ListenAddress::Unix(_) => None,
    }));
    (taken..taken.saturating_add(NEAR))
        .skip(1)
        .find(|port| !used.contains(port) && !is_asked(case, *port))
}
