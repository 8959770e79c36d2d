//! What a port said when it was asked in one protocol.

use host::{Talk, answer::Conversation};

/// A question in one protocol, and the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// What was said.
    pub talk: Talk,
    /// What was heard.
    pub answer: Conversation,
}

impl Spoken {
    /// An answer in HTTP/1, whatever was asked.
    pub fn is_http(&self) -> bool {
        self.answer.heard.0.starts_with(b"HTTP/1.")
    }

    /// The status of an answer in HTTP/1: `HTTP/1.1 502 Bad Gateway`.
    pub fn http_status(&self) -> Option<u16> {
        let rest = self.answer.heard.0.strip_prefix(b"HTTP/1.")?;
        std::str::from_utf8(rest.get(2..5)?).ok()?.parse().ok()
    }

    /// A WebSocket was asked for, and granted.
    pub fn is_upgraded(&self) -> bool {
        matches!(self.talk, Talk::Upgrade { .. }) && self.http_status() == Some(101)
    }

    /// A handshake that completed, or an alert: record type 21, version 3.x (RFC 8446 section 5.1).
    pub fn is_tls(&self) -> bool {
        let completed = self.answer.tls.as_ref().is_some_and(|tls| tls.completed);
        completed || self.answer.heard.0.starts_with(&[21, 3])
    }

    /// A handshake that completed with this server name (`None`: without one).
    pub fn shook_hands_as(&self, name: Option<&str>) -> bool {
        let completed = self.answer.tls.as_ref().is_some_and(|tls| tls.completed);
        completed && matches!(&self.talk, Talk::Tls { sni } if sni.as_deref() == name)
    }
}
