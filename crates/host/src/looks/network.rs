//! The way of packets out of this host: routes, interfaces, neighbours, the size that passes, tracked connections.
//! From the JSON of iproute2, whose keys are those of `ip -details` text; from iputils' ping and from conntrack(8).

use serde::Deserialize;
use std::net::IpAddr;

/// What the kernel says of the way to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteTo {
    /// It would send packets.
    Via {
        /// By this interface.
        device: String,
        /// Through this gateway; `None` where the address is on the link itself.
        gateway: Option<IpAddr>,
        /// From this address.
        source: Option<IpAddr>,
        /// The address is this host's own.
        local: bool,
    },
    /// It would not: no route fits (errno 101), or one forbids it (`unreachable` 113, `prohibit` 13, `blackhole` 22).
    Refused {
        /// `Network is unreachable`, as strerror(3) says it.
        says: String,
    },
}

/// A route of the main table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// `default`, `10.0.0.0/8`
    pub to: String,
    /// By this interface; none where it forbids the way.
    pub device: Option<String>,
    /// Through this gateway; `None` where the address is on the link itself.
    pub gateway: Option<IpAddr>,
    /// From this address.
    pub source: Option<IpAddr>,
    /// Of several the least wins.
    pub metric: Option<u32>,
    /// Who made it: `kernel` with an address, `dhcp`, `static`, `ra`, `boot`.
    pub protocol: String,
    /// The gateway counts as on the link whatever the addresses say.
    pub onlink: bool,
    /// The largest packet that may go this way, bytes, where the route says so.
    pub mtu: Option<u32>,
}

/// One network interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// `eth0`
    pub name: String,
    /// Set up by an administrator (IFF_UP).
    pub is_up: bool,
    /// The other end is there: a cable, a peer.
    pub has_carrier: bool,
    /// Largest packet, bytes.
    pub mtu: u32,
    /// Addresses with the length of their network's prefix.
    pub addresses: Vec<(IpAddr, u8)>,
}

/// An entry of the neighbour table (ARP, NDP).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Neighbour {
    /// `eth0`
    pub device: String,
    /// Hardware address, if one is known.
    pub hardware: Option<String>,
    /// `REACHABLE`, `STALE`, `FAILED`, `INCOMPLETE`, `PERMANENT`… (ip-neighbour(8))
    pub state: String,
}

/// How two packets that must not be fragmented went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ping {
    /// Answered.
    Answered,
    /// Nobody answered, and nobody said why.
    Silent,
    /// Somebody on the way, or this host itself, said that they are too big.
    TooBig,
}

/// A flow that the kernel tracks, as it was sent and as its answers are expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// `tcp`, `udp`
    pub protocol: String,
    /// `SYN_SENT`, `ESTABLISHED`; none for UDP.
    pub state: Option<String>,
    /// Whom the sender asked.
    pub to: (IpAddr, u16),
    /// The sender's port.
    pub from_port: u16,
    /// Who is expected to answer: another address where the flow is translated.
    pub answers: (IpAddr, u16),
    /// No answer was seen yet.
    pub unreplied: bool,
}

#[derive(Deserialize)]
struct RawRoute {
    #[serde(rename = "type")]
    kind: Option<String>,
    dev: Option<String>,
    gateway: Option<IpAddr>,
    via: Option<RawVia>,
    prefsrc: Option<IpAddr>,
}

#[derive(Deserialize)]
struct RawLine {
    dst: Option<String>,
    metric: Option<u32>,
    #[serde(default)]
    protocol: String,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    metrics: Vec<RawMetrics>,
    #[serde(flatten)]
    way: RawRoute,
}

#[derive(Deserialize)]
struct RawMetrics {
    mtu: Option<u32>,
}

#[derive(Deserialize)]
struct RawVia {
    host: IpAddr,
}

