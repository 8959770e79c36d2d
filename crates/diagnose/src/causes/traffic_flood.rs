use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Many times the usual number of requests, from few or many networks, without the assets and referrers of people.
    /// # How to tell
    /// The rate is many times the baseline; the accept queue overflows; runs of 499 come before the 502s.
    /// # Fix
    /// limit_req or limit_conn for that path or agent, a block with an end, or more workers within the memory there is.
    /// # Not this if
    /// The rate is normal and each request takes longer (heavy-endpoint, db-slow).
    pub static TRAFFIC_FLOOD = {
        id: "traffic-flood",
        title: "a flood of requests fills the pool or the queue",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("xmlrpc.php", 60), ("\" 499 ", 35), ("ddos", 80), ("limiting requests", 30), ("syn flooding", 90)],
        effect_of: &[],
        settled_by: ("see whose requests take the workers' time", "awk '{print $1, $7}' /var/log/nginx/access.log | sort | uniq -c | sort -rn | head"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(11) => 20,
        Trouble::Connect(99) => 15,
        Trouble::Status(499) => 30,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 5,
        _ => 0,
    }
}
