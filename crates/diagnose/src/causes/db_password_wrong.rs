use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The credentials in the application's configuration are refused: after an update, a migration, a restored backup,
    /// or a volume that was set up with an older password.
    /// # How to tell
    /// `Access denied for user` (1045) or `password authentication failed` (28P01) while the server is up.
    /// # Fix
    /// Restore the credential that was right on the side that changed; compare both sides first. The database's
    /// accounts are never changed for you.
    /// # Not this if
    /// The server does not answer at all (db-down).
    pub static DB_PASSWORD_WRONG = {
        id: "db-password-wrong",
        title: "the database refuses the application's login",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("access denied for user", 95), ("er_access_denied", 95), ("er_host_not_privileged", 95), ("is not allowed to connect to this", 95), ("password authentication failed", 95), ("28p01", 95), ("authentication failed", 70), ("wrongpass", 80), ("noauth", 70)],
        effect_of: &[],
        settled_by: ("try the application's own credentials", "journalctl -u mariadb -u postgresql -n 20 --no-pager | grep -iE \"denied|authentication failed\""),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text)
            if text.contains("Access denied") || text.contains("authentication failed") =>
        {
            95
        }
        Trouble::Connect(111) => 2,
        _ => 0,
    }
}
