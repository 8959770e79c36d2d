//! Requests of one stretch of time, counted.

use super::kind::{Kind, is_asset, kind};
use logscan::scan::{Load, Request, Top};
use std::collections::BTreeMap;

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
}

impl Stretch {
    /// An empty one of that length.
    pub fn of(seconds: u64) -> Self {
        Self {
            seconds,
            ..Self::default()
        }
    }

    /// Counts one. `asked`: a backend was asked, where that is known; else what is no asset was for one.
    pub fn add(&mut self, request: &Request<'_>, asked: Option<bool>) {
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
