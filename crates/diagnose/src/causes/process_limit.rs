use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// fork() fails: TasksMax, pids.max or nproc is reached. The backend can't add workers; requests wait (504) or
    /// fail.
    /// # How to tell
    /// `fork() failed: Resource temporarily unavailable (11)` in the backend's log; pids.events counts.
    /// # Fix
    /// Raise the limit that binds, after seeing what uses the processes.
    /// # Not this if
    /// Workers could start and all are busy (pool-exhausted).
    pub static PROCESS_LIMIT = {
        id: "process-limit",
        title: "the backend may not start another process",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("fork() failed", 90), ("cannot fork", 90), ("unable to create new native thread", 90), ("can't start new thread", 85), ("retry: resource temporarily unavailable", 70)],
        effect_of: &[],
        settled_by: ("compare tasks with the limit", "systemctl show -p TasksCurrent,TasksMax UNIT"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 1,
        _ => 0,
    }
}
