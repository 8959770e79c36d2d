//! What the system's refusals mean for a look.

use crate::Unseen;
use rustix::io::Errno;
use std::io;

/// The look failed with this error.
pub(super) fn refused(what: impl Into<String>, error: impl Into<io::Error>) -> Unseen {
    let (what, error) = (what.into(), error.into());
    match Errno::from_io_error(&error) {
        Some(Errno::ACCESS | Errno::PERM) => forbidden(what),
        _ => Unseen::Unusable {
            what,
            why: error.to_string(),
        },
    }
}

/// The system said no; says what would help.
pub(super) fn forbidden(what: impl Into<String>) -> Unseen {
    let need = if is_root() {
        "rights that root does not have in this container or sandbox"
    } else {
        "root"
    };
    Unseen::Forbidden {
        what: what.into(),
        need: need.into(),
    }
}

/// We may do what root may.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// This error says that nothing is there.
pub(super) fn is_absent(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::NOTDIR)
}
