use crate::{
    Case, Class, Opinion, Remedy,
    cause::{Group, Told, cause},
    traffic::{
        Kind, ban, blame,
        limit::{self, Mark, Rate},
    },
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Comment, contact, trackback and xmlrpc requests keep the workers busy.
    /// # How to tell
    /// POSTs to those paths, or requests with spam referrers, take most of the worker-seconds.
    /// # Fix
    /// A limit for that path in nginx, for each address or for all together; nobody is locked out. Or, where at most three
    /// strangers make most of it, those addresses are refused for a while: by fail2ban or CrowdSec where one of them bans
    /// on this host, else in a table of nftables of its own, which lets go by itself after an hour. Never a CDN, a proxy, an
    /// inner network, whoever is logged in, nor whoever looked at pages at this hour on other days. More workers help as
    /// far as memory goes.
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
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["traffic-spam"],
        },
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

fn weigh(case: &Case) -> Opinion {
    blame::of_kind(case, Kind::Message, "messages that anybody may send").unwrap_or_default()
}

fn advise(case: &Case) -> String {
    blame::advise(case, "the messages")
}

/// For each address.
const RATE: Rate = Rate {
    per_minute: 6,
    burst: 5,
};

fn remedies(case: &Case) -> Vec<Remedy> {
    let limited = limit::of_kind(case, Kind::Message, Mark::Route, RATE);
    limited
        .into_iter()
        .chain(ban::of_kind(case, Kind::Message))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::traffic::{PEOPLE, busy};

    #[test]
    fn fires_where_comments_fill_the_pool() {
        busy()
            .asked("POST /wp-comments-post.php", 300, 40, "Firefox")
            .usually(PEOPLE)
            .check("found traffic-spam <- pool-exhausted");
        busy()
            .asked("POST /xmlrpc.php", 300, 3, "")
            .check("found traffic-spam <- pool-exhausted");
    }

    #[test]
    fn stays_quiet_where_messages_are_few_or_usual() {
        busy()
            .asked("POST /contact", 40, 40, "Firefox")
            .asked("GET /", 60, 50, "Firefox")
            .usually(PEOPLE)
            .check_not("traffic-spam");
        busy()
            .asked("POST /contact", 60, 60, "Firefox")
            .usually(&[("POST /contact", 7200, 900, "Firefox")])
            .check("found pool-exhausted");
    }
}