#[derive(Deserialize)]
struct RawLink {
    ifname: Option<String>,
    #[serde(default)]
    flags: Vec<String>,
    #[serde(default)]
    mtu: u32,
    #[serde(default)]
    addr_info: Vec<RawAddress>,
}

#[derive(Deserialize)]
struct RawAddress {
    local: Option<IpAddr>,
    #[serde(default)]
    prefixlen: u8,
}

#[derive(Deserialize)]
struct RawNeighbour {
    dev: Option<String>,
    lladdr: Option<String>,
    #[serde(default)]
    state: Vec<String>,
}

impl RouteTo {
    /// From `ip -j route get`; `None` where it is neither an answer nor a refusal.
    pub(super) fn parse(stdout: &[u8], stderr: &[u8]) -> Option<Self> {
        if let Ok(routes) = serde_json::from_slice::<Vec<RawRoute>>(stdout)
            && let Some(route) = routes.into_iter().next()
        {
            return Some(Self::Via {
                device: route.dev?,
                gateway: route.gateway.or(route.via.map(|via| via.host)),
                source: route.prefsrc,
                local: route.kind.as_deref() == Some("local"),
            });
        }
        let stderr = String::from_utf8_lossy(stderr);
        let says = stderr
            .lines()
            .find_map(|line| line.strip_prefix("RTNETLINK answers: "))?;
        let says = says.trim().to_owned();
        Some(Self::Refused { says })
    }
}

impl Route {
    /// From `ip -j route show`, which writes nothing at all where there is none.
    pub fn parse_all(json: &[u8]) -> Option<Vec<Self>> {
        if json.trim_ascii().is_empty() {
            return Some(Vec::new());
        }
        let lines: Vec<RawLine> = serde_json::from_slice(json).ok()?;
        let route = |raw: RawLine| {
            Some(Self {
                to: raw.dst?,
                device: raw.way.dev,
                gateway: raw.way.gateway.or(raw.way.via.map(|via| via.host)),
                source: raw.way.prefsrc,
                metric: raw.metric,
                protocol: raw.protocol,
                onlink: raw.flags.iter().any(|flag| flag == "onlink"),
                mtu: raw.metrics.iter().find_map(|it| it.mtu),
            })
        };
        Some(lines.into_iter().filter_map(route).collect())
    }
}

impl Link {
    /// From `ip -j address show`.
    pub(super) fn parse_all(json: &[u8]) -> Option<Vec<Self>> {
        let links: Vec<RawLink> = serde_json::from_slice(json).ok()?;
        let link = |raw: RawLink| {
            let has = |flag: &str| raw.flags.iter().any(|it| it == flag);
            Some(Self {
                is_up: has("UP"),
                has_carrier: has("LOWER_UP") && !has("NO-CARRIER"),
                mtu: raw.mtu,
                addresses: raw
                    .addr_info
                    .iter()
                    .filter_map(|it| Some((it.local?, it.prefixlen)))
                    .collect(),
                name: raw.ifname?,
            })
        };
        Some(links.into_iter().filter_map(link).collect())
    }

    /// The address of this interface in whose network that address lies.
    pub fn network_of(&self, address: IpAddr) -> Option<(IpAddr, u8)> {
        let holds = |(own, length): &&(IpAddr, u8)| is_within(address, *own, *length);
        self.addresses.iter().find(holds).copied()
    }
}

