use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend is a `systemd --user` service of an account without linger: it is stopped when that person logs out,
    /// and comes back when they log in to look.
    /// # How to tell
    /// `loginctl show-user NAME -p Linger` says no; failures begin at the end of a session.
    /// # Fix
    /// `loginctl enable-linger NAME`, or a system unit.
    /// # Not this if
    /// The unit is a system unit.
    pub static USER_SERVICE_NO_LINGER = {
        id: "user-service-no-linger",
        title: "the backend lives only while its owner is logged in",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("linger=no", 90), ("enable-linger", 80)],
        effect_of: &[],
        settled_by: ("see whether the owner of a user service lingers", "loginctl list-users; loginctl show-user NAME -p Linger"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) => 2,
        _ => 0,
    }
}
