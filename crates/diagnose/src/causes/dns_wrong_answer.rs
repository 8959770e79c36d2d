use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The resolver nginx uses answers with an address that the zone's own servers do not give: stale cache, split
    /// horizon, a name that leaks to the wrong network.
    /// # How to tell
    /// The answers differ when both are asked.
    /// # Fix
    /// Flush or change the resolver.
    /// # Not this if
    /// They agree, and nginx asks an older address (dns-stale-address).
    pub static DNS_WRONG_ANSWER = {
        id: "dns-wrong-answer",
        title: "the resolver gives a wrong address",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("unexpected response for", 25)],
        effect_of: &[],
        settled_by: ("ask the zone's own servers and compare", "why502 dns NAME"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ResolverOdd(_) => 30,
        Trouble::Connect(110 | 113) if complaint.tcp().is_some() => 3,
        _ => 0,
    }
}
