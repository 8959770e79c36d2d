//! nginx's temp directories: whose they are, and what nginx itself makes of that whenever it reads its configuration.

use super::{CannotDraft, check, desk::Desk, files, rights};
use crate::Step;
use host::{Looks, Tool, answer::FileKind};
use std::path::{Path, PathBuf};

/// Kinds of nginx's temp directories: `--http-proxy-temp-path`, `proxy_temp_path`.
const TEMP: &[&str] = &["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
/// Whoever is not named may pass.
const OTHERS_PASS: u32 = 0o001;
/// All that an owner needs of a directory.
const OWNER_ALL: u32 = 0o700;

/// They belong to the account of nginx's workers, down to the directory that these could not use; and those above them
/// let everybody pass.
pub(super) fn set(desk: &mut Desk, nginx: usize, at: &Path) -> Result<(), CannotDraft> {
    let uid = worker(desk, nginx).ok_or_else(|| {
        let why = "the account of nginx's workers is not known";
        CannotDraft::new(why, "ps -o user= -C nginx")
    })?;
    let mut missing = false;
    for dir in temp_dirs(desk, nginx)? {
        for above in dir.ancestors().skip(1) {
            let_pass(desk, above)?;
        }
        missing |= !give(desk, &dir, uid)?;
        let inside = at.ancestors().filter(|it| it.starts_with(&dir) && *it != dir);
        for inside in inside {
            give(desk, inside, uid)?;
        }
    }
    if missing {
        // nginx makes them when it reads its configuration
        desk.nginx.insert(nginx);
    }
    Ok(())
}

/// A reload, a start or a restart of nginx gives these directories to its workers (ngx_create_paths). A plan that has
/// one does it by a step of its own, which can be taken back. Where it can't be seen, nothing is foreseen.
pub(super) fn foresee(desk: &mut Desk) {
    let steps = std::mem::take(&mut desk.steps);
    for nginx in 0..desk.world().nginx.len() {
        if steps.iter().any(|step| is_read_by(desk, nginx, step)) && foresee_one(desk, nginx).is_err() {
            desk.note("whose nginx's temp directories are could not be seen; nginx gives them to its workers whenever it reads its configuration");
        }
    }
    desk.steps
        .retain(|step| steps.iter().all(|other| !is_of_same(step, other)));
    desk.steps.extend(steps);
}

fn foresee_one(desk: &mut Desk, nginx: usize) -> Result<(), CannotDraft> {
    let Some(uid) = worker(desk, nginx) else {
        return Ok(());
    };
    for dir in temp_dirs(desk, nginx)? {
        let before = desk.steps.len();
        if !give(desk, &dir, uid)? {
            let dir = dir.display();
            desk.note(format!(
                "nginx makes {dir} when it reads its configuration; an undo leaves it there"
            ));
        } else if desk.steps.len() > before {
            let dir = dir.display();
            desk.note(format!(
                "nginx gives {dir} to its workers whenever it reads its configuration: here that is a step, so that it can be taken back"
            ));
        }
    }
    Ok(())
}

/// Both set the rights of one directory.
fn is_of_same(step: &Step, other: &Step) -> bool {
    let set = |step: &Step| match step {
        Step::SetAccess { path, .. } => Some(path.clone()),
        _ => None,
    };
    set(step).is_some() && set(step) == set(other)
}

/// The step has that nginx read its configuration.
fn is_read_by(desk: &Desk, nginx: usize, step: &Step) -> bool {
    let nginx = desk.world().nginx.get(nginx);
    let is_its_unit = |unit: &str| nginx.is_some_and(|it| it.unit.as_deref() == Some(unit));
    match step {
        Step::Start { unit, .. } | Step::Restart { unit, .. } => is_its_unit(unit),
        Step::Reload { master, .. } => nginx.is_some_and(|it| it.master == Some(master.pid)),
        _ => false,
    }
}

fn worker(desk: &Desk, nginx: usize) -> Option<u32> {
    let account = desk.world().nginx.get(nginx)?.account.as_ref()?;
    Some(account.identity.uid)
}

/// Gives a directory to that user, all of it, unless it is theirs; whether it is there.
fn give(desk: &mut Desk, dir: &Path, uid: u32) -> Result<bool, CannotDraft> {
    let Some((real, mode, owner)) = directory(desk, dir)? else {
        return Ok(false);
    };
    if owner != uid || mode & OWNER_ALL != OWNER_ALL {
        rights::set(desk, &real, Some(mode | OWNER_ALL), Some(uid), None)?;
    }
    Ok(true)
}

/// Lets everybody pass a directory, and no more.
fn let_pass(desk: &mut Desk, dir: &Path) -> Result<(), CannotDraft> {
    match directory(desk, dir)? {
        Some((real, mode, _)) if mode & OTHERS_PASS == 0 => {
            rights::set(desk, &real, Some(mode | OTHERS_PASS), None, None)
        }
        _ => Ok(()),
    }
}

/// Where it really is, its mode and its owner; `None` where there is no directory.
fn directory(desk: &Desk, dir: &Path) -> Result<Option<(PathBuf, u32, u32)>, CannotDraft> {
    let real = files::real(desk.host, dir)?;
    let stat = desk.host.stat(&real)?.filter(|stat| stat.kind == FileKind::Dir);
    Ok(stat.map(|stat| (real, stat.mode, stat.uid)))
}

/// As configured, else as built (`nginx -V`).
fn temp_dirs(desk: &Desk, nginx: usize) -> Result<Vec<PathBuf>, CannotDraft> {
    let (exe, args) = check::nginx(desk, nginx)?;
    let built = desk.host.run(Tool::NginxVersion { exe: exe.clone() })?;
    let built = String::from_utf8_lossy(&built.stderr.0).into_owned();
    let dump = desk.host.run(Tool::NginxDump { exe, args })?;
    let prefix = option(&built, "prefix").unwrap_or("/usr/share/nginx");
    let (tree, _) = nginx_conf::from_dump(&dump.stdout.0, Path::new(prefix));
    let mut dirs: Vec<PathBuf> = Vec::new();
    for kind in TEMP {
        let set = configured(&tree, &format!("{kind}_temp_path"));
        let default = option(&built, &format!("http-{}-temp-path", kind.replace('_', "-")));
        let chosen = if set.is_empty() {
            default.map(PathBuf::from).into_iter().collect()
        } else {
            set
        };
        dirs.extend(chosen.into_iter().map(|dir| Path::new(prefix).join(dir)));
    }
    dirs.sort();
    dirs.dedup();
    Ok(dirs)
}

fn configured(tree: &nginx_conf::Tree, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open: Vec<&nginx_conf::Directive> =
        tree.files().iter().flat_map(|file| file.directives()).collect();
    while let Some(directive) = open.pop() {
        if directive.is(name) {
            found.extend(directive.arg(0).map(|dir| dir.as_path().to_owned()));
        }
        open.extend(directive.block());
    }
    found
}

/// `--http-proxy-temp-path=/var/lib/nginx/proxy` of the configure arguments.
fn option<'t>(built: &'t str, name: &str) -> Option<&'t str> {
    let option = format!("--{name}=");
    built
        .split_whitespace()
        .find_map(|word| word.trim_matches('\'').strip_prefix(option.as_str()))
}
