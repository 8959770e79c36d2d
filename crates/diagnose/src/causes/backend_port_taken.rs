use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend could not bind its address because another program has it. nginx talks to that stranger: odd
    /// answers, 404s, resets; or 111 where the stranger is gone too.
    /// # How to tell
    /// The backend's log says `Address already in use` (EADDRINUSE, 98), and the owner of the listener is not the
    /// backend's unit.
    /// # Fix
    /// See who owns the port; move one of the two.
    /// # Not this if
    /// The owner is a leftover worker of the same backend (backend-orphan-workers).
    pub static BACKEND_PORT_TAKEN = {
        id: "backend-port-taken",
        title: "another program holds the backend's address",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("address already in use", 55), ("eaddrinuse", 70), ("unable to bind listening socket", 45), ("another fpm instance seems to already listen", 35), ("could not bind to address", 60)],
        effect_of: &[],
        settled_by: ("see who owns the port", "ss -ltnp"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) if complaint.tcp().is_some() => 2,
        Trouble::Receive(104) => 1,
        Trouble::NotHttp => 6,
        _ => 0,
    }
}
