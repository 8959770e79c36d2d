//! Running servers that a route which nobody serves may have meant.

use super::{Fit, Server, edited, idle_owner, reloaded, servers, written};
use crate::{
    Case, Evidence, Rank,
    case::PeerSight,
    php,
    topology::{BackendKind, Protocol, Route},
    world::Change,
};

/// A server that may be the one meant, and what links it to the asked address.
pub struct Candidate<'a> {
    /// The server.
    pub server: Server<'a>,
    /// Its own log, once: it listened where nginx asks.
    pub said: Option<Evidence>,
    /// The file that says where it listens was edited just before.
    pub moved: Option<&'a Change>,
    /// How much it says that this server runs, unasked, without either of those.
    pub rank: Rank,
}

/// Unasked servers of the fitting protocol on an address of the same kind; the likeliest first.
pub fn candidates<'a>(case: &'a Case, peer: &PeerSight, route: &Route) -> Vec<Candidate<'a>> {
    let owner = idle_owner(case, peer);
    let mut all: Vec<Candidate<'a>> = servers(case)
        .into_iter()
        .filter(|server| !server.asked && server.fit(route.protocol) > Fit::No)
        .filter(|server| is_of_the_same_kind(server, peer))
        .filter(|server| owner.is_none_or(|owner| server.unit == Some(owner.name.as_str())))
        .map(|server| candidate(case, peer, route, server))
        .collect();
    all.sort_by_key(|candidate| std::cmp::Reverse(candidate.strength()));
    let unclear = all.iter().filter(|it| it.said.is_some()).count() > 1;
    for it in all.iter_mut().filter(|_| unclear) {
        it.said = it.said.take().map(|said| Evidence {
            rank: Rank::Strong,
            ..said
        });
    }
    // The same port on another address has a cause of its own.
    let port = peer.endpoint.tcp().map(|at| at.port());
    let bound = servers(case).iter().any(|server| {
        port.is_some() && server.at.tcp().map(|at| at.port()) == port && server.fit(route.protocol) > Fit::No
    });
    if bound { Vec::new() } else { all }
}

fn is_of_the_same_kind(server: &Server<'_>, peer: &PeerSight) -> bool {
    match (peer.endpoint.unix(), server.at.unix()) {
        (None, None) => true,
        (Some(asked), Some(at)) => {
            let (asked, at) = (
                php::version(&asked.to_string_lossy()),
                php::version(&at.to_string_lossy()),
            );
            asked.is_none() || at.is_none() || asked == at
        }
        _ => false,
    }
}

fn candidate<'a>(case: &'a Case, peer: &PeerSight, route: &Route, server: Server<'a>) -> Candidate<'a> {
    let said = server.once_listened(case, &peer.endpoint).map(|said| {
        Evidence::supports(
            Rank::Decisive,
            format!("it once listened where nginx asks: {}", said.text.trim()),
            said.source,
        )
    });
    Candidate {
        rank: by_itself(case, peer, route, &server),
        moved: server.moved(case).filter(|_| server.is_its_purpose()),
        said,
        server,
    }
}

/// A server that is made to stand behind nginx and that nothing asks says much. Of programs that can be anything (Node,
/// Java, Python, Go) it says something only where one of the sides changed just before.
fn by_itself(case: &Case, peer: &PeerSight, route: &Route, server: &Server<'_>) -> Rank {
    use BackendKind as Kind;
    let nginx_changed = reloaded(case) || edited(case, &written(route, peer).file).is_some();
    let changed = server.is_fresh(case) || nginx_changed;
    let plausible = server.is_its_purpose() && server.unit.is_some() && !server.serves_others(case);
    if server.stood_beside(case) && !nginx_changed {
        return Rank::Hint;
    }
    let strong = match (server.kind, route.protocol) {
        (Kind::PhpFpm, Protocol::FastCgi) | (Kind::Uwsgi, Protocol::Uwsgi) => true,
        (Kind::Apache | Kind::Gunicorn | Kind::Ruby, _) => plausible,
        (Kind::Node | Kind::Java | Kind::Proxy, _) => plausible && changed && is_private(server),
        _ => false,
    };
    if strong { Rank::Strong } else { Rank::Hint }
}

/// Bound where only this host can ask it: meant for something in front of it.
fn is_private(server: &Server<'_>) -> bool {
    server.at.tcp().is_none_or(|at| at.ip().is_loopback())
}

impl Candidate<'_> {
    /// What the likeliest are ordered by.
    pub fn strength(&self) -> (bool, bool, Rank) {
        (self.said.is_some(), self.moved.is_some(), self.rank)
    }
}

/// Others that fit as well as the first.
pub fn equals(candidates: &[Candidate<'_>]) -> Vec<String> {
    let strength = candidates.first().map(Candidate::strength);
    let rivals = candidates
        .iter()
        .skip(1)
        .filter(|it| Some(it.strength()) == strength);
    rivals
        .map(|rival| format!("{} on {}", rival.server.describe(), rival.server.at))
        .collect()
}

/// What to do on the side of the server, so that it listens where nginx asks.
pub fn backend_side(case: &Case, peer: &PeerSight, server: &Server<'_>) -> String {
    let unit = server.unit.unwrap_or("the backend");
    let already = case
        .world
        .claims
        .iter()
        .find(|claim| claim.address.covers(&peer.endpoint) && claim.unit.as_deref() == server.unit);
    match (already, server.claim) {
        (Some(claim), _) => format!(
            "systemctl restart {unit}: {} already says {}",
            claim.written, peer.endpoint
        ),
        (None, Some(claim)) => format!(
            "at {} name {}, then systemctl restart {unit}",
            claim.written, peer.endpoint
        ),
        (None, None) => format!("let {unit} listen on {} and restart it", peer.endpoint),
    }
}
