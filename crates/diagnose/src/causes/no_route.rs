use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The kernel has no route to that address: an interface is down, a route is gone, a VPN is not up.
    /// # How to tell
    /// `(101: Network is unreachable)` at once; the route lookup fails.
    /// # Fix
    /// Bring the interface or the route back.
    /// # Not this if
    /// The lookup succeeds and a firewall refuses with net-unreachable (firewall-reject).
    pub static NO_ROUTE = {
        id: "no-route",
        title: "this host has no route to the upstream",
        group: Group::Network,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("network is unreachable", 60), ("enetunreach", 70)],
        effect_of: &[],
        settled_by: ("look the route up", "ip route get ADDRESS"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(101) if complaint.tcp().is_some_and(|it| it.is_ipv4()) => 75,
        Trouble::Connect(101) => 15,
        _ => 0,
    }
}