/// `address` lies in the network of `own`, whose prefix is `length` bits long. A network of one address holds nobody else.
fn is_within(address: IpAddr, own: IpAddr, length: u8) -> bool {
    let shared = |a: u128, b: u128, bits: u32| {
        let rest = bits.saturating_sub(u32::from(length));
        rest > 0 && a.checked_shr(rest) == b.checked_shr(rest)
    };
    match (address, own) {
        (IpAddr::V4(a), IpAddr::V4(b)) => shared(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => shared(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

impl Neighbour {
    /// From `ip -j neigh show to ADDRESS`: the entry, if there is one.
    pub(super) fn parse(json: &[u8]) -> Option<Option<Self>> {
        // iproute2 writes nothing at all where there is none
        if json.trim_ascii().is_empty() {
            return Some(None);
        }
        let all: Vec<RawNeighbour> = serde_json::from_slice(json).ok()?;
        let entry = |raw: RawNeighbour| {
            Some(Self {
                device: raw.dev?,
                hardware: raw.lladdr,
                state: raw.state.into_iter().next()?,
            })
        };
        Some(all.into_iter().find_map(entry))
    }

    /// The kernel asked for its hardware address, in vain.
    pub fn is_missing(&self) -> bool {
        matches!(self.state.as_str(), "FAILED" | "INCOMPLETE")
    }

    /// It answered not long ago. `STALE` and `DELAY` are entries that worked once.
    pub fn is_there(&self) -> bool {
        matches!(self.state.as_str(), "REACHABLE" | "PROBE" | "DELAY")
    }
}

impl Ping {
    /// From `ping -M do`; `None` where ping could not try.
    pub(super) fn parse(status: Option<i32>, stdout: &[u8], stderr: &[u8]) -> Option<Self> {
        let text = [stdout, stderr].concat();
        let text = String::from_utf8_lossy(&text).to_lowercase();
        match status {
            Some(0) => Some(Self::Answered),
            _ if text.contains("frag needed") || text.contains("too long") || text.contains("too big") => {
                Some(Self::TooBig)
            }
            // a router that says why it can't deliver is not silence
            Some(1) if !text.contains("errors") => Some(Self::Silent),
            _ => None,
        }
    }
}

impl Tracked {
    /// A line of `conntrack -L`, or of /proc/net/nf_conntrack, which begins with the family.
    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let values = |key: &str| {
            let prefix = format!("{key}=");
            let all: Vec<&str> = words
                .iter()
                .filter_map(|word| word.strip_prefix(&prefix))
                .collect();
            all
        };
        let (sources, destinations) = (values("src"), values("dst"));
        let (from, to) = (values("sport"), values("dport"));
        let protocol = words.iter().find(|word| matches!(**word, "tcp" | "udp"))?;
        let states = [
            "SYN_SENT",
            "SYN_RECV",
            "ESTABLISHED",
            "FIN_WAIT",
            "CLOSE_WAIT",
            "LAST_ACK",
            "TIME_WAIT",
            "CLOSE",
        ];
        Some(Self {
            protocol: (*protocol).to_owned(),
            state: words
                .iter()
                .find(|word| states.contains(word))
                .map(|word| (*word).to_owned()),
            to: (destinations.first()?.parse().ok()?, to.first()?.parse().ok()?),
            from_port: from.first()?.parse().ok()?,
            answers: (sources.get(1)?.parse().ok()?, from.get(1)?.parse().ok()?),
            unreplied: words.contains(&"[UNREPLIED]"),
        })
    }

    /// The flows to one address and port, at most so many.
    pub(super) fn parse_all(text: &[u8], to: (IpAddr, u16), most: usize) -> Vec<Self> {
        let text = String::from_utf8_lossy(text);
        let flows = text.lines().filter_map(Self::parse);
        flows.filter(|flow| flow.to == to).take(most).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_table_as_iproute2_writes_it() {
        let json = r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","protocol":"dhcp","prefsrc":"192.0.2.2","metric":100,"flags":["onlink"]},
            {"dst":"192.0.2.0/24","dev":"eth0","protocol":"kernel","scope":"link","prefsrc":"192.0.2.2","flags":[]},
            {"type":"unreachable","dst":"10.0.0.0/8","flags":[]}]"#;
        let table = Route::parse_all(json.as_bytes()).expect("it is a table");
        let first = Route {
            to: "default".into(),
            device: Some("eth0".into()),
            gateway: Some(ip("192.0.2.1")),
            source: Some(ip("192.0.2.2")),
            metric: Some(100),
            protocol: "dhcp".into(),
            onlink: true,
            mtu: None,
        };
        assert_eq!((table.len(), &table[0]), (3, &first));
        assert_eq!((&*table[1].protocol, &table[2].device), ("kernel", &None));
        assert_eq!(Route::parse_all(b"\n"), Some(Vec::new()));
        assert_eq!(Route::parse_all(b"rubbish"), None);
    }

    #[test]
    fn routes_as_iproute2_writes_them() {
        let via = |gateway: Option<&str>, local| {
            Some(RouteTo::Via {
                device: "eth0".into(),
                gateway: gateway.map(ip),
                source: Some(ip("192.0.2.10")),
                local,
            })
        };
        let refused = |says: &str| Some(RouteTo::Refused { says: says.into() });
        let rows: &[(&str, &str, Option<RouteTo>)] = &[
            (
                r#"[{"dst":"192.0.2.1","dev":"eth0","prefsrc":"192.0.2.10","flags":[],"uid":0,"cache":[]}]"#,
                "",
                via(None, false),
            ),
            (
                r#"[{"dst":"203.0.113.7","gateway":"192.0.2.1","dev":"eth0","prefsrc":"192.0.2.10","flags":[],"cache":[]}]"#,
                "",
                via(Some("192.0.2.1"), false),
            ),
            (
                r#"[{"dst":"203.0.113.7","via":{"family":"inet6","host":"fe80::1"},"dev":"eth0","prefsrc":"192.0.2.10"}]"#,
                "",
                via(Some("fe80::1"), false),
            ),
            (
                r#"[{"type":"local","dst":"192.0.2.10","dev":"eth0","prefsrc":"192.0.2.10"}]"#,
                "",
                via(None, true),
            ),
            (
                "",
                "RTNETLINK answers: Network is unreachable\n",
                refused("Network is unreachable"),
            ),
            (
                "",
                "RTNETLINK answers: Permission denied\n",
                refused("Permission denied"),
            ),
            ("[]", "", None),
            ("", "Command line is not complete.", None),
        ];
        for (stdout, stderr, expect) in rows {
            assert_eq!(
                RouteTo::parse(stdout.as_bytes(), stderr.as_bytes()),
                *expect,
                "{stdout}{stderr}"
            );
        }
    }

    #[test]
    fn interfaces_and_their_networks() {
        let json = r#"[{"ifindex":1,"ifname":"lo","flags":["LOOPBACK","UP","LOWER_UP"],"mtu":65536,"operstate":"UNKNOWN",
             "addr_info":[{"family":"inet","local":"127.0.0.1","prefixlen":8}]},
            {"ifindex":2,"link_index":3,"ifname":"eth0","flags":["NO-CARRIER","BROADCAST","MULTICAST","UP"],"mtu":1500,
             "addr_info":[{"family":"inet","local":"192.0.2.10","prefixlen":24},{"family":"inet6","local":"fe80::1","prefixlen":64}]},
            {},
            {"ifname":"eth1","flags":["BROADCAST"],"mtu":9000}]"#;
        let links = Link::parse_all(json.as_bytes()).expect("the JSON of ip");
        let shown: Vec<_> = links
            .iter()
            .map(|it| (it.name.as_str(), it.is_up, it.has_carrier, it.mtu))
            .collect();
        assert_eq!(
            shown,
            [
                ("lo", true, true, 65536),
                ("eth0", true, false, 1500),
                ("eth1", false, false, 9000)
            ]
        );
        assert_eq!(
            links[1].network_of(ip("192.0.2.200")),
            Some((ip("192.0.2.10"), 24))
        );
        assert_eq!(links[1].network_of(ip("192.0.3.1")), None);
        assert_eq!(links[1].network_of(ip("fe80::7")), Some((ip("fe80::1"), 64)));
        assert!(!is_within(ip("10.0.0.1"), ip("10.0.0.1"), 32));
        assert!(is_within(ip("10.0.0.1"), ip("1.1.1.1"), 0));
        assert!(!is_within(ip("10.0.0.1"), ip("1.1.1.1"), 200));
        assert_eq!(Link::parse_all(b"Object \"-j\" is unknown"), None);
    }

    #[test]
    fn neighbours_in_their_states() {
        let entry = |json: &str| Neighbour::parse(json.as_bytes());
        let failed = entry(r#"[{"dst":"192.0.2.9","dev":"eth0","state":["FAILED"]}]"#)
            .flatten()
            .expect("an entry");
        assert!(failed.is_missing() && !failed.is_there() && failed.hardware.is_none());
        let there =
            entry(r#"[{"dst":"192.0.2.1","dev":"eth0","lladdr":"6e:b5:93:00:00:01","state":["REACHABLE"]}]"#);
        assert!(
            there
                .flatten()
                .is_some_and(|it| it.is_there() && it.hardware.is_some())
        );
        assert_eq!(entry("\n"), Some(None));
        assert_eq!(entry("[]"), Some(None));
        assert_eq!(entry("usage"), None);
    }

    #[test]
    fn what_ping_came_to() {
        let rows: &[(i32, &str, &str, Option<Ping>)] = &[
            (
                0,
                "2 packets transmitted, 2 received, 0% packet loss, time 200ms",
                "",
                Some(Ping::Answered),
            ),
            (
                1,
                "2 packets transmitted, 0 received, 100% packet loss, time 201ms",
                "",
                Some(Ping::Silent),
            ),
            (
                1,
                "From 10.0.0.1 icmp_seq=1 Frag needed and DF set (mtu = 1300)\n0 received, +1 errors",
                "",
                Some(Ping::TooBig),
            ),
            (
                1,
                "0 received, +2 errors",
                "ping: local error: message too long, mtu=1400",
                Some(Ping::TooBig),
            ),
            (
                1,
                "From 192.0.2.10 icmp_seq=1 Destination Host Unreachable\n0 received, +2 errors",
                "",
                None,
            ),
            (2, "", "ping: connect: Network is unreachable", None),
        ];
        for (status, stdout, stderr, expect) in rows {
            assert_eq!(
                Ping::parse(Some(*status), stdout.as_bytes(), stderr.as_bytes()),
                *expect,
                "{stdout}{stderr}"
            );
        }
    }

    #[test]
    fn tracked_flows_of_both_sources() {
        let text = "\
ipv4     2 udp      17 27 src=127.0.0.1 dst=10.96.0.10 sport=40000 dport=53 [UNREPLIED] src=127.0.0.54 dst=127.0.0.1 sport=53 dport=40000 mark=0 use=1
tcp      6 118 SYN_SENT src=192.0.2.10 dst=10.96.0.10 sport=50000 dport=53 [UNREPLIED] src=10.1.0.7 dst=192.0.2.10 sport=53 dport=50000 mark=0 use=1
tcp      6 118 ESTABLISHED src=192.0.2.10 dst=10.96.0.11 sport=50001 dport=53 src=10.1.0.7 dst=192.0.2.10 sport=53 dport=50001 [ASSURED] use=1
icmp     1 29 src=1.1.1.1 dst=10.96.0.10 type=8 code=0 id=7
conntrack v1.4.7 (conntrack-tools): 3 flow entries have been shown.
";
        let flows = Tracked::parse_all(text.as_bytes(), (ip("10.96.0.10"), 53), 10);
        let shown: Vec<_> = flows
            .iter()
            .map(|it| (it.protocol.as_str(), it.from_port, it.answers.0, it.unreplied))
            .collect();
        assert_eq!(
            shown,
            [
                ("udp", 40000, ip("127.0.0.54"), true),
                ("tcp", 50000, ip("10.1.0.7"), true)
            ]
        );
        assert_eq!(flows[1].state.as_deref(), Some("SYN_SENT"));
        assert_eq!(
            Tracked::parse_all(text.as_bytes(), (ip("10.96.0.10"), 53), 1).len(),
            1
        );
    }
}
