use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The upstream's name has an IPv6 address and this host has no usable IPv6 route, so every try on that peer fails.
    /// # How to tell
    /// Only IPv6 peers fail, with 101 (network is unreachable) or 99.
    /// # Fix
    /// `resolver … ipv6=off`, or repair the route.
    /// # Not this if
    /// IPv4 peers fail as well (no-route, ephemeral-ports-exhausted).
    pub static IPV6_UNUSABLE = {
        id: "ipv6-unusable",
        title: "the upstream is asked over IPv6, which does not work here",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[],
        effect_of: &[],
        settled_by: ("ask the route to that peer", "ip -6 route get ADDRESS"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(101 | 99) if complaint.tcp().is_some_and(|it| it.is_ipv6()) => 85,
        Trouble::Connect(110 | 113) if complaint.tcp().is_some_and(|it| it.is_ipv6()) => 30,
        _ => 0,
    }
}
