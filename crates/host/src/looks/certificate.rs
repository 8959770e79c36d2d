//! What a TLS certificate says, as far as a diagnosis asks: for which names, and whether its dates hold. Whether its
//! issuer is to be trusted is for nginx to say, which has a list of its own.

use crate::Timestamp;
use rustls::{
    CertificateError, Error, RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};
use std::time::Duration;

/// Names shown of one certificate.
const MOST_NAMES: usize = 20;

/// Whether its dates hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    /// It is valid at that time.
    Hold,
    /// It ended, then.
    Expired(Timestamp),
    /// It begins later.
    NotYet,
}

/// Its dates at this time; `None` where it can't be read.
pub fn dates(der: &[u8], now: Timestamp) -> Option<Dates> {
    let der = CertificateDer::from(der);
    let certificate = ParsedCertificate::try_from(&der).ok()?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.secs()).ok()?));
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    // dates are looked at before issuers, of which we name none
    let nobody = RootCertStore::empty();
    let verdict = verify_server_cert_signed_by_trust_anchor(&certificate, &nobody, &[], now, algorithms);
    Some(match verdict {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Dates::Expired(Timestamp::from_secs(i64::try_from(not_after.as_secs()).ok()?))
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { .. })) => Dates::NotYet,
        _ => Dates::Hold,
    })
}

/// It is for that host name; `None` where one of both can't be read.
pub fn is_for(der: &[u8], name: &str) -> Option<bool> {
    let der = CertificateDer::from(der);
    let certificate = ParsedCertificate::try_from(&der).ok()?;
    let name = ServerName::try_from(name).ok()?;
    Some(verify_server_name(&certificate, &name).is_ok())
}

/// The names it is for (subject alternative names): hostile, and at most twenty.
pub fn names(der: &[u8]) -> Vec<String> {
    let der = CertificateDer::from(der);
    let (Ok(certificate), Ok(nobody)) = (
        ParsedCertificate::try_from(&der),
        ServerName::try_from("nobody.invalid"),
    ) else {
        return Vec::new();
    };
    match verify_server_name(&certificate, &nobody) {
        Err(Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) => {
            presented
                .iter()
                .take(MOST_NAMES)
                .map(|name| bare(name).to_owned())
                .collect()
        }
        _ => Vec::new(),
    }
}

/// `DnsName("shop.example")` as the library words it: without its kind.
fn bare(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For `backend.lab` and `www.backend.lab`, valid in 2026 only.
    const LEAF: &[u8] = include_bytes!("../../tests/live/tls/names.der");

    #[test]
    fn names_and_dates() {
        assert_eq!(names(LEAF), ["backend.lab", "www.backend.lab"]);
        assert_eq!(is_for(LEAF, "www.backend.lab"), Some(true));
        assert_eq!(is_for(LEAF, "shop.example"), Some(false));
        let at = |secs| dates(LEAF, Timestamp::from_secs(secs));
        assert_eq!(at(1_780_000_000), Some(Dates::Hold));
        assert_eq!(
            at(1_900_000_000),
            Some(Dates::Expired(Timestamp::from_secs(1_798_761_599)))
        );
        assert_eq!(at(1_700_000_000), Some(Dates::NotYet));
    }

    #[test]
    fn strangers_bytes_are_harmless() {
        for bytes in [&b""[..], b"\x30\x82\xff\xff", &LEAF[..100]] {
            assert_eq!(
                (names(bytes), dates(bytes, Timestamp::from_secs(0))),
                (Vec::new(), None)
            );
            assert_eq!(is_for(bytes, "a.example"), None);
        }
    }
}
