//! The failing request, asked again through nginx itself.

use super::{
    LOOKS_AT_ONCE_ASKED,
    attribute::{Clue, Routes},
    clock, error_logs, parallel,
    question::{Question, unusable},
    symptoms::Draft,
};
use crate::{
    Case, Options, Symptom, World,
    case::{Asked, MadeBy, PeerSight, Spoken},
};
use host::{Endpoint, Host, Look};

/// The failing request of each draft, ready to be asked again.
pub(super) fn again(world: &World, drafts: &[&Draft]) -> Vec<Look<Question>> {
    let question = |draft: &&Draft| match &draft.route {
        Some(route) => Question::again(world, draft, route),
        None => anything(world, draft.nginx),
    };
    drafts.iter().map(question).collect()
}

/// Asks.
pub(super) fn all(host: &dyn Host, questions: &[Look<Question>]) -> Vec<Look<Asked>> {
    parallel::map(questions, |question| {
        let question = question.as_ref().map_err(Clone::clone)?;
        let asked = question.put(host)?;
        match asked.status {
            Some(..500) if question.lacks_a_secret() => Err(unusable(
                "the failing requests hold a visitor's secret, which is not repeated, and without it the page answers",
            )),
            _ => Ok(asked),
        }
    })
}

/// Visitors of a page that hands out WebSockets ask for one: that is what must go well.
pub(super) fn as_wanted(host: &dyn Host, case: &Case, asked: Look<Asked>) -> Look<Asked> {
    let plain = asked?;
    let fails = plain.status.is_none_or(|status| status >= 500);
    let upgrades = |peer: &PeerSight| peer.speaks.iter().any(Spoken::is_upgraded);
    if !fails || !case.peers.iter().any(upgrades) {
        return Ok(plain);
    }
    let question = Question {
        upgrade: true,
        ..plain.question
    };
    question.put(host)
}

/// Asks an instance anything at all, at the first of its doors.
fn anything(world: &World, nginx: usize) -> Look<Question> {
    let mut routes = world
        .routes
        .iter()
        .filter(|route| route.nginx == nginx && !route.listen.is_empty());
    let route = routes
        .next()
        .ok_or_else(|| unusable("no address that nginx listens on is known"))?;
    Question::of_path(world, route, "/")
}

/// A symptom made by asking just now, where nginx answers for a failing backend.
pub(super) fn symptom(world: &World, asked: &Asked, peer: Option<Endpoint>, target: &str) -> Option<Symptom> {
    let status = asked.status.filter(|status| matches!(status, 500 | 502 | 504))?;
    Some(Symptom {
        id: String::new(),
        complaint: None,
        status: Some(status),
        made_by: MadeBy::Unknown,
        peer,
        request: Some(format!("GET {target} HTTP/1.1")),
        count: 1,
        first: world.now,
        last: world.now,
        times: vec![world.now],
        upstream_seconds: Vec::new(),
        sample: asked.command.clone(),
        log: std::path::PathBuf::new(),
    })
}

/// A route whose every peer fails now, but that no log complains of: asked with a path that goes there.
pub(super) fn silent_failures(
    host: &dyn Host,
    world: &World,
    routes: &Routes<'_>,
    failing: &[(usize, Endpoint)],
) -> Vec<Draft> {
    let failing = &failing[..failing.len().min(LOOKS_AT_ONCE_ASKED)];
    let answers = parallel::map(failing, |(index, _)| {
        let target = routes.example(*index)?;
        let route = world.routes.get(*index)?;
        Some((
            target,
            Question::of_path(world, route, target).ok()?.put(host).ok()?,
        ))
    });
    let drafts = failing.iter().zip(answers).filter_map(|((index, peer), answer)| {
        let (target, asked) = answer?;
        let symptom = symptom(world, &asked, Some(peer.clone()), target)?;
        Some(Draft::of_asking(world, *index, symptom, target))
    });
    drafts.collect()
}

/// What nginx complained of while it answered these drafts' requests.
pub(super) fn explained(host: &dyn Host, world: &World, mut drafts: Vec<Draft>) -> Vec<Draft> {
    let mut instances: Vec<usize> = drafts.iter().map(|draft| draft.nginx).collect();
    instances.sort_unstable();
    instances.dedup();
    let zone = clock::zone(host);
    let fresh = instances
        .iter()
        .flat_map(|nginx| error_logs::fresh(host, world, *nginx, &zone));
    for complaint in fresh.filter(|it| !it.line.complaint.is_echo()) {
        drafts
            .iter_mut()
            .for_each(|draft| draft.take_complaint(&complaint));
    }
    drafts
}

/// The path a person complained of, asked of the site they named or of the first there is.
pub(super) fn told(host: &dyn Host, world: &World, routes: &Routes<'_>, options: &Options) -> Option<Draft> {
    let target = options.ask.as_deref()?;
    let site = options
        .site
        .as_deref()
        .or_else(|| Some(world.routes.first()?.site.as_str()));
    let request = format!("GET {target} HTTP/1.1");
    let index = routes.find(&Clue {
        nginx: 0,
        server: None,
        host: site,
        request: Some(&request),
        peer: None,
        group: None,
        among: &[],
    })?;
    let asked = Question::of_path(world, world.routes.get(index)?, target)
        .ok()?
        .put(host)
        .ok()?;
    let symptom = symptom(world, &asked, None, target)?;
    Some(Draft::of_asking(world, index, symptom, target))
}
