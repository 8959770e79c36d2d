//! Mode and owner of what stands at a path, whatever it is: a file, a directory, a socket.

use super::{
    files::access,
    place::{Place, by_fd, cannot, moved},
    run::failed,
};
use crate::{Access, StepFailed};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, Gid, Mode, Uid, chmod, chownat},
    io::Errno,
};
use std::path::{Path, PathBuf};

/// Brings mode and owner from one state to another. They are two calls: a run that was killed between them leaves a mix
/// of both states, which is as good as either.
pub(super) fn set(path: &Path, from: Access, to: Access, roots: &[PathBuf]) -> Result<(), StepFailed> {
    let pinned = Place::find(path, roots)?
        .map(|place| place.pin())
        .transpose()?
        .flatten();
    let Some((pinned, stat)) = pinned else {
        return Err(moved(format!("{} is gone", path.display())));
    };
    let now = access(&stat);
    if now == to {
        return Ok(());
    }
    if !is_between(now, from, to) {
        let Access { mode, uid, gid } = now;
        return Err(moved(format!(
            "{} now has mode {mode:o}, owner {uid}:{gid}",
            path.display()
        )));
    }
    if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_nlink > 1 {
        let why = format!(
            "{} has {} names (hard links): all would change",
            path.display(),
            stat.st_nlink
        );
        return Err(failed(why));
    }
    change(&pinned, to).map_err(|error| cannot(path, error))
}

fn is_between(now: Access, from: Access, to: Access) -> bool {
    let either = |part: fn(Access) -> u32| part(now) == part(from) || part(now) == part(to);
    either(|access| access.mode) && either(|access| access.uid) && either(|access| access.gid)
}

/// A change of owner takes set-id bits away, so the mode comes after it.
fn change(pinned: &OwnedFd, to: Access) -> Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(to.uid), Gid::from_raw(to.gid));
    chownat(pinned, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
    chmod(by_fd(pinned), Mode::from_raw_mode(to.mode))
}
