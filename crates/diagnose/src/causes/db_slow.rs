use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Workers wait on the database: one statement, a missing index, or the holder of a lock. The pool fills, then
    /// nginx times out (504) or the accept queue overflows.
    /// # How to tell
    /// Most workers wait on the database's socket; one statement or lock holder dominates its process list; the slow
    /// log fills.
    /// # Fix
    /// See the statement and the lock holder. More workers only move the queue.
    /// # Not this if
    /// Workers wait on something else (external-api-slow), or burn CPU (cpu-saturated).
    pub static DB_SLOW = {
        id: "db-slow",
        title: "the database answers too slowly",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("lock wait timeout exceeded", 85), ("waiting for table metadata lock", 90), ("slow query", 60), ("deadlock found", 60)],
        effect_of: &[],
        settled_by: ("see what the database is doing", "mariadb -e \"show full processlist\""),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Status(504) => 10,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 10,
        Trouble::Connect(11) => 5,
        _ => 0,
    }
}
