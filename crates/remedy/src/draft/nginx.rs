//! nginx: edits of its files, its test, its reload.

use super::{
    CannotDraft, check,
    desk::{Desk, Found, id},
    files::ROOT_READABLE,
    nginx_edit, units,
};
use crate::{Step, Test};
use diagnose::topology::{Place, Route, Target};
use host::Looks;
use std::path::{Path, PathBuf};

/// Another word in place of one.
pub(super) fn replace(desk: &mut Desk, at: &Place, old: &str, new: &str) -> Result<(), CannotDraft> {
    edit(desk, at, &|bytes, line| {
        nginx_edit::replace(&at.file, bytes, (line, at.column), old, new)
    })
}

/// A directive beside another.
pub(super) fn set(desk: &mut Desk, beside: &Place, name: &str, value: &str) -> Result<(), CannotDraft> {
    edit(desk, beside, &|bytes, line| {
        nginx_edit::set(&beside.file, bytes, (line, beside.column), name, value)
    })
}

/// nginx is tested and reloaded once, after everything else.
pub(super) fn reload_later(desk: &mut Desk, nginx: usize) -> Result<(), CannotDraft> {
    desk.nginx.insert(nginx);
    Ok(())
}

/// What edits and [`reload_later`] left to be done.
pub(super) fn settle(desk: &mut Desk) -> Result<(), CannotDraft> {
    for index in std::mem::take(&mut desk.nginx) {
        let (exe, args) = check::nginx(desk, index)?;
        let nginx = desk.world().nginx.get(index).cloned();
        let unit = nginx.as_ref().and_then(|nginx| nginx.unit.clone());
        let master = nginx.and_then(|nginx| nginx.master);
        if master.is_none() && unit.as_deref().is_some_and(|unit| is_started(desk, unit)) {
            continue;
        }
        desk.push(Step::Test {
            test: Test::Nginx { exe, args },
        });
        match (master, unit) {
            (Some(pid), unit) => {
                let master = id(desk.process(pid)?);
                desk.push(Step::Reload { unit, master });
            }
            (None, Some(unit)) => units::start(desk, &unit)?,
            (None, None) => {}
        }
    }
    Ok(())
}

fn is_started(desk: &Desk, name: &str) -> bool {
    let starts =
        |step: &Step| matches!(step, Step::Start { unit, .. } | Step::Restart { unit, .. } if unit == name);
    desk.steps.iter().any(starts)
}

/// From the bytes of a file and the line that is meant to the edited bytes.
type Edit<'e> = &'e dyn Fn(&[u8], u32) -> Result<Vec<u8>, String>;

fn edit(desk: &mut Desk, at: &Place, edit: Edit) -> Result<(), CannotDraft> {
    let nginx = instance_of(desk, at);
    let file = desk.open(&at.file)?;
    same_file(desk, nginx, &at.file)?;
    tell_who_else(desk, at)?;
    let edited = edit(file.bytes(), desk.line_now(&file.path, at.line)).map_err(|why| {
        let instead = format!("look at {at} and change it by hand, then: nginx -t && nginx -s reload");
        CannotDraft::new(why, instead)
    })?;
    desk.new_lines.extend(new_lines(&file, &edited));
    desk.write(file, edited, ROOT_READABLE)?;
    desk.nginx.insert(nginx);
    Ok(())
}

/// Where an edit put new lines, and how many.
fn new_lines(file: &Found, edited: &[u8]) -> Option<(PathBuf, u32, u32)> {
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    let count = lines(edited)
        .checked_sub(lines(file.bytes()))
        .filter(|count| *count > 0)?;
    let common = file
        .bytes()
        .iter()
        .zip(edited)
        .take_while(|(old, new)| old == new)
        .count();
    let above = lines(edited.get(..common)?);
    Some((file.path.clone(), above as u32 + 1, count as u32))
}

/// The nginx that reads this file.
fn instance_of(desk: &Desk, at: &Place) -> usize {
    let routes = &desk.world().routes;
    let exact = routes.iter().find(|route| stands_at(route, at));
    let near = || routes.iter().find(|route| route.written.file == at.file);
    exact.or_else(near).map_or(0, |route| route.nginx)
}

/// A container's nginx has files of its own under the same names.
fn same_file(desk: &Desk, nginx: usize, path: &Path) -> Result<(), CannotDraft> {
    let Some(master) = desk.world().nginx.get(nginx).and_then(|nginx| nginx.master) else {
        return Ok(());
    };
    let Ok(theirs) = desk.host.stat_seen_by(path, Some(master)) else {
        return Ok(());
    };
    let ours = desk.host.stat(path)?;
    if ours.map(|stat| stat.inode) == theirs.map(|stat| stat.inode) {
        return Ok(());
    }
    let why = format!(
        "nginx (process {master}) runs in a container and reads another {}",
        path.display()
    );
    Err(CannotDraft::new(
        why,
        "change the container's configuration where it is made, then restart the container",
    ))
}

/// One line may serve several sites, by an `include` or a shared `upstream`. That it asks the same for all is told;
/// that it asks something else for one of them is no edit for a machine.
fn tell_who_else(desk: &mut Desk, at: &Place) -> Result<(), CannotDraft> {
    let routes: Vec<&Route> = desk
        .world()
        .routes
        .iter()
        .filter(|route| stands_at(route, at))
        .collect();
    let Some(first) = routes.first() else {
        return Ok(());
    };
    if let Some(other) = routes.iter().find(|route| route.target != first.target) {
        let why = format!(
            "{at} is included by {} and by {}, and asks something else for each",
            first.site, other.site
        );
        return Err(CannotDraft::new(why, "give the failing site a line of its own"));
    }
    let failing = |site: &str| desk.diagnosis.verdict.symptoms.iter().any(|it| it.site == site);
    let mut others: Vec<&str> = routes
        .iter()
        .map(|route| route.site.as_str())
        .filter(|site| !failing(site))
        .collect();
    others.sort_unstable();
    others.dedup();
    if !others.is_empty() && routes.iter().any(|route| failing(&route.site)) {
        let others = others.join(", ");
        desk.note(format!("{at} serves these sites too: {others}"));
    }
    Ok(())
}

/// The route's address is written there, or that of a server of its group.
fn stands_at(route: &Route, at: &Place) -> bool {
    let same = |place: &Place| (&place.file, place.line) == (&at.file, at.line);
    let in_group = match &route.target {
        Target::Group { servers, .. } => servers.iter().any(|server| same(&server.written)),
        _ => false,
    };
    same(&route.written) || in_group
}
