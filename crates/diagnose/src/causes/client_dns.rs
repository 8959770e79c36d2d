use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::Complaint;

cause! {
    /// # What happens
    /// One network's resolver answers with an old or false address, so its visitors reach another server.
    /// # How to tell
    /// Its answer differs from others and from the zone.
    /// # Fix
    /// Flush or change that resolver.
    /// # Not this if
    /// All resolvers agree.
    pub static CLIENT_DNS = {
        id: "client-dns",
        title: "the visitor's resolver gives another address",
        group: Group::Outside,
        class: Class::Ask,
        share_of: |_: &Complaint| 0,
        phrases: &[("change dns", 50), ("8.8.8.8", 20)],
        effect_of: &[],
        settled_by: ("compare resolvers", "why502 dns NAME"),
        told: Told::ByExplain,
    }
}
