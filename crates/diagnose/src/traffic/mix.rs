//! Whether requests look like those of people, and which routes they are for.

use super::{Crowd, Demand, Kind, Stretch};
use crate::Case;
use logscan::scan::{Load, Ranked, Weight};

/// Hundredths that one address has of all where few addresses make the load, and has not where many do.
const ONE_OF_FEW: u64 = 30;
const ONE_OF_MANY: u64 = 20;
/// Pages with a referrer, hundredths: of people as a rule, and where they are none.
const FOLLOWED: u64 = 40;
const NOT_FOLLOWED: u64 = 10;
/// Pictures, styles and scripts for each hundred pages, from which on pages bring them along.
const BRINGS: u64 = 50;
/// Routes looked at.
const ROUTES: usize = 200;
/// Hundredths of the pages that are asked for with one foreign referrer where it is spam, and where it is usual.
const ONE_REFERRER: u64 = 70;
const KNOWN_REFERRER: u64 = 5;

/// What shows that nobody looks at these pages; nothing where it may be people.
pub fn unlike_people(demand: &Demand, crowd: &Crowd) -> Vec<String> {
    let Some(usual) = demand.usual.as_ref() else {
        return Vec::new();
    };
    let mut odd = Vec::new();
    let top = crowd.clients.ranked(demand.weight(), 1);
    if let Some(first) = top.first().filter(|it| demand.share(&it.load) >= ONE_OF_FEW) {
        let (name, share) = (super::blame::text(first), demand.says_share(&first.load));
        odd.push(format!("{name} alone takes {share}"));
    }
    if let Some((brings, brought)) = brings_nothing(demand) {
        odd.push(format!(
            "{brings} pictures, styles and scripts are asked for with 100 requests, {brought} as a rule"
        ));
    }
    let (follows, followed) = (referred(crowd), pages(&usual.stretch).map_or(0, referred));
    if followed >= FOLLOWED && follows <= NOT_FOLLOWED {
        odd.push(format!(
            "{follows} % of them have a referrer, {followed} % as a rule"
        ));
    }
    odd
}

/// Pictures, styles and scripts for each hundred requests, now and as a rule, where pages no longer bring them along.
fn brings_nothing(demand: &Demand) -> Option<(u64, u64)> {
    let (brings, brought) = (assets(&demand.now), assets(&demand.usual.as_ref()?.stretch));
    (brought >= BRINGS && brings * 4 < brought).then_some((brings, brought))
}

/// The referrer that somebody wants to be seen in logs and statistics: a foreign site that nearly all requests name and none
/// named before, from many addresses, for the usual pages but for nothing that pages bring along. Who follows a link brings
/// that along, and another site's program asks for what is no page.
pub fn spam_referrer(case: &Case) -> Option<Ranked> {
    let demand = case.demand.as_ref()?;
    let crowd = demand.now.crowds.get(&Kind::Page)?;
    let usual = pages(&demand.usual.as_ref()?.stretch)?;
    let first = |of: &logscan::scan::Top| of.ranked(Weight::Requests, 1).into_iter().next();
    let hundredths = |part: u64, of: &Crowd| part * 100 / of.load.requests.max(1);
    let spam = first(&crowd.referrers).filter(|it| is_foreign(case, &it.key))?;
    let known = usual.referrers.ranked(Weight::Requests, ROUTES);
    let known = known.iter().find(|it| it.key == spam.key);
    let many = hundredths(first(&crowd.clients)?.load.requests, crowd) < ONE_OF_MANY;
    let is_spam = brings_nothing(demand).is_some()
        && many
        && is_usual(usual, &first(&crowd.routes)?)
        && hundredths(spam.load.requests, crowd) >= ONE_REFERRER
        && hundredths(known.map_or(0, |it| it.load.requests), usual) < KNOWN_REFERRER;
    is_spam.then_some(spam)
}

/// A referrer that is none of this host's sites, nor above or below one of them.
fn is_foreign(case: &Case, origin: &[u8]) -> bool {
    let Some(host) = host(origin) else { return false };
    let below = |a: &str, b: &str| {
        a.strip_suffix(b)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let is_own = |site: &&str| below(&host, site) || below(site, &host);
    host != "localhost" && host.parse::<std::net::IpAddr>().is_err() && !case.world.sites().iter().any(is_own)
}

/// `https://Spam.example:8080` -> `spam.example`; `None` for what is no plain name.
pub fn host(origin: &[u8]) -> Option<String> {
    let origin = str::from_utf8(origin).ok()?;
    let place = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"))?;
    let host = place.split(':').next()?.to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
    (host.contains('.') && host.bytes().all(plain)).then_some(host)
}

fn is_usual(usual: &Crowd, route: &Ranked) -> bool {
    let known = usual.routes.ranked(Weight::Requests, ROUTES);
    known.iter().any(|it| it.key == route.key)
}

/// What shows that these are the usual people; `None` where it does not.
pub fn like_people(demand: &Demand, crowd: &Crowd) -> Option<String> {
    let usual = pages(&demand.usual.as_ref()?.stretch)?;
    let first = crowd.clients.ranked(Weight::Requests, 1);
    let share = first.first()?.load.requests * 100 / crowd.load.requests.max(1);
    let same = crowd.routes.ranked(Weight::Requests, 1);
    let known = is_usual(usual, same.first()?);
    let many = share < ONE_OF_MANY && known && unlike_people(demand, crowd).is_empty();
    many.then(|| {
        format!(
            "they are for the usual pages, from {} addresses of which none makes more than {share} %",
            crowd.clients.distinct()
        )
    })
}

fn pages(stretch: &Stretch) -> Option<&Crowd> {
    stretch.crowds.get(&Kind::Page)
}

fn referred(crowd: &Crowd) -> u64 {
    crowd.referred * 100 / crowd.load.requests.max(1)
}

/// For each hundred requests.
fn assets(stretch: &Stretch) -> u64 {
    stretch.assets * 100 / stretch.total().requests.max(1)
}

/// One route and its requests.
#[derive(Clone, Debug)]
pub struct Route {
    /// `GET /export`: hostile.
    pub name: String,
    /// Its requests.
    pub load: Load,
}

impl Route {
    /// The one that takes most time.
    pub fn heaviest(stretch: &Stretch) -> Option<Self> {
        all(stretch).into_iter().max_by_key(|it| it.load.micros)
    }

    /// The same route at another time.
    pub fn at(&self, stretch: &Stretch) -> Option<Self> {
        all(stretch).into_iter().find(|it| it.name == self.name)
    }

    /// All others together.
    pub fn others(&self, stretch: &Stretch) -> Self {
        let mut load = Load::default();
        all(stretch)
            .iter()
            .filter(|it| it.name != self.name)
            .for_each(|it| load.add(&it.load));
        Self {
            name: String::new(),
            load,
        }
    }

    /// Seconds that a request takes on the average.
    pub fn seconds(&self) -> f64 {
        self.load.micros as f64 / 1e6 / self.load.requests.max(1) as f64
    }
}

/// Routes of all kinds, each once.
fn all(stretch: &Stretch) -> Vec<Route> {
    let mut tops = stretch.crowds.values().map(|crowd| &crowd.routes);
    let Some(mut top) = tops.next().cloned() else {
        return Vec::new();
    };
    tops.for_each(|other| top.merge(other));
    let route = |it: &logscan::scan::Ranked| Route {
        name: super::blame::text(it),
        load: it.load,
    };
    top.ranked(Weight::Time, ROUTES).iter().map(route).collect()
}
