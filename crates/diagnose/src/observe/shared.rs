//! Whose requests failed, and whose went well, where sites share an access log that names none of them.
//!
//! The log does not tell, so the sites are asked: the one that fails now is meant, and what went well on the same page
//! went well elsewhere. A 500 that nginx says nothing of is asked for in any case: it may be a bug on a page, or the site.

use super::{
    LOOKS_AT_ONCE_ASKED,
    access_logs::Served,
    attribute::Routes,
    location::path_of,
    parallel,
    question::Question,
    symptoms::{CASES, Draft},
};
use crate::World;
use host::Host;
use std::collections::BTreeSet;

/// Sites asked for one page.
const MOST: usize = 64;
/// Clients that are more than one scanner.
const SEVERAL: usize = 3;
/// One of so many requests of the log is no site's failure.
const TRIFLE: u64 = 100;

/// What a log that sites share leaves open about the failures of a draft.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    /// Routes of other sites that the failures may belong to as well.
    pub rivals: Vec<usize>,
    /// Asked now, the page fails here.
    fails: Option<Page>,
    /// Who met a 500, at most several of them.
    clients: BTreeSet<String>,
    /// Who got what succeeded, at most several of them.
    served: BTreeSet<String>,
    /// Requests for the same paths that succeeded meanwhile, on this site or on another.
    same: u64,
    /// Requests for anything that succeeded since the first failure, on this site or on another.
    any: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Front,
    Other,
}

impl Shared {
    /// One more client met it.
    pub(super) fn met_by(&mut self, client: Option<&str>) {
        note(&mut self.clients, client);
    }

    /// Those of another draft of the same route.
    pub(super) fn join(&mut self, other: Self) {
        self.fails = self.fails.or(other.fails);
        self.clients.extend(other.clients);
    }

    /// Requests of the failing paths that may have succeeded on this site.
    pub(super) fn others_at_most(&self) -> u64 {
        if self.fails.is_some() { 0 } else { self.same }
    }

    /// The front page fails now.
    pub(super) fn front_fails(&self) -> bool {
        self.fails == Some(Page::Front)
    }

    /// So few failures, of a page that one scanner may have found, that they are no failure of the site. Behind a load
    /// balancer every visitor may bear its one address, so who asks is told only where several are seen to ask.
    pub(super) fn is_trifle(&self, failed: u64) -> bool {
        let one = self.clients.len() < SEVERAL && self.served.len() >= SEVERAL;
        one && failed.saturating_mul(TRIFLE) < self.any
    }
}

fn note(clients: &mut BTreeSet<String>, client: Option<&str>) {
    if clients.len() < SEVERAL {
        clients.extend(client.map(str::to_owned));
    }
}

/// What went well before the first failure or after the last, when perhaps nobody asked this site for that page, says
/// nothing of how it goes.
pub(super) fn count(draft: &mut Draft, served: &Served) {
    let at = Some(served.at.secs());
    let first = draft.symptoms.iter().map(|symptom| symptom.first.secs()).min();
    let last = draft.symptoms.iter().map(|symptom| symptom.last.secs()).max();
    let site = draft.route.as_ref().map(|route| &route.site);
    if first > at || !site.is_some_and(|site| served.sites.contains(site)) {
        return;
    }
    let path = served.line.request.as_deref().and_then(path_of);
    let same = draft.paths.iter().any(|failing| Some(failing.as_str()) == path);
    draft.shared.any += 1;
    note(&mut draft.shared.served, served.line.client.as_deref());
    draft.shared.same += u64::from(same && at <= last);
}

/// Asks the sites that failures may belong to, and gives each that fails now its draft.
pub(super) fn settle(host: &dyn Host, world: &World, routes: &Routes<'_>, drafts: &mut Vec<Draft>) {
    let mut found: Vec<Draft> = Vec::new();
    for draft in std::mem::take(drafts) {
        let is_open = draft.internal > 0 || !draft.shared.rivals.is_empty();
        let failing = is_open.then(|| failing(host, world, routes, &draft));
        let failing = failing.unwrap_or_default();
        for (index, page) in &failing {
            let mut theirs = draft.clone();
            theirs.shared.fails = Some(*page);
            if draft.index != Some(*index) {
                theirs.move_to(world, *index);
            }
            keep(&mut found, theirs);
        }
        if failing.is_empty() {
            keep(&mut found, draft);
        }
    }
    found.truncate(CASES);
    *drafts = found;
}

fn keep(drafts: &mut Vec<Draft>, draft: Draft) {
    let twin = drafts
        .iter_mut()
        .find(|old| old.index.is_some() && old.index == draft.index);
    match twin {
        Some(old) => old.join(draft),
        None => drafts.push(draft),
    }
}

/// The routes that fail now on a page that failed, the front page where that did. No more are asked once one fails, or
/// lets us wait.
fn failing(host: &dyn Host, world: &World, routes: &Routes<'_>, draft: &Draft) -> Vec<(usize, Page)> {
    let front = draft.index.and_then(|index| routes.example(index));
    let is_front = |path: &&String| *path == "/" || Some(path.as_str()) == front;
    let (path, page) = match (draft.paths.iter().find(is_front), draft.paths.last()) {
        (Some(path), _) => (path, Page::Front),
        (None, Some(path)) => (path, Page::Other),
        (None, None) => return Vec::new(),
    };
    let sites = draft.index.into_iter().chain(draft.shared.rivals.iter().copied());
    let sites: Vec<usize> = sites.take(MOST).collect();
    for some in sites.chunks(LOOKS_AT_ONCE_ASKED) {
        let answers = parallel::map(some, |index| {
            let question = Question::of_path(world, world.routes.get(*index)?, path);
            question.ok()?.put(host).ok()?.status
        });
        let fails = some.iter().zip(&answers).filter(|(_, it)| **it >= Some(500));
        let fails: Vec<(usize, Page)> = fails.map(|(index, _)| (*index, page)).collect();
        if !fails.is_empty() || answers.contains(&None) {
            return fails;
        }
    }
    Vec::new()
}
