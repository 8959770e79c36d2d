//! `listen` (<https://nginx.org/en/docs/http/ngx_http_core_module.html#listen>).

use super::address::split_port;
use super::{Address, Statement};
use crate::{Place, Text};
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

/// One `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub on: ListenOn,
    /// Takes requests for names that no server block on this address has.
    pub default_server: bool,
    /// Speaks TLS.
    pub ssl: bool,
    /// Is UDP with QUIC.
    pub quic: bool,
    /// Expects the PROXY protocol.
    pub proxy_protocol: bool,
    /// `ipv6only=`; without it an IPv6 socket takes IPv6 only.
    pub ipv6only: Option<bool>,
    /// `backlog=`; without it 511 on Linux.
    pub backlog: Option<i64>,
    /// All arguments.
    pub written: Vec<Text>,
    /// Of the directive; `None` where the server block has no `listen`.
    pub place: Option<Place>,
}

/// Where a server block listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenOn {
    /// A unix socket.
    Unix(PathBuf),
    /// An address and its ports, mostly one. `0.0.0.0` is every IPv4 address, `::` every IPv6 one.
    Ip(IpAddr, RangeInclusive<u16>),
    /// A host name, looked up when nginx starts.
    Name(Text, RangeInclusive<u16>),
}

impl ListenOn {
    /// A connection to this port would come in here.
    pub fn has_port(&self, port: u16) -> bool {
        match self {
            Self::Unix(_) => false,
            Self::Ip(_, ports) | Self::Name(_, ports) => ports.contains(&port),
        }
    }
}

const HTTP: u16 = 80;
const EVERY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

impl Listen {
    /// What a server block without `listen` does: `*:80` for a master that runs as root (else `*:8000`).
    pub(super) fn default() -> Self {
        Self {
            on: ListenOn::Ip(EVERY, HTTP..=HTTP),
            default_server: false,
            ssl: false,
            quic: false,
            proxy_protocol: false,
            ipv6only: None,
            backlog: None,
            written: Vec::new(),
            place: None,
        }
    }

    pub(super) fn new(statement: &Statement) -> Option<Self> {
        let backlog = statement
            .parameter("backlog=")
            .and_then(|text| std::str::from_utf8(text).ok());
        Some(Self {
            on: on(statement.arg(0)?.as_bytes()),
            default_server: statement.has("default_server") || statement.has("default"),
            ssl: statement.has("ssl"),
            quic: statement.has("quic"),
            proxy_protocol: statement.has("proxy_protocol"),
            ipv6only: statement.parameter("ipv6only=").map(|value| value == b"on"),
            backlog: backlog.and_then(|text| text.parse().ok()),
            written: statement.args.iter().map(|arg| arg.text.clone()).collect(),
            place: Some(statement.place.clone()),
        })
    }
}

fn on(text: &[u8]) -> ListenOn {
    if let Some(ports) = ports(text) {
        return ListenOn::Ip(EVERY, ports);
    }
    let (text, range) = with_range(text);
    match Address::parse(text, Some(HTTP)) {
        Address::Unix(path) => ListenOn::Unix(path),
        Address::Ip(ip, port) => ListenOn::Ip(ip, range.unwrap_or(only(port))),
        Address::Name(name, port) if name == "*" => ListenOn::Ip(EVERY, range.unwrap_or(only(port))),
        Address::Name(name, port) => ListenOn::Name(name, range.unwrap_or(only(port))),
    }
}

fn only(port: Option<u16>) -> RangeInclusive<u16> {
    port.unwrap_or(HTTP)..=port.unwrap_or(HTTP)
}

/// `host:8000-8010` -> `host` and the range.
fn with_range(text: &[u8]) -> (&[u8], Option<RangeInclusive<u16>>) {
    let colon = memchr::memrchr(b':', text).filter(|_| split_port(text).1.is_none());
    let parts = colon.and_then(|at| Some((text.get(..at)?, ports(text.get(at + 1..)?)?)));
    parts.map_or((text, None), |(host, ports)| (host, Some(ports)))
}

/// `80` or `8000-8010`.
fn ports(text: &[u8]) -> Option<RangeInclusive<u16>> {
    let text = std::str::from_utf8(text).ok()?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::{ListenOn, on};

    #[test]
    fn shapes() {
        let rows: &[(&str, &str)] = &[
            ("80", "Ip(0.0.0.0, 80..=80)"),
            ("*:8080", "Ip(0.0.0.0, 8080..=8080)"),
            ("127.0.0.1", "Ip(127.0.0.1, 80..=80)"),
            ("[::]:443", "Ip(::, 443..=443)"),
            ("[::1]", "Ip(::1, 80..=80)"),
            ("localhost:81", "Name(\"localhost\", 81..=81)"),
            ("127.0.0.1:8000-8010", "Ip(127.0.0.1, 8000..=8010)"),
            ("8000-8010", "Ip(0.0.0.0, 8000..=8010)"),
            ("[::]:8000-8010", "Ip(::, 8000..=8010)"),
            ("unix:/run/n.sock", "Unix(\"/run/n.sock\")"),
        ];
        for (written, read) in rows {
            assert_eq!(format!("{:?}", on(written.as_bytes())), *read, "{written}");
        }
        assert!(!ListenOn::Unix("/x".into()).has_port(80));
    }
}
