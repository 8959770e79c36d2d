use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The file system has free bytes and no free inode: millions of small files, mostly sessions, caches or mail.
    /// # How to tell
    /// `No space left on device` while df shows space; df -i shows 100 %.
    /// # Fix
    /// Find the directory with the most entries; let its owner's own clean-up run.
    /// # Not this if
    /// Bytes are gone too (disk-full).
    pub static INODES_FULL = {
        id: "inodes-full",
        title: "a file system has no inode left",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("no space left on device", 20), ("inode", 60)],
        effect_of: &[],
        settled_by: ("count inodes", "df -i"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TempFile { errno: 28, .. } | Trouble::LogWrite { errno: 28, .. } => 15,
        Trouble::BackendStderr(text) if text.contains("No space left") => 20,
        _ => 0,
    }
}
