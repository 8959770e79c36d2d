//! Which test a daemon has for its own configuration.

use super::{CannotDraft, desk::Desk};
use crate::{Step, Test};
use diagnose::discover::{command_of_process, command_of_unit};
use host::looks::Unit;
use std::path::{Path, PathBuf};

/// The test of the daemon that a unit runs; `None` where it has none.
pub(super) fn of_unit(unit: &Unit) -> Option<Test> {
    let exe = unit
        .exec_start
        .split_whitespace()
        .next()?
        .trim_start_matches(['-', '@', '+', '!', ':']);
    let name = Path::new(exe).file_name()?.to_str()?;
    if let Some((exe, args)) = command_of_unit(&unit.exec_start) {
        return Some(Test::Nginx { exe, args });
    }
    match name {
        name if name.starts_with("php-fpm") => Some(Test::PhpFpm { exe: exe.into() }),
        "apache2" | "apache2ctl" | "apachectl" | "httpd" => Some(Test::Apache),
        _ => None,
    }
}

/// Adds that test.
pub(super) fn push(desk: &mut Desk, unit: &Unit) {
    if let Some(test) = of_unit(unit) {
        desk.push(Step::Test { test });
    }
}

/// Binary and arguments of an nginx: of the running master, else of its unit.
pub(super) fn nginx(desk: &Desk, index: usize) -> Result<(PathBuf, Vec<String>), CannotDraft> {
    let nginx = desk.world().nginx.get(index);
    let master = nginx.and_then(|nginx| nginx.master);
    let running = match master {
        Some(pid) => command_of_process(desk.process(pid)?),
        None => None,
    };
    let found = match (running, nginx.and_then(|nginx| nginx.unit.as_deref())) {
        (None, Some(unit)) => command_of_unit(&desk.unit(unit)?.exec_start),
        (running, _) => running,
    };
    found.ok_or_else(|| {
        let why = "how this nginx is started can't be told";
        CannotDraft::new(
            why,
            "edit its configuration, then run nginx -t and nginx -s reload as it is run",
        )
    })
}
