//! Does it speak TLS? Any certificate will do: we only look, and say nothing that is secret. Whether nginx would
//! trust it is judged elsewhere.

use super::{
    Talked,
    line::{Ear, Line, Turn},
};
use crate::answer::{Bytes, End, TlsSight};
use rustix::io::{self, Errno};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{sync::Arc, time::Instant};

/// A line that speaks TLS.
pub(in crate::live) struct TlsLine {
    line: Line,
    tls: ClientConnection,
}

/// The handshake; the line to go on with, if it completed. What was heard of a failed one is kept raw.
pub(in crate::live) fn handshake(line: Line, sni: Option<&str>, until: Instant) -> (Talked, Option<TlsLine>) {
    handshake_for(line, sni, &[], until)
}

/// The same, asking for one of these protocols inside (ALPN).
pub(super) fn handshake_for(
    line: Line,
    sni: Option<&str>,
    alpn: &[&[u8]],
    until: Instant,
) -> (Talked, Option<TlsLine>) {
    let mut talked = Talked::default();
    match client(sni, alpn) {
        Ok(tls) => {
            let mut line = TlsLine { line, tls };
            let end = shake(&mut line, &mut talked, until);
            let completed = !line.tls.is_handshaking();
            let version = line.tls.protocol_version().and_then(|version| version.as_str());
            talked.tls = Some(TlsSight {
                completed,
                error: end.as_ref().err().map(|failure| failure.says.clone()),
                version: version.map(str::to_owned),
                alpn: alpn_of(&line.tls),
                certificates: certificates(&line.tls),
            });
            talked.end = Some(end.as_ref().map_or_else(|failure| failure.end, |()| End::Enough));
            if completed {
                talked.heard.clear();
            }
            (talked, completed.then_some(line))
        }
        Err(error) => {
            talked.tls = Some(TlsSight {
                completed: false,
                error: Some(error.to_string()),
                version: None,
                alpn: None,
                certificates: Vec::new(),
            });
            (talked, None)
        }
    }
}

fn alpn_of(tls: &ClientConnection) -> Option<String> {
    let name = tls.alpn_protocol()?;
    Some(String::from_utf8_lossy(name).into_owned())
}

/// A chain is its own certificate and few more; what a stranger sends is bounded.
fn certificates(tls: &ClientConnection) -> Vec<Bytes> {
    const MOST: usize = 4;
    const LARGEST: usize = 16 << 10;
    let shown = tls.peer_certificates().unwrap_or_default().iter();
    let small = shown.filter(|der| der.len() <= LARGEST).take(MOST);
    small.map(|der| Bytes(der.to_vec())).collect()
}

struct Failure {
    says: String,
    end: End,
}

fn shake(line: &mut TlsLine, talked: &mut Talked, until: Instant) -> Result<(), Failure> {
    while line.tls.is_handshaking() {
        let said = line.flush(until);
        let before = talked.heard.len();
        if let Turn::Over(end) = line.line.hear(&mut talked.heard, until) {
            let says = match (end, said) {
                (End::TimedOut, _) => "no answer to the handshake",
                (End::Reset, _) | (_, Err(_)) => "connection reset during the handshake",
                _ => "connection closed during the handshake",
            };
            return Err(Failure {
                says: says.into(),
                end,
            });
        }
        talked.first_byte.get_or_insert_with(Instant::now);
        let new = talked.heard.get(before..).unwrap_or_default().to_vec();
        if let Err(error) = line.decode(&new) {
            // our alert tells the server that this was on purpose
            let _ = line.flush(until);
            return Err(Failure {
                says: says(&error),
                end: End::Enough,
            });
        }
        if talked.heard.len() > super::MAX_HEARD {
            return Err(Failure {
                says: "a handshake without end".into(),
                end: End::Enough,
            });
        }
    }
    // our Finished
    let _ = line.flush(until);
    Ok(())
}

fn says(error: &Error) -> String {
    match error {
        Error::InvalidMessage(why) => format!("the answer is not TLS ({why:?})"),
        Error::AlertReceived(alert) => format!("the server refused with alert {alert:?}"),
        other => other.to_string(),
    }
}

impl TlsLine {
    fn decode(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let taken = self
                .tls
                .read_tls(&mut bytes)
                .map_err(|error| Error::General(error.to_string()))?;
            self.tls.process_new_packets()?;
            if taken == 0 {
                break;
            }
        }
        Ok(())
    }

    fn flush(&mut self, until: Instant) -> io::Result<()> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            // into memory, which takes everything
            self.tls.write_tls(&mut bytes).map_err(|_| Errno::IO)?;
        }
        self.line.say(&bytes, until)
    }
}

impl Ear for TlsLine {
    fn say(&mut self, bytes: &[u8], until: Instant) -> io::Result<()> {
        std::io::Write::write_all(&mut self.tls.writer(), bytes).map_err(|_| Errno::IO)?;
        self.flush(until)
    }

    fn hear(&mut self, into: &mut Vec<u8>, until: Instant) -> Turn {
        loop {
            let mut plain = [0; 16 << 10];
            match std::io::Read::read(&mut self.tls.reader(), &mut plain) {
                Ok(read) if read > 0 => {
                    into.extend_from_slice(&plain[..read]);
                    return Turn::Heard;
                }
                // close_notify
                Ok(_) => return Turn::Over(End::Closed),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return Turn::Over(End::Closed),
            }
            let mut raw = Vec::new();
            if let Turn::Over(end) = self.line.hear(&mut raw, until) {
                return Turn::Over(end);
            }
            if self.decode(&raw).is_err() {
                return Turn::Over(End::Reset);
            }
        }
    }
}

fn client(sni: Option<&str>, alpn: &[&[u8]]) -> Result<ClientConnection, Error> {
    let provider = Arc::new(ring::default_provider());
    let anything = Arc::new(Anything(Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(anything)
        .with_no_client_auth();
    config.enable_sni = sni.is_some();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    // without SNI the name is used for nothing
    let name = ServerName::try_from(sni.unwrap_or("unnamed.invalid").to_owned());
    let name = name.map_err(|error| Error::General(format!("{}: {error}", sni.unwrap_or_default())))?;
    ClientConnection::new(Arc::new(config), name)
}

/// Accepts every certificate and signature.
#[derive(Debug)]
struct Anything(Arc<CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
