//! Visitors' addresses: each has got another one in its place, the same everywhere. Kept as they are: addresses of no
//! visitor (loopback, private and link-local ones, and those that this host itself has, asks or is configured to ask).

use crate::{Answer, Endpoint, Query, Tool, answer::DnsReply, memory::Memory};
use regex::bytes::{Captures, Regex};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

/// What may be an address; [`IpAddr`]'s own parser decides.
static CANDIDATE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?-u)(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4})|[0-9]+(?:\.[0-9]+){3,}").ok()
});

/// Two networks for measurements (RFC 2544, RFC 5180): nobody's visitors come from there.
const INSTEAD_V4: u32 = u32::from_be_bytes([198, 18, 0, 0]);
const INSTEAD_V6: u128 = 0x2001_0002_0000_0000_0000_0000_0000_0000;

#[derive(Default)]
pub(super) struct Addresses {
    kept: BTreeSet<IpAddr>,
    instead: BTreeMap<IpAddr, IpAddr>,
}

impl Addresses {
    pub(super) fn len(&self) -> usize {
        self.instead.len()
    }

    /// Addresses that this host has, asks, goes by, or was told by a resolver.
    pub(super) fn keep_of(&mut self, memory: &Memory) {
        for (query, answer) in memory.iter() {
            self.kept.extend(asked(query));
            if let Ok(answer) = answer {
                self.kept.extend(told(answer));
                self.kept.extend(set_up(query, answer));
            }
        }
    }

    /// The text with other addresses, and how many there are; `None` where there is none.
    pub(super) fn replace(&mut self, text: &[u8]) -> Option<(Vec<u8>, u64)> {
        let pattern = CANDIDATE.as_ref()?;
        let mut count = 0;
        let clean = pattern.replace_all(text, |found: &Captures<'_>| {
            let word = &found[0];
            let another = stands_alone(text, found).then(|| self.another(word)).flatten();
            let Some(another) = another else {
                return word.to_vec();
            };
            count += 1;
            another.to_string().into_bytes()
        });
        match clean {
            Cow::Owned(clean) if count > 0 => Some((clean, count)),
            _ => None,
        }
    }

    fn another(&mut self, word: &[u8]) -> Option<IpAddr> {
        let address: IpAddr = std::str::from_utf8(word).ok()?.parse().ok()?;
        if is_nobodys(address) || self.kept.contains(&address) {
            return None;
        }
        let nth = u32::try_from(self.instead.len() + 1).unwrap_or(u32::MAX);
        let another = || match address {
            // the network has 131,072 of them; more visitors than that share the last
            IpAddr::V4(_) => Ipv4Addr::from(INSTEAD_V4 + nth.min(0x1_ffff)).into(),
            IpAddr::V6(_) => Ipv6Addr::from(INSTEAD_V6 + u128::from(nth)).into(),
        };
        Some(*self.instead.entry(address).or_insert_with(another))
    }
}

/// `Module::Build` holds `e::B`, which is an address too.
fn stands_alone(text: &[u8], found: &Captures<'_>) -> bool {
    let Some(word) = found.get(0) else { return false };
    let is_part = |byte: Option<&u8>| byte.is_some_and(|it| it.is_ascii_alphanumeric() || *it == b'_');
    let before = word.start().checked_sub(1).and_then(|at| text.get(at));
    word.as_bytes().iter().any(u8::is_ascii_digit) && !is_part(before) && !is_part(text.get(word.end()))
}

fn asked(query: &Query) -> Vec<IpAddr> {
    match query {
        Query::Connect { to, .. } | Query::Consult { to, .. } => of(to).into_iter().collect(),
        Query::Dns { server, .. } => vec![server.ip()],
        Query::Later { look, .. } => asked(look),
        Query::Visit(visit) => std::iter::once(visit.to)
            .chain(visit.proxy)
            .map(|it| it.ip())
            .collect(),
        _ => Vec::new(),
    }
}

fn told(answer: &Answer) -> Vec<IpAddr> {
    match answer {
        Answer::Dns(DnsReply::Answered { addresses, .. }) | Answer::SystemName(addresses) => {
            addresses.clone()
        }
        // the far end of a connection that came in is a visitor, the near end is this host
        Answer::Sockets(sockets) => sockets.iter().filter_map(|it| of(&it.local)).collect(),
        _ => Vec::new(),
    }
}

/// Of interfaces, also those that are down, and of gateways.
fn set_up(query: &Query, answer: &Answer) -> Vec<IpAddr> {
    let is_network = matches!(
        query,
        Query::Run(Tool::Links | Tool::Routes { .. } | Tool::RouteGet { .. })
    );
    let (true, Answer::Output(output), Some(pattern)) = (is_network, answer, CANDIDATE.as_ref()) else {
        return Vec::new();
    };
    let words = pattern.find_iter(&output.stdout.0);
    words
        .filter_map(|word| std::str::from_utf8(word.as_bytes()).ok()?.parse().ok())
        .collect()
}

fn of(endpoint: &Endpoint) -> Option<IpAddr> {
    endpoint.tcp().map(|address| address.ip())
}

fn is_nobodys(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a, b & 0xc0) == (100, 64)
                || (a, b & 0xfe) == (198, 18)
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || u128::from(v6) >> 80 == INSTEAD_V6 >> 80
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> String {
        let mut addresses = Addresses::default();
        addresses.kept.insert(Ipv4Addr::new(9, 9, 9, 9).into());
        match addresses.replace(text.as_bytes()) {
            Some((clean, _)) => String::from_utf8_lossy(&clean).into_owned(),
            None => text.to_owned(),
        }
    }

    #[test]
    fn visitors_go_and_are_told_apart() {
        for (text, clean) in [
            ("client: 203.0.113.9, server", "client: 198.18.0.1, server"),
            (
                "203.0.113.9 203.0.113.10 203.0.113.9",
                "198.18.0.1 198.18.0.2 198.18.0.1",
            ),
            ("[2a00:1450::5]:443", "[2001:2::1]:443"),
            ("::ffff:203.0.113.9", "2001:2::1"),
            ("203.0.113.9:5533", "198.18.0.1:5533"),
            (
                "127.0.0.1 10.1.2.3 192.168.1.1 ::1 fe80::1 0.0.0.0",
                "127.0.0.1 10.1.2.3 192.168.1.1 ::1 fe80::1 0.0.0.0",
            ),
            ("resolver 9.9.9.9;", "resolver 9.9.9.9;"),
            (
                "12:20:40 a::b Module::Build 1.2.3.4.5 02:42:ac:11:00:02",
                "12:20:40 a::b Module::Build 1.2.3.4.5 02:42:ac:11:00:02",
            ),
            ("198.18.0.7", "198.18.0.7"),
        ] {
            assert_eq!(replaced(text), clean, "{text}");
        }
    }
}
