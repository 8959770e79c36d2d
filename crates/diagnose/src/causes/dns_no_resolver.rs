use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A pass directive holds a variable, so its name is resolved at request time, and no `resolver` is configured:
    /// every request is 502.
    /// # How to tell
    /// `no resolver defined to resolve NAME`.
    /// # Fix
    /// Add `resolver` with the system's name server (127.0.0.53 where systemd-resolved runs), reload.
    /// # Not this if
    /// A resolver is configured and does not answer (dns-resolver-down).
    pub static DNS_NO_RESOLVER = {
        id: "dns-no-resolver",
        title: "nginx has no resolver for a name in a variable",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("no resolver defined", 98)],
        effect_of: &[],
        settled_by: ("see whether a resolver is set", "nginx -T 2>/dev/null | grep -n resolver; cat /etc/resolv.conf"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::NoResolver(_) => 98,
        _ => 0,
    }
}
