use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The interface towards the upstream has no carrier or is set down.
    /// # How to tell
    /// `ip link` shows DOWN or NO-CARRIER.
    /// # Fix
    /// Bring it up in the tool that owns it.
    /// # Not this if
    /// It is up and the route is missing (no-route).
    pub static INTERFACE_DOWN = {
        id: "interface-down",
        title: "a network interface is down",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("no-carrier", 90), ("link is down", 85), ("carrier lost", 85)],
        effect_of: &[],
        settled_by: ("look at the interfaces", "ip -br link"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(101) if complaint.tcp().is_some_and(|it| it.is_ipv4()) => 20,
        Trouble::Connect(113) => 6,
        _ => 0,
    }
}
