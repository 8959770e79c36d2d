use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy,
    cause::{Group, Told, cause},
    traffic::{
        Demand, Kind, ban, blame,
        limit::{self, Mark, Rate},
        mix,
    },
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Many times the usual number of requests, from few or many networks, without the assets and referrers of people.
    /// # How to tell
    /// The rate is many times the baseline; the accept queue overflows; runs of 499 come before the 502s.
    /// # Fix
    /// A limit for that path in nginx, for each address or for all together; nobody is locked out. Or, where at most three
    /// strangers make most of it, those addresses are refused for a while: by fail2ban or CrowdSec where one of them bans
    /// on this host, else in a table of nftables of its own, which lets go by itself after an hour. Never a CDN, a proxy, an
    /// inner network, whoever is logged in, nor whoever looked at pages at this hour on other days. More workers help as
    /// far as memory goes.
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
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["traffic-flood"],
        },
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

fn weigh(case: &Case) -> Opinion {
    case.demand
        .as_ref()
        .and_then(|demand| flood(case, demand))
        .unwrap_or_default()
}

fn flood(case: &Case, demand: &Demand) -> Option<Opinion> {
    let crowd = demand.now.crowds.get(&Kind::Page)?;
    let rate = blame::rate(demand, None)?;
    if !blame::is_crowded(case) || mix::spam_referrer(case).is_some() {
        return None;
    }
    let mut evidence = vec![rate];
    if demand.times(Some(Kind::Page))? >= blame::FAR_MORE && blame::takes_most(demand, &crowd.load) {
        let odd = mix::unlike_people(demand, crowd);
        let odd = odd
            .into_iter()
            .map(|says| Evidence::supports(Rank::Strong, says, blame::source(demand)));
        let odd: Vec<Evidence> = odd.collect();
        if odd.is_empty() {
            return None;
        }
        evidence.extend(odd);
        evidence.push(blame::from_whom(demand, crowd));
    } else if demand.times(None)? >= blame::AS_USUAL {
        return None;
    }
    Some(Opinion {
        subject: blame::subject(case, demand, crowd),
        says: format!(
            "many times the usual number of requests: {}",
            demand.says_rate(None)?
        ),
        evidence,
    })
}

fn advise(case: &Case) -> String {
    blame::advise(case, "the requests that are no person's")
}

/// For each address: more than a person who looks through the pages asks for.
const RATE: Rate = Rate {
    per_minute: 60,
    burst: 20,
};

fn remedies(case: &Case) -> Vec<Remedy> {
    let limited = limit::of_kind(case, Kind::Page, Mark::Route, RATE);
    limited
        .into_iter()
        .chain(ban::of_kind(case, Kind::Page))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::traffic::{PEOPLE, busy};

    #[test]
    fn fires_where_few_ask_for_far_more_than_all_do() {
        busy()
            .asked("GET /search", 900, 2, "Firefox")
            .usually(PEOPLE)
            .check("found traffic-flood <- pool-exhausted");
    }

    #[test]
    fn fires_where_many_ask_for_pages_and_for_nothing_that_pages_bring_along() {
        busy()
            .bare("GET /", 900, 300, "Firefox")
            .usually(PEOPLE)
            .check("found traffic-flood <- pool-exhausted");
    }

    #[test]
    fn what_people_ask_for_as_well_is_not_limited_for_all_together() {
        let flood = |page| busy().bare(page, 900, 300, "Firefox").usually(PEOPLE);
        flood("GET /").offers(&[]);
        flood("GET /search")
            .offers(&["ask relief: /etc/nginx/conf.d/limited-requests.conf 1 together: GET /search"]);
    }

    #[test]
    fn stays_quiet_where_nothing_is_known_of_what_is_usual() {
        busy()
            .asked("GET /search", 900, 2, "Firefox")
            .check("found pool-exhausted");
    }

    #[test]
    fn says_so_where_there_are_no_more_requests_than_ever() {
        let verdict = busy().asked("GET /", 30, 25, "Firefox").usually(PEOPLE).verdict();
        let says = verdict
            .ruled_out
            .iter()
            .find(|it| it.cause == "traffic-flood")
            .map(|it| it.says.clone());
        assert!(
            says.is_some_and(|says| says.starts_with("no more than usual: ")),
            "{:#?}",
            verdict.ruled_out
        );
    }
}
