//! Whose load it is.

use super::{Flow, Load, Top, Weight, top};
use crate::glance;
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
    /// The autonomous system of the address. No line tells it: see [`Everyone::regroup`].
    System,
}

impl By {
    /// All that lines tell.
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

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// One request, borrowed from its line. What the line does not hold is empty.
#[derive(Clone, Debug, Default)]
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
    tops: [Top; By::ALL.len() + 1],
    wanted: Wanted,
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

    /// One that lists loads by these and by nothing else: what nobody asks for costs no time.
    pub fn listing(by: &[By]) -> Self {
        Self {
            wanted: Wanted(by.iter().fold(0, |all, by| all | by.bit())),
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

    /// Lists what is listed by one thing by another as well: addresses by what somebody knows of them. What the first list
    /// lacks, any of the second may lack.
    pub fn regroup(&mut self, from: By, to: By, name: impl Fn(&[u8]) -> Vec<u8>) {
        let all = self.by(from).ranked(Weight::Requests, usize::MAX);
        for it in &all {
            self.tops[to as usize].add(&name(&it.key), &it.load);
        }
        let listed: u64 = all.iter().map(|it| it.load.requests).sum();
        self.tops[to as usize].lacks(self.total.requests.saturating_sub(listed));
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
        if self.wanted.has(Wanted::ALIKE) {
            if self.alike.is_full() {
                let tops = &mut self.tops;
                let alike = std::mem::take(&mut self.alike);
                alike.pour(|by, key, load| tops[by as usize].add(key, load));
            }
            self.alike.add(request);
        }
        let wanted = self.wanted;
        let mut tally = |by: By, key: &[u8]| {
            if wanted.has(by.bit()) {
                self.tops[by as usize].add(key, load);
            }
        };
        tally(By::Client, request.client);
        tally(By::Agent, request.agent);
        tally(By::Route, request.route);
        tally(By::Referrer, origin(request.referrer));
        if wanted.has(By::Network.bit()) {
            with_network(request.client, |network| tally(By::Network, network));
        }
    }
}

/// Lists that somebody asked for, a bit each.
#[derive(Clone, Copy, Debug)]
struct Wanted(u16);

impl Wanted {
    /// What is looked up as one.
    const ALIKE: u16 = By::Site.bit() | By::Upstream.bit() | By::Method.bit() | By::Status.bit();

    fn has(self, bits: u16) -> bool {
        self.0 & bits > 0
    }
}

impl Default for Wanted {
    fn default() -> Self {
        Self(u16::MAX)
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
pub fn origin(referrer: &[u8]) -> &[u8] {
    let near = referrer.get(..128).unwrap_or(referrer);
    let [mut slashes] = glance::masks(near, |it| [it.is(b'/')]);
    for _ in 0..2 {
        slashes &= slashes.wrapping_sub(1);
    }
    let end = match slashes.trailing_zeros() as usize {
        ..128 => Some(slashes.trailing_zeros() as usize),
        _ => memchr::memchr_iter(b'/', referrer).nth(2),
    };
    end.map_or(referrer, |end| &referrer[..end])
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
    fn what_is_asked_for_is_counted_as_beside_all_else() {
        let request = |at: u8| Request {
            at: i64::from(at),
            site: b"shop",
            upstream: b"up",
            client: if at.is_multiple_of(2) {
                b"192.0.2.7"
            } else {
                b"192.0.3.7"
            },
            forwarded: b"",
            agent: b"x",
            referrer: b"",
            method: b"GET",
            route: b"/",
            status: 200,
            load: Load {
                requests: 1,
                ..Load::default()
            },
        };
        let mut all = Everyone::default();
        (0..9).for_each(|at| all.add(&request(at)));
        let ranked = |of: &Everyone, by| of.by(by).ranked(Weight::Requests, 9);
        for by in By::ALL {
            let mut one = Everyone::listing(&[by]);
            (0..9).for_each(|at| one.add(&request(at)));
            assert_eq!(ranked(&one, by), ranked(&all, by), "{by:?}");
            assert_eq!((one.total, one.timeline()), (all.total, all.timeline()));
            // site, upstream, method and status are looked up as one
            let alike = |by: By| Wanted(by.bit()).has(Wanted::ALIKE);
            let others = By::ALL
                .into_iter()
                .filter(|it| *it != by && !(alike(*it) && alike(by)));
            for other in others {
                assert!(ranked(&one, other).is_empty(), "{other:?} beside {by:?}");
            }
        }
    }

    #[test]
    fn what_a_list_lacks_is_said_of_what_is_made_of_it() {
        let with = |clients: u32| {
            let mut all = Everyone::listing(&[By::Client]);
            for client in 0..clients {
                let mut request = Request::default();
                let client = client.to_string();
                (request.client, request.load.requests) = (client.as_bytes(), 1);
                all.add(&request);
            }
            all.regroup(By::Client, By::System, |_| b"AS64500".to_vec());
            all.by(By::System)
        };
        let (few, many) = (with(100), with(100_000));
        let listed = |top: &Top| top.ranked(Weight::Requests, 9)[0].load.requests;
        assert_eq!((listed(&few), few.error()), (100, 0));
        assert!(many.error() > 0);
        assert_eq!(listed(&many) + many.error(), 100_000);
    }

    #[test]
    fn referrers_have_origins() {
        let far = format!("https://{}.example", "a".repeat(200));
        for (referrer, expected) in [
            ("https://shop.example/a/b?c", "https://shop.example"),
            ("https://shop.example/", "https://shop.example"),
            ("https://shop.example", "https://shop.example"),
            ("a/b/", "a/b/"),
            ("", ""),
            (&format!("{far}/a/b"), &far),
            (&far, &far),
        ] {
            let found = origin(referrer.as_bytes());
            assert_eq!(String::from_utf8_lossy(found), expected, "{referrer}");
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
