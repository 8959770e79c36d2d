use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A deploy or upgrade expects tables or columns that are not there, or the server's own data needs its upgrade
    /// step. Requests answer 500 or 502 since that moment.
    /// # How to tell
    /// The log says that a table or column is missing, or asks for an upgrade of the data.
    /// # Fix
    /// Run the migration the application documents, after a backup.
    /// # Not this if
    /// The login is refused (db-password-wrong).
    pub static DB_SCHEMA = {
        id: "db-schema",
        title: "the database's schema does not fit the application",
        group: Group::Dependency,
        class: Class::Never,
        share_of: share_of,
        phrases: &[("doesn't exist", 40), ("unknown column", 90), ("undefined table", 90), ("no such table", 90), ("mysql_upgrade", 90), ("migrations are pending", 90), ("unapplied migration", 90), ("relation \"", 50)],
        effect_of: &[],
        settled_by: ("look for a missing table or column in the application's log", "journalctl -u APP -n 50 --no-pager | grep -iE \"table|column|relation\""),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if text.contains("Unknown column") || text.contains("doesn't exist") => {
            85
        }
        _ => 0,
    }
}
