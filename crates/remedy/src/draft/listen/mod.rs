//! A server made to listen on another address, where its own files say so.

mod apache;
mod text;
mod unit_file;

use super::{CannotDraft, desk::Desk, files::ROOT_READABLE, settings, units};
use diagnose::topology::{BackendKind, Claim, ListenAddress};
use std::path::Path;

/// Edits the place that says where the server listens, then has the server read it.
pub(super) fn set(desk: &mut Desk, claim: &Claim, to: &ListenAddress) -> Result<(), CannotDraft> {
    let Some(unit) = claim.unit.as_deref() else {
        let why = format!("what starts the server of {} is not known", claim.address);
        let instead = format!("set {to} at {}, then start the server anew", claim.written);
        return Err(CannotDraft::new(why, instead));
    };
    if claim.address == *to {
        return Ok(());
    }
    let file = &claim.written.file;
    match claim.kind {
        BackendKind::PhpFpm => php_fpm(desk, claim, unit, to),
        BackendKind::Apache => {
            apache::set(desk, claim, to)?;
            begin(desk, unit)
        }
        _ if is_unit_file(file) => unit_file(desk, claim, unit, to),
        _ if is_program(file) => Err(cannot(claim, to, "the program itself says where it listens")),
        _ => {
            in_place(desk, claim, to)?;
            begin(desk, unit)
        }
    }
}

/// A restart is what binds another address; a reload keeps the sockets there are.
fn begin(desk: &mut Desk, unit: &str) -> Result<(), CannotDraft> {
    match desk.unit(unit)?.is_up() {
        true => units::restart(desk, unit, &[]),
        false => units::start(desk, unit),
    }
}

fn cannot(claim: &Claim, to: &ListenAddress, why: &str) -> CannotDraft {
    let restart = claim.unit.as_deref().unwrap_or("the server");
    let instead = format!(
        "change {} to {to} at {}, then: systemctl restart {restart}",
        claim.address, claim.written
    );
    CannotDraft::new(format!("{}: {why}", claim.written), instead)
}

fn php_fpm(desk: &mut Desk, claim: &Claim, unit: &str, to: &ListenAddress) -> Result<(), CannotDraft> {
    let pool = claim.pool.as_deref().unwrap_or("www");
    settings::ini(desk, &claim.written.file, pool, "listen", &bare(to))?;
    begin(desk, unit)
}

/// As php-fpm writes an address: a port alone is that port on every address.
fn bare(to: &ListenAddress) -> String {
    match to {
        ListenAddress::Tcp { ip: None, port } => port.to_string(),
        ListenAddress::Tcp { .. } => to.to_string(),
        ListenAddress::Unix(path) => path.to_string_lossy().into_owned(),
    }
}

/// One line of a config file: `bind = "127.0.0.1:8000"`, `PORT=3000`, `socket = /run/x.sock`.
fn in_place(desk: &mut Desk, claim: &Claim, to: &ListenAddress) -> Result<(), CannotDraft> {
    let found = desk.open(&claim.written.file)?;
    let old = settings::text(&found)?;
    let index = (claim.written.line as usize).saturating_sub(1);
    let mut lines: Vec<String> = old.split_inclusive('\n').map(str::to_owned).collect();
    let line = lines
        .get_mut(index)
        .ok_or_else(|| cannot(claim, to, "the line is not there any more"))?;
    let moved = text::moved(line, &claim.address, to, claim.kind);
    *line = moved.ok_or_else(|| cannot(claim, to, "the address does not stand there as such"))?;
    desk.write(found, lines.concat().into_bytes(), ROOT_READABLE)
}

/// A command line, an environment or a socket of systemd's: changed by a drop-in of ours.
fn unit_file(desk: &mut Desk, claim: &Claim, unit: &str, to: &ListenAddress) -> Result<(), CannotDraft> {
    let found = desk.open(&claim.written.file)?;
    let text = settings::text(&found)?;
    let assignments = unit_file::assignments(text);
    let line = claim.written.line;
    let at = assignments.iter().find(|it| it.lines.contains(&line));
    let at = at.ok_or_else(|| cannot(claim, to, "the line sets nothing any more"))?;
    if at.key == "ListenStream" {
        return Err(by_hand(claim, unit, to));
    }
    let values = unit_file::values(&assignments, at, claim, to);
    let values = values.ok_or_else(|| cannot(claim, to, "the address does not stand there as such"))?;
    settings::unit(desk, unit, "Service", at.key, &values)?;
    begin(desk, unit)
}

/// A socket is bound anew only while its service is down, on the way back as well: an order that no undo derived from
/// single steps keeps.
fn by_hand(claim: &Claim, service: &str, to: &ListenAddress) -> CannotDraft {
    let socket = unit_file::unit_of(&claim.written.file).unwrap_or_default();
    let why = format!(
        "{}: {socket} can be bound anew only while {service} is down",
        claim.written
    );
    let instead = format!(
        "systemctl edit {socket} ([Socket], ListenStream=, ListenStream={to}), then: systemctl stop {service} && systemctl restart {socket}"
    );
    CannotDraft::new(why, instead)
}

fn is_unit_file(file: &Path) -> bool {
    unit_file::unit_of(file).is_some()
}

/// Code of the application rather than configuration.
fn is_program(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let ending = file.extension().and_then(|end| end.to_str()).unwrap_or_default();
    matches!(ending, "js" | "mjs" | "cjs") || (ending == "py" && !name.contains("conf"))
}
