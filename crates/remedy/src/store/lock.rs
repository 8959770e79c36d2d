//! One change to a host at a time. The kernel lets go of the lock when its holder ends, however that comes about.

use super::{StoreError, disk};
use host::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{fmt, fs::File, io::Write, os::unix::fs::FileExt, path::Path};

/// Who holds the lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process.
    pub pid: u32,
    /// Who runs it.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// `fix`, `undo`
    pub doing: String,
}

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    pub(super) fn take(path: &Path, holder: &Holder) -> Result<Self, StoreError> {
        let mut file = disk::open_or_make(path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => (),
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(StoreError::Busy(read(&file))),
            Err(errno) => return Err(StoreError::io("locking", path)(errno.into())),
        }
        // who holds it is a courtesy: a full disk must not stop a fix
        let _ = file.set_len(0);
        let _ = file.write_all(&serde_json::to_vec(holder).unwrap_or_default());
        Ok(Self { file })
    }

    pub(super) fn holder(path: &Path) -> Result<Option<Holder>, StoreError> {
        let Some(file) = disk::open(path)? else {
            return Ok(None);
        };
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(None),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(Some(read(&file))),
            Err(errno) => Err(StoreError::io("looking at", path)(errno.into())),
        }
    }
}

/// Unlocked by word, not only by closing: a child that another thread is just starting holds a copy of the file until it
/// runs its program.
impl Drop for Lock {
    fn drop(&mut self) {
        let _ = flock(&self.file, FlockOperation::Unlock);
    }
}

fn read(file: &File) -> Holder {
    let mut bytes = vec![0; 4096];
    let length = file.read_at(&mut bytes, 0).unwrap_or(0);
    serde_json::from_slice(&bytes[..length]).unwrap_or_else(|_| Holder {
        pid: 0,
        name: "somebody".to_owned(),
        since: Timestamp::default(),
        doing: String::new(),
    })
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            pid,
            name,
            since,
            doing,
        } = self;
        write!(f, "{name} (why502 {doing}, process {pid}, since {since})")
    }
}
