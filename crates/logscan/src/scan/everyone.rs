//! Whose load it is.

use super::{Flow, Load, Top, top};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::{
    collections::HashMap,
    hash::{BuildHasher, Hasher},
    net::Ipv6Addr,
};

/// Moments of the timeline at most, before it gets coarser.
const MOMENTS: usize = 20_000;

/// By what requests are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// `$remote_addr`
    Client,
    /// Its /24, of IPv6 its /48
    Network,
    /// `$http_user_agent`
    Agent,
    /// The path with ids folded
    Route,
    /// Scheme and host of `$http_referer`
    Referrer,
    /// The method
    Method,
    /// The status
    Status,
    /// The site
    Site,
    /// The upstream
    Upstream,
}

impl By {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Client,
        Self::Network,
        Self::Agent,
        Self::Route,
        Self::Referrer,
        Self::Method,
        Self::Status,
        Self::Site,
        Self::Upstream,
    ];
}

/// One request, borrowed from its line. What the line does not hold is empty.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Seconds since 1970.
    pub at: i64,
    /// The site.
    pub site: &'a [u8],
    /// The upstream that was tried last.
    pub upstream: &'a [u8],
    /// `$remote_addr`
    pub client: &'a [u8],
    /// `$http_x_forwarded_for`: anybody can write it.
    pub forwarded: &'a [u8],
    /// `$http_user_agent`
    pub agent: &'a [u8],
    /// `$http_referer`
    pub referrer: &'a [u8],
    /// The method.
    pub method: &'a [u8],
    /// The path with ids folded.
    pub route: &'a [u8],
    /// The status; 0 where there is none.
    pub status: u16,
    /// What it cost.
    pub load: Load,
}

/// All requests, by everything that can be blamed.
#[derive(Clone, Debug, Default)]
pub struct Everyone {
    /// All of them.
    pub total: Load,
    tops: [Top; By::ALL.len()],
    alike: Alike,
    timeline: Timeline,
    flow: Option<Box<Flow>>,
}

impl Everyone {
    /// One that also keeps requests over time by upstream, and where their time went.
    pub fn with_flow() -> Self {
        Self {
            flow: Some(Box::default()),
            ..Self::default()
        }
    }

    /// Requests over time by upstream, where that was asked for.
    pub fn flow(&self) -> Option<&Flow> {
        self.flow.as_deref()
    }

    pub(super) fn flow_mut(&mut self) -> Option<&mut Flow> {
        self.flow.as_deref_mut()
    }

    /// The loads by that.
    pub fn by(&self, by: By) -> Top {
        let mut top = self.tops[by as usize].clone();
        self.alike.pour(|of, key, load| {
            if of == by {
                top.add(key, load);
            }
        });
        top
    }

    /// Loads over time: the second each begins, in order.
    pub fn timeline(&self) -> Vec<(i64, Load)> {
        self.timeline.sorted()
    }

    /// Seconds each moment of the timeline spans.
    pub fn step(&self) -> i64 {
        self.timeline.step
    }

    /// Adds what a clone of the same empty one counted.
    pub fn merge(&mut self, other: &Self) {
        self.total.add(&other.total);
        for (ours, theirs) in self.tops.iter_mut().zip(&other.tops) {
            ours.merge(theirs);
        }
        let tops = &mut self.tops;
        other.alike.pour(|by, key, load| tops[by as usize].add(key, load));
        self.timeline.merge(&other.timeline);
        if let (Some(ours), Some(theirs)) = (&mut self.flow, &other.flow) {
            ours.merge(theirs);
        }
    }

    pub(super) fn add(&mut self, request: &Request<'_>) {
        let load = &request.load;
        self.total.add(load);
        self.timeline.add(request.at, load);
        if self.alike.is_full() {
            let tops = &mut self.tops;
            let alike = std::mem::take(&mut self.alike);
            alike.pour(|by, key, load| tops[by as usize].add(key, load));
        }
        self.alike.add(request);
        let mut tally = |by: By, key: &[u8]| self.tops[by as usize].add(key, load);
        tally(By::Client, request.client);
        with_network(request.client, |network| tally(By::Network, network));
        tally(By::Agent, request.agent);
        tally(By::Route, request.route);
        tally(By::Referrer, origin(request.referrer));
    }
}

/// Site, upstream, method and status of a request are few, so they are looked up as one.
#[derive(Clone, Debug, Default)]
struct Alike {
    hash: RandomState,
    table: HashTable<Kind>,
}

/// Kinds of requests at most, before they are poured into their lists.
const KINDS: usize = 4096;

#[derive(Clone, Debug)]
struct Kind {
    hash: u64,
    site: Box<[u8]>,
    upstream: Box<[u8]>,
    method: Box<[u8]>,
    status: u16,
    load: Load,
}

impl Alike {
    fn is_full(&self) -> bool {
        self.table.len() >= KINDS
    }

