//! How long a backend lets one request take, as far as its unit and its pool tell.

use crate::{Case, case::PeerSight, topology::BackendKind};
use host::looks::Unit;

/// What gunicorn allows a request where nothing is configured.
const GUNICORN_DEFAULT: f64 = 30.0;

/// The backend's own limit, seconds.
pub fn time_limit(case: &Case, peer: &PeerSight) -> Option<f64> {
    let backend = peer.backend.as_ref()?;
    if let Some(pool) = &backend.pool {
        return pool.terminate_timeout;
    }
    let unit = case.unit_of(peer)?;
    let gunicorn = backend.kind == Some(BackendKind::Gunicorn);
    let names = if gunicorn {
        ["--timeout", "-t"]
    } else {
        ["--harakiri", "--http-timeout"]
    };
    option(unit, &names).or(gunicorn.then_some(GUNICORN_DEFAULT))
}

/// `--timeout 5`, `--timeout=5` in the command line of a unit.
fn option(unit: &Unit, names: &[&str]) -> Option<f64> {
    let words: Vec<&str> = unit.exec_start.split([' ', '=']).collect();
    let at = words.iter().position(|word| names.contains(word))?;
    words.get(at + 1)?.parse().ok()
}
