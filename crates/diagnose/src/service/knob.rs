//! Limits that several kinds of server have under names of their own.

use super::{restart, set_option};
use crate::{Case, Measure, case::PeerSight, topology::BackendKind};

/// One limit, as each kind of server calls it.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    /// Key of a php-fpm pool.
    pub fpm: &'static str,
    /// Options of gunicorn's command line.
    pub gunicorn: &'static [&'static str],
    /// Key of uWSGI's ini file, and long option of its command line.
    pub uwsgi: &'static str,
    /// php-fpm needs a restart for it, a reload is not enough.
    pub restarts: bool,
}

/// Sets a limit of a peer's backend where it is written and has it read; `None` where that place is not known.
pub fn turn(case: &Case, peer: &PeerSight, knob: &Knob, value: &str) -> Option<Vec<Measure>> {
    let (backend, unit) = (peer.backend.as_ref()?, case.unit_of(peer)?);
    if let Some(pool) = &backend.pool {
        let set = Measure::IniSet {
            file: pool.written.file.clone(),
            section: pool.name.clone(),
            key: knob.fpm.into(),
            value: value.into(),
        };
        let name = unit.name.clone();
        let reload = if knob.restarts {
            restart(unit)
        } else {
            Measure::Reload { unit: name }
        };
        return Some(vec![set, reload]);
    }
    let mut measures = match backend.kind? {
        BackendKind::Gunicorn => set_option(unit, knob.gunicorn, value)?,
        BackendKind::Uwsgi => vec![uwsgi_ini(peer, knob.uwsgi, value)?],
        _ => return None,
    };
    measures.push(restart(unit));
    Some(measures)
}

/// A key of the ini file that says where this uWSGI listens.
pub fn uwsgi_ini(peer: &PeerSight, key: &str, value: &str) -> Option<Measure> {
    let file = &peer.backend.as_ref()?.claim.as_ref()?.written.file;
    file.extension()
        .is_some_and(|it| it == "ini")
        .then(|| Measure::IniSet {
            file: file.clone(),
            section: "uwsgi".into(),
            key: key.into(),
            value: value.into(),
        })
}
