//! Failures -> one draft of a case for each failing route, its symptoms grouped by kind.

use super::{
    attribute::{Clue, Routes, endpoint_of, of_log},
    error_logs::Complained,
    failures::Failure,
    location::path_of,
    shared::Shared,
};
use crate::{Symptom, World, case::MadeBy, topology::Route};
use host::{Endpoint, Timestamp};
use logscan::{Trouble, complaint::PeerAddress};
use std::collections::{BTreeMap, HashMap};

/// Cases at most: a report of more helps nobody.
pub(super) const CASES: usize = 50;
/// Kinds of symptom at most, of all cases.
const KINDS: usize = 200;
/// Times, and upstream times, kept of one kind.
const SECONDS: usize = 200;
/// Distinct failing paths kept of one route.
const PATHS: usize = 16;

/// A case in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Draft {
    /// The instance.
    pub nginx: usize,
    /// Index into the world's routes.
    pub index: Option<usize>,
    /// The route, made up from the log where the config has none.
    pub route: Option<Route>,
    /// Its symptoms.
    pub symptoms: Vec<Symptom>,
    /// For each symptom the host its sample asked for.
    pub hosts: Vec<Option<String>>,
    /// Distinct paths that failed.
    pub paths: Vec<String>,
    /// Addresses that the log says were asked.
    pub asked: Vec<Endpoint>,
    /// How many requests failed with 500.
    pub internal: u64,
    /// What a log that sites share leaves open.
    pub shared: Shared,
}

/// What failures are about, for grouping: routes, or what only the log knows.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum About {
    Route(usize),
    Peer(usize, Option<String>, Endpoint),
    Instance(usize),
}

/// Groups them.
pub(super) fn group(world: &World, routes: &Routes<'_>, failures: &[Failure]) -> Vec<Draft> {
    let mut groups = Groups::default();
    for failure in failures {
        let (about, route) = about(world, routes, failure);
        let Some(about) = about else { continue };
        groups.add(about.clone(), route, failure);
        if let (About::Route(index), Some(draft)) = (&about, groups.drafts.get_mut(&about))
            && draft.is_new()
        {
            draft.shared.rivals = routes.rivals(&clue(failure), *index);
        }
    }
    groups.finish()
}

fn about(world: &World, routes: &Routes<'_>, failure: &Failure) -> (Option<About>, Option<Route>) {
    let clue = clue(failure);
    let unresolved = || {
        failure
            .complaint
            .as_ref()
            .is_some_and(|it| is_of_name(&it.trouble))
    };
    let refused = || {
        failure
            .complaint
            .as_ref()
            .is_some_and(|it| matches!(it.trouble, Trouble::Limited(_)))
    };
    let found = routes.find(&clue);
    let found = found.or_else(|| routes.resolving(&clue).filter(|_| unresolved()));
    if let Some(index) = found.or_else(|| routes.refusing(&clue).filter(|_| refused())) {
        return (Some(About::Route(index)), world.routes.get(index).cloned());
    }
    let said = failure
        .complaint
        .as_ref()
        .and_then(|complaint| complaint.peer.as_ref());
    let scheme = said.map_or("", |peer| peer.scheme.as_str());
    match (&failure.peer, of_log(&clue, scheme)) {
        (Some(peer), Some(route)) => {
            let server = failure.server.clone();
            (
                Some(About::Peer(failure.nginx, server, peer.clone())),
                Some(route),
            )
        }
        _ if is_of_nginx(failure) => (Some(About::Instance(failure.nginx)), None),
        _ => (None, None),
    }
}

fn is_of_name(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::NoResolver(_) | Trouble::Unresolved { .. })
}

fn clue(failure: &Failure) -> Clue<'_> {
    let group = failure
        .complaint
        .as_ref()
        .and_then(|it| match &it.peer.as_ref()?.address {
            PeerAddress::Name(name) if it.is_echo() => Some(name.as_str()),
            _ => None,
        });
    Clue {
        nginx: failure.nginx,
        server: failure.server.as_deref(),
        host: failure.host.as_deref(),
        request: failure.request.as_deref(),
        peer: failure.peer.as_ref(),
        group,
        among: &failure.among,
    }
}

