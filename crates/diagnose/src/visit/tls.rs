//! What a browser would say of the TLS it meets.

use super::{Check, case::Asked};
use host::{
    Timestamp,
    looks::certificate::{self, Chain, Dates},
};

/// Why a browser would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No handshake: in the words of the TLS layer.
    NoHandshake(String),
    /// It ended then.
    Expired(Timestamp),
    /// It begins later.
    NotYet,
    /// It is for these names only. Hostile.
    WrongName(Vec<String>),
    /// Nobody whom this machine trusts signed it.
    Untrusted(String),
}

impl Trouble {
    /// As a clause: `its certificate ended on 2026-01-01`.
    pub fn says(&self) -> String {
        match self {
            Self::NoHandshake(why) => format!("the TLS handshake fails: {why}"),
            Self::Expired(at) => format!("its certificate ended at {at}"),
            Self::NotYet => "its certificate is not valid yet, by this machine's clock".to_owned(),
            Self::WrongName(names) if names.is_empty() => "its certificate names no host".to_owned(),
            Self::WrongName(names) => format!("its certificate is for {}", names.join(", ")),
            Self::Untrusted(why) => format!("its certificate is not to be trusted: {why}"),
        }
    }
}

/// The trouble at this machine's time; `None` where all is well, or no TLS was spoken.
pub fn trouble(check: &Check, asked: &Asked) -> Option<Trouble> {
    trouble_at(check, asked, check.at)
}

/// The same at another time.
pub fn trouble_at(check: &Check, asked: &Asked, now: Timestamp) -> Option<Trouble> {
    let tls = asked.tls()?;
    if !tls.completed {
        let why = tls
            .error
            .clone()
            .unwrap_or_else(|| "it did not complete".to_owned());
        return Some(Trouble::NoHandshake(why));
    }
    let own = tls.certificates.first()?.0.as_slice();
    match certificate::dates(own, now) {
        Some(Dates::Expired(at)) => return Some(Trouble::Expired(at)),
        Some(Dates::NotYet) => return Some(Trouble::NotYet),
        Some(Dates::Hold) | None => {}
    }
    let host = asked.place.host.as_str();
    if certificate::is_for(own, host) == Some(false) {
        return Some(Trouble::WrongName(certificate::names(own)));
    }
    let roots = check.roots.as_deref()?;
    match certificate::chain(&tls.certificates, roots, host, now)? {
        Chain::Trusted => None,
        Chain::Untrusted(why) => Some(Trouble::Untrusted(why)),
    }
}

/// `TLSv1_3` as people write it.
pub fn version(asked: &Asked) -> Option<String> {
    let version = asked.tls()?.version.as_deref()?;
    Some(version.replace("TLSv1_", "TLS 1."))
}

/// When its certificate ends.
pub fn ends(asked: &Asked) -> Option<Timestamp> {
    const YEAR_9999: Timestamp = Timestamp::from_secs(253_370_764_800);
    let own = asked.tls()?.certificates.first()?.0.as_slice();
    match certificate::dates(own, YEAR_9999)? {
        Dates::Expired(at) => Some(at),
        _ => None,
    }
}
