use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Every connection the database allows is taken; new ones are refused. Often by leaked sessions, or more workers
    /// than connections.
    /// # How to tell
    /// `Too many connections` (1040) or `too many clients already` (53300); threads connected equal max_connections.
    /// # Fix
    /// Free what is leaked, match workers to connections, raise the limit within memory.
    /// # Not this if
    /// Connections are free and statements are slow (db-slow).
    pub static DB_CONNECTION_LIMIT = {
        id: "db-connection-limit",
        title: "the database has no connection left",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("too many connections", 95), ("too many clients", 95), ("remaining connection slots are reserved", 95), ("max_user_connections", 90)],
        effect_of: &[],
        settled_by: ("compare connections with the limit", "mariadb -e \"show status like 'Threads_connected'; show variables like 'max_connections'\""),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if text.contains("Too many connections") => 95,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 2,
        _ => 0,
    }
}
