//! Other requests of a failing route, from the access log.

use super::{
    access_logs::{Served, is_failure},
    attribute::{Clue, Routes},
    failures::parse_peer,
    location::path_of,
    shared,
    symptoms::Draft,
};
use crate::{
    Symptom,
    case::{MadeBy, Neighbours},
    hop::is_sent_once,
};
use host::Timestamp;
use std::collections::HashMap;

/// Paths kept of those that succeeded.
const PATHS: usize = 8;
/// More than a reload or a restart makes, whose old and new processes answer side by side for a moment.
const FLAPPING: u32 = 3;
/// Silent 500s that are more than a bug on some page.
const MANY: u64 = 5;

/// The neighbours of every draft, in their order.
pub(super) fn of_drafts(drafts: &mut [Draft], served: &[Served], routes: &Routes<'_>) -> Vec<Neighbours> {
    let mut all: Vec<Neighbours> = drafts
        .iter()
        .map(|draft| Neighbours {
            failing_paths: draft.paths.clone(),
            ..Neighbours::default()
        })
        .collect();
    let by_route: HashMap<usize, usize> = drafts
        .iter()
        .enumerate()
        .filter_map(|(at, draft)| Some((draft.index?, at)))
        .collect();
    let mut turns = vec![Turns::default(); drafts.len()];
    for served in served.iter().filter(|served| !served.own) {
        let draft = route_of(served, routes).and_then(|route| by_route.get(&route));
        match draft {
            Some(at) if is_success(served) => {
                count(&mut all[*at], &drafts[*at], served);
                turns[*at].see(&drafts[*at], served, true);
            }
            Some(at) if is_failure(served.line.status) => turns[*at].see(&drafts[*at], served, false),
            None if is_success(served) => drafts.iter_mut().for_each(|draft| shared::count(draft, served)),
            _ => {}
        }
    }
    for (neighbours, turns) in all.iter_mut().zip(turns) {
        neighbours.interleaved |= turns.back >= FLAPPING;
    }
    all
}

/// When this nginx last answered well, whatever it was asked for.
pub(super) fn last_success(served: &[Served], nginx: usize) -> Option<Timestamp> {
    let well = |it: &&Served| it.nginx == nginx && !it.own && is_success(it);
    served.iter().filter(well).map(|it| it.at).max()
}

/// How often a page that had come back failed again, in the order of the log. Each worker of nginx has a DNS cache and
/// an opinion of its peers of its own, so a fault may flap many times within the second that logs resolve.
#[derive(Clone, Default)]
struct Turns {
    failed: bool,
    well: bool,
    back: u32,
}

impl Turns {
    fn see(&mut self, draft: &Draft, served: &Served, well: bool) {
        let path = served.line.request.as_deref().and_then(path_of);
        if !draft.paths.iter().any(|failing| Some(failing.as_str()) == path) {
            return;
        }
        self.back += u32::from(self.failed && self.well && !well);
        self.well = well;
        self.failed |= !well;
    }
}

/// The backend answered; redirects and errors of the client are answers too.
fn is_success(served: &Served) -> bool {
    let refused = matches!(served.line.status, Some(400 | 408 | 413 | 414 | 429 | 444));
    served.line.status.is_some() && !is_failure(served.line.status) && !refused
}

/// The route a served request went.
fn route_of(served: &Served, routes: &Routes<'_>) -> Option<usize> {
    let line = &served.line;
    let peer = line.upstream_addr.last().and_then(|addr| parse_peer(addr));
    let only = served.sites.first().filter(|_| served.sites.len() == 1);
    routes.find(&Clue {
        nginx: served.nginx,
        server: only.map(String::as_str),
        host: line.host.as_deref(),
        request: line.request.as_deref(),
        peer: peer.as_ref(),
        group: None,
        among: &[],
    })
}

fn count(neighbours: &mut Neighbours, draft: &Draft, served: &Served) {
    let first = draft.symptoms.iter().map(|symptom| symptom.first).min();
    let last = draft.symptoms.iter().map(|symptom| symptom.last).max();
    neighbours.last_success = neighbours.last_success.max(Some(served.at));
    if first.is_none_or(|first| served.at < first) {
        return;
    }
    neighbours.succeeded += 1;
    let Some(path) = served.line.request.as_deref().and_then(path_of) else {
        return;
    };
    let fails = neighbours.failing_paths.iter().any(|failing| failing == path);
    let once = served.line.request.as_deref().is_some_and(is_sent_once);
    neighbours.sent_once += u64::from(fails && once);
    // logs are whole seconds: within the second of the first or the last failure the order is not known
    let between =
        |first: Timestamp, last: Timestamp| first.secs() < served.at.secs() && served.at.secs() < last.secs();
    neighbours.interleaved |= fails && first.zip(last).is_some_and(|(first, last)| between(first, last));
    neighbours.in_a_row += u64::from(fails && last.is_some_and(|last| served.at.secs() > last.secs()));
    let good = &mut neighbours.good_paths;
    if good.len() < PATHS && !good.iter().any(|known| known == path) {
        good.push(path.to_owned());
    }
}

/// Pages with a bug answer 500 on every busy site. It is a failure of the route where it is most of what the route
/// answers, or its front page; else those symptoms are left out.
pub(super) fn prune(draft: &mut Draft, neighbours: &Neighbours) {
    let explained = draft
        .symptoms
        .iter()
        .any(|it| is_internal(it) && it.complaint.is_some());
    let enough = if explained { 1 } else { MANY };
    let well = neighbours.succeeded + draft.shared.others_at_most();
    let most = draft.internal >= enough && draft.internal >= well && !draft.shared.is_trifle(draft.internal);
    if most || draft.shared.front_fails() {
        return;
    }
    let kept = std::mem::take(&mut draft.symptoms)
        .into_iter()
        .zip(std::mem::take(&mut draft.hosts));
    (draft.symptoms, draft.hosts) = kept.filter(|(symptom, _)| !is_internal(symptom)).unzip();
}

fn is_internal(symptom: &Symptom) -> bool {
    symptom.status == Some(500) && symptom.made_by == MadeBy::Upstream
}
