use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// No machine answers for that address: it is down, gone, or moved. On the same network nginx gets 113 after about
    /// three seconds, else 110.
    /// # How to tell
    /// No neighbour (ARP) answer for it; a firewall's refusal comes at once instead.
    /// # Fix
    /// Find where the backend is now; flush a stale neighbour entry.
    /// # Not this if
    /// The neighbour answers (firewall-reject, firewall-drop).
    pub static HOST_UNREACHABLE = {
        id: "host-unreachable",
        title: "the upstream's host does not answer at all",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("no route to host", 40), ("ehostunreach", 45), ("destination host unreachable", 85)],
        effect_of: &[],
        settled_by: ("ask the neighbour table", "ip neigh show ADDRESS; ping -c1 -W1 ADDRESS"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(113) => 35,
        Trouble::Connect(110) => 15,
        Trouble::TimedOut if complaint.during(Phase::Connecting) => 15,
        _ => 0,
    }
}
