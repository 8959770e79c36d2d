use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A second master, of an interrupted binary upgrade or a start by hand, still serves an old configuration: answers
    /// are mixed.
    /// # How to tell
    /// Two master processes that share a port; workers of a binary that is deleted.
    /// # Fix
    /// Stop the stray one with QUIT, after seeing which owns the unit.
    /// # Not this if
    /// One master runs with workers that are shutting down: that is a normal reload.
    pub static NGINX_OLD_MASTER = {
        id: "nginx-old-master",
        title: "two nginx masters serve at once",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("nginx.pid.oldbin", 80)],
        effect_of: &[],
        settled_by: ("count the masters", "pgrep -af \"nginx: master\""),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ListenFailed { errno: 98, .. } => 15,
        _ => 0,
    }
}
