use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// A campaign, a season, a mention: the usual mix of pages and referrers, only more of it.
    /// # How to tell
    /// The baseline's mix of pages, referrers and networks, multiplied.
    /// # Fix
    /// limit_req or limit_conn for that path or agent, a block with an end, or more workers within the memory there is.
    /// # Not this if
    /// The rate is normal and each request takes longer (heavy-endpoint, db-slow).
    pub static TRAFFIC_SURGE = {
        id: "traffic-surge",
        title: "more visitors than the site can serve",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("campaign", 30)],
        effect_of: &[],
        settled_by: ("see whose requests take the workers' time", "awk '{print $1, $7}' /var/log/nginx/access.log | sort | uniq -c | sort -rn | head"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(11) => 8,
        Trouble::Connect(99) => 6,
        Trouble::Status(499) => 12,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 2,
        _ => 0,
    }
}
