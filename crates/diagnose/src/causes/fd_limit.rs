use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx or the backend reached its limit of open files. nginx answers 500 or drops connections.
    /// # How to tell
    /// `(24: Too many open files)`; /proc/PID/limits of the running worker shows the limit in force: an edited
    /// LimitNOFILE needs a restart, a reload keeps the old one.
    /// # Fix
    /// worker_rlimit_nofile, or LimitNOFILE and a restart. Rule out a proxy loop and a leak first.
    /// # Not this if
    /// The count is far from the limit.
    pub static FD_LIMIT = {
        id: "fd-limit",
        title: "a process has no file descriptor left",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("too many open files", 95), ("emfile", 90), ("enfile", 80)],
        effect_of: &[],
        settled_by: ("compare open files with the limit of the running process", "grep \"open files\" /proc/$(pgrep -o nginx)/limits"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TooManyFiles | Trouble::Connect(24) => 95,
        _ => 0,
    }
}
