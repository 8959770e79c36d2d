//! Pages that many strangers ask for at the same time, and that nginx could answer from one answer for some seconds.

use super::{Crowd, Demand, Kind};
use crate::{Case, Measure, Remedy, topology::Protocol};
use logscan::scan::{Ranked, Weight};

/// Routes that are kept at most.
const MOST: usize = 8;
/// Hundredths of a crowd that they must make together for a cache to help.
const TOGETHER: u64 = 50;
/// Addresses from which on they are many visitors, and requests for each route.
const VISITORS: u64 = 20;
const ALIKE: u64 = 20;
/// Routes of the days before that are looked at.
const KNOWN: usize = 200;
/// Longest path that a rule is written for.
const LONGEST: usize = 150;
/// How long an answer is kept, seconds.
const SECONDS: u32 = 5;
/// The file in the directory that `http` includes.
const FILE: &str = "micro-cache.conf";

/// Answers for strangers, kept for seconds: of pages that are asked for on other days as well, where nginx has no cache
/// yet and does not tell visitors apart itself.
pub fn of_pages(case: &Case) -> Option<Remedy> {
    let demand = case.demand.as_ref()?;
    let crowd = demand.now.crowds.get(&Kind::Page)?;
    let route = case.route.as_ref()?;
    let nginx = case.nginx()?;
    let same = |it: &&crate::topology::Route| it.nginx == route.nginx && it.target == route.target;
    let kept = matches!(
        route.protocol,
        Protocol::Http | Protocol::Https | Protocol::FastCgi | Protocol::Uwsgi | Protocol::Scgi
    );
    if !kept || !nginx.may_cache || case.world.routes.iter().filter(same).count() != 1 {
        return None;
    }
    let paths = paths(demand, crowd)?;
    let title = format!(
        "answer strangers from a cache of {SECONDS} seconds: {}",
        paths.join(", ")
    );
    let measure = Measure::NginxCache {
        file: nginx.http_dir.as_ref()?.join(FILE),
        beside: route.written.clone(),
        protocol: route.protocol,
        paths,
        seconds: SECONDS,
    };
    Some(Remedy::ask(title, vec![measure]).relief())
}

/// Those that many ask for, and that are no news.
fn paths(demand: &Demand, crowd: &Crowd) -> Option<Vec<String>> {
    let usual = demand.usual.as_ref()?.stretch.crowds.get(&Kind::Page)?;
    let known = usual.routes.ranked(Weight::Requests, KNOWN);
    let often = |it: &Ranked| it.load.requests >= ALIKE && known.iter().any(|known| known.key == it.key);
    let top = crowd.routes.ranked(demand.weight(), MOST);
    let (paths, loads): (Vec<String>, Vec<u64>) = top
        .iter()
        .filter(|it| often(it))
        .filter_map(|it| Some((path(&it.key)?, it.load.requests)))
        .unzip();
    let enough = loads.iter().sum::<u64>() * 100 >= crowd.load.requests * TOGETHER;
    (!paths.is_empty() && enough && crowd.clients.distinct() >= VISITORS).then_some(paths)
}

/// The path of a GET that can be written as a rule.
fn path(route: &[u8]) -> Option<String> {
    let path = str::from_utf8(route).ok()?.strip_prefix("GET ")?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._~*-".contains(&byte);
    (path.starts_with('/') && path.len() < LONGEST && path.bytes().all(plain)).then(|| path.to_owned())
}
