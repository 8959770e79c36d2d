use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// An AppArmor profile of nginx or the backend denies the socket, the file or the port.
    /// # How to tell
    /// `apparmor="DENIED"` with the profile in the kernel log.
    /// # Fix
    /// A rule in the profile for exactly that. AppArmor stays on.
    /// # Not this if
    /// No such line in the kernel log.
    pub static APPARMOR_DENIED = {
        id: "apparmor-denied",
        title: "AppArmor does not let nginx connect",
        group: Group::Permission,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("apparmor=\"denied\"", 98), ("apparmor", 80)],
        effect_of: &[],
        settled_by: ("look for the denial", "journalctl -k | grep -i apparmor"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(13) if complaint.tcp().is_some() => 10,
        Trouble::Connect(13) => 4,
        Trouble::Receive(13) | Trouble::Send(13) => 60,
        _ => 0,
    }
}
