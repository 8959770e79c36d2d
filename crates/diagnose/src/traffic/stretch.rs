//! Requests of one stretch of time, counted.

use super::kind::{Kind, is_asset, kind};
use logscan::scan::{Load, Request, Top, origin};
use std::collections::{BTreeMap, BTreeSet};

/// Peers of which is kept whether they forward requests of others.
const PEERS: usize = 10_000;

/// What requests of one kind have in common.
#[derive(Clone, Debug, Default)]
pub struct Crowd {
    /// All of them.
    pub load: Load,
    /// By address.
    pub clients: Top,
    /// By method and path with ids folded.
    pub routes: Top,
    /// By user agent.
    pub agents: Top,
    /// By scheme and host of the referrer.
    pub referrers: Top,
    /// With a referrer.
    pub referred: u64,
}

impl Crowd {
    fn add(&mut self, request: &Request<'_>) {
        self.load.add(&request.load);
        self.clients.add(request.client, &request.load);
        self.agents.add(request.agent, &request.load);
        let route = [request.method, b" ", request.route].concat();
        self.routes.add(&route, &request.load);
        self.referrers.add(origin(request.referrer), &request.load);
        self.referred += u64::from(!request.referrer.is_empty());
    }
}

/// Requests that reached a backend between two moments.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    /// Length, seconds; never 0 where something was counted.
    pub seconds: u64,
    /// By kind; a kind that nobody asked for is missing.
    pub crowds: BTreeMap<Kind, Crowd>,
    /// Pictures, styles and scripts that were asked for, from nginx itself too.
    pub assets: u64,
    /// Lines that say how long the request took.
    pub timed: bool,
    /// Some addresses are not those that nginx's `$remote_addr` holds: they stand behind a proxy that it believes.
    pub behind: bool,
    peers: Peers,
}

/// For whom peers say that they ask.
#[derive(Clone, Debug, Default)]
struct Peers {
    /// The first address that each said.
    first: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Those that said another one later: proxies, or who wants to be taken for one.
    many: BTreeSet<Vec<u8>>,
}

impl Peers {
    fn note(&mut self, peer: &[u8], forwarded: &[u8]) {
        let client = forwarded.split(|byte| *byte == b',').next().unwrap_or_default();
        match self.first.get(peer) {
            Some(first) if first == client || self.many.contains(peer) => {}
            Some(_) => drop(self.many.insert(peer.to_vec())),
            None if self.first.len() < PEERS => drop(self.first.insert(peer.to_vec(), client.to_vec())),
            None => {}
        }
    }
}

impl Stretch {
    /// An empty one of that length.
    pub fn of(seconds: u64) -> Self {
        Self {
            seconds,
            ..Self::default()
        }
    }

    /// That address asks for several others, by its own words.
    pub fn forwards(&self, client: &[u8]) -> bool {
        self.peers.many.contains(client)
    }

    /// Counts one. `asked`: a backend was asked, where that is known; else what is no asset was for one.
    pub fn add(&mut self, request: &Request<'_>, asked: Option<bool>) {
        if !request.forwarded.is_empty() {
            self.peers.note(request.client, request.forwarded);
        }
        let asset = is_asset(request.route);
        self.assets += u64::from(asset);
        if asked.unwrap_or(!asset) {
            self.crowds.entry(kind(request)).or_default().add(request);
        }
    }

    /// All requests.
    pub fn total(&self) -> Load {
        let mut total = Load::default();
        self.crowds.values().for_each(|crowd| total.add(&crowd.load));
        total
    }

    /// Requests of a kind.
    pub fn load(&self, kind: Kind) -> Load {
        self.crowds.get(&kind).map_or_else(Load::default, |it| it.load)
    }

    /// That many a second.
    pub fn rate(&self, requests: u64) -> f64 {
        requests as f64 / self.seconds.max(1) as f64
    }
}
