//! Files of the state directory: written to the disk before anyone relies on them.
#![expect(
    clippy::disallowed_methods,
    reason = "why502's own files, not the host that is judged"
)]

use super::StoreError;
use rustix::fs::{FallocateFlags, fallocate};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

/// Zeros written at once.
const CHUNK: usize = 64 << 10;

/// A directory of root's alone, with its parents.
pub(crate) fn make_dir(path: &Path) -> Result<(), StoreError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(StoreError::io("making", path))
}

/// False where it was there already.
pub(crate) fn make_new_dir(path: &Path) -> Result<bool, StoreError> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(StoreError::io("making", path)(error)),
    }
}

/// What it holds will be done as root: nobody else may have written it.
pub(crate) fn is_ours(path: &Path) -> Result<(), StoreError> {
    let meta = fs::symlink_metadata(path).map_err(StoreError::io("looking at", path))?;
    let unsafe_because = |why: String| {
        Err(StoreError::Unsafe {
            path: path.to_owned(),
            why,
        })
    };
    let us = rustix::process::geteuid().as_raw();
    match meta {
        meta if !meta.is_dir() => unsafe_because("it is not a directory".to_owned()),
        meta if meta.uid() != us => unsafe_because(format!("it belongs to user {}", meta.uid())),
        meta if meta.mode() & 0o022 != 0 => unsafe_because("others may write to it".to_owned()),
        _ => Ok(()),
    }
}

/// Names in a directory; none where it is not there.
pub(crate) fn names(path: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("reading", path)(error)),
    };
    let names = entries.map(|entry| entry.map(|it| it.file_name().to_string_lossy().into_owned()));
    names
        .collect::<io::Result<_>>()
        .map_err(StoreError::io("reading", path))
}

/// Whether there is one, as far as we may look.
pub(crate) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// A whole file up to that size; `None` where it is not there.
pub(crate) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(file) = open(path)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    let read = file.take(most + 1).read_to_end(&mut bytes);
    read.map_err(StoreError::io("reading", path))?;
    if bytes.len() as u64 > most {
        return Err(StoreError::corrupt(path, "it is too big"));
    }
    Ok(Some(bytes))
}

/// A new file with this content, on the disk when this returns.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let mut file = ours()
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(StoreError::io("making", path))?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(StoreError::io("writing", path))
}

/// A file that takes so many bytes on the disk, all zero. Blocks that were only promised may need space of their own once
/// they are written, so they are written now.
pub(crate) fn reserve(path: &Path, bytes: u64) -> Result<(), StoreError> {
    let reserve = || -> io::Result<()> {
        let mut file = ours().create(true).truncate(false).open(path)?;
        if file.metadata()?.len() >= bytes {
            return Ok(());
        }
        match fallocate(&file, FallocateFlags::empty(), 0, bytes) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => (),
            Err(errno) => return Err(errno.into()),
        }
        let mut left = bytes;
        while left > 0 {
            let chunk = left.min(CHUNK as u64);
            file.write_all(&[0; CHUNK][..usize::try_from(chunk).unwrap_or(CHUNK)])?;
            left -= chunk;
        }
        file.sync_all()
    };
    reserve().map_err(|error| {
        release(path);
        StoreError::io("reserving space for", path)(error)
    })
}

/// Gives such space back. False where there was none.
pub(crate) fn release(path: &Path) -> bool {
    fs::remove_file(path).is_ok()
}

/// A file to read and write, made where it is not there.
pub(crate) fn open_or_make(path: &Path) -> Result<File, StoreError> {
    let file = ours().create(true).truncate(false).open(path);
    file.map_err(StoreError::io("opening", path))
}

/// A file to read.
pub(crate) fn open(path: &Path) -> Result<Option<File>, StoreError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StoreError::io("opening", path)(error)),
    }
}

/// A file that is there, to write.
pub(crate) fn open_to_write(path: &Path) -> Result<File, StoreError> {
    ours().open(path).map_err(StoreError::io("opening", path))
}

/// Puts it in place, and the directory's knowledge of it on the disk.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(StoreError::io("writing", to))?;
    to.parent().map_or(Ok(()), sync_dir)
}

/// Names made in a directory are on the disk when this returns.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    let synced = File::open(path).and_then(|dir| dir.sync_all());
    synced.map_err(StoreError::io("writing", path))
}

/// Removes a folder that was begun and not finished; one that stays is not taken for a fix.
pub(crate) fn remove_dir(path: &Path) {
    let _ = fs::remove_dir_all(path);
}

fn ours() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    options
}
