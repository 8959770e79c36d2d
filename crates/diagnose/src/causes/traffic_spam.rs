use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Comment, contact, trackback and xmlrpc requests keep the workers busy.
    /// # How to tell
    /// POSTs to those paths, or requests with spam referrers, take most of the worker-seconds.
    /// # Fix
    /// limit_req or limit_conn for that path or agent, a block with an end, or more workers within the memory there is.
    /// # Not this if
    /// The rate is normal and each request takes longer (heavy-endpoint, db-slow).
    pub static TRAFFIC_SPAM = {
        id: "traffic-spam",
        title: "spam requests fill the pool",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("wp-comments-post.php", 75), ("trackback", 50), ("xmlrpc.php", 25)],
        effect_of: &[],
        settled_by: ("see whose requests take the workers' time", "awk '{print $1, $7}' /var/log/nginx/access.log | sort | uniq -c | sort -rn | head"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(11) => 4,
        Trouble::Connect(99) => 3,
        Trouble::Status(499) => 6,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 1,
        _ => 0,
    }
}
