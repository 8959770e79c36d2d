use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// Each connection to a TCP upstream needs a local port, and a closed one keeps it for a minute (TIME_WAIT). At
    /// enough requests a second the range is used up.
    /// # How to tell
    /// `(99: Cannot assign requested address)` towards an IPv4 peer; TIME_WAIT towards it near the size of
    /// ip_local_port_range; keepalive to the upstream absent or without effect.
    /// # Fix
    /// Upstream keepalive with HTTP/1.1 and an empty Connection header; a wider range.
    /// # Not this if
    /// The peer is IPv6 (ipv6-unusable), one of nginx's own listeners (proxy-loop), or the message is about bind
    /// (proxy_bind).
    pub static EPHEMERAL_PORTS_EXHAUSTED = {
        id: "ephemeral-ports-exhausted",
        title: "no local port is left towards the upstream",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("cannot assign requested address", 65), ("eaddrnotavail", 60)],
        effect_of: &[],
        settled_by: ("count TIME_WAIT against the range", "ss -s; sysctl net.ipv4.ip_local_port_range"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(99) if complaint.tcp().is_some_and(|it| it.is_ipv6()) => 10,
        Trouble::Connect(99) => 60,
        _ => 0,
    }
}
