//! A file's content, whole or not at all, and only over what the plan found there.
//!
//! The new content is made beside the file under a name of ours, with everything the old one had, and then changes
//! places with it in one instant. What came out is compared once more: if an editor was faster, it goes back.

use super::{
    attributes,
    place::{Place, by_fd, cannot, moved, temp_name},
    run::failed,
};
use crate::{Access, Content, StepFailed};
use rustix::{
    fd::OwnedFd,
    fs::{
        AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid, fchmod, fchown, fsync, linkat, open,
        openat, renameat, renameat_with, statat, unlinkat,
    },
    io::Errno,
};
use std::{
    fs::File,
    io::{Read, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Most bytes of a file that we would change.
const MAX_BYTES: u64 = 16 << 20;

/// As found.
struct Seen {
    file: OwnedFd,
    stat: Stat,
    content: Content,
}

/// Brings a file from one content to another; `None` is absence.
pub(super) fn write(
    path: &Path,
    from: Option<&Content>,
    to: Option<&Content>,
    roots: &[PathBuf],
) -> Result<(), StepFailed> {
    let place = match Place::find(path, roots)? {
        Some(place) => place,
        None if to.is_none() => return Ok(()),
        None if from.is_none() => Place::make(path, roots)?,
        None => return Err(moved(format!("{} is gone", path.display()))),
    };
    remove_leftover(&place)?;
    let seen = see(&place)?;
    let now = seen.as_ref().map(|seen| &seen.content);
    match (&seen, to) {
        _ if agree(now, to) => {}
        _ if !agree(now, from) => return Err(differs(path, now)),
        (None, Some(to)) => create(&place, to)?,
        (Some(seen), Some(to)) => replace(&place, seen, to)?,
        (Some(seen), None) => delete(&place, seen)?,
        (None, None) => {}
    }
    if to.is_none() {
        place.remove_made();
    }
    Ok(())
}

/// Whether the file is what `write` expects, or what it leaves.
pub(super) fn check(
    path: &Path,
    from: Option<&Content>,
    to: Option<&Content>,
    roots: &[PathBuf],
) -> Result<(), StepFailed> {
    let seen = Place::find(path, roots)?
        .map(|place| see(&place))
        .transpose()?
        .flatten();
    let now = seen.as_ref().map(|seen| &seen.content);
    match agree(now, to) || agree(now, from) {
        true => Ok(()),
        false => Err(differs(path, now)),
    }
}

/// What a run that was killed left under our name.
fn remove_leftover(place: &Place) -> Result<(), StepFailed> {
    let (dir, name) = place.last()?;
    match unlinkat(dir, temp_name(name), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(cannot(&place.path.with_file_name(temp_name(name)), error)),
    }
}

fn see(place: &Place) -> Result<Option<Seen>, StepFailed> {
    let Some((pinned, stat)) = place.pin()? else {
        return Ok(None);
    };
    let path = &place.path;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(moved(format!("{} is no regular file", path.display())));
    }
    if has_other_names(place, &stat)? {
        let why = "it has other names (hard links), which a change would part";
        return Err(failed(format!("{}: {why}", path.display())));
    }
    let file = open(by_fd(&pinned), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let file = file.map_err(|error| cannot(path, error))?;
    let content = Content {
        bytes: bytes(&file, path)?,
        access: access(&stat),
        attributes: attributes::of(&file).map_err(|error| cannot(path, error))?,
    };
    Ok(Some(Seen { file, stat, content }))
}

/// Hard links, but for the one that a run that was killed left while it made the file.
fn has_other_names(place: &Place, stat: &Stat) -> Result<bool, StepFailed> {
    let (dir, name) = place.last()?;
    let left = statat(dir, temp_name(name), AtFlags::SYMLINK_NOFOLLOW);
    let ours = left.is_ok_and(|left| (left.st_dev, left.st_ino) == (stat.st_dev, stat.st_ino));
    Ok(stat.st_nlink > if ours { 2 } else { 1 })
}

/// All of a file, from its beginning whatever was read before.
fn bytes(file: &OwnedFd, path: &Path) -> Result<Vec<u8>, StepFailed> {
    let unreadable = |error: std::io::Error| failed(format!("{}: {error}", path.display()));
    let file = File::from(file.try_clone().map_err(unreadable)?);
    let mut bytes = Vec::new();
    Positioned(&file, 0)
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(failed(format!("{}: more than {MAX_BYTES} bytes", path.display())));
    }
    Ok(bytes)
}

/// Reads without moving the descriptor's own position.
struct Positioned<'a>(&'a File, u64);

