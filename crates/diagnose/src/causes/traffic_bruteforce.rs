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
    /// Login attempts from few networks keep every worker busy: each one costs a password hash.
    /// # How to tell
    /// POSTs to a login path from few networks take most of the worker-seconds; runs of 499 before the 502s.
    /// # Fix
    /// A limit for that path in nginx, for each address or for all together; nobody is locked out. Or, where at most three
    /// strangers make most of it, those addresses are refused for a while: by fail2ban or CrowdSec where one of them bans
    /// on this host, else in a table of nftables of its own, which lets go by itself after an hour. Never a CDN, a proxy, an
    /// inner network, whoever is logged in, nor whoever looked at pages at this hour on other days. More workers help as
    /// far as memory goes.
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
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["traffic-bruteforce"],
        },
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

fn weigh(case: &Case) -> Opinion {
    blame::of_kind(case, Kind::Login, "tries to log in").unwrap_or_default()
}

fn advise(case: &Case) -> String {
    blame::advise(case, "the tries to log in")
}

/// For each address.
const RATE: Rate = Rate {
    per_minute: 6,
    burst: 5,
};

fn remedies(case: &Case) -> Vec<Remedy> {
    let limited = limit::of_kind(case, Kind::Login, Mark::Route, RATE);
    limited
        .into_iter()
        .chain(ban::of_kind(case, Kind::Login))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::traffic::{PEOPLE, busy};

    #[test]
    fn fires_where_logins_fill_the_pool() {
        busy()
            .asked("POST /wp-login.php", 300, 1, "Firefox")
            .usually(PEOPLE)
            .check("found traffic-bruteforce <- pool-exhausted");
        busy()
            .asked("POST /login", 300, 2, "curl/8")
            .asked("GET /", 20, 20, "Firefox")
            .check("found traffic-bruteforce <- pool-exhausted");
    }

    #[test]
    fn stays_quiet_where_logins_are_as_many_as_ever() {
        busy()
            .asked("POST /login", 60, 60, "Firefox")
            .usually(&[("POST /login", 7200, 900, "Firefox")])
            .check("found pool-exhausted");
        busy()
            .asked("POST /login", 12, 1, "Firefox")
            .check("found pool-exhausted");
        busy()
            .asked("POST /login", 100, 1, "Firefox")
            .asked("GET /", 300, 90, "Firefox")
            .check("found pool-exhausted");
    }

    #[test]
    fn stays_quiet_where_no_worker_is_short() {
        busy()
            .asked("POST /wp-login.php", 300, 1, "Firefox")
            .queue(0, 511)
            .second_look((4, 5), 1)
            .check_not("traffic-bruteforce");
    }

    const OFFER: &str =
        "ask relief: /etc/nginx/conf.d/limited-requests.conf 6/min burst 5: POST /wp-login.php";

    const BAN: &str = "ask relief: refuse 203.0.113.0 203.0.113.1 on [80] for 60 min";

    #[test]
    fn few_addresses_are_limited_each_or_refused_for_a_while() {
        busy()
            .asked("POST /wp-login.php", 300, 2, "Firefox")
            .offers(&[OFFER, BAN]);
    }

    const TOGETHER: &str =
        "ask relief: /etc/nginx/conf.d/limited-requests.conf 1 together: POST /wp-login.php";

    #[test]
    fn many_addresses_and_those_behind_a_proxy_are_limited_together() {
        busy()
            .asked("POST /wp-login.php", 300, 200, "Firefox")
            .offers(&[TOGETHER]);
        busy()
            .asked("POST /wp-login.php", 300, 2, "Firefox")
            .with(|it| it.world.nginx[0].proxies = vec!["203.0.113.0/24".into()])
            .offers(&[TOGETHER]);
    }

    #[test]
    fn an_address_that_asks_for_many_others_is_never_limited_by_itself() {
        // the log of an nginx that does not know of its CDN: every request is the edge's, for somebody else
        busy()
            .forwarded("POST /wp-login.php", 300, 2, 90)
            .offers(&[TOGETHER]);
        // told apart in the log, and not by nginx
        busy()
            .asked("POST /wp-login.php", 300, 2, "Firefox")
            .with(|it| it.demand.as_mut().expect("a demand").now.behind = true)
            .offers(&[TOGETHER]);
        // an address that says always the same of itself
        busy()
            .forwarded("POST /wp-login.php", 300, 2, 1)
            .offers(&[OFFER, BAN]);
    }

    #[test]
    fn no_limit_beside_others_and_none_without_a_place_for_it() {
        let few = || busy().asked("POST /wp-login.php", 300, 2, "Firefox");
        few()
            .with(|it| it.world.nginx[0].has_limits = true)
            .offers(&[BAN]);
        few().with(|it| it.world.nginx[0].http_dir = None).offers(&[BAN]);
    }
}
