//! The way to peers on other hosts, where it may be what fails.

use super::{Sights, attribute::is_same, parallel, stance::foreign_master, symptoms::Draft};
use crate::{
    World,
    case::{Passage, PeerSight},
    elsewhere::is_ours,
};
use host::{
    Host, Look, Looks, Unseen,
    looks::{Link, RouteTo},
};
use logscan::{Phase, Trouble};
use std::net::IpAddr;

/// Peers looked at, at most.
const MOST: usize = 8;
/// A packet that passes wherever IPv4 or IPv6 does, and two that a tunnel may be too narrow for, bytes.
const SIZES: [u16; 3] = [100, 1280, 1400];
/// What Ethernet carries, bytes; larger links are asked for no more than jumbo frames.
const LARGEST: u32 = 9000;

/// A peer of a case, by its two positions, with what shall be seen of the way there.
struct Wanted {
    case: usize,
    peer: usize,
    to: IpAddr,
    sizes: bool,
}

/// What was seen.
pub(super) struct Seen {
    /// Interfaces of this host.
    links: Look<Vec<Link>>,
    passages: Vec<(usize, usize, Passage)>,
}

/// Looks, where some peer on another host fails. In another network than ours the way is not ours to see.
pub(super) fn look(host: &dyn Host, world: &World, drafts: &[&Draft], sights: &[Sights]) -> Option<Seen> {
    let wanted = wanted(world, drafts, sights);
    if wanted.is_empty() {
        return None;
    }
    let links = host.links();
    let passages = parallel::map(&wanted, |it| (it.case, it.peer, passage(host, it, &links)));
    Some(Seen { links, passages })
}

/// Tells world and peers.
pub(super) fn tell(seen: Option<Seen>, world: &mut World, sights: &mut [Sights]) {
    let Some(seen) = seen else { return };
    world.unseen.extend(seen.links.as_ref().err().cloned());
    world.links = seen.links;
    for (case, peer, passage) in seen.passages {
        let peer = sights.get_mut(case).and_then(|it| it.peers.get_mut(peer));
        if let Some(peer) = peer {
            peer.passage = Some(passage);
        }
    }
}

fn wanted(world: &World, drafts: &[&Draft], sights: &[Sights]) -> Vec<Wanted> {
    let of_case = |(case, (draft, sights)): (usize, (&&Draft, &Sights))| {
        let of_peer = |(index, peer): (usize, &PeerSight)| {
            let to = peer.endpoint.tcp()?.ip();
            let sizes = peer.reachable() == Some(true) && hangs(draft, peer);
            let elsewhere = !is_ours(world, to) && foreign_master(world, draft.nginx).is_none();
            let fails = peer.reachable() == Some(false);
            (peer.in_use && elsewhere && (fails || sizes)).then_some(Wanted {
                case,
                peer: index,
                to,
                sizes,
            })
        };
        sights
            .peers
            .iter()
            .enumerate()
            .filter_map(of_peer)
            .collect::<Vec<_>>()
    };
    let all = drafts.iter().zip(sights).enumerate().flat_map(of_case);
    all.take(MOST).collect()
}

/// It takes connections, and nginx waited in vain for what should come then.
fn hangs(draft: &Draft, peer: &PeerSight) -> bool {
    draft.symptoms.iter().any(|symptom| {
        let later = symptom.complaint.as_ref().is_some_and(|it| {
            let phases = [
                Phase::ReadingHeader,
                Phase::ReadingBody,
                Phase::Handshaking,
                Phase::Sending,
            ];
            it.trouble == Trouble::TimedOut && it.phase.is_some_and(|phase| phases.contains(&phase))
        });
        later
            && symptom
                .peer
                .as_ref()
                .is_none_or(|asked| is_same(asked, &peer.endpoint))
    })
}

fn passage(host: &dyn Host, wanted: &Wanted, links: &Look<Vec<Link>>) -> Passage {
    let route = host.route_to(wanted.to);
    let next_hop = match &route {
        Ok(RouteTo::Via { local: true, .. } | RouteTo::Refused { .. }) | Err(_) => None,
        Ok(RouteTo::Via { gateway, .. }) => Some(gateway.unwrap_or(wanted.to)),
    };
    let not_asked = Err(Unseen::NotRecorded {
        what: "a neighbour".to_owned(),
    });
    let mut passage = Passage {
        neighbour: next_hop.map_or(not_asked, |of| host.neighbour(of)),
        next_hop,
        route,
        sizes: Vec::new(),
    };
    if wanted.sizes {
        passage.sizes = sizes(
            host,
            wanted.to,
            passage.device().and_then(|device| mtu(links, device)),
        );
    }
    passage
}

fn mtu(links: &Look<Vec<Link>>, device: &str) -> Option<u16> {
    let link = links.as_ref().ok()?.iter().find(|link| link.name == device)?;
    u16::try_from(link.mtu.min(LARGEST)).ok()
}

fn sizes(host: &dyn Host, to: IpAddr, mtu: Option<u16>) -> Vec<(u16, Look<host::looks::Ping>)> {
    let Some(mtu) = mtu else { return Vec::new() };
    let sizes: Vec<u16> = SIZES
        .into_iter()
        .filter(|size| *size < mtu)
        .chain([mtu])
        .collect();
    let answers = parallel::map(&sizes, |bytes| host.ping(to, *bytes));
    sizes.into_iter().zip(answers).collect()
}
