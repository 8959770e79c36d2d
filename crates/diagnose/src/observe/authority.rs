//! What the zone's own servers say of a name whose address fails, and whether the addresses that only they and others
//! know take connections.

use super::{
    Sights, parallel, peers,
    stance::foreign_master,
    symptoms::Draft,
    targets::{self, Asked},
};
use crate::{
    World,
    case::{NameAnswer, NameSight, NameSource, PeerSight},
    elsewhere::is_localhost,
};
use host::{Endpoint, Host, Looks, answer::DnsReply, query::RecordKind};
use std::net::{IpAddr, SocketAddr};

/// Names asked for at most.
const NAMES: usize = 4;
/// Servers of a zone asked at most.
const SERVERS: usize = 2;
/// Zones above a name looked for at most.
const ZONES: usize = 3;

/// What was seen, for each draft.
pub(super) type Seen = Vec<(Vec<NameSight>, Vec<PeerSight>)>;

/// Asks, where an address that nginx has from a name fails.
pub(super) fn look(host: &dyn Host, world: &World, drafts: &[&Draft], sights: &[Sights]) -> Seen {
    let cases: Vec<(&&Draft, &Sights)> = drafts.iter().zip(sights).collect();
    parallel::map(&cases, |(draft, sights)| of_case(host, world, draft, sights))
}

/// Adds it to what was seen before.
pub(super) fn tell(seen: Seen, sights: &mut [Sights]) {
    for (sights, (names, peers)) in sights.iter_mut().zip(seen) {
        sights.names.extend(names);
        sights.peers.extend(peers);
    }
}

fn of_case(
    host: &dyn Host,
    world: &World,
    draft: &Draft,
    sights: &Sights,
) -> (Vec<NameSight>, Vec<PeerSight>) {
    let fails = |peer: &&PeerSight| peer.in_use && peer.reachable() == Some(false);
    let mut names: Vec<&str> = sights
        .peers
        .iter()
        .filter(fails)
        .filter_map(|peer| peer.name.as_deref())
        .collect();
    names.dedup();
    names.retain(|name| name.contains('.') && !is_localhost(name));
    names.truncate(NAMES);
    let netns_of = foreign_master(world, draft.nginx);
    let told: Vec<NameSight> = names
        .iter()
        .flat_map(|name| ask(host, &sights.names, name, netns_of))
        .collect();
    let others = others(draft, &sights.peers, &[&sights.names[..], &told].concat(), &names);
    let connects = peers::connect(
        host,
        world,
        others.iter().map(|it| (draft.nginx, it.endpoint.clone())),
    );
    let peers = peers::sights(host, world, draft, &others, &connects);
    (told, peers)
}

/// The zone's servers, found through a resolver that works, each asked for the name.
fn ask(host: &dyn Host, known: &[NameSight], name: &str, netns_of: Option<u32>) -> Vec<NameSight> {
    let works =
        |sight: &&NameSight| matches!(&sight.answer, Ok(NameAnswer::Addresses(found)) if !found.is_empty());
    let mut resolvers: Vec<(bool, SocketAddr)> = known
        .iter()
        .filter(works)
        .filter_map(|sight| match sight.by {
            NameSource::SystemResolver(at) => Some((false, at)),
            NameSource::NginxResolver(at) => Some((true, at)),
            NameSource::System | NameSource::Authority(_) => None,
        })
        .collect();
    // the system's first: it is nginx's own that is in doubt
    resolvers.sort_unstable();
    let servers = resolvers
        .iter()
        .map(|(_, at)| servers_of_zone(host, *at, name, netns_of))
        .find(|servers| !servers.is_empty())
        .unwrap_or_default();
    parallel::map(&servers, |at| NameSight {
        name: name.to_owned(),
        by: NameSource::Authority(*at),
        answer: host.dns(*at, name, RecordKind::A, netns_of).map(NameAnswer::from),
    })
}

/// Those of the nearest zone above the name that has any.
pub(crate) fn servers_of_zone(
    host: &dyn Host,
    resolver: SocketAddr,
    name: &str,
    netns_of: Option<u32>,
) -> Vec<SocketAddr> {
    let zones = name
        .trim_end_matches('.')
        .match_indices('.')
        .map(|(at, _)| &name[at + 1..]);
    let servers = |zone: &str| match host.dns(resolver, zone, RecordKind::Ns, netns_of) {
        Ok(DnsReply::Answered { rcode: 0, names, .. }) if !names.is_empty() => Some(names),
        _ => None,
    };
    let names = zones.take(ZONES).find_map(servers).unwrap_or_default();
    let first = |server: &str, kind| match host.dns(resolver, server, kind, netns_of) {
        Ok(DnsReply::Answered { addresses, .. }) => addresses.first().map(|ip| SocketAddr::new(*ip, 53)),
        _ => None,
    };
    let address = |server: &String| first(server, RecordKind::A).or_else(|| first(server, RecordKind::Aaaa));
    names.iter().take(SERVERS).filter_map(address).collect()
}

/// Addresses of the names that nginx does not ask.
fn others(draft: &Draft, peers: &[PeerSight], sights: &[NameSight], names: &[&str]) -> Vec<Asked> {
    let Some(route) = &draft.route else {
        return Vec::new();
    };
    let known = |ip: IpAddr| {
        peers
            .iter()
            .any(|peer| peer.endpoint.tcp().is_some_and(|at| at.ip() == ip))
    };
    let mut all: Vec<Asked> = Vec::new();
    for (name, port, _) in targets::names(&route.target) {
        let of_name = sights
            .iter()
            .filter(|sight| sight.name == name && names.contains(&name.as_str()));
        let addresses = of_name.filter_map(|sight| match &sight.answer {
            Ok(NameAnswer::Addresses(found)) => Some(found),
            _ => None,
        });
        for ip in addresses.flatten().filter(|ip| !known(**ip)) {
            let asked = Asked {
                endpoint: Endpoint::from((*ip, port)),
                name: Some(name.clone()),
                in_use: false,
            };
            if !all.contains(&asked) && all.len() < NAMES {
                all.push(asked);
            }
        }
    }
    all
}
