//! Who speaks for others: proxies and CDNs. A limit or a ban of one of them hits everybody behind it.

use std::net::IpAddr;

/// Addresses in one `X-Forwarded-For` at most.
const HOPS: usize = 32;

/// Networks from which two CDNs call their origins, as each publishes them. A gate, no directory of CDNs: who else speaks
/// for many is told by nginx's own config and by what peers forward.
const CDNS: &[&str] = &[
    // https://www.cloudflare.com/ips/
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "108.162.192.0/18",
    "131.0.72.0/22",
    "141.101.64.0/18",
    "162.158.0.0/15",
    "172.64.0.0/13",
    "173.245.48.0/20",
    "188.114.96.0/20",
    "190.93.240.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "2400:cb00::/32",
    "2405:8100::/32",
    "2405:b500::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
    // https://api.fastly.com/public-ip-list
    "103.244.50.0/24",
    "103.245.222.0/23",
    "103.245.224.0/24",
    "104.156.80.0/20",
    "140.248.64.0/18",
    "140.248.128.0/17",
    "146.75.0.0/17",
    "151.101.0.0/16",
    "157.52.64.0/18",
    "167.82.0.0/17",
    "167.82.128.0/20",
    "167.82.160.0/20",
    "167.82.224.0/20",
    "172.111.64.0/18",
    "185.31.16.0/22",
    "199.27.72.0/21",
    "199.232.0.0/16",
    "23.235.32.0/20",
    "43.249.72.0/22",
    "2a04:4e40::/32",
    "2a04:4e42::/32",
];

/// It may speak for many: nginx takes its word for who they are, it is a CDN's, or in a network that is not the world's.
pub fn is_proxy(address: IpAddr, trusted: &[String]) -> bool {
    let inner = match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    let cdn = || CDNS.iter().any(|network| holds(network, address));
    inner || is_trusted(address, trusted) || cdn()
}

/// Who asked: the peer, or where nginx takes the peer's word (`set_real_ip_from`) the last address of `X-Forwarded-For`
/// that is not trusted itself, as with `real_ip_recursive`. Anybody else may write what he likes into that header.
pub fn client<'a>(peer: &'a [u8], forwarded: &'a [u8], trusted: &[String]) -> &'a [u8] {
    if forwarded.is_empty() || trusted.is_empty() || !address(peer).is_some_and(|it| is_trusted(it, trusted))
    {
        return peer;
    }
    let mut client = peer;
    for hop in forwarded.rsplit(|byte| *byte == b',').take(HOPS) {
        let hop = hop.trim_ascii();
        let Some(address) = address(hop) else { break };
        client = hop;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    client
}

fn address(text: &[u8]) -> Option<IpAddr> {
    str::from_utf8(text).ok()?.parse().ok()
}

fn is_trusted(address: IpAddr, trusted: &[String]) -> bool {
    trusted.iter().any(|network| holds(network, address))
}

/// `192.0.2.0/24`, `192.0.2.7`, `2001:db8::/32`; a name, or `unix:`, may be anybody.
fn holds(network: &str, address: IpAddr) -> bool {
    let (first, length) = network
        .split_once('/')
        .map_or((network, None), |(first, length)| (first, Some(length)));
    let Ok(first) = first.parse::<IpAddr>() else {
        return network != "unix:";
    };
    let (first, address, width) = match (first, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(u32::from(a)), u128::from(u32::from(b)), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a), u128::from(b), 128),
        _ => return false,
    };
    let length = length
        .map_or(Some(width), |it| it.parse::<u32>().ok())
        .unwrap_or(0)
        .min(width);
    first.checked_shr(width - length).unwrap_or(0) == address.checked_shr(width - length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_is_who_nginx_believes() {
        let trusted = ["192.0.2.0/24".to_owned(), "10.0.0.0/8".to_owned()];
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
            let found = client(peer.as_bytes(), forwarded.as_bytes(), &trusted);
            assert_eq!(String::from_utf8_lossy(found), expected, "{peer} {forwarded}");
        }
        assert_eq!(client(b"192.0.2.1", b"203.0.113.7", &[]), b"192.0.2.1");
    }

    #[test]
    fn cdns_and_inner_networks_speak_for_many() {
        for (address, expected) in [
            ("172.67.1.1", true),
            ("2606:4700:10::ac43:1", true),
            ("151.101.1.7", true),
            ("10.1.2.3", true),
            ("203.0.113.7", false),
            ("2001:db8::7", false),
        ] {
            assert_eq!(
                is_proxy(address.parse().expect("an address"), &[]),
                expected,
                "{address}"
            );
        }
        let parse = |network: &&&str| {
            holds(
                network,
                network
                    .split('/')
                    .next()
                    .unwrap_or_default()
                    .parse()
                    .expect(network),
            )
        };
        assert_eq!(CDNS.iter().filter(parse).count(), CDNS.len());
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
            assert_eq!(holds(network, address), expected, "{network} {address}");
        }
    }
}
