use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Everything waits for the CPU: requests take longer than nginx waits.
    /// # How to tell
    /// Pressure (PSI) of cpu is high, the run queue long, or the unit's cgroup is throttled; one process or unit stands
    /// out.
    /// # Fix
    /// Find the requests or the job behind it; then limit or move that.
    /// # Not this if
    /// CPU is idle and workers wait (db-slow, external-api-slow).
    pub static CPU_SATURATED = {
        id: "cpu-saturated",
        title: "the host or the unit has no CPU left",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("load average", 30)],
        effect_of: &[],
        settled_by: ("see who uses the CPU", "cat /proc/pressure/cpu; top -b -n1 | head -15"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 6,
        Trouble::Connect(11) => 5,
        _ => 0,
    }
}
