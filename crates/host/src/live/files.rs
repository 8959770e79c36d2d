use super::refusal::{forbidden, is_absent, refused};
use crate::{
    Look, Timestamp, Unseen,
    answer::{Blob, Bytes, FileKind, Space, Stat},
    query::Part,
};
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    fs::{self, FileType, Mode, OFlags, ResolveFlags},
    io::Errno,
};
use std::{
    ffi::OsString,
    fs::File,
    io::{Read, Seek, SeekFrom},
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// Most bytes of a file in one answer, whatever was asked for.
const MAX_BYTES: u64 = 64 << 20;
/// Most names of a directory.
const MAX_NAMES: usize = 100_000;

/// One end of a regular file.
pub(super) fn file(path: &Path, part: Part) -> Look<Option<Blob>> {
    let what = path.display().to_string();
    let Some(place) = place(path, OFlags::empty()).map_err(|error| refused(&what, error))? else {
        return Ok(None);
    };
    let stat = fs::fstat(&place).map_err(|error| refused(&what, error))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        let why = "it is not a regular file".into();
        return Err(Unseen::Unusable { what, why });
    }
    let file = reopen(&place, OFlags::NONBLOCK).map_err(|error| refused(&what, error))?;
    let bytes = read_part(file.into(), part).map_err(|error| refused(&what, error))?;
    Ok(Some(Blob {
        // files of /proc and /sys say 0
        size: stat.st_size.cast_unsigned().max(bytes.len() as u64),
        modified: modified(&stat),
        bytes: Bytes(bytes),
    }))
}

fn read_part(mut file: File, part: Part) -> std::io::Result<Vec<u8>> {
    let limit = match part {
        Part::Head(limit) => limit.min(MAX_BYTES),
        Part::Tail(limit) => {
            let limit = limit.min(MAX_BYTES);
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size.saturating_sub(limit)))?;
            limit
        }
    };
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The place itself, unopened: opening a pipe or a device for reading is an act (a writer wakes, a tape rewinds),
/// `O_PATH` is not. `None` where nothing is.
fn place(path: &Path, flags: OFlags) -> rustix::io::Result<Option<OwnedFd>> {
    absent_is_none(fs::open(
        path,
        OFlags::PATH | OFlags::CLOEXEC | flags,
        Mode::empty(),
    ))
}

