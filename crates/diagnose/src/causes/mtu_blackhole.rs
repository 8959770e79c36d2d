use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// A tunnel or VPN has a smaller MTU and the message that says so is filtered: small answers arrive, large ones
    /// hang.
    /// # How to tell
    /// Timeouts while reading, for large answers only; a probe with the don't-fragment bit fails above some size.
    /// # Fix
    /// Lower the MTU or clamp the MSS.
    /// # Not this if
    /// Small answers hang as well (slow-backend).
    pub static MTU_BLACKHOLE = {
        id: "mtu-blackhole",
        title: "large packets do not get through",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("frag needed", 90), (" mtu ", 60)],
        effect_of: &[],
        settled_by: ("probe the path", "ping -M do -s 1472 -c2 ADDRESS"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (&complaint.trouble, complaint.phase) {
        (Trouble::TimedOut, Some(Phase::ReadingBody | Phase::Handshaking)) => 20,
        (Trouble::TimedOut, Some(Phase::ReadingHeader)) => 1,
        _ => 0,
    }
}
