//! How those who ask for too much could be let through less often, and nobody else.

use super::{Crowd, Demand, Kind, blame, proxies};
use crate::{Allowance, Case, Limited, Measure, Remedy, queue};
use logscan::scan::{Ranked, Weight};

/// Hundredths of a crowd that its main route or agent must have for a limit of that one to help.
const MAIN: u64 = 70;
/// And that may still come through.
const REST: u64 = 30;
/// Addresses looked at.
const CLIENTS: usize = 5000;
/// Those of whom none may speak for others.
const FOREMOST: usize = 3;
/// Longest path or agent that a limit is written for.
const LONGEST: usize = 150;
/// The file in the directory that `http` includes.
const FILE: &str = "limited-requests.conf";

/// How much is let through from one address.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Requests a minute.
    pub per_minute: u32,
    /// And so many at once.
    pub burst: u32,
}

/// By what the requests of a crowd are told from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Method and path.
    Route,
    /// User agent.
    Agent,
}

/// Of the workers, one in so many may be at work for a crowd that is limited together.
const SHARE: usize = 4;
/// Hundredths that a page has of what is usual, from which on people miss it.
const MISSED: u64 = 5;

/// A limit for each address where few addresses make the crowd, or for all of it together, where nobody else asks for
/// the same; and nginx is the first that has to know of it.
pub fn of_kind(case: &Case, kind: Kind, mark: Mark, rate: Rate) -> Option<Remedy> {
    let demand = case.demand.as_ref()?;
    let crowd = demand.now.crowds.get(&kind)?;
    let route = case.route.as_ref()?;
    let same = |it: &&crate::topology::Route| it.nginx == route.nginx && it.target == route.target;
    let nginx = case.nginx()?;
    if nginx.has_limits || case.world.routes.iter().filter(same).count() != 1 {
        return None;
    }
    let clients = crowd.clients.ranked(Weight::Requests, CLIENTS);
    let of = match mark {
        Mark::Route => limited_route(crowd)?,
        Mark::Agent => limited_agent(crowd)?,
    };
    // the key of such a limit is `$binary_remote_addr`
    let each = few_are_let_through(demand, crowd, &clients, rate)
        && !demand.now.behind
        && !clients
            .iter()
            .take(FOREMOST)
            .any(|it| speaks_for_many(demand, it, &nginx.proxies));
    let allowed = if each {
        Allowance::Each {
            per_minute: rate.per_minute,
            burst: rate.burst,
        }
    } else if is_missed(demand, crowd, kind) {
        return None;
    } else {
        Allowance::Together(share_of_workers(case)?)
    };
    let title = title(&of, allowed);
    let measure = Measure::NginxLimit {
        file: nginx.http_dir.as_ref()?.join(FILE),
        beside: route.written.clone(),
        of,
        allowed,
    };
    Some(Remedy::ask(title, vec![measure]).relief())
}

fn title(of: &Limited, allowed: Allowance) -> String {
    let what = match of {
        Limited::Route { method, path } => format!("{method} {path}"),
        Limited::Agent(agent) => format!("requests as {agent}"),
    };
    match allowed {
        Allowance::Each { per_minute, burst } => {
            format!("let each address make {per_minute} {what} a minute, {burst} at once")
        }
        Allowance::Together(most) => format!("let all together make {most} {what} at a time"),
    }
}

/// People ask for what the crowd asks for: a limit for all would keep them out as well.
fn is_missed(demand: &Demand, crowd: &Crowd, kind: Kind) -> bool {
    let usual = || {
        let usual = &demand.usual.as_ref()?.stretch;
        let main = crowd.routes.ranked(Weight::Requests, 1).into_iter().next()?;
        let pages = usual.crowds.get(&Kind::Page)?;
        let same = pages.routes.ranked(Weight::Requests, CLIENTS);
        let same = same
            .iter()
            .find(|it| it.key == main.key)
            .map_or(0, |it| it.load.requests);
        Some(same * 100 / usual.total().requests.max(1))
    };
    kind == Kind::Page && usual().is_none_or(|share| share >= MISSED)
}

/// The rest of them is left to everybody else.
fn share_of_workers(case: &Case) -> Option<u32> {
    let pool = case.peers.iter().find(|peer| queue::is_worker_pool(peer))?;
    let workers = queue::worker_count(case, pool);
    (workers > 1).then(|| u32::try_from(workers / SHARE).unwrap_or(u32::MAX).max(1))
}

/// What comes from each address beyond its rate is most of the crowd. Where thousands come with a few requests each, a
/// limit for each address lets them all through.
fn few_are_let_through(demand: &Demand, crowd: &Crowd, clients: &[Ranked], rate: Rate) -> bool {
    let each = u64::from(rate.burst) + u64::from(rate.per_minute) * demand.now.seconds / 60;
    let known: u64 = clients.iter().map(|it| it.load.requests).sum();
    let through: u64 = clients.iter().map(|it| it.load.requests.min(each)).sum();
    let unknown = crowd.load.requests.saturating_sub(known);
    (through + unknown) * 100 <= crowd.load.requests * REST
}

/// What is no address may be anybody.
fn speaks_for_many(demand: &Demand, client: &Ranked, trusted: &[String]) -> bool {
    let address = blame::text(client).parse();
    demand.now.forwards(&client.key) || address.map_or(true, |it| proxies::is_proxy(it, trusted))
}

fn limited_route(crowd: &Crowd) -> Option<Limited> {
    let key = main(crowd, &crowd.routes)?;
    let (method, path) = key.split_once(' ')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~*-".contains(&byte);
    let safe =
        path.starts_with('/') && path.bytes().all(plain) && method.bytes().all(|it| it.is_ascii_uppercase());
    (safe && path.len() < LONGEST && !method.is_empty()).then(|| Limited::Route {
        method: method.to_owned(),
        path: path.to_owned(),
    })
}

fn limited_agent(crowd: &Crowd) -> Option<Limited> {
    let agent = main(crowd, &crowd.agents)?;
    let plain = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !b"\"\\$`'".contains(&byte);
    let safe = agent.len() < LONGEST && agent.bytes().all(plain) && super::is_bot(agent.as_bytes());
    safe.then_some(Limited::Agent(agent))
}

/// The key that most of the crowd has.
fn main(crowd: &Crowd, by: &logscan::scan::Top) -> Option<String> {
    let first = by.ranked(Weight::Requests, 1).into_iter().next()?;
    let most = first.load.requests * 100 >= crowd.load.requests * MAIN;
    most.then(|| String::from_utf8(first.key).ok()).flatten()
}
