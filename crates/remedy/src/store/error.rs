//! What can be wrong with the state directory.

use super::{FixId, Holder};
use std::{
    io,
    path::{Path, PathBuf},
};

/// Why the state directory could not be used. Nothing was changed on the host by what failed so.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system said no.
    #[error("{doing} {}: {source}", path.display())]
    Io {
        /// `making`, `writing`…
        doing: &'static str,
        /// What.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// Somebody else changes this host now.
    #[error("{0} changes this host now")]
    Busy(Holder),
    /// Others could write there what root would then do.
    #[error("{} is not safe: {why}", path.display())]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// Whose it is, or who may write.
        why: String,
    },
    /// What is there can't be understood.
    #[error("{} can't be used: {why}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No such fix.
    #[error("there is no fix {0}")]
    NoSuchFix(FixId),
}

impl StoreError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { doing, path, source }
    }

    pub(crate) fn corrupt(path: &Path, why: &str) -> Self {
        Self::Corrupt {
            path: path.to_owned(),
            why: why.to_owned(),
        }
    }

    /// The disk, or the quota, is full.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }

    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Io { source, path, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                format!(
                    "run it as root, or choose another --state-dir than {}",
                    path.display()
                )
            }
            Self::Io { .. } if self.is_full() => {
                "the disk is full and nothing was changed: free some space, or name a \
                 --state-dir on another file system"
                    .to_owned()
            }
            Self::Io { .. } => "nothing was changed".to_owned(),
            Self::Busy(holder) => format!("wait for process {}, or end it", holder.pid),
            Self::Unsafe { path, .. } => {
                format!("chown root: {0} && chmod 0700 {0}", path.display())
            }
            Self::Corrupt { path, .. } => format!(
                "what was changed stands in plan.json beside it, with the files as they were in before/: {}",
                path.parent().unwrap_or(path).display()
            ),
            Self::NoSuchFix(_) => "why502 history lists them".to_owned(),
        }
    }
}
