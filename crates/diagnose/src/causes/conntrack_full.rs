use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// The kernel drops packets of new connections because nf_conntrack_max is reached: timeouts in every direction.
    /// # How to tell
    /// `nf_conntrack: table full, dropping packet` in the kernel log; count equals max.
    /// # Fix
    /// Raise the maximum; find the flow that fills it.
    /// # Not this if
    /// The count is far below the maximum (firewall-drop).
    pub static CONNTRACK_FULL = {
        id: "conntrack-full",
        title: "the connection tracking table is full",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("table full, dropping packet", 98), ("nf_conntrack", 85)],
        effect_of: &[],
        settled_by: ("compare count and maximum", "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::Connecting) => 5,
        _ => 0,
    }
}