impl Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read_at(buffer, self.1)?;
        self.1 += read as u64;
        Ok(read)
    }
}

pub(super) fn access(stat: &Stat) -> Access {
    Access {
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
    }
}

/// Attributes that the plan does not name may be anything: they are kept.
fn agree(now: Option<&Content>, wanted: Option<&Content>) -> bool {
    match (now, wanted) {
        (None, None) => true,
        (Some(now), Some(wanted)) => {
            let has = |(name, value)| now.attributes.get(name) == Some(value);
            now.bytes == wanted.bytes && now.access == wanted.access && wanted.attributes.iter().all(has)
        }
        _ => false,
    }
}

fn differs(path: &Path, now: Option<&Content>) -> StepFailed {
    moved(match now {
        None => format!("{} is gone", path.display()),
        Some(Content { bytes, access, .. }) => format!(
            "{} now has {} bytes, mode {:o}, owner {}:{}",
            path.display(),
            bytes.len(),
            access.mode,
            access.uid,
            access.gid
        ),
    })
}

/// The new content under our name, whole and on disk; what the old file had besides is carried over.
fn prepare(place: &Place, to: &Content, old: Option<&Content>) -> Result<(), StepFailed> {
    let (dir, name) = place.last()?;
    let made = fill(dir, &temp_name(name), to, old);
    if made.is_err() {
        let _ = unlinkat(dir, temp_name(name), AtFlags::empty());
    }
    made.map_err(|error| cannot(&place.path, error))
}

fn fill(dir: &OwnedFd, temp: &std::ffi::OsStr, to: &Content, old: Option<&Content>) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(dir, temp, flags, Mode::RUSR | Mode::WUSR)?;
    let mut file = File::from(file);
    let written = file.write_all(&to.bytes);
    written.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let file = OwnedFd::from(file);
    let Access { mode, uid, gid } = to.access;
    // a change of owner takes set-id bits away, so the mode comes after it
    fchown(&file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    fchmod(&file, Mode::from_raw_mode(mode))?;
    let mut wanted = old.map(|old| old.attributes.clone()).unwrap_or_default();
    wanted.extend(to.attributes.clone());
    attributes::set(&file, &wanted)?;
    fsync(&file)
}

/// By a second name, which is refused where a file appeared meanwhile.
fn create(place: &Place, to: &Content) -> Result<(), StepFailed> {
    prepare(place, to, None)?;
    let (dir, name) = place.last()?;
    let linked = linkat(dir, temp_name(name), dir, name, AtFlags::empty());
    let _ = unlinkat(dir, temp_name(name), AtFlags::empty());
    match linked {
        Ok(()) => sync(place),
        Err(Errno::EXIST) => Err(moved(format!("{} has just appeared", place.path.display()))),
        Err(error) => Err(cannot(&place.path, error)),
    }
}

fn replace(place: &Place, seen: &Seen, to: &Content) -> Result<(), StepFailed> {
    prepare(place, to, Some(&seen.content))?;
    let (dir, name) = place.last()?;
    let temp = temp_name(name);
    let exchange = || renameat_with(dir, &temp, dir, name, RenameFlags::EXCHANGE);
    let exchanged = match exchange() {
        Ok(()) if is_still(place, &temp, seen) => Ok(()),
        Ok(()) => exchange()
            .map_err(|error| cannot(&place.path, error))
            .and(Err(raced(place))),
        // a file system that can't exchange: between the look and the rename an editor could still slip in
        Err(Errno::INVAL | Errno::NOSYS) if is_still(place, name, seen) => {
            renameat(dir, &temp, dir, name).map_err(|error| cannot(&place.path, error))
        }
        Err(Errno::INVAL | Errno::NOSYS) => Err(raced(place)),
        Err(error) => Err(cannot(&place.path, error)),
    };
    let _ = unlinkat(dir, &temp, AtFlags::empty());
    exchanged.and_then(|()| sync(place))
}

