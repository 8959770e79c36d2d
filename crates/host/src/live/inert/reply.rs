//! What a call would come to, and what is said instead.

use libc::c_long;
use rustix::{
    fs::{Access, AtFlags, CWD, FileType, accessat, lstat, stat},
    io::Errno,
};
use std::{
    ffi::OsString,
    fs::{File, read_link},
    os::unix::{ffi::OsStringExt, fs::FileExt},
    path::{Path, PathBuf},
};

/// The longest path that the kernel takes, with its end.
const LONGEST: usize = 4096;
/// Its own descriptors by name: ours would be others.
const DESCRIPTORS: &[&str] = &["/dev/std", "/dev/fd/", "/proc/self/fd/"];

/// A call that waits for us.
pub(super) struct Call {
    /// Whom to answer.
    pub(super) id: u64,
    /// The thread that calls.
    pub(super) pid: u32,
    /// Which call.
    pub(super) number: c_long,
    /// As they stand in its registers.
    pub(super) args: [u64; 6],
}

/// What is said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Do it: it changes nothing.
    Go,
    /// Done, though it is not: this would be there now.
    Made(PathBuf),
    /// Opened: `/dev/null`.
    Nothing,
    /// The error that it would meet.
    Fail(Errno),
}

/// What to say to a call.
pub(super) fn reply(call: &Call) -> Reply {
    answer(call).unwrap_or_else(Reply::Fail)
}

fn answer(call: &Call) -> Result<Reply, Errno> {
    let [first, second, third, ..] = call.args;
    match call.number {
        libc::SYS_openat => open(&path(call, first as i32, second)?, third as i32),
        libc::SYS_mkdirat | libc::SYS_mknodat => Ok(make(path(call, first as i32, second)?)),
        libc::SYS_bind => bind(call, second, third),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => open(&path(call, libc::AT_FDCWD, first)?, second as i32),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_creat => open(
            &path(call, libc::AT_FDCWD, first)?,
            libc::O_WRONLY | libc::O_CREAT,
        ),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mkdir | libc::SYS_mknod => Ok(make(path(call, libc::AT_FDCWD, first)?)),
        _ => Err(Errno::NOSYS),
    }
}

/// A write goes nowhere, if it would go at all.
fn open(path: &Path, flags: i32) -> Result<Reply, Errno> {
    let is_own = |name: &&str| path.to_str().is_some_and(|path| path.starts_with(*name));
    if DESCRIPTORS.iter().any(is_own) {
        return Ok(Reply::Go);
    }
    match stat(path) {
        Ok(found) => match FileType::from_raw_mode(found.st_mode) {
            FileType::RegularFile if flags & libc::O_EXCL != 0 => Err(Errno::EXIST),
            FileType::RegularFile => may(path, Access::WRITE_OK).map(|()| Reply::Nothing),
            FileType::Directory => Err(Errno::ISDIR),
            // writing to a device or a pipe makes no file
            _ => Ok(Reply::Go),
        },
        Err(Errno::NOENT) if flags & libc::O_CREAT != 0 => may_make(path).map(|()| Reply::Nothing),
        Err(error) => Err(error),
    }
}

fn make(path: PathBuf) -> Reply {
    match lstat(&path) {
        Ok(_) => Reply::Fail(Errno::EXIST),
        Err(_) => may_make(&path).map_or_else(Reply::Fail, |()| Reply::Made(path)),
    }
}

fn may_make(path: &Path) -> Result<(), Errno> {
    may(
        path.parent().ok_or(Errno::NOENT)?,
        Access::WRITE_OK | Access::EXEC_OK,
    )
}

/// By the rights that count, of a read-only file system too.
fn may(path: &Path, access: Access) -> Result<(), Errno> {
    accessat(CWD, path, access, AtFlags::EACCESS)
}

/// A unix socket with a name is a file. Any other address is given back at the program's end.
fn bind(call: &Call, address: u64, size: u64) -> Result<Reply, Errno> {
    let size = usize::try_from(size).unwrap_or(0).min(128);
    let bytes = memory(call.pid, address, size)?;
    let Some((family, name)) = bytes.split_at_checked(2) else {
        return Ok(Reply::Go);
    };
    let is_unix = family == (libc::AF_UNIX as u16).to_ne_bytes();
    if !is_unix || name.first().is_none_or(|first| *first == 0) {
        return Ok(Reply::Go);
    }
    Ok(match make(at(call, libc::AT_FDCWD, until_end(name))) {
        Reply::Fail(Errno::EXIST) => Reply::Fail(Errno::ADDRINUSE),
        other => other,
    })
}

fn path(call: &Call, dir: i32, address: u64) -> Result<PathBuf, Errno> {
    let bytes = memory(call.pid, address, LONGEST)?;
    let name = until_end(&bytes);
    if name.is_empty() {
        Err(Errno::NOENT)
    } else {
        Ok(at(call, dir, name))
    }
}

/// As the caller sees it: programs here share our root.
fn at(call: &Call, dir: i32, name: &[u8]) -> PathBuf {
    let base = match dir {
        libc::AT_FDCWD => format!("/proc/{}/cwd", call.pid),
        dir => format!("/proc/{}/fd/{dir}", call.pid),
    };
    let dir = read_link(&base).unwrap_or(base.into());
    dir.join(OsString::from_vec(name.to_vec()))
}

fn until_end(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Its memory from there on; less where the next page is not its own.
fn memory(pid: u32, address: u64, size: usize) -> Result<Vec<u8>, Errno> {
    let no = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::FAULT);
    let file = File::open(format!("/proc/{pid}/mem")).map_err(no)?;
    let mut bytes = vec![0; size];
    let read = file.read_at(&mut bytes, address).map_err(no)?;
    bytes.truncate(read);
    Ok(bytes)
}
