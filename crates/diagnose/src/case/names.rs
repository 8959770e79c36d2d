//! What each source says of a name.

use host::{Look, answer::DnsReply};
use std::net::{IpAddr, SocketAddr};

/// What one source says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameSight {
    /// The name.
    pub name: String,
    /// Who was asked.
    pub by: NameSource,
    /// What it said.
    pub answer: Look<NameAnswer>,
}

/// Who was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameSource {
    /// The resolver nginx is configured with.
    NginxResolver(SocketAddr),
    /// A name server of /etc/resolv.conf.
    SystemResolver(SocketAddr),
    /// The system's library, /etc/hosts included.
    System,
    /// One of the zone's own servers.
    Authority(SocketAddr),
}

/// What it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameAnswer {
    /// It has these addresses.
    Addresses(Vec<IpAddr>),
    /// It does not exist.
    Missing,
    /// The server failed or refused: RCODE.
    Failed(u16),
    /// Nothing listens there.
    PortClosed,
    /// Silence.
    Silent,
}

impl From<DnsReply> for NameAnswer {
    fn from(reply: DnsReply) -> Self {
        match reply {
            DnsReply::Answered {
                rcode: 0, addresses, ..
            } => Self::Addresses(addresses),
            DnsReply::Answered { rcode: 3, .. } => Self::Missing,
            DnsReply::Answered { rcode, .. } => Self::Failed(rcode),
            DnsReply::PortClosed => Self::PortClosed,
            DnsReply::NoAnswer | DnsReply::Garbage => Self::Silent,
        }
    }
}
