use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy,
    cause::{Group, Told, cause},
    queue,
    traffic::{Demand, Kind, blame, cache, mix},
    workers,
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// A campaign, a season, a mention: the usual mix of pages and referrers, only more of it.
    /// # How to tell
    /// The baseline's mix of pages, referrers and networks, multiplied.
    /// # Fix
    /// More workers, as many as memory holds; or a cache of some seconds for the pages that many ask for, with old answers
    /// while the backend fails. It is for visitors of whom nothing is known: who sends a cookie other than those of visitor
    /// counters, or any password or key, is answered by the backend as before, and what the backend marks as not to be kept
    /// (Set-Cookie, Cache-Control, Expires, Vary) is not kept. Nobody is locked out.
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
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["traffic-surge"],
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

/// So many times the usual number of requests is more than a good day.
const SURGE: f64 = 2.0;

fn weigh(case: &Case) -> Opinion {
    case.demand
        .as_ref()
        .and_then(|demand| surge(case, demand))
        .unwrap_or_default()
}

fn surge(case: &Case, demand: &Demand) -> Option<Opinion> {
    let crowd = demand.now.crowds.get(&Kind::Page)?;
    let rate = blame::rate(demand, None)?;
    let times = demand.times(Some(Kind::Page))?;
    if !blame::is_crowded(case) || (times < SURGE && demand.times(None)? >= blame::AS_USUAL) {
        return None;
    }
    let mut evidence = vec![rate];
    if times >= SURGE {
        let alike = mix::like_people(demand, crowd).filter(|_| blame::takes_most(demand, &crowd.load))?;
        evidence.push(Evidence::supports(Rank::Strong, alike, blame::source(demand)));
        evidence.push(blame::from_whom(demand, crowd));
    }
    Some(Opinion {
        subject: case.site().to_owned(),
        says: format!(
            "more visitors than the backend can serve: {}",
            demand.says_rate(None)?
        ),
        evidence,
    })
}

fn advise(case: &Case) -> String {
    blame::advise(
        case,
        "what is dear (a cache for pages that all see alike helps most)",
    )
}

/// They are welcome: more workers, as far as memory goes, or one answer for all who ask the same.
fn remedies(case: &Case) -> Vec<Remedy> {
    let pools = case.peers.iter().filter(|peer| queue::is_worker_pool(peer));
    pools
        .filter_map(|peer| workers::more(case, peer))
        .take(1)
        .chain(cache::of_pages(case))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::traffic::{PEOPLE, busy};

    #[test]
    fn fires_where_the_same_people_ask_for_the_same_only_more_of_them() {
        surge().check("found traffic-surge <- pool-exhausted");
    }

    fn surge() -> crate::testing::Fixture {
        busy()
            .asked("GET /", 500, 300, "Firefox")
            .asked("GET /shop", 500, 300, "Chrome")
            .with_assets(4000)
            .usually(PEOPLE)
    }

    #[test]
    fn the_usual_pages_may_be_kept_for_strangers() {
        let offered = |fixture: crate::testing::Fixture| {
            let remedies = super::remedies(&fixture.case());
            remedies.iter().any(|it| it.title.starts_with("answer strangers"))
        };
        surge()
            .with(|it| it.world.pools.clear())
            .check("found traffic-surge <- pool-exhausted");
        assert!(offered(surge()));
        assert!(!offered(surge().with(|it| it.world.nginx[0].may_cache = false)));
        assert!(!offered(surge().with(|it| it.world.nginx[0].http_dir = None)));
        // pages that are news, and few visitors
        let news = busy().asked("GET /new", 500, 300, "Firefox").usually(PEOPLE);
        assert!(!offered(news));
        assert!(!offered(busy().asked("GET /", 500, 3, "Firefox").usually(PEOPLE)));
    }

    #[test]
    fn stays_quiet_on_a_good_day_and_where_they_are_no_people() {
        busy()
            .asked("GET /", 40, 35, "Firefox")
            .with_assets(100)
            .usually(PEOPLE)
            .check("found pool-exhausted");
        busy()
            .asked("GET /", 900, 2, "Firefox")
            .usually(PEOPLE)
            .check_not("traffic-surge");
    }
}
