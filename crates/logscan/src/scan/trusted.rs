//! Who asked: the peer, or whom a peer that nginx believes asked for.

use super::Request;
use std::net::IpAddr;

/// Addresses in one `X-Forwarded-For` at most.
const HOPS: usize = 32;

/// Networks whose word nginx takes for who the client is (`set_real_ip_from`).
#[derive(Clone, Debug, Default)]
pub struct Trusted(Vec<Network>);

#[derive(Clone, Copy, Debug)]
enum Network {
    /// A name may be anybody.
    Any,
    Of(IpAddr, u32),
}

impl Trusted {
    /// `192.0.2.0/24`, `192.0.2.7`, `2001:db8::/32`, a name; `unix:` holds no address.
    pub fn new<'a>(networks: impl IntoIterator<Item = &'a str>) -> Self {
        Self(networks.into_iter().filter_map(Network::of).collect())
    }

    /// It is one of them.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|it| it.holds(address))
    }

    /// The request by who made it: where the peer is believed, the last address of its `X-Forwarded-For` that is not
    /// believed itself, as with `real_ip_recursive`; it forwards nothing then. Anybody else may write what he likes into
    /// that header.
    pub fn believe<'a>(&self, request: &Request<'a>) -> Request<'a> {
        let client = self.client(request.client, request.forwarded);
        let forwarded = if client == request.client {
            request.forwarded
        } else {
            b""
        };
        Request {
            client,
            forwarded,
            ..request.clone()
        }
    }

    fn client<'a>(&self, peer: &'a [u8], forwarded: &'a [u8]) -> &'a [u8] {
        if self.0.is_empty() || forwarded.is_empty() || !address(peer).is_some_and(|it| self.holds(it)) {
            return peer;
        }
        let mut client = peer;
        for hop in forwarded.rsplit(|byte| *byte == b',').take(HOPS) {
            let hop = hop.trim_ascii();
            let Some(address) = address(hop) else { break };
            client = hop;
            if !self.holds(address) {
                break;
            }
        }
        client
    }
}

impl Network {
    fn of(text: &str) -> Option<Self> {
        let (first, length) = text
            .split_once('/')
            .map_or((text, None), |(first, length)| (first, Some(length)));
        let Ok(first) = first.parse::<IpAddr>() else {
            return (text != "unix:").then_some(Self::Any);
        };
        let width = if first.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Some(width), |it| it.parse().ok()).unwrap_or(0);
        Some(Self::Of(first, length.min(width)))
    }

    fn holds(self, address: IpAddr) -> bool {
        let (first, address, shift) = match (self, address) {
            (Self::Any, _) => return true,
            (Self::Of(IpAddr::V4(a), length), IpAddr::V4(b)) => {
                (u128::from(u32::from(a)), u128::from(u32::from(b)), 32 - length)
            }
            (Self::Of(IpAddr::V6(a), length), IpAddr::V6(b)) => (u128::from(a), u128::from(b), 128 - length),
            _ => return false,
        };
        first.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0)
    }
}

fn address(text: &[u8]) -> Option<IpAddr> {
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_who_nginx_believes() {
        let trusted = Trusted::new(["192.0.2.0/24", "10.0.0.0/8"]);
        for (peer, forwarded, expected) in [
            ("192.0.2.1", "203.0.113.7", "203.0.113.7"),
            ("192.0.2.1", "1.1.1.1, 203.0.113.7, 10.1.2.3", "203.0.113.7"),
            ("192.0.2.1", "203.0.113.7, 192.0.2.1", "203.0.113.7"),
            // nothing behind an address that is none is believed
            ("192.0.2.1", "203.0.113.7, \\x22evil", "192.0.2.1"),
            ("192.0.2.1", "", "192.0.2.1"),
            // anybody can write that header
            ("198.51.100.1", "203.0.113.7", "198.51.100.1"),
            ("unix:", "203.0.113.7", "unix:"),
        ] {
            let found = trusted.client(peer.as_bytes(), forwarded.as_bytes());
            assert_eq!(String::from_utf8_lossy(found), expected, "{peer} {forwarded}");
        }
        assert_eq!(
            Trusted::default().client(b"192.0.2.1", b"203.0.113.7"),
            b"192.0.2.1"
        );
    }

    #[test]
    fn a_network_holds_its_addresses() {
        for (network, address, expected) in [
            ("192.0.2.0/24", "192.0.2.7", true),
            ("192.0.2.0/24", "192.0.3.7", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "192.0.2.7", false),
            ("proxy.example", "192.0.2.7", true),
            ("unix:", "192.0.2.7", false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(
                Trusted::new([network]).holds(address),
                expected,
                "{network} {address}"
            );
        }
    }
}