    fn add(&mut self, request: &Request<'_>) {
        let mut hasher = self.hash.build_hasher();
        for key in [request.site, request.upstream, request.method] {
            hasher.write(key);
        }
        hasher.write_u16(request.status);
        let hash = hasher.finish();
        if let Some(known) = self.table.find_mut(hash, |it| it.hash == hash) {
            return known.load.add(&request.load);
        }
        let kind = Kind {
            hash,
            site: top::clipped(request.site).into(),
            upstream: top::clipped(request.upstream).into(),
            method: top::clipped(request.method).into(),
            status: request.status,
            load: request.load,
        };
        self.table.insert_unique(hash, kind, |it| it.hash);
    }

    fn pour(&self, mut into: impl FnMut(By, &[u8], &Load)) {
        for it in &self.table {
            into(By::Site, &it.site, &it.load);
            into(By::Upstream, &it.upstream, &it.load);
            into(By::Method, &it.method, &it.load);
            into(By::Status, &digits(it.status), &it.load);
        }
    }
}

fn digits(status: u16) -> [u8; 3] {
    let digit = |number: u16| b'0' + u8::try_from(number % 10).unwrap_or(0);
    [digit(status / 100), digit(status / 10), digit(status)]
}

/// `1.2.3.4` -> `1.2.3`, `2001:db8:1::1` -> `2001:db8:1::`; what is no address is its own network.
fn with_network(client: &[u8], tally: impl FnOnce(&[u8])) {
    let begins_v4 = client.first().is_some_and(u8::is_ascii_digit)
        && client.get(1..4).is_some_and(|part| part.contains(&b'.'));
    if let Some(dot) = client
        .iter()
        .rposition(|byte| *byte == b'.')
        .filter(|_| begins_v4)
    {
        return tally(&client[..dot]);
    }
    let address = str::from_utf8(client)
        .ok()
        .and_then(|text| text.parse::<Ipv6Addr>().ok());
    match address.map(|it| it.segments()) {
        Some([a, b, c, ..]) => tally(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_string().as_bytes()),
        None => tally(client),
    }
}

/// `https://shop.example/a?b` -> `https://shop.example`
fn origin(referrer: &[u8]) -> &[u8] {
    let mut slashes = memchr::memchr_iter(b'/', referrer);
    slashes.nth(2).map_or(referrer, |end| &referrer[..end])
}

/// Loads by moment.
#[derive(Clone, Debug)]
struct Timeline {
    step: i64,
    loads: HashMap<i64, Load, RandomState>,
    /// The moment that lines come from now, not yet in `loads`.
    now: (i64, Load),
}

impl Default for Timeline {
    fn default() -> Self {
        Self {
            step: 10,
            loads: HashMap::default(),
            now: (0, Load::default()),
        }
    }
}

impl Timeline {
    fn add(&mut self, at: i64, load: &Load) {
        if !(0..self.step).contains(&at.saturating_sub(self.now.0)) {
            let begin = at.saturating_sub(at.rem_euclid(self.step));
            let (at, load) = std::mem::replace(&mut self.now, (begin, Load::default()));
            self.put(at, &load);
        }
        self.now.1.add(load);
    }

    fn put(&mut self, at: i64, load: &Load) {
        if *load == Load::default() {
            return;
        }
        let begin = at.saturating_sub(at.rem_euclid(self.step));
        self.loads.entry(begin).or_default().add(load);
        while self.loads.len() > MOMENTS {
            self.step = self.step.saturating_mul(6);
            for (at, load) in std::mem::take(&mut self.loads) {
                let begin = at.saturating_sub(at.rem_euclid(self.step));
                self.loads.entry(begin).or_default().add(&load);
            }
        }
    }

    fn merge(&mut self, other: &Self) {
        self.step = self.step.max(other.step);
        let ours = std::mem::take(&mut self.loads);
        for (at, load) in ours.iter().chain(&other.loads) {
            self.put(*at, load);
        }
        self.put(other.now.0, &other.now.1);
    }

    fn sorted(&self) -> Vec<(i64, Load)> {
        let mut whole = self.clone();
        let (at, load) = std::mem::take(&mut whole.now);
        whole.put(at, &load);
        let mut all: Vec<(i64, Load)> = whole.loads.into_iter().collect();
        all.sort_unstable_by_key(|it| it.0);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_networks() {
        for (client, network) in [
            ("192.0.2.7", "192.0.2"),
            ("2001:db8:1:2::7", "2001:db8:1::"),
            ("unix:", "unix:"),
            ("", ""),
            ("::ffff:1.2.3.4", "::"),
        ] {
            let mut found = Vec::new();
            with_network(client.as_bytes(), |it| found = it.to_vec());
            assert_eq!(String::from_utf8_lossy(&found), network, "{client}");
        }
    }

    #[test]
    fn times_get_coarser_and_lose_nothing() {
        let one = Load {
            requests: 1,
            ..Load::default()
        };
        let mut timeline = Timeline::default();
        let mut other = Timeline::default();
        for at in 0..300_000 {
            timeline.add(at, &one);
            other.add(-at, &one);
        }
        timeline.merge(&other);
        let all = timeline.sorted();
        assert!(all.len() <= MOMENTS && all.is_sorted_by_key(|it| it.0));
        assert_eq!(all.iter().map(|it| it.1.requests).sum::<u64>(), 600_000);
    }
}
