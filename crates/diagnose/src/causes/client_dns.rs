use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::Complaint;

cause! {
    /// # What happens
    /// One network's resolver answers with an old or false address, so its visitors reach another server.
    /// # How to tell
    /// Its answer differs from others and from the zone, and at the address it gives the page fails while at the other it works.
    /// Or it refuses a signed name (DNSSEC) that it gives once it is told not to check: where it refuses the root zone in the
    /// same way, its own clock or trust anchor is wrong, not the name's signatures.
    /// # Fix
    /// Flush or change that resolver.
    /// # Not this if
    /// All resolvers agree; or they differ and the page works at each address, as with every CDN.
    pub static CLIENT_DNS = {
        id: "client-dns",
        title: "the visitor's resolver gives another address",
        group: Group::Outside,
        class: Class::Ask,
        share_of: |_: &Complaint| 0,
        phrases: &[("change dns", 50), ("8.8.8.8", 20)],
        effect_of: &[],
        settled_by: ("compare resolvers", "why502 check URL"),
        told: Told::ByCheck,
    }
}
