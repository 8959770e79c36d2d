//! What a TLS certificate says, as far as a diagnosis asks: for which names, and whether its dates hold. Whether its
//! issuer is to be trusted is for nginx to say, which has a list of its own.

use crate::{Timestamp, answer::Bytes};
use rustls::{
    CertificateError, Error, RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    server::ParsedCertificate,
};
use std::time::Duration;

/// Where systems keep the certificates that they trust, all in one file: Debian, Red Hat, SUSE, Alpine.
pub const ROOTS: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// A file of them that is larger is none, bytes.
pub const LARGEST_ROOTS: u64 = 4 << 20;

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

/// Whether somebody who is trusted vouches for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chain {
    /// For this name, at this time.
    Trusted,
    /// No, and why.
    Untrusted(String),
}

/// Whether these certificates (the server's own first) lead to one of those roots (PEM), for that name at that time;
/// `None` where there are no roots, or one of the rest can't be read.
pub fn chain(shown: &[Bytes], roots: &[u8], name: &str, now: Timestamp) -> Option<Chain> {
    let own = CertificateDer::from(shown.first()?.0.as_slice());
    let certificate = ParsedCertificate::try_from(&own).ok()?;
    let others: Vec<CertificateDer<'_>> = shown
        .iter()
        .skip(1)
        .map(|der| CertificateDer::from(der.0.as_slice()))
        .collect();
    let trusted: Vec<CertificateDer<'_>> = CertificateDer::pem_slice_iter(roots)
        .filter_map(Result::ok)
        .collect();
    if trusted.is_empty() {
        return None;
    }
    let name = ServerName::try_from(name).ok()?;
    if verify_server_name(&certificate, &name).is_err() {
        return Some(Chain::Untrusted("it is for another name".to_owned()));
    }
    // a certificate that was put among the roots itself is trusted, as OpenSSL has it
    if trusted.contains(&own) && dates(&own, now) == Some(Dates::Hold) {
        return Some(Chain::Trusted);
    }
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(trusted);
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.secs()).ok()?));
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    let verdict = verify_server_cert_signed_by_trust_anchor(&certificate, &store, &others, now, algorithms);
    Some(match verdict {
        Ok(()) => Chain::Trusted,
        Err(error) => Chain::Untrusted(distrust(&error, others.is_empty())),
    })
}

fn distrust(error: &Error, alone: bool) -> String {
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) if alone => {
            "it signed itself, or its issuer is unknown here, or the server leaves out the certificates between".to_owned()
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => "its issuer is unknown here".to_owned(),
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "it, or one that vouches for it, has ended".to_owned()
        }
        Error::InvalidCertificate(CertificateError::Other(_)) => "it signed itself".to_owned(),
        other => other.to_string(),
    }
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