/// A complaint of nginx about itself, that fails clients of every site.
fn is_of_nginx(failure: &Failure) -> bool {
    let trouble = failure.complaint.as_ref().map(|complaint| &complaint.trouble);
    matches!(
        trouble,
        Some(Trouble::WorkerConnections(_) | Trouble::TooManyFiles | Trouble::TempFile { .. })
    )
}

#[derive(Default)]
struct Groups {
    drafts: BTreeMap<About, Draft>,
    places: HashMap<(About, String), usize>,
    /// The last kind seen of each route: what an echo repeats.
    last: HashMap<About, usize>,
    /// The last harmless complaint of each route.
    harmless: HashMap<About, Failure>,
    kinds: usize,
}

impl Groups {
    fn add(&mut self, about: About, route: Option<Route>, failure: &Failure) {
        if failure.harmless {
            if failure.complaint.as_ref().is_some_and(|it| !it.is_echo()) {
                self.harmless.insert(about, failure.clone());
            }
            return;
        }
        let is_echo = failure
            .complaint
            .as_ref()
            .is_some_and(logscan::Complaint::is_echo);
        let place = match self.last.get(&about) {
            Some(place) if is_echo => Some(*place),
            _ => self.place(&about, route, failure, is_echo),
        };
        let Some(place) = place else { return };
        if let Some(draft) = self.drafts.get_mut(&about) {
            draft.count(place, failure);
            self.last.insert(about, place);
        }
    }

    /// The symptom of this kind, a new one if need be and there is room.
    fn place(
        &mut self,
        about: &About,
        route: Option<Route>,
        failure: &Failure,
        is_echo: bool,
    ) -> Option<usize> {
        // an echo with nothing before it repeats a complaint that did not yet cost a request
        let told = self
            .harmless
            .get(about)
            .filter(|_| is_echo)
            .unwrap_or(failure)
            .clone();
        let kind = (about.clone(), kind(&told));
        if let Some(place) = self.places.get(&kind) {
            return Some(*place);
        }
        let room = self.drafts.contains_key(about) || self.drafts.len() < CASES;
        if !room || self.kinds >= KINDS {
            return None;
        }
        self.kinds += 1;
        let draft = self.drafts.entry(about.clone()).or_insert_with(|| Draft {
            nginx: failure.nginx,
            index: if let About::Route(index) = about {
                Some(*index)
            } else {
                None
            },
            route,
            ..Draft::default()
        });
        let place = draft.open(&told, failure.at);
        self.places.insert(kind, place);
        Some(place)
    }

    fn finish(self) -> Vec<Draft> {
        self.drafts.into_values().collect()
    }
}

/// What makes two failures the same: the trouble without what varies, the peer, and who answered what.
fn kind(failure: &Failure) -> String {
    let peer = failure.peer.as_ref().map(ToString::to_string).unwrap_or_default();
    match &failure.complaint {
        Some(complaint) => {
            let trouble = format!("{:?}", complaint.trouble);
            let plain: String = trouble
                .chars()
                .filter(|c| !c.is_ascii_digit() || varies_not(&complaint.trouble))
                .take(96)
                .collect();
            format!("{plain} {:?} {peer}", complaint.phase)
        }
        None => format!("{:?} {:?} {peer}", failure.status, failure.made_by),
    }
}

/// The numbers of this trouble are errnos and codes, not lines and process ids.
fn varies_not(trouble: &Trouble) -> bool {
    !matches!(
        trouble,
        Trouble::BackendStderr(_)
            | Trouble::InvalidResponse(_)
            | Trouble::NotFastCgi(_)
            | Trouble::NotHttp2(_)
            | Trouble::TempFile { .. }
            | Trouble::Limited(_)
    )
}

impl Draft {
    /// One failure so far.
    fn is_new(&self) -> bool {
        self.symptoms.iter().map(|symptom| symptom.count).sum::<u64>() <= 1
    }

