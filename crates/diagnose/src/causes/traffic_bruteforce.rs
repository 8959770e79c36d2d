use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Login attempts from few networks keep every worker busy: each one costs a password hash.
    /// # How to tell
    /// POSTs to a login path from few networks take most of the worker-seconds; runs of 499 before the 502s.
    /// # Fix
    /// limit_req or limit_conn for that path or agent, a block with an end, or more workers within the memory there is.
    /// # Not this if
    /// The rate is normal and each request takes longer (heavy-endpoint, db-slow).
    pub static TRAFFIC_BRUTEFORCE = {
        id: "traffic-bruteforce",
        title: "someone tries passwords, and that fills the pool",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("wp-login.php", 60), ("post /login", 40), ("/administrator/index.php", 40)],
        effect_of: &[],
        settled_by: ("see whose requests take the workers' time", "awk '{print $1, $7}' /var/log/nginx/access.log | sort | uniq -c | sort -rn | head"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(11) => 12,
        Trouble::Connect(99) => 9,
        Trouble::Status(499) => 18,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 3,
        _ => 0,
    }
}
