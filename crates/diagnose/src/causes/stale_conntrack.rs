use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// An address moved (a container, a virtual address) and the kernel still translates its flow to the old one.
    /// # How to tell
    /// A conntrack entry names the old destination; deleting it heals.
    /// # Fix
    /// Delete that one entry.
    /// # Not this if
    /// No entry names the peer.
    pub static STALE_CONNTRACK = {
        id: "stale-conntrack",
        title: "connection tracking still points at an old address",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("conntrack", 30)],
        effect_of: &[],
        settled_by: ("look for the flow", "conntrack -L -d ADDRESS"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::Connecting) => 2,
        _ => 0,
    }
}
