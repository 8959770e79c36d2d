use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Bots walk through every page and filter, mostly uncached ones.
    /// # How to tell
    /// User agents of bots, a breadth of paths no person visits; claimed names are checked by reverse lookup.
    /// # Fix
    /// limit_req or limit_conn for that path or agent, a block with an end, or more workers within the memory there is.
    /// # Not this if
    /// The rate is normal and each request takes longer (heavy-endpoint, db-slow).
    pub static TRAFFIC_CRAWLER = {
        id: "traffic-crawler",
        title: "crawlers fill the pool",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("bot/", 25), ("crawler", 60), ("spider", 60), ("semrush", 80), ("ahrefs", 80), ("gptbot", 80), ("bytespider", 80)],
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
