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
    /// Says this, and hears until that is enough.
    pub(super) fn saying(says: Vec<u8>, enough: fn(&[u8]) -> bool) -> Self {
        Self {
            says,
            patience: None,
            enough,
        }
    }

    /// Refuses a talk that could do more than ask.
    pub(super) fn of(talk: &Talk) -> Look<Self> {
        let says = match talk {
            Talk::Nothing | Talk::Listen | Talk::Tls { .. } => Vec::new(),
            Talk::Http {
                method, target, host, ..
            } => http(method, target, host, http::CLOSE)?,
            Talk::HttpKept { target, host, .. } => http("HEAD", target, host, http::KEEP)?,
            Talk::Upgrade { target, host, .. } => http("GET", target, host, http::UPGRADE)?,
            Talk::FastCgi => fastcgi::get_values(),
            Talk::FastCgiRequest { params, .. } => fastcgi::request(params),
            Talk::Uwsgi => uwsgi_head(),
            Talk::Proxied => proxied_head(),
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

fn http(method: &str, target: &str, host: &str, connection: &str) -> Look<Vec<u8>> {
    http::request(method, target, host, connection).map_err(|why| Unseen::Unusable {
        what: format!("{method} {target}"),
        why,
    })
}

/// `HEAD /` as uwsgi packs it: modifier1 0, size, modifier2 0, then names and values each with its length
/// (uwsgi-docs.readthedocs.io/en/latest/Protocol.html).
fn uwsgi_head() -> Vec<u8> {
    let vars = [
        ("REQUEST_METHOD", "HEAD"),
        ("REQUEST_URI", "/"),
        ("PATH_INFO", "/"),
        ("SCRIPT_NAME", ""),
        ("QUERY_STRING", ""),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", "localhost"),
        ("SERVER_PORT", "80"),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("HTTP_HOST", "localhost"),
        ("HTTP_USER_AGENT", "why502"),
    ];
    // the lengths above are far below what two bytes hold
    let sized = |text: &str| {
        let length = u16::try_from(text.len()).unwrap_or_default().to_le_bytes();
        [&length[..], text.as_bytes()].concat()
    };
    let vars: Vec<u8> = vars
        .iter()
        .flat_map(|(name, value)| [sized(name), sized(value)].concat())
        .collect();
    let [low, high] = u16::try_from(vars.len()).unwrap_or_default().to_le_bytes();
    [&[0, low, high, 0], &vars[..]].concat()
}

/// haproxy.org/download/2.8/doc/proxy-protocol.txt section 2.1
fn proxied_head() -> Vec<u8> {
    b"PROXY TCP4 127.0.0.1 127.0.0.1 1024 80\r\nHEAD / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: why502\r\nConnection: close\r\n\r\n"
        .to_vec()
}

/// A server that speaks the protocol answers a greeting at once; one that does not may wait for more for ever.
const GREETED: Duration = Duration::from_millis(500);

fn patience(talk: &Talk) -> Option<Duration> {
    match talk {
        Talk::Http { patience_ms, .. }
        | Talk::HttpKept { patience_ms, .. }
        | Talk::Upgrade { patience_ms, .. }
        | Talk::FastCgiRequest { patience_ms, .. } => Some(Duration::from_millis(*patience_ms)),
        Talk::FastCgi | Talk::Uwsgi | Talk::Proxied | Talk::H2 | Talk::Redis | Talk::Postgres => {
            Some(GREETED)
        }
        Talk::Nothing | Talk::Listen | Talk::Tls { .. } => None,
    }
}

fn enough(talk: &Talk) -> fn(&[u8]) -> bool {
    match talk {
        Talk::Http { method, .. } if method == "HEAD" => http::has_head,
        Talk::Uwsgi | Talk::Proxied | Talk::HttpKept { .. } | Talk::Upgrade { .. } => http::has_head,
        Talk::Http { .. } => http::is_whole,
        Talk::FastCgi | Talk::FastCgiRequest { .. } => fastcgi::is_whole,
        Talk::Redis => |heard| heard.ends_with(b"\r\n"),
        // one frame head: a server that speaks HTTP/2 begins with its own SETTINGS
        Talk::H2 => |heard| heard.len() >= 9,
        // whatever comes first tells who speaks
        _ => |heard| !heard.is_empty(),
    }
}
