use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    cause::{Group, Told, cause},
    traffic::{
        Kind, blame,
        limit::{self, Mark, Rate},
    },
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Bots walk through every page and filter, mostly uncached ones.
    /// # How to tell
    /// User agents of bots, a breadth of paths no person visits. The name is what they say of themselves: the name of
    /// the address in DNS, and that name's address again, tell whether it is true.
    /// # Fix
    /// A limit for that user agent in nginx: crawlers are slowed down, not refused, for their name is only claimed. More
    /// workers help as far as memory goes.
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
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["traffic-crawler"],
        },
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

fn weigh(case: &Case) -> Opinion {
    let mut opinion = blame::of_kind(case, Kind::Bot, "programs that crawl").unwrap_or_default();
    if let Some(demand) = case.demand.as_ref().filter(|_| !opinion.evidence.is_empty()) {
        let claimed = Source {
            command: "getent hosts ADDRESS, then getent ahosts NAME".to_owned(),
            ..blame::source(demand)
        };
        let says = "their names are only claimed: DNS was not asked whose addresses these are";
        opinion
            .evidence
            .push(Evidence::supports(Rank::Hint, says, claimed));
    }
    opinion
}

fn advise(case: &Case) -> String {
    blame::advise(case, "the crawlers")
}

/// For each address.
const RATE: Rate = Rate {
    per_minute: 12,
    burst: 5,
};

fn remedies(case: &Case) -> Vec<Remedy> {
    limit::of_kind(case, Kind::Bot, Mark::Agent, RATE)
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::traffic::{PEOPLE, busy};

    #[test]
    fn fires_where_crawlers_fill_the_pool() {
        busy()
            .asked(
                "GET /shop/item/*",
                300,
                5,
                "Mozilla/5.0 (compatible; bingbot/2.0)",
            )
            .usually(PEOPLE)
            .check("found traffic-crawler <- pool-exhausted");
        busy()
            .asked("GET /archive", 300, 90, "GPTBot/1.2")
            .asked("GET /", 9, 9, "Firefox")
            .check("found traffic-crawler <- pool-exhausted");
    }

    #[test]
    fn stays_quiet_where_crawlers_come_as_ever() {
        busy()
            .asked("GET /shop", 60, 5, "Googlebot/2.1")
            .usually(&[("GET /shop", 7200, 5, "Googlebot/2.1")])
            .check("found pool-exhausted");
        busy()
            .asked("GET /shop", 60, 5, "Googlebot/2.1")
            .asked("GET /", 90, 60, "Firefox")
            .usually(PEOPLE)
            .check_not("traffic-crawler");
    }
}
