use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// The database the application is configured with is down or can't be reached. The application exits at start
    /// (nginx: 111), waits (504), or answers 500 or 502 itself.
    /// # How to tell
    /// The application's log names the database and says refused, no such file or timed out; nothing answers on that
    /// address.
    /// # Fix
    /// Start the database, then find why it stopped: a full disk and the OOM killer are the usual reasons.
    /// # Not this if
    /// The database answers and refuses the login (db-password-wrong) or the connection count (db-connection-limit).
    pub static DB_DOWN = {
        id: "db-down",
        title: "the application's database does not answer",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("econnrefused 127.0.0.1:3306", 95), ("econnrefused 127.0.0.1:5432", 95), ("can't connect to mysql server", 90), ("can't connect to local mysql", 90), ("sqlstate[hy000] [2002]", 90), ("waiting for sql", 80), ("could not connect to server", 75), ("server has gone away", 60), ("error establishing a database connection", 60), (":3306", 40), (":5432", 40), (":27017", 60), ("mongonetworkerror", 85)],
        effect_of: &[],
        settled_by: ("ask the database from the application's host", "systemctl status mariadb mysql postgresql; ss -ltnp | grep -E \"3306|5432\""),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) => 6,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 3,
        Trouble::BackendStderr(text) if text.contains("mysqli") || text.contains("PDO") => 45,
        _ => 0,
    }
}
