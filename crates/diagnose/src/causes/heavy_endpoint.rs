use crate::{
    Case, Class, Evidence, Opinion, Rank,
    cause::{Group, Told, cause},
    needs,
    traffic::{Demand, blame, mix::Route},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// At a normal rate of requests, one route is so slow that it holds most workers: an export, a search, an unindexed
    /// report.
    /// # How to tell
    /// Sum the upstream time by route: one of them dominates while the request rate is usual.
    /// # Fix
    /// Show it to its owner: with timing before and after it became slow. A pool of its own keeps it from taking the
    /// others down.
    /// # Not this if
    /// The number of requests grew (traffic-surge, traffic-flood).
    pub static HEAVY_ENDPOINT = {
        id: "heavy-endpoint",
        title: "one route takes most of the workers' time",
        group: Group::Load,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("slow request", 40), ("script_filename", 20)],
        effect_of: &[],
        settled_by: ("sum the time by route", "why502 load"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["heavy-endpoint"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 8,
        _ => 0,
    }
}

/// More requests than so many times the usual number are not one route's doing.
const USUAL: f64 = 1.5;
/// Seconds that a request of a heavy route takes at least.
const SLOW: f64 = 0.5;
/// And so many times what others take, or what it took before.
const SLOWER: f64 = 3.0;
/// Fewer requests of others are no measure.
const OTHERS: u64 = 5;

fn weigh(case: &Case) -> Opinion {
    case.demand
        .as_ref()
        .and_then(|demand| heavy(case, demand))
        .unwrap_or_default()
}

fn heavy(case: &Case, demand: &Demand) -> Option<Opinion> {
    let usual = &demand.usual.as_ref()?.stretch;
    let route = Route::heaviest(&demand.now)?;
    let fits = demand.now.timed && blame::is_crowded(case) && blame::takes_most(demand, &route.load);
    // who waits for a lock is slow for another reason than itself
    if !fits
        || route.seconds() < SLOW
        || demand.times(None)? >= USUAL
        || needs::somebody_waits_for_a_lock(case)
    {
        return None;
    }
    let mut evidence = vec![Evidence::supports(
        Rank::Strong,
        format!(
            "{} takes {}, {:.1} s each of {} requests",
            route.name,
            demand.says_share(&route.load),
            route.seconds(),
            route.load.requests
        ),
        blame::source(demand),
    )];
    let dearer = |route: &Route, others: &Route| {
        others.load.requests >= OTHERS && route.seconds() >= others.seconds() * SLOWER
    };
    // while all wait for a worker, all are slow: what is usual tells as well
    let (others, before) = (route.others(&demand.now), route.at(usual).filter(|_| usual.timed));
    let says = match before.map(|before| (route.others(usual), before)) {
        _ if dearer(&route, &others) => format!("other routes take {:.1} s on the average", others.seconds()),
        Some((others, before)) if dearer(&before, &others) => format!(
            "it took {:.1} s, and others {:.1} s, {}",
            before.seconds(),
            others.seconds(),
            demand.usual.as_ref()?.when()
        ),
        _ => return None,
    };
    evidence.push(Evidence::supports(Rank::Strong, says, blame::source(demand)));
    let says = format!(
        "there are no more requests than usual: {}",
        demand.says_rate(None)?
    );
    evidence.push(Evidence::supports(Rank::Hint, says, blame::source(demand)));
    Some(Opinion {
        subject: format!("{} of {}", route.name, case.site()),
        says: format!("{} takes {}", route.name, demand.says_share(&route.load)),
        evidence,
    })
}

fn advise(_: &Case) -> String {
    "show it to its owner with the times before and after it became slow (why502 load). Until then a pool of its own keeps \
     it from taking the others down: a second php-fpm pool for that location, or limit_conn there"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use crate::testing::traffic::{PEOPLE, busy};

    #[test]
    fn fires_where_one_route_takes_the_workers_at_the_usual_rate() {
        busy()
            .timed("GET /export", 10, 10, 40.0)
            .timed("GET /", 20, 20, 2.0)
            .usually(PEOPLE)
            .check("found heavy-endpoint <- pool-exhausted");
    }

    #[test]
    fn stays_quiet_where_all_routes_are_slow_or_the_requests_grew() {
        busy()
            .timed("GET /", 10, 10, 40.0)
            .timed("GET /shop", 20, 20, 70.0)
            .usually(PEOPLE)
            .check("found pool-exhausted");
        busy()
            .timed("GET /export", 200, 100, 400.0)
            .timed("GET /", 20, 20, 2.0)
            .usually(PEOPLE)
            .check_not("heavy-endpoint");
        busy()
            .timed("GET /export", 10, 10, 40.0)
            .timed("GET /", 20, 20, 2.0)
            .check("found pool-exhausted");
    }
}
