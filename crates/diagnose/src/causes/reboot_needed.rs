use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Processes are stuck in the kernel (state D), modules of the running kernel are gone after its upgrade, or a
    /// library is so deeply replaced that restarts fail.
    /// # How to tell
    /// D-state tasks that stay; /run/reboot-required; `modprobe` fails for the running kernel.
    /// # Fix
    /// Reboot, at a time a person chooses.
    /// # Not this if
    /// A restart of the unit helps.
    pub static REBOOT_NEEDED = {
        id: "reboot-needed",
        title: "only a reboot helps",
        group: Group::Outside,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("reboot-required", 90), ("system restart required", 95), ("blocked for more than", 50)],
        effect_of: &[],
        settled_by: ("see what asks for a reboot", "ls /run/reboot-required; ps -eo state,pid,comm | grep ^D"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::Connecting) => 1,
        _ => 0,
    }
}
