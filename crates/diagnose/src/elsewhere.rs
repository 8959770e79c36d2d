//! Running servers that listen somewhere else than nginx asks: what the wiring causes have in common.

mod candidate;
mod mend;
mod port;
mod server;

pub use candidate::{Candidate, backend_side, candidates, equals};
pub use mend::{give_directory, listen_at, move_socket, point_nginx_at, reload_nginx};
pub use port::move_port;
pub use server::{Fit, Server, fit, servers};

use crate::{
    Case, Evidence, Rank, Source, World,
    case::{NameAnswer, NameSource, PeerSight, errno},
    evidence::quote,
    service,
    topology::{GroupServer, Place, Route, Target},
    world::{Change, ChangeKind},
};
use host::{Endpoint, looks::Unit};
use std::{net::IpAddr, path::Path, time::Duration};

/// How long before the first failure a change may lie: a site without visitors fails unseen.
const REACH: Duration = Duration::from_secs(3600);
/// Clocks of logs are whole seconds.
const SLACK: Duration = Duration::from_secs(2);

/// An address of this host: loopback, or one that some socket is bound to.
pub fn is_ours(world: &World, ip: IpAddr) -> bool {
    let sockets = world.sockets.as_ref().map_or(&[][..], Vec::as_slice);
    let mut bound = sockets.iter().filter_map(|socket| socket.local.tcp());
    ip.is_loopback() || bound.any(|local| local.ip() == ip)
}

/// A peer on this host that refuses because nobody listens on its address, and that no installed service that is down
/// is configured to serve: so either nginx asks the wrong address or the backend moved.
pub fn unserved(case: &Case) -> Option<&PeerSight> {
    case.failing_peers()
        .filter(|peer| {
            matches!(
                peer.errno(),
                Some(errno::ECONNREFUSED | errno::ENOENT | errno::EADDRNOTAVAIL)
            )
        })
        .filter(|peer| matches!(case.listener(&peer.endpoint), Ok(None)))
        .filter(|peer| peer.endpoint.tcp().is_none_or(|to| is_ours(&case.world, to.ip())))
        .find(|peer| down_owner(case, peer).is_none() && moved_name(case, peer).is_none())
}

/// The installed service that should serve this address and does not run, or not for long.
pub fn down_owner<'a>(case: &'a Case, peer: &'a PeerSight) -> Option<&'a Unit> {
    owners(case, peer).find(|unit| {
        let settled = matches!(unit.active_state.as_str(), "active" | "reloading");
        unit.is_known() && (!settled || service::down(case, unit).is_some())
    })
}

/// The running service that is configured to serve this address, though it does not listen there.
pub fn idle_owner<'a>(case: &'a Case, peer: &'a PeerSight) -> Option<&'a Unit> {
    owners(case, peer).find(|unit| unit.is_up())
}

fn owners<'a>(case: &'a Case, peer: &'a PeerSight) -> impl Iterator<Item = &'a Unit> {
    let claims = case.world.claims.iter();
    let claimants = claims
        .filter(|claim| claim.address.covers(&peer.endpoint))
        .filter_map(|claim| claim.unit.as_deref());
    let owner = peer.backend.as_ref().and_then(|backend| backend.unit.as_deref());
    claimants.chain(owner).filter_map(|name| case.world.unit(name))
}

/// The addresses that a peer's name has now, where the peer's own is not among them. Names that nginx resolves anew for
/// each request can't be stale.
pub fn moved_name(case: &Case, peer: &PeerSight) -> Option<Vec<IpAddr>> {
    let (name, ip) = (peer.name.as_deref()?, peer.endpoint.tcp()?.ip());
    let variable = matches!(case.route.as_ref()?.target, Target::Variable { .. });
    let now = addresses(case, name);
    let stale = !variable && !is_localhost(name) && !now.is_empty() && !now.contains(&ip);
    stale.then_some(now)
}

/// What the host's own library or its name servers say of a name: what nginx asks when it reads its config.
fn addresses(case: &Case, name: &str) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = case
        .names
        .iter()
        .filter(|sight| sight.name == name && !matches!(sight.by, NameSource::NginxResolver(_)))
        .filter_map(|sight| match &sight.answer {
            Ok(NameAnswer::Addresses(addresses)) => Some(addresses.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// `localhost` has an address of each family wherever it is asked.
pub fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name == "localhost" || name.ends_with(".localhost") || name == "ip6-localhost"
}

/// The route asks this peer by the name `localhost`.
pub fn from_localhost(case: &Case, peer: &PeerSight) -> bool {
    let by_name = |target: &Target| matches!(target, Target::Name { host, .. } if is_localhost(host));
    let written = case.route.as_ref().is_some_and(|route| match &route.target {
        Target::Group { servers, .. } => servers.iter().any(|server| by_name(&server.address)),
        target => by_name(target),
    });
    peer.name.as_deref().map_or(written, is_localhost)
}

/// The last change of this kind just before the first failure.
pub fn just_before(case: &Case, kind: ChangeKind, concerns: impl Fn(&Change) -> bool) -> Option<&Change> {
    let first = case.first().after(SLACK);
    case.world
        .changes
        .iter()
        .filter(|change| change.kind == kind && concerns(change))
        .filter(|change| change.at <= first && first.since(change.at) <= REACH)
        .max_by_key(|change| change.at)
}

/// A config file was edited just before the first failure; the change is about the file, or about the unit it is of.
pub fn edited<'a>(case: &'a Case, file: &Path) -> Option<&'a Change> {
    let file = file.to_string_lossy();
    let names = |change: &Change| change.about == file || change.says.contains(&*file);
    just_before(case, ChangeKind::ConfigEdit, names)
}

/// Such an edit as evidence.
pub fn edit(file: &Path) -> Evidence {
    let file = file.to_string_lossy();
    Evidence::supports(
        Rank::Strong,
        format!("{file} was edited just before the first failure"),
        Source::command(format!("stat {}", quote(&file))),
    )
}

/// nginx read its config anew between the last request that went well and the first that failed.
pub fn reloaded(case: &Case) -> bool {
    let loaded = case.nginx().and_then(|nginx| nginx.loaded_at);
    loaded
        .zip(case.neighbours.last_success)
        .is_some_and(|(loaded, worked)| loaded.after(SLACK) >= worked && loaded <= case.first().after(SLACK))
}

/// Where the address of this peer is written in nginx's config.
pub fn written<'a>(route: &'a Route, peer: &PeerSight) -> &'a Place {
    let Target::Group { servers, .. } = &route.target else {
        return &route.written;
    };
    let names = |server: &&GroupServer| match &server.address {
        Target::Endpoint(endpoint) => *endpoint == peer.endpoint,
        Target::Name { host, .. } => peer.name.as_deref() == Some(host),
        _ => false,
    };
    servers
        .iter()
        .find(names)
        .map_or(&route.written, |server| &server.written)
}

/// What to write there instead: the whole directive where that is what stands there.
pub fn rewritten(route: &Route, peer: &PeerSight, new: &Endpoint) -> String {
    let old = peer.endpoint.to_string();
    if route.pass.contains(&old) {
        format!("`{}`", route.pass.replace(&old, &new.to_string()))
    } else {
        format!("{new} in place of {old}")
    }
}
