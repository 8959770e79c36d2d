use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Requests wait for another service on the network: payment, mail, geocoding. Workers pile up, then nginx times
    /// out.
    /// # How to tell
    /// Most busy workers hold a connection to one outside address.
    /// # Fix
    /// Not ours to change: a time limit in the application and work in the background.
    /// # Not this if
    /// They wait on the local database (db-slow).
    pub static EXTERNAL_API_SLOW = {
        id: "external-api-slow",
        title: "workers wait on an outside address",
        group: Group::Dependency,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("curl error 28", 80), ("operation timed out after", 70), ("read timed out", 60)],
        effect_of: &[],
        settled_by: ("see what busy workers are connected to", "ss -tnp state established | grep -v 127.0.0.1"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 6,
        _ => 0,
    }
}
