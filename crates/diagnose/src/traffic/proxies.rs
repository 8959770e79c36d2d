//! Who speaks for others: proxies and CDNs. A limit or a ban of one of them hits everybody behind it.

use crate::world::Nginx;
use logscan::scan::Trusted;
use std::net::IpAddr;

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

impl Nginx {
    /// Whose `X-Forwarded-For` it believes.
    pub fn trusted(&self) -> Trusted {
        Trusted::new(self.proxies.iter().map(String::as_str))
    }
}

/// It may speak for many: nginx takes its word for who they are, it is a CDN's, or in a network that is not the world's.
pub fn is_proxy(address: IpAddr, trusted: &[String]) -> bool {
    let inner = match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    };
    let networks = trusted.iter().map(String::as_str).chain(CDNS.iter().copied());
    inner || Trusted::new(networks).holds(address)
}

/// One of these networks has it: `198.51.100.0/24`, `2001:db8::7`; a name may be anybody's.
pub fn holds(networks: &[String], address: IpAddr) -> bool {
    Trusted::new(networks.iter().map(String::as_str)).holds(address)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let parses = |network: &&&str| {
            let first = network.split('/').next().unwrap_or_default();
            is_proxy(first.parse().expect(network), &[])
        };
        assert_eq!(CDNS.iter().filter(parses).count(), CDNS.len());
    }
}
