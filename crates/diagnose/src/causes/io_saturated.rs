use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Processes wait for the disk in state D; requests take longer than nginx waits.
    /// # How to tell
    /// Pressure (PSI) of io is high; D-state workers; one device and one writer stand out.
    /// # Fix
    /// Find the writer: a backup, a log, a database without memory.
    /// # Not this if
    /// The disk reports errors (disk-error).
    pub static IO_SATURATED = {
        id: "io-saturated",
        title: "the disk can not keep up",
        group: Group::Load,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("blocked for more than 120 seconds", 70), ("iowait", 70)],
        effect_of: &[],
        settled_by: ("see who writes", "cat /proc/pressure/io; ps -eo state,pid,comm | grep ^D"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 4,
        _ => 0,
    }
}
