use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// SELinux denies nginx (httpd_t) the connection: to a TCP port whose type is not allowed, or to a socket with the
    /// wrong label.
    /// # How to tell
    /// Errno 13 on a TCP peer is never a file permission. An AVC line names nginx; the boolean or the port's type is
    /// off.
    /// # Fix
    /// `setsebool -P httpd_can_network_connect 1`, or the narrower `semanage port`. SELinux stays on.
    /// # Not this if
    /// SELinux is off or permissive, and the modes deny (socket-permission).
    pub static SELINUX_DENIED = {
        id: "selinux-denied",
        title: "SELinux does not let nginx connect",
        group: Group::Permission,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("avc: denied", 95), ("avc:  denied", 95), ("audit2allow", 90), ("selinux", 85), ("httpd_can_network_connect", 98), ("soundd_port_t", 95)],
        effect_of: &[],
        settled_by: ("look for the denial", "ausearch -m avc -ts recent -c nginx; getenforce"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(13) if complaint.tcp().is_some() => 85,
        Trouble::Connect(13) => 9,
        Trouble::Receive(13) | Trouble::Send(13) => 30,
        Trouble::ListenFailed { errno: 13, .. } => 40,
        _ => 0,
    }
}