fn absent_is_none<T>(result: rustix::io::Result<T>) -> rustix::io::Result<Option<T>> {
    match result {
        Ok(it) => Ok(Some(it)),
        Err(error) if is_absent(error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn reopen(place: &OwnedFd, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    fs::open(
        by_fd(place.as_fd()),
        OFlags::RDONLY | OFlags::NOCTTY | OFlags::CLOEXEC | flags,
        Mode::empty(),
    )
}

fn by_fd(fd: BorrowedFd<'_>) -> PathBuf {
    format!("/proc/self/fd/{}", fd.as_raw_fd()).into()
}

/// Names in a directory, sorted; lossy where they are not UTF-8.
pub(super) fn dir(path: &Path) -> Look<Option<Vec<String>>> {
    let what = path.display().to_string();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened =
        absent_is_none(fs::open(path, flags, Mode::empty())).map_err(|error| refused(&what, error))?;
    let Some(opened) = opened else { return Ok(None) };
    let mut names = Vec::new();
    for entry in fs::Dir::new(opened).map_err(|error| refused(&what, error))? {
        let entry = entry.map_err(|error| refused(&what, error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
        if names.len() > MAX_NAMES {
            let bytes = names.iter().map(|name| name.len() as u64).sum();
            return Err(Unseen::TooBig { what, bytes });
        }
    }
    names.retain(|name| name != "." && name != "..");
    names.sort_unstable();
    Ok(Some(names))
}

/// What stands at a path, in our own view or in that of another process.
pub(super) fn stat(path: &Path, seen_by: Option<u32>) -> Look<Option<Stat>> {
    let what = path.display().to_string();
    let root = seen_by.map(|pid| root_of(pid, path)).transpose()?;
    let open = |flags| match &root {
        None => place(path, flags),
        Some(root) => place_under(root, path, flags),
    };
    let failed = |error| refused(&what, error);
    let Some(itself) = open(OFlags::NOFOLLOW).map_err(failed)? else {
        return Ok(None);
    };
    let link_to = link_target(&itself);
    let target = match link_to {
        None => Some(
            itself
                .as_fd()
                .try_clone_to_owned()
                .map_err(|error| refused(&what, error))?,
        ),
        Some(_) => leads_to(open(OFlags::empty())).map_err(failed)?,
    };
    let fd = target.as_ref().unwrap_or(&itself);
    let stat = fs::fstat(fd).map_err(failed)?;
    Ok(Some(Stat {
        kind: target.as_ref().map_or(FileKind::DanglingLink, |_| kind(&stat)),
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: stat.st_size.cast_unsigned(),
        inode: stat.st_ino,
        modified: modified(&stat),
        link_to,
        has_acl: has_acl(fd),
    }))
}

/// Room on the file system of a path.
pub(super) fn space(path: &Path) -> Look<Option<Space>> {
    let what = format!("room on the file system of {}", path.display());
    let found = absent_is_none(fs::statvfs(path)).map_err(|error| refused(what, error))?;
    Ok(found.map(|it| Space {
        bytes: it.f_blocks.saturating_mul(it.f_frsize),
        bytes_free: it.f_bfree.saturating_mul(it.f_frsize),
        bytes_available: it.f_bavail.saturating_mul(it.f_frsize),
        inodes: it.f_files,
        inodes_free: it.f_ffree,
        read_only: it.f_flag.contains(fs::StatVfsMountFlags::RDONLY),
    }))
}

/// A link in a circle leads nowhere, too.
fn leads_to(opened: rustix::io::Result<Option<OwnedFd>>) -> rustix::io::Result<Option<OwnedFd>> {
    match opened {
        Err(Errno::LOOP) => Ok(None),
        other => other,
    }
}

/// The root directory of a process. That the process is gone must not read as "nothing there".
fn root_of(pid: u32, path: &Path) -> Look<OwnedFd> {
    let what = format!("{} as process {pid} sees it", path.display());
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    match fs::open(format!("/proc/{pid}/root"), flags, Mode::empty()) {
        Ok(root) => Ok(root),
        Err(Errno::ACCESS | Errno::PERM) => Err(forbidden(what)),
        Err(error) if is_absent(error) => Err(Unseen::Unusable {
            what,
            why: "the process is gone".into(),
        }),
        Err(error) => Err(refused(what, error)),
    }
}

/// Absolute links must lead to places under that root, not under ours: openat2 (Linux 5.6). Older kernels get the
/// plain path, which is right but for absolute links.
fn place_under(root: &OwnedFd, path: &Path, flags: OFlags) -> rustix::io::Result<Option<OwnedFd>> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | flags;
    match fs::openat2(root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
        Err(Errno::NOSYS | Errno::PERM) => {
            let relative = path.strip_prefix("/").unwrap_or(path);
            absent_is_none(fs::openat(root, relative, flags, Mode::empty()))
        }
        other => absent_is_none(other),
    }
}

/// Where this symbolic link points; `None` if it is none.
fn link_target(place: &OwnedFd) -> Option<PathBuf> {
    let target = fs::readlinkat(place, "", Vec::new()).ok()?;
    Some(OsString::from_vec(target.into_bytes()).into())
}

fn kind(stat: &fs::Stat) -> FileKind {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Dir,
        FileType::Socket => FileKind::Socket,
        _ => FileKind::Other,
    }
}

fn modified(stat: &fs::Stat) -> Timestamp {
    let nanos = i64::try_from(stat.st_mtime_nsec).unwrap_or_default();
    Timestamp(
        Timestamp::from_secs(stat.st_mtime)
            .0
            .saturating_add(nanos / 1_000_000),
    )
}

fn has_acl(place: &OwnedFd) -> bool {
    let mut none: [u8; 0] = [];
    fs::getxattr(by_fd(place.as_fd()), "system.posix_acl_access", &mut none[..]).is_ok_and(|size| size > 0)
}