/// Out of the way first, so that what goes is what was compared.
fn delete(place: &Place, seen: &Seen) -> Result<(), StepFailed> {
    let (dir, name) = place.last()?;
    let temp = temp_name(name);
    renameat(dir, name, dir, &temp).map_err(|error| cannot(&place.path, error))?;
    if !is_still(place, &temp, seen) {
        // never over one that appeared meanwhile: then both stay, and the message names ours
        linkat(dir, &temp, dir, name, AtFlags::empty())
            .and_then(|()| unlinkat(dir, &temp, AtFlags::empty()))
            .map_err(|error| cannot(&place.path.with_file_name(&temp), error))?;
        return Err(raced(place));
    }
    unlinkat(dir, &temp, AtFlags::empty()).map_err(|error| cannot(&place.path, error))?;
    sync(place)
}

/// This name is still the file that was compared, with the same content.
fn is_still(place: &Place, name: &std::ffi::OsStr, seen: &Seen) -> bool {
    let Ok((dir, _)) = place.last() else { return false };
    let Ok(stat) = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) else {
        return false;
    };
    (stat.st_dev, stat.st_ino) == (seen.stat.st_dev, seen.stat.st_ino)
        && access(&stat) == seen.content.access
        && bytes(&seen.file, &place.path).is_ok_and(|bytes| bytes == seen.content.bytes)
}

fn raced(place: &Place) -> StepFailed {
    moved(format!(
        "somebody changed {} in this very moment",
        place.path.display()
    ))
}

fn sync(place: &Place) -> Result<(), StepFailed> {
    let (dir, _) = place.last()?;
    fsync(dir).map_err(|error| cannot(&place.path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// Between the comparison and the change somebody saves: his save stays, and nothing of ours.
    #[test]
    fn a_save_in_the_last_moment_is_not_lost() {
        let by_rename = |path: &Path| {
            fs::write(path.with_extension("own"), "his").expect("writes");
            fs::rename(path.with_extension("own"), path).expect("renames");
        };
        let in_place = |path: &Path| fs::write(path, "his").expect("writes");
        let same_bytes = |path: &Path| {
            fs::write(path.with_extension("own"), "old").expect("writes");
            fs::rename(path.with_extension("own"), path).expect("renames");
        };
        for (save, left) in [
            (&by_rename as &dyn Fn(&Path), "his"),
            (&in_place, "his"),
            (&same_bytes, "old"),
        ] {
            for act in [replace_with_new as fn(&Place, &Seen) -> _, delete] {
                let dir = tempfile::tempdir().expect("temp dir");
                let path = dir.path().join("x.conf");
                fs::write(&path, "old").expect("writes");
                let place = Place::find(&path, &[dir.path().to_owned()])
                    .expect("walks")
                    .expect("is there");
                let seen = see(&place).expect("sees").expect("is there");
                save(&path);
                let refused: Result<(), StepFailed> = act(&place, &seen);
                assert!(matches!(refused, Err(StepFailed::Moved { .. })), "{refused:?}");
                assert_eq!(fs::read_to_string(&path).expect("reads"), left);
                assert_eq!(fs::read_dir(dir.path()).expect("reads").count(), 1);
            }
        }
    }

    fn replace_with_new(place: &Place, seen: &Seen) -> Result<(), StepFailed> {
        let bytes = b"new".to_vec();
        replace(
            place,
            seen,
            &Content {
                bytes,
                ..seen.content.clone()
            },
        )
    }

    #[test]
    fn a_file_that_appears_in_the_last_moment_is_not_lost() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("x.conf");
        let place = Place::find(&path, &[dir.path().to_owned()])
            .expect("walks")
            .expect("is there");
        fs::write(&path, "his").expect("writes");
        let seen = see(&place).expect("sees").expect("is there");
        let refused = create(&place, &seen.content);
        assert!(matches!(refused, Err(StepFailed::Moved { .. })), "{refused:?}");
        assert_eq!(fs::read_to_string(&path).expect("reads"), "his");
        assert_eq!(fs::read_dir(dir.path()).expect("reads").count(), 1);
    }
}
