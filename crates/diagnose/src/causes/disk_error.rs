use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The kernel can't read or write a disk; the file system may have become read-only. Databases and backends hang or
    /// die.
    /// # How to tell
    /// I/O errors, `Remounting filesystem read-only`, SMART or EDAC messages in the kernel log.
    /// # Fix
    /// Save the data, replace the disk. Nothing here should write to it.
    /// # Not this if
    /// The disk is only full (disk-full) or slow (io-saturated).
    pub static DISK_ERROR = {
        id: "disk-error",
        title: "the disk reports errors",
        group: Group::Load,
        class: Class::Never,
        share_of: share_of,
        phrases: &[("i/o error", 85), ("remounting filesystem read-only", 95), ("read-only file system", 85), ("medium error", 95), ("ext4-fs error", 95), ("buffer i/o", 95)],
        effect_of: &[],
        settled_by: ("read the kernel's log", "journalctl -k | grep -iE \"i/o error|read-only|ata[0-9]|nvme\""),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TempFile { errno: 30 | 5, .. } | Trouble::LogWrite { errno: 30 | 5, .. } => 90,
        _ => 0,
    }
}
