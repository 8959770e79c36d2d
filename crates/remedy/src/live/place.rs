//! A name in a directory, reached from `/` without following one symbolic link, so that nobody who owns a directory on
//! the way can lead us elsewhere. By hand and not by `openat2`, which kernels before 5.6 (RHEL 8) do not have.

use super::run::failed;
use crate::{StepFailed, policy::may_change};
use rustix::{
    fd::{AsFd, AsRawFd, OwnedFd},
    fs::{
        AtFlags, FileType, Mode, OFlags, Stat, XattrFlags, fgetxattr, fsetxattr, fstat, fsync, mkdirat, open,
        openat, renameat, unlinkat,
    },
    io::Errno,
};
use std::{
    ffi::{OsStr, OsString},
    path::{Component, Path, PathBuf},
};

/// On directories that we made, so that the undo takes away no others. `trusted` needs root in the first user
/// namespace and works on every usual file system; `user` is for containers.
const MADE: [&str; 2] = ["trusted.why502", "user.why502"];

/// Where a file is or shall be.
pub(super) struct Place {
    /// As the plan names it.
    pub path: PathBuf,
    /// Each directory on the way with the name looked up in it; the last is the file's.
    way: Vec<(OwnedFd, OsString)>,
}

impl Place {
    /// `None` where a directory on the way is missing.
    pub(super) fn find(path: &Path, roots: &[PathBuf]) -> Result<Option<Self>, StepFailed> {
        Self::walk(path, roots, |dir, name| {
            // of a run that was killed while it made the directory
            let _ = unlinkat(dir, temp_name(name), AtFlags::REMOVEDIR);
            Ok(None)
        })
    }

    /// Makes the directories that are missing.
    pub(super) fn make(path: &Path, roots: &[PathBuf]) -> Result<Self, StepFailed> {
        let made = |dir: &OwnedFd, name: &OsStr| make_dir(dir, name).map(Some);
        Self::walk(path, roots, made)?.ok_or_else(|| gone(path))
    }

    fn walk(
        path: &Path,
        roots: &[PathBuf],
        missing: impl Fn(&OwnedFd, &OsStr) -> Result<Option<OwnedFd>, Errno>,
    ) -> Result<Option<Self>, StepFailed> {
        let names = names(path, roots)?;
        let mut dir = open("/", DIRECTORY, Mode::empty()).map_err(|error| cannot(Path::new("/"), error))?;
        let (mut way, mut here) = (Vec::new(), PathBuf::from("/"));
        for (index, name) in names.iter().enumerate() {
            here.push(name);
            if index + 1 == names.len() {
                break;
            }
            let next = match openat(&dir, name, DIRECTORY, Mode::empty()) {
                Ok(next) => Some(next),
                Err(Errno::NOENT) => missing(&dir, name).map_err(|error| cannot(&here, error))?,
                Err(Errno::NOTDIR | Errno::LOOP) => return Err(no_way(&here)),
                Err(error) => return Err(cannot(&here, error)),
            };
            let Some(next) = next else { return Ok(None) };
            way.push((std::mem::replace(&mut dir, next), name.clone()));
        }
        way.extend(names.last().map(|name| (dir, name.clone())));
        let path = path.to_owned();
        Ok(Some(Self { path, way }))
    }

    /// The directory and the name in it.
    pub(super) fn last(&self) -> Result<(&OwnedFd, &OsStr), StepFailed> {
        let last = self.way.last().map(|(dir, name)| (dir, name.as_os_str()));
        last.ok_or_else(|| gone(&self.path))
    }

    /// The thing itself, unopened: opening a pipe or a device is an act, `O_PATH` is not. `None` where nothing is.
    pub(super) fn pin(&self) -> Result<Option<(OwnedFd, Stat)>, StepFailed> {
        let (dir, name) = self.last()?;
        let pinned = match openat(
            dir,
            name,
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        ) {
            Ok(pinned) => pinned,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(cannot(&self.path, error)),
        };
        let stat = fstat(&pinned).map_err(|error| cannot(&self.path, error))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            return Err(no_way(&self.path));
        }
        Ok(Some((pinned, stat)))
    }

    /// Takes away the directories on the way that we made and that are empty, innermost first.
    pub(super) fn remove_made(&self) {
        for pair in self.way.windows(2).rev() {
            let [(parent, name), (dir, _)] = pair else { return };
            if !is_made(dir) || unlinkat(parent, name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
            let _ = fsync(parent);
        }
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// The names on the way, below an allowed root.
fn names(path: &Path, roots: &[PathBuf]) -> Result<Vec<OsString>, StepFailed> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::RootDir => {}
            Component::Normal(name) => names.push(name.to_owned()),
            _ => {
                return Err(failed(format!(
                    "{}: a path with .. is not followed",
                    path.display()
                )));
            }
        }
    }
    if !path.is_absolute() || !may_change(path, roots) {
        return Err(failed(format!(
            "{}: outside of what may be changed",
            path.display()
        )));
    }
    Ok(names)
}

/// A neighbour of this name that is ours: hidden, and with an ending that no include of a server takes up.
pub(super) fn temp_name(name: &OsStr) -> OsString {
    [OsStr::new("."), name, OsStr::new(".why502~")]
        .into_iter()
        .collect()
}

/// Under a name of ours until it is marked: a crash leaves nothing that could be taken for a person's.
fn make_dir(parent: &OwnedFd, name: &OsStr) -> Result<OwnedFd, Errno> {
    let temp = temp_name(name);
    match mkdirat(parent, &temp, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error),
    }
    let dir = openat(parent, &temp, DIRECTORY, Mode::empty())?;
    rustix::fs::fchmod(&dir, Mode::from_raw_mode(0o755))?;
    let mark = |attribute: &&str| fsetxattr(&dir, *attribute, b"made", XattrFlags::empty()).is_ok();
    // where no attribute holds, the empty directory stays after an undo
    let _ = MADE.iter().any(mark);
    renameat(parent, &temp, parent, name)?;
    fsync(parent)?;
    Ok(dir)
}

fn is_made(dir: &OwnedFd) -> bool {
    let mut value = [0; 16];
    MADE.iter()
        .any(|attribute| fgetxattr(dir, *attribute, &mut value).is_ok())
}

/// The same thing through /proc, for calls that do not take an `O_PATH` descriptor.
pub(super) fn by_fd(fd: &impl AsFd) -> PathBuf {
    format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd()).into()
}

pub(super) fn cannot(path: &Path, error: Errno) -> StepFailed {
    let hint = match error {
        Errno::PERM => " (root, and yet: `lsattr` tells if it is immutable)",
        Errno::ROFS => " (`findmnt` tells why)",
        Errno::BUSY => " (a mount of its own, as in a container: change it where it comes from)",
        _ => "",
    };
    let why = std::io::Error::from(error);
    failed(format!("{}: {why}{hint}", path.display()))
}

pub(super) fn moved(found: impl Into<String>) -> StepFailed {
    StepFailed::Moved { found: found.into() }
}

fn gone(path: &Path) -> StepFailed {
    moved(format!("{} is gone", path.display()))
}

fn no_way(path: &Path) -> StepFailed {
    moved(format!("{} is a symbolic link or no directory", path.display()))
}
