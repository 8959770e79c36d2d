//! More workers for a backend, as many as memory holds.

use crate::{
    Case, Measure, Remedy,
    case::PeerSight,
    queue,
    service::{self, Knob},
    topology::BackendKind,
};

/// How many work at once, as each server calls it.
const WORKERS: Knob = Knob {
    fpm: "pm.max_children",
    gunicorn: &["--workers", "-w"],
    uwsgi: "processes",
    restarts: false,
};

/// More workers, where they would not all wait for the same, and only as many as memory holds. The root stays.
pub fn more(case: &Case, peer: &PeerSight) -> Option<Remedy> {
    let pool = peer.backend.as_ref().and_then(|backend| backend.pool.as_ref());
    let configured = pool.and_then(|pool| pool.max_children);
    let now = configured.or_else(|| u32::try_from(queue::worker_count(case, peer)).ok())?;
    let more = queue::more_workers(case, peer, now)?;
    let measures =
        apache(case, peer, more).or_else(|| service::turn(case, peer, &WORKERS, &more.to_string()))?;
    let title = format!(
        "let {} run {more} workers instead of {now}",
        service::subject(peer)
    );
    Some(Remedy::ask(title, measures).relief())
}

/// A graceful restart is enough up to ServerLimit (mpm_common).
fn apache(case: &Case, peer: &PeerSight, workers: u32) -> Option<Vec<Measure>> {
    let is_apache = peer.backend.as_ref()?.kind? == BackendKind::Apache;
    let unit = case.unit_of(peer).filter(|_| is_apache)?.name.clone();
    let set = Measure::ApacheSet {
        directive: "MaxRequestWorkers".into(),
        value: workers.to_string(),
    };
    Some(vec![set, Measure::Reload { unit }])
}
