use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A file system in the chain is full: the backend, its database or its cache dies or can't write; nginx can't
    /// buffer. /run and /tmp are file systems of their own and fill alone.
    /// # How to tell
    /// `(28: No space left on device)`; df of every mount in the chain; deleted files that are still open count too.
    /// # Fix
    /// Free safe things (package cache, rotated logs, the journal); never the data. Then start what died.
    /// # Not this if
    /// Blocks are free and inodes are not (inodes-full).
    pub static DISK_FULL = {
        id: "disk-full",
        title: "a file system is full",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("no space left on device", 90), ("enospc", 90), ("disk full", 90), ("the table is full", 70), ("errcode: 28", 95), ("disk quota exceeded", 70), ("write error saving db on disk", 80)],
        effect_of: &[],
        settled_by: ("look at every mount", "df -h; df -i"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TempFile { errno: 28, .. } | Trouble::LogWrite { errno: 28, .. } => 90,
        Trouble::Connect(28) => 90,
        Trouble::BackendStderr(text) if text.contains("No space left") => 90,
        Trouble::Connect(111) => 4,
        _ => 0,
    }
}
