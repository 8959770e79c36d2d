//! From a discovered world to cases: what fails, and all that there is to see of it.
//!
//! On a healthy host this reads the logs and connects to each backend once. Everything dearer waits for a symptom.

pub(crate) mod access_logs;
mod ask;
mod attribute;
mod authority;
mod backend_logs;
mod calm;
mod changes;
mod clock;
mod code;
mod down;
mod enrich;
pub(crate) mod error_logs;
mod failures;
mod find;
mod firewall;
mod flows;
mod guards;
mod hidden;
mod kept;
mod kernel_files;
mod limits;
mod load;
mod location;
pub(crate) mod log_files;
mod names;
mod neighbours;
mod own_count;
pub(crate) mod parallel;
mod passage;
pub(crate) mod peers;
mod progress;
mod question;
pub mod room;
mod shared;
mod speaks;
mod stamps;
mod stance;
mod symptoms;
pub(crate) mod targets;
#[cfg(test)]
mod tests;
pub(crate) mod traffic;
mod window;

use crate::{
    Case, Options, World,
    case::{Backend, Flows, NameSight, Neighbours, PeerSight},
    dependencies::{self, DependencySight},
    topology::Route,
    traffic::Demand,
};
pub(crate) use authority::servers_of_zone;
pub(crate) use firewall::{elsewhere as filtered_elsewhere, rule as firewall_rule};
use host::{Host, Unseen};
pub use kept::{Kept, logs};
pub use load::look as look_at_load;
pub use names::everywhere;
pub(crate) use names::system_servers;
use peers::Connects;
pub use question::Question;
pub(crate) use speaks::is_host;
pub(crate) use stance::foreign_master;
use std::sync::Arc;
use symptoms::Draft;

/// Bytes read of the end of each log.
pub(crate) const LOG_BYTES: u64 = 8 << 20;
/// Addresses asked of one host where asking leaves a line in a log.
const LOOKS_AT_ONCE_ASKED: usize = 16;
/// Time between two looks at a backend that may be stuck, milliseconds.
const APART_MS: u64 = 250;
/// The same where the first time left it open.
const LONGER_MS: u64 = 800;

/// One case for each failing route, with the world filled in.
pub fn observe(host: &dyn Host, mut world: World, options: &Options) -> (Arc<World>, Vec<Case>) {
    let failing = find::failing(host, &world, options);
    world.unseen.extend(failing.unseen.iter().cloned());
    let drafts: Vec<&Draft> = failing.drafts.iter().map(|(draft, _)| draft).collect();
    if drafts.is_empty() {
        return (Arc::new(world), Vec::new());
    }
    // nginx may let us wait: all else is looked at meanwhile
    let questions = ask::again(&world, &drafts);
    let (world, mut cases, asked) = std::thread::scope(|scope| {
        let asking = scope.spawn(|| ask::all(host, &questions));
        let sights = look_at(host, &mut world, &drafts, &failing.connects);
        let world = Arc::new(world);
        let mut cases = cases(&world, &failing.drafts, sights);
        peers::watch(host, &world, &mut cases, APART_MS);
        (world, cases, asking.join().unwrap_or_default())
    });
    for (case, asked) in cases.iter_mut().zip(asked) {
        case.unseen.extend(asked.as_ref().err().cloned());
        case.asked = ask::as_wanted(host, case, asked);
        case.mended = calm::good_row(case)
            .or_else(|| calm::ports_are_free(case))
            .or_else(|| case.mended.take())
            .or_else(|| calm::at_last(case));
        tell_status(case);
    }
    number(&mut cases);
    (world, cases)
}

/// All that there is to see of the failing routes and of the host around them.
fn look_at(host: &dyn Host, world: &mut World, drafts: &[&Draft], connects: &Connects) -> Vec<Sights> {
    let mut sights = sights(host, world, drafts, connects);
    let suspect = guards::are_suspect(drafts, connects);
    let (told, firewall, needed, limits, passages, hidden, authority, flows, guards, demands, counts) = {
        let world = &*world;
        let peers = sights.iter().flat_map(|it| &it.peers);
        let backends: Vec<&Backend> = peers.filter_map(|peer| peer.backend.as_ref()).collect();
        std::thread::scope(|scope| {
            let limits = scope.spawn(move || limits::look(host, world, &backends));
            let guards = suspect.then(|| scope.spawn(|| guards::look(host)));
            let firewall = scope.spawn(|| firewall::look(host, world, &sights));
            let needed = scope.spawn(|| dependencies::look(host, world, &applications(drafts, &sights)));
            let passages = scope.spawn(|| passage::look(host, world, drafts, &sights));
            let flows = scope.spawn(|| flows::look(host, world, drafts));
            let counts = scope.spawn(|| own_count::look(host, world, drafts, &sights));
            let demands = scope.spawn(|| traffic::look(host, world, drafts));
            let authority = scope.spawn(|| authority::look(host, world, drafts, &sights));
            let hidden = scope.spawn(|| hidden::look(host, world, drafts, &sights));
            (
                enrich::ask(host, world, drafts, &sights),
                firewall.join().ok().flatten(),
                needed.join().unwrap_or_default(),
                limits.join().unwrap_or_default(),
                passages.join().ok().flatten(),
                hidden.join().ok().flatten(),
                authority.join().unwrap_or_default(),
                flows.join().unwrap_or_default(),
                guards.and_then(|it| it.join().ok()),
                demands.join().unwrap_or_default(),
                counts.join().unwrap_or_default(),
            )
        })
    };
    (world.limits, world.guards) = (limits, guards);
    if let Some(firewall) = firewall {
        for (draft, sights) in drafts.iter().zip(&mut sights) {
            firewall::tell(world, &firewall, draft.nginx, &mut sights.peers);
        }
    }
    for (sights, seen) in sights.iter_mut().zip(demands) {
        sights.demand = seen;
    }
    for (sights, seen) in sights.iter_mut().zip(flows) {
        sights.flows = seen;
    }
    own_count::tell(counts, &mut sights);
    authority::tell(authority, &mut sights);
    hidden::tell(hidden.as_ref(), world, &mut sights);
    passage::tell(passages, world, &mut sights);
    for (sights, seen) in sights.iter_mut().zip(needed.sights) {
        sights.dependencies = seen;
    }
    let (units, journal) = (needed.units, needed.journal);
    world.unseen.extend(needed.unseen);
    enrich::world(host, world, told, drafts, &sights, (units, journal));
    sights
}

