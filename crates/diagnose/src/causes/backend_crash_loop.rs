use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend's service ends seconds after each start and systemd starts it again. While it is down nginx gets
    /// errno 111 or, on a unix socket, 2; the two come in turn with short moments that work.
    /// # How to tell
    /// The unit is `activating (auto-restart)` or its main process is always seconds old, and NRestarts grows. `ps`
    /// shows a process, which fools people.
    /// # Fix
    /// Stop the loop, read the first error after the last good start, mend that. A restart never helps.
    /// # Not this if
    /// The unit stays `failed` (backend-crash-on-start) or is restarted on purpose by a deploy (backend-restart-
    /// window).
    pub static BACKEND_CRASH_LOOP = {
        id: "backend-crash-loop",
        title: "the backend crashes and is restarted again and again",
        group: Group::Process,
        class: Class::Never,
        share_of: share_of,
        phrases: &[("start request repeated too quickly", 60), ("scheduled restart job, restart counter", 80), ("crashloopbackoff", 90)],
        effect_of: &["app-memory-limit", "disk-full", "inodes-full", "oom-kill"],
        settled_by: ("see whether the unit restarts again and again", "systemctl show -p NRestarts,ActiveState,ExecMainStartTimestamp UNIT"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111 | 2) => 3,
        _ => 0,
    }
}
