//! Mode and owner of files and directories.

use super::{CannotDraft, check, desk::Desk, files};
use crate::{Access, Step};
use host::{
    Looks, Tool,
    answer::{FileKind, Stat},
};
use std::path::{Path, PathBuf};

/// Bits by which everybody may write.
const OTHERS_WRITE: u32 = 0o002;
/// Kinds of nginx's temp directories: `--http-proxy-temp-path`, `proxy_temp_path`.
const TEMP: &[&str] = &["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

/// Mode, owner and group as asked, and no more.
pub(super) fn set(
    desk: &mut Desk,
    path: &Path,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
) -> Result<(), CannotDraft> {
    let path = files::real(desk.host, path)?;
    let stat = desk.host.stat(&path)?.ok_or_else(|| {
        let why = format!("{} is not there any more", path.display());
        CannotDraft::new(why, "run why502 again")
    })?;
    if stat.has_acl && mode.is_some_and(|mode| mode != stat.mode) {
        let why = format!(
            "{} has an access control list, so its mode does not say who may use it",
            path.display()
        );
        return Err(CannotDraft::new(
            why,
            format!("getfacl {0}; setfacl -m u:USER:rwx {0}", path.display()),
        ));
    }
    let from = staged(desk, &path).unwrap_or(access(&stat));
    let to = Access {
        mode: mode.unwrap_or(from.mode) & 0o7777,
        uid: uid.unwrap_or(from.uid),
        gid: gid.unwrap_or(from.gid),
    };
    if to.mode & OTHERS_WRITE & !from.mode != 0 {
        let why = format!("{} would become writable by everybody", path.display());
        return Err(CannotDraft::new(
            why,
            "give it to a group that nginx and the backend share",
        ));
    }
    if from != to {
        desk.push(Step::SetAccess { path, from, to });
    }
    Ok(())
}

/// nginx's temp directories, and the directory above them, belong to the account of its workers.
pub(super) fn nginx_temp(desk: &mut Desk, nginx: usize) -> Result<(), CannotDraft> {
    let account = desk
        .world()
        .nginx
        .get(nginx)
        .and_then(|nginx| nginx.account.as_ref());
    let uid = account.map(|account| account.identity.uid).ok_or_else(|| {
        CannotDraft::new(
            "the account of nginx's workers is not known",
            "ps -o user= -C nginx",
        )
    })?;
    let mut missing = false;
    for dir in temp_dirs(desk, nginx)? {
        let parent = dir.parent().map(Path::to_owned).unwrap_or_default();
        give(desk, &parent, uid, |mode| mode & 0o001 != 0)?;
        missing |= !give(desk, &dir, uid, |_| false)?;
    }
    if missing {
        // nginx makes them when it reads its configuration
        desk.nginx.insert(nginx);
    }
    Ok(())
}

/// Gives a directory to that user, unless it is theirs or `suffices` as it is; whether it is there.
fn give(desk: &mut Desk, dir: &Path, uid: u32, suffices: impl Fn(u32) -> bool) -> Result<bool, CannotDraft> {
    let real = files::real(desk.host, dir)?;
    let Some(stat) = desk.host.stat(&real)?.filter(|stat| stat.kind == FileKind::Dir) else {
        return Ok(false);
    };
    let theirs = stat.uid == uid && stat.mode & 0o700 == 0o700;
    if !theirs && !suffices(stat.mode) {
        set(desk, &real, Some(stat.mode | 0o700), Some(uid), None)?;
    }
    Ok(true)
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

/// As the steps so far leave it.
fn staged(desk: &Desk, path: &Path) -> Option<Access> {
    desk.steps.iter().rev().find_map(|step| match step {
        Step::SetAccess {
            path: changed, to, ..
        } if changed == path => Some(*to),
        _ => None,
    })
}

fn access(stat: &Stat) -> Access {
    Access {
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
    }
}
