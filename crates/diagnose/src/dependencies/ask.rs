//! Asking the dependencies of failing applications: all at the same time, each once, with the application's own login.

use super::{Credential, Dependency, DependencySight, Held, Where, find, servers};
use crate::{
    World,
    case::{Backend, PeerSight},
    observe::parallel,
    topology::Route,
};
use host::{
    Endpoint, Host, Look, Looks, Stance, Unseen,
    answer::{Socket, SocketState},
    consult::{Admission, Consultation, Login},
    looks::{JournalLine, Process, Unit},
    query::Identity,
};

/// Journal lines read of a server that does not answer.
const LINES: u32 = 60;
/// Servers of all failing applications at most.
const MOST: usize = 16;

/// What was seen of the dependencies of failing applications.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// For each application, in order.
    pub(crate) sights: Vec<Vec<DependencySight>>,
    /// Units of the servers.
    pub(crate) units: Vec<Unit>,
    /// What servers that do not answer said of late.
    pub(crate) journal: Vec<JournalLine>,
    /// Settings that could not be read.
    pub(crate) unseen: Vec<Unseen>,
}

/// One server to ask for one application.
struct Wanted {
    application: usize,
    dependency: Dependency,
    stance: Stance,
}

/// The applications behind these routes, and what they depend on.
pub(crate) fn look(host: &dyn Host, world: &World, routes: &[(Option<&Route>, &[PeerSight])]) -> Seen {
    let mut seen = Seen::default();
    seen.sights.resize_with(routes.len(), Vec::new);
    let mut wanted: Vec<Wanted> = Vec::new();
    for (application, (route, peers)) in routes.iter().enumerate() {
        let Some(route) = route else { continue };
        let backends: Vec<&Backend> = peers.iter().filter_map(|peer| peer.backend.as_ref()).collect();
        let (found, unseen) = find::dependencies(host, world, route, &backends);
        seen.unseen.extend(unseen);
        let stance = stance(world, &backends);
        wanted.extend(found.into_iter().map(|dependency| Wanted {
            application,
            dependency,
            stance: stance.clone(),
        }));
    }
    wanted.truncate(MOST);
    let dependencies: Vec<&Dependency> = wanted.iter().map(|it| &it.dependency).collect();
    let (heard, units) = std::thread::scope(|scope| {
        let units = scope.spawn(|| servers::units(host, world, &dependencies));
        let heard = parallel::map(&wanted, |wanted| ask(host, wanted));
        (heard, units.join().unwrap_or_default())
    });
    for (wanted, (endpoint, heard)) in wanted.iter().zip(heard) {
        let sight = DependencySight {
            unit: servers::of(world, &units, wanted.dependency.service, endpoint.as_ref()),
            held: held(world, endpoint.as_ref(), &wanted.stance),
            dependency: wanted.dependency.clone(),
            endpoint,
            heard,
        };
        seen.sights[wanted.application].push(sight);
    }
    seen.journal = journal(host, world, &seen.sights);
    seen.units = units;
    seen
}

/// Its address, and what it says there.
fn ask(host: &dyn Host, wanted: &Wanted) -> (Option<Endpoint>, Look<Consultation>) {
    let endpoint = match &wanted.dependency.at {
        Where::Endpoint(endpoint) => Ok(Some(endpoint.clone())),
        Where::Name { host: name, port } => host
            .system_name(name)
            .map(|ips| ips.first().map(|ip| Endpoint::from((*ip, *port)))),
    };
    match endpoint {
        Err(unseen) => (None, Err(unseen)),
        Ok(None) => {
            let nowhere = Unseen::Unusable {
                what: wanted.dependency.at.to_string(),
                why: "the name has no address".to_owned(),
            };
            (None, Err(nowhere))
        }
        Ok(Some(endpoint)) => {
            let heard = consult(host, wanted, &endpoint);
            (Some(endpoint), heard)
        }
    }
}

/// As the application; a TCP port does not care who calls, so there as ourselves where we may not be it.
fn consult(host: &dyn Host, wanted: &Wanted, endpoint: &Endpoint) -> Look<Consultation> {
    let service = wanted.dependency.service;
    let login = login(&wanted.dependency);
    let heard = host.consult(endpoint, &wanted.stance, service, login.as_ref());
    match heard {
        Err(Unseen::Forbidden { .. }) if wanted.stance.inside.is_none() && endpoint.tcp().is_some() => {
            host.consult(endpoint, &Stance::default(), service, login.as_ref())
        }
        heard => heard,
    }
}

fn login(dependency: &Dependency) -> Option<Login> {
    let secret = match &dependency.credential {
        Credential::None => None,
        Credential::Kept(secret) => Some(secret.clone()),
        Credential::Elsewhere => return None,
    };
    Some(Login {
        user: dependency.user.clone(),
        database: dependency.database.clone(),
        secret,
    })
}

/// The account of the application's workers, from where they are.
fn stance(world: &World, backends: &[&Backend]) -> Stance {
    let pids = backends.iter().flat_map(|backend| &backend.pids);
    let worker = pids
        .filter_map(|pid| world.process(*pid))
        .max_by_key(|process| process.uid);
    let identity = worker.map(|process| Identity {
        uid: process.uid,
        gid: process.gid,
        groups: process.groups.clone(),
    });
    Stance {
        identity: identity.or_else(|| of_unit(world, backends)),
        inside: worker
            .filter(|process| is_elsewhere(world, process))
            .map(|process| process.pid),
    }
}

/// Where nothing runs: the `User=` of its unit.
fn of_unit(world: &World, backends: &[&Backend]) -> Option<Identity> {
    let unit = backends
        .iter()
        .find_map(|backend| world.unit(backend.unit.as_deref()?))?;
    let accounts = world.accounts.as_ref().ok()?;
    Some(accounts.by_name(unit.property("User"))?.identity)
}

fn is_elsewhere(world: &World, process: &Process) -> bool {
    let Some(first) = world.process(1) else {
        return false;
    };
    let other = |a: Option<u64>, b: Option<u64>| matches!((a, b), (Some(a), Some(b)) if a != b);
    other(process.netns, first.netns) || other(process.mntns, first.mntns)
}

fn held(world: &World, endpoint: Option<&Endpoint>, stance: &Stance) -> Held {
    let (Some(at), Some(identity)) = (endpoint.and_then(Endpoint::tcp), &stance.identity) else {
        return Held::default();
    };
    let sockets = world.sockets.as_ref().map_or(&[][..], Vec::as_slice);
    let ours = |socket: &&Socket| socket.remote == Some(at) && socket.uid == identity.uid;
    let count = |state| {
        sockets
            .iter()
            .filter(ours)
            .filter(|socket| socket.state == state)
            .count()
    };
    Held {
        open: count(SocketState::Established),
        asking: count(SocketState::SynSent),
    }
}

/// Of servers of this host that did not let us in.
fn journal(host: &dyn Host, world: &World, sights: &[Vec<DependencySight>]) -> Vec<JournalLine> {
    let quiet = sights.iter().flatten().filter(|sight| {
        let admitted = |heard: &Consultation| heard.admission == Admission::Admitted;
        !sight.heard.as_ref().is_ok_and(admitted)
    });
    let mut units: Vec<String> = quiet
        .filter_map(|sight| Some(sight.unit.as_ref()?.name.clone()))
        .collect();
    units.sort_unstable();
    units.dedup();
    let read = parallel::map(&units, |unit| {
        host.journal(std::slice::from_ref(unit), world.since, LINES)
            .unwrap_or_default()
    });
    read.into_iter().flatten().collect()
}
