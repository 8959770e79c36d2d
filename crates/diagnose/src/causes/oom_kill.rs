use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The kernel, or systemd for a cgroup, killed the backend, its database or its cache because memory ran out. The
    /// request in flight is cut (104 or closed early); if nothing restarts it, 111 follows.
    /// # How to tell
    /// The kernel log says `Out of memory: Killed process` or `Memory cgroup out of memory` in that second;
    /// memory.events counts oom_kill; gunicorn boots a worker without a timeout line before it; a unit has Result=oom-
    /// kill. In a container look at the host's log.
    /// # Fix
    /// Restart once; then make workers times memory fit, or raise the limit.
    /// # Not this if
    /// A worker was killed by the backend's own timeout (worker-timeout-kill) or the language's own limit stopped it
    /// (app-memory-limit).
    pub static OOM_KILL = {
        id: "oom-kill",
        title: "the kernel killed the backend for memory",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("out of memory", 70), ("oom-kill", 95), ("oom_reaper", 95), ("invoked oom-killer", 95), ("perhaps out of memory", 90), ("exited on signal 9", 45), ("sigkill", 45), ("killed process", 85), ("oomkilled", 95), ("code 137", 60), ("code: 137", 60)],
        effect_of: &[],
        settled_by: ("look for the kernel's line of that second", "journalctl -k | grep -iE \"out of memory|oom\""),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ClosedEarly => 12,
        Trouble::Receive(104) => 11,
        Trouble::Connect(111) => 4,
        Trouble::WorkerDied { signal: 9 } => 80,
        _ => 0,
    }
}
