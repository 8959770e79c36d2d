//! What several causes say of the requests alike.

use super::{Crowd, Demand, Kind};
use crate::{Case, Evidence, Opinion, Rank, Source, evidence::quote, limits, queue, words::count};
use logscan::{
    Trouble,
    scan::{Load, Ranked},
};

/// Fewer requests while it fails are no crowd.
pub const CROWD: u64 = 20;
/// Hundredths that requests of one kind must have of all, by time and, where no time is logged, by number.
const MOST_TIME: u64 = 50;
const MOST_REQUESTS: u64 = 75;
/// So many times what is usual is far more.
pub const FAR_MORE: f64 = 5.0;
/// Less than that is no more than usual.
pub const AS_USUAL: f64 = 1.5;
/// Without a past: requests a second that no person and no ordinary program makes.
const HASTY: f64 = 1.0;
/// Share of time in which somebody waits for a processor, percent.
const PRESSED: f64 = 60.0;

/// Requests wait for a worker, a processor or a connection: only then the number of requests can be what fails them.
pub fn is_crowded(case: &Case) -> bool {
    let connections = |trouble: &Trouble| matches!(trouble, Trouble::WorkerConnections(_));
    let pressed = || case.world.limits.cpu.is_some_and(|it| it.some.avg10 >= PRESSED);
    let full = |peer: &crate::case::PeerSight| {
        let pool = queue::is_worker_pool(peer);
        let busy = queue::all_busy(peer) == Some(true) && queue::waiting(case, peer) > 0;
        let over = queue::listener(case, peer).is_some_and(|it| it.send_q > 0 && it.recv_q >= it.send_q);
        !queue::all_stuck(case, peer)
            && (pool && (busy || queue::said_all_busy(case, peer).is_some()) || over)
    };
    let waited = !queue::waited(case).is_empty();
    case.having(connections).next().is_some() || waited && (case.peers.iter().any(full) || pressed())
}

/// Requests of one kind take most of the workers, and there are more of them than usual; with the crowd.
pub fn of_kind(case: &Case, kind: Kind, who: &str) -> Option<Opinion> {
    let demand = case.demand.as_ref()?;
    let crowd = demand.now.crowds.get(&kind)?;
    if !is_crowded(case) || crowd.load.requests < CROWD || !takes_most(demand, &crowd.load) {
        return None;
    }
    let hasty = demand.now.rate(crowd.load.requests) >= HASTY;
    if demand.times(Some(kind)).is_none() && !hasty {
        return None;
    }
    let mut evidence = vec![takes(demand, who, &crowd.load)];
    evidence.extend(rate(demand, Some(kind)));
    evidence.push(from_whom(demand, crowd));
    Some(Opinion {
        subject: subject(case, demand, crowd),
        says: format!("{who} take {}", demand.says_share(&crowd.load)),
        evidence,
    })
}

/// It has so great a part of all that the rest is not what fills the pool.
pub fn takes_most(demand: &Demand, part: &Load) -> bool {
    let least = if demand.now.timed {
        MOST_TIME
    } else {
        MOST_REQUESTS
    };
    demand.share(part) >= least
}

/// `tries to log in take 92 % of the workers' time (41.3 s): 140 requests`
fn takes(demand: &Demand, who: &str, part: &Load) -> Evidence {
    let says = format!(
        "{who} take {}: {} of {} requests",
        demand.says_share(part),
        part.requests,
        demand.now.total().requests
    );
    Evidence::supports(Rank::Strong, says, source(demand))
}

/// Against what is usual, where that is known.
pub fn rate(demand: &Demand, kind: Option<Kind>) -> Option<Evidence> {
    let says = demand.says_rate(kind)?;
    let times = demand.times(kind)?;
    Some(match times {
        _ if times >= FAR_MORE => Evidence::supports(Rank::Strong, says, source(demand)),
        _ if times >= AS_USUAL => Evidence::supports(Rank::Hint, says, source(demand)),
        _ => Evidence::refutes(
            Rank::Decisive,
            format!("no more than usual: {says}"),
            source(demand),
        ),
    })
}

/// The addresses that ask most.
pub fn from_whom(demand: &Demand, crowd: &Crowd) -> Evidence {
    let top = crowd.clients.ranked(demand.weight(), 3);
    let named: Vec<String> = top
        .iter()
        .map(|it| format!("{} ({})", text(it), it.load.requests))
        .collect();
    let all = usize::try_from(crowd.clients.distinct()).unwrap_or(usize::MAX);
    let says = format!("they come from {}: {}", count(all, "address"), named.join(", "));
    Evidence::supports(Rank::Hint, says, source(demand))
}

/// `POST /wp-login.php of shop.example`
pub fn subject(case: &Case, demand: &Demand, crowd: &Crowd) -> String {
    let route = demand.routes(crowd, 1);
    route.first().map_or_else(
        || case.site().to_owned(),
        |it| format!("{} of {}", text(it), case.site()),
    )
}

/// A key as text: hostile.
pub fn text(it: &Ranked) -> String {
    String::from_utf8_lossy(&it.key).into_owned()
}

/// Where the requests can be seen.
pub fn source(demand: &Demand) -> Source {
    Source {
        place: demand.log.display().to_string(),
        command: format!(
            "why502 logs --by route,client,agent --since 15m {}",
            quote(&demand.log.to_string_lossy())
        ),
    }
}

/// What a person does about too many requests.
pub fn advise(case: &Case, what: &str) -> String {
    let pool = case.peers.iter().find(|peer| queue::is_worker_pool(peer));
    let room = pool
        .zip(case.world.memory_available.as_ref().ok())
        .map(|(peer, left)| {
            let one = limits::size(queue::largest_worker(case, peer));
            format!(
                ": a worker takes up to {one}, and {} are left",
                limits::size(*left)
            )
        });
    format!(
        "let fewer of {what} through: limit_req_zone in http {{}}, limit_req for that path or agent in its location, \
         nginx -t, reload; why502 load shows who it is. More workers help as far as memory and processors go{}",
        room.unwrap_or_default()
    )
}
