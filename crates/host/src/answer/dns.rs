//! Answers of DNS servers.

use crate::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a DNS server said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DnsReply {
    /// An answer.
    Answered {
        /// RCODE: 0 no error, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED.
        rcode: u16,
        /// Addresses in the answer, through CNAMEs.
        addresses: Vec<IpAddr>,
        /// Name servers or aliases in the answer, where those were asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        names: Vec<String>,
        /// Smallest TTL of the answer, seconds.
        ttl: Option<u32>,
        /// When its signatures hold, where those were asked for: from, until.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        signed: Vec<(Timestamp, Timestamp)>,
    },
    /// Nothing listens at that address.
    PortClosed,
    /// No answer within the limit.
    NoAnswer,
    /// Not a DNS answer.
    Garbage,
}