    /// The failures belong to this route after all.
    pub(super) fn move_to(&mut self, world: &World, index: usize) {
        self.index = Some(index);
        self.route = world.routes.get(index).cloned();
        self.shared.rivals.clear();
    }

    fn open(&mut self, failure: &Failure, at: Timestamp) -> usize {
        self.symptoms.push(Symptom {
            id: String::new(),
            complaint: failure.complaint.clone(),
            status: None,
            made_by: failure.made_by,
            peer: failure.peer.clone(),
            request: failure.request.clone(),
            count: 0,
            first: at,
            last: at,
            times: Vec::new(),
            upstream_seconds: Vec::new(),
            sample: failure.sample.clone(),
            log: failure.log.clone(),
        });
        self.hosts.push(failure.host.clone());
        self.symptoms.len() - 1
    }

    fn count(&mut self, place: usize, failure: &Failure) {
        let Some(symptom) = self.symptoms.get_mut(place) else {
            return;
        };
        symptom.count += 1;
        symptom.last = symptom.last.max(failure.at);
        if symptom.times.len() < SECONDS && symptom.times.last() != Some(&failure.at) {
            symptom.times.push(failure.at);
        }
        symptom.status = failure.status.or(symptom.status);
        if symptom.made_by == MadeBy::Unknown {
            symptom.made_by = failure.made_by;
        }
        // a request that we can ask again is the better sample
        if !symptom.request.as_deref().is_some_and(is_safe) && failure.request.as_deref().is_some_and(is_safe)
        {
            symptom.request.clone_from(&failure.request);
            self.hosts[place].clone_from(&failure.host);
        }
        if symptom.upstream_seconds.len() < SECONDS {
            symptom.upstream_seconds.extend(failure.seconds);
        }
        if failure.status == Some(500) && !is_of_nginx(failure) {
            self.internal += 1;
            self.shared.met_by(failure.client.as_deref());
        }
        if let Some(path) = failure.request.as_deref().and_then(path_of)
            && self.paths.len() < PATHS
            && !self.paths.iter().any(|known| known == path)
        {
            self.paths.push(path.to_owned());
        }
        if let Some(peer) = &failure.peer
            && self.asked.len() < PATHS
            && !self.asked.contains(peer)
        {
            self.asked.push(peer.clone());
        }
    }
}

/// A request that changes nothing when made again.
pub(super) fn is_safe(request: &str) -> bool {
    request.starts_with("GET /") || request.starts_with("HEAD /")
}

impl Draft {
    /// The complaint is about the request we made of this route.
    pub(super) fn take_complaint(&mut self, complaint: &Complained) {
        let (Some(route), Some(symptom)) = (&self.route, self.symptoms.first_mut()) else {
            return;
        };
        let line = &complaint.line;
        let server = line.server.as_deref();
        let same_site = route
            .names
            .iter()
            .chain([&route.site])
            .any(|name| Some(name.as_str()) == server);
        if complaint.nginx != self.nginx || !same_site || line.request != symptom.request {
            return;
        }
        let peer = line.complaint.peer.as_ref().and_then(endpoint_of);
        symptom.peer = peer.or(symptom.peer.take());
        symptom.complaint = Some(line.complaint.clone());
        symptom.made_by = MadeBy::Nginx;
        symptom.sample.clone_from(&complaint.sample);
        symptom.log.clone_from(&complaint.log);
    }

    /// Takes over the symptoms of another draft of the same route.
    pub(super) fn join(&mut self, other: Self) {
        self.symptoms.extend(other.symptoms);
        self.hosts.extend(other.hosts);
        self.paths.extend(other.paths);
        self.internal += other.internal;
        self.shared.join(other.shared);
    }

    /// A draft whose only symptom is what we were answered just now.
    pub(super) fn of_asking(world: &World, index: usize, symptom: Symptom, path: &str) -> Self {
        Self {
            nginx: world.routes.get(index).map_or(0, |route| route.nginx),
            index: Some(index),
            route: world.routes.get(index).cloned(),
            symptoms: vec![symptom],
            hosts: vec![None],
            paths: vec![path.split('?').next().unwrap_or(path).to_owned()],
            ..Self::default()
        }
    }
}
