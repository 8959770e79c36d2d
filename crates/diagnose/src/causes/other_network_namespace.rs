use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx runs in a container (or a namespace) of its own, so 127.0.0.1 there is not the host's. A shell on the host
    /// connects, nginx does not.
    /// # How to tell
    /// The network namespace of nginx's master differs from that of the listener.
    /// # Fix
    /// Use an address that nginx's namespace can reach: a service name, the bridge's address, or host networking.
    /// # Not this if
    /// Both are in one namespace.
    pub static OTHER_NETWORK_NAMESPACE = {
        id: "other-network-namespace",
        title: "nginx runs in another network than the backend",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("host.docker.internal", 60), ("docker", 15)],
        effect_of: &[],
        settled_by: ("compare network namespaces", "readlink /proc/$(pgrep -o nginx)/ns/net /proc/self/ns/net"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) if complaint.tcp().is_some_and(|it| it.ip().is_loopback()) => 9,
        Trouble::Connect(111) => 3,
        _ => 0,
    }
}
