use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx can't bind port 80 or 443: another web server has it. nginx does not start, or a reload fails.
    /// # How to tell
    /// `bind() to 0.0.0.0:80 failed (98: Address already in use)`.
    /// # Fix
    /// Move or stop the other program.
    /// # Not this if
    /// An old nginx master holds it (nginx-old-master).
    pub static EDGE_PORT_TAKEN = {
        id: "edge-port-taken",
        title: "another program holds the port nginx should listen on",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("bind() to", 75), ("address already in use", 30)],
        effect_of: &[],
        settled_by: ("see who owns the port", "ss -ltnp \"sport = :80 or sport = :443\""),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ListenFailed { errno: 98, .. } => 95,
        Trouble::ListenFailed { .. } => 40,
        _ => 0,
    }
}