/// The failing applications: a route, and who serves it.
fn applications<'a>(drafts: &'a [&Draft], sights: &'a [Sights]) -> Vec<(Option<&'a Route>, &'a [PeerSight])> {
    let all = drafts.iter().zip(sights);
    all.map(|(draft, sights)| (draft.route.as_ref(), sights.peers.as_slice()))
        .collect()
}

/// The dearer looks, for what is torn or unexplained: backends watched for longer. False where there was none to make.
pub fn look_closer(host: &dyn Host, world: &World, cases: &mut [Case]) -> bool {
    peers::watch(host, world, cases, LONGER_MS)
}

/// What was seen for one case.
#[derive(Default)]
struct Sights {
    peers: Vec<PeerSight>,
    dependencies: Vec<DependencySight>,
    names: Vec<NameSight>,
    flows: Flows,
    demand: Option<Demand>,
}

fn sights(host: &dyn Host, world: &World, drafts: &[&Draft], known: &Connects) -> Vec<Sights> {
    let wanted: Vec<names::Wanted<'_>> = drafts
        .iter()
        .map(|draft| names::Wanted::of_draft(draft))
        .collect();
    let names = names::ask(host, world, &wanted, true);
    let targets: Vec<Vec<targets::Asked>> = drafts
        .iter()
        .map(|draft| {
            draft
                .route
                .as_ref()
                .map_or(Vec::new(), |route| targets::of_route(route, &names, &draft.asked))
        })
        .collect();
    let connects = connects(host, world, drafts, &targets, known);
    let all = drafts.iter().zip(targets).zip(wanted);
    all.map(|((draft, targets), wanted)| Sights {
        peers: peers::sights(host, world, draft, &targets, &connects),
        dependencies: Vec::new(),
        names: wanted.among(&names),
        flows: Vec::new(),
        demand: None,
    })
    .collect()
}

/// Connections already made, and those to addresses that only the log or a name has.
fn connects(
    host: &dyn Host,
    world: &World,
    drafts: &[&Draft],
    targets: &[Vec<targets::Asked>],
    known: &Connects,
) -> Connects {
    let wanted = drafts.iter().zip(targets).flat_map(|(draft, targets)| {
        targets
            .iter()
            .map(|target| (draft.nginx, target.endpoint.clone()))
    });
    let mut all = peers::connect(host, world, wanted.filter(|it| !known.contains_key(it)));
    all.extend(known.iter().map(|(key, answer)| (key.clone(), answer.clone())));
    all
}

fn cases(world: &Arc<World>, drafts: &[(Draft, Neighbours)], sights: Vec<Sights>) -> Vec<Case> {
    let not_yet = || Unseen::NotRecorded {
        what: "the failing request, asked again".to_owned(),
    };
    let case = |((draft, neighbours), sights): (&(Draft, Neighbours), Sights)| {
        let mut symptoms = draft.symptoms.clone();
        symptoms.sort_by_key(|symptom| symptom.first);
        let mut case = Case {
            world: world.clone(),
            route: draft.route.clone(),
            symptoms,
            peers: sights.peers,
            dependencies: sights.dependencies,
            asked: Err(not_yet()),
            names: sights.names,
            flows: sights.flows,
            neighbours: neighbours.clone(),
            mended: None,
            demand: sights.demand,
            unseen: Vec::new(),
        };
        case.mended = enrich::mended(&case);
        case
    };
    drafts.iter().zip(sights).map(case).collect()
}

/// Where no log tells what clients got, our own request does.
fn tell_status(case: &mut Case) {
    let silent = case.symptoms.iter().all(|it| it.status.is_none());
    let failed = case.asked.as_ref().ok().and_then(|it| it.status);
    let failed = failed.filter(|status| silent && matches!(status, 500 | 502..=504));
    for symptom in &mut case.symptoms {
        symptom.status = symptom.status.or(failed);
    }
}

/// `s1`, `s2`… over all cases.
fn number(cases: &mut [Case]) {
    let symptoms = cases.iter_mut().flat_map(|case| &mut case.symptoms);
    for (index, symptom) in symptoms.enumerate() {
        symptom.id = format!("s{}", index + 1);
    }
}
