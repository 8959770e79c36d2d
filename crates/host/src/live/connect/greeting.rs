//! What is said to each kind of server, and when the answer is whole.

use super::{fastcgi, http};
use crate::{Look, Talk, Unseen};
use std::time::Duration;

/// What is said, and when enough was heard.
pub(super) struct Greeting {
    pub(super) says: Vec<u8>,
    /// How long to wait for the first byte; `None`: to the end of the look.
    pub(super) patience: Option<Duration>,
    pub(super) enough: fn(&[u8]) -> bool,
}

impl Greeting {
    /// Refuses a talk that could do more than ask.
    pub(super) fn of(talk: &Talk) -> Look<Self> {
        let says = match talk {
            Talk::Nothing | Talk::Listen | Talk::Tls { .. } => Vec::new(),
            Talk::Http {
                method, target, host, ..
            } => http::request(method, target, host).map_err(|why| Unseen::Unusable {
                what: format!("{method} {target}"),
                why,
            })?,
            Talk::FastCgi => fastcgi::get_values(),
            Talk::FastCgiRequest { params, .. } => fastcgi::request(params),
            // modifier1 0, size 0, modifier2 0 (uwsgi-docs.readthedocs.io/en/latest/Protocol.html)
            Talk::Uwsgi => vec![0; 4],
            // RFC 9113 section 3.4, and a SETTINGS frame without settings
            Talk::H2 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec(),
            Talk::Redis => b"*1\r\n$4\r\nPING\r\n".to_vec(),
            // SSLRequest: length 8, code 80877103 (postgresql.org/docs/current/protocol-message-formats.html)
            Talk::Postgres => vec![0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f],
        };
        Ok(Self {
            says,
            patience: patience(talk),
            enough: enough(talk),
        })
    }
}

fn patience(talk: &Talk) -> Option<Duration> {
    match talk {
        Talk::Http { patience_ms, .. } | Talk::FastCgiRequest { patience_ms, .. } => {
            Some(Duration::from_millis(*patience_ms))
        }
        _ => None,
    }
}

fn enough(talk: &Talk) -> fn(&[u8]) -> bool {
    match talk {
        Talk::Http { method, .. } if method == "HEAD" => http::has_head,
        Talk::Http { .. } => http::is_whole,
        Talk::FastCgi | Talk::FastCgiRequest { .. } => fastcgi::is_whole,
        Talk::Redis => |heard| heard.ends_with(b"\r\n"),
        // one frame head: a server that speaks HTTP/2 begins with its own SETTINGS
        Talk::H2 => |heard| heard.len() >= 9,
        // whatever comes first tells who speaks
        _ => |heard| !heard.is_empty(),
    }
}
