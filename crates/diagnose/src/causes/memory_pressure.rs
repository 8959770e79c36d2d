use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Memory is short: pages are reclaimed or swapped, everything slows, then something is killed.
    /// # How to tell
    /// Pressure (PSI) of memory is high, swap is busy; one process grows.
    /// # Fix
    /// Restart a leaking unit as relief; size workers to the memory.
    /// # Not this if
    /// A kill already happened (oom-kill is its effect).
    pub static MEMORY_PRESSURE = {
        id: "memory-pressure",
        title: "the host runs short of memory",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("page allocation failure", 70), ("swap", 30)],
        effect_of: &[],
        settled_by: ("see who grows", "cat /proc/pressure/memory; ps -eo rss,comm --sort=-rss | head"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 3,
        _ => 0,
    }
}
