use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A worker of nginx holds worker_connections connections, clients and upstreams together. New clients are dropped;
    /// requests that need an upstream get 500.
    /// # How to tell
    /// `N worker_connections are not enough`; a proxy loop and stuck upstreams must be ruled out, since both eat
    /// connections.
    /// # Fix
    /// Raise worker_connections (and worker_rlimit_nofile with it), reload. If they pile up because the upstream hangs,
    /// mend that.
    /// # Not this if
    /// The message is `Too many open files` (fd-limit), or the peer is nginx itself (proxy-loop).
    pub static WORKER_CONNECTIONS_LIMIT = {
        id: "worker-connections-limit",
        title: "nginx has no connection left",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("worker_connections are not enough", 95), ("worker_connections exceed open file resource limit", 60)],
        effect_of: &[],
        settled_by: ("count connections of a worker against the limit", "grep -rn worker_connections /etc/nginx; ss -s"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::WorkerConnections(_) => 95,
        _ => 0,
    }
}
