use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};
use std::path::Path;

cause! {
    /// # What happens
    /// The directory that should hold the unix socket lies on a tmpfs (/run) and nothing makes it after a boot, so the
    /// backend can't bind.
    /// # How to tell
    /// The directory does not exist; the backend's log shows the failed bind; the trouble began at a boot.
    /// # Fix
    /// `RuntimeDirectory=` in the unit, or a tmpfiles.d entry.
    /// # Not this if
    /// The directory exists and only the socket is missing (backend-stopped, backend-crash-on-start).
    pub static RUNTIME_DIR_MISSING = {
        id: "runtime-dir-missing",
        title: "the directory of the backend's socket is gone",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("unable to bind listening socket for address", 25)],
        effect_of: &[],
        settled_by: ("see whether the socket's directory exists", "namei -l /run/app/app.sock"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    let own_dir = |path: &Path| path.starts_with("/run") || path.starts_with("/var/run");
    match &complaint.trouble {
        Trouble::Connect(2) if complaint.unix().is_some_and(own_dir) => 12,
        Trouble::Connect(2) => 4,
        _ => 0,
    }
}
