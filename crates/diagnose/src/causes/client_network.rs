use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::Complaint;

cause! {
    /// # What happens
    /// One machine or network fails: a proxy setting or extension, a captive portal, a VPN, a default route, a wrong clock
    /// (no certificate is valid then), an old line of the hosts file.
    /// # How to tell
    /// Other networks reach the site; the server has no trace of the request. `why502 check URL` looks at each of these.
    /// # Fix
    /// Reset that connection; take out the proxy.
    /// # Not this if
    /// Others fail as well.
    pub static CLIENT_NETWORK = {
        id: "client-network",
        title: "the visitor's own network is at fault",
        group: Group::Outside,
        class: Class::Ask,
        share_of: |_: &Complaint| 0,
        phrases: &[("vpn", 60), ("captive portal", 95), ("proxy extension", 85)],
        effect_of: &[],
        settled_by: ("try from another network", "why502 check URL"),
        told: Told::ByCheck,
    }
}
