//! How MySQL and MariaDB let clients in: the greeting, our answer to it, and the two common ways to prove a password.

use super::packet::{Packet, lossy};
use ring::digest::{Context, Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

pub(super) const NATIVE: &str = "mysql_native_password";
pub(super) const CACHING: &str = "caching_sha2_password";

/// Capability bits (PROTOCOL_41, LONG_PASSWORD, LONG_FLAG, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH).
const ALWAYS: u32 = 0x200 | 0x1 | 0x4 | 0x2000 | 0x8000 | 0x8_0000;
const CONNECT_WITH_DB: u32 = 0x8;
const SSL: u32 = 0x800;
/// utf8mb4_general_ci
const CHARSET: u8 = 45;

/// What the server says first.
pub(super) struct Greeting {
    pub(super) version: String,
    pub(super) scramble: Vec<u8>,
    pub(super) plugin: String,
    pub(super) offers_tls: bool,
}

impl Greeting {
    /// Protocol version 10; `None` for anything else.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        let mut packet = Packet(payload.strip_prefix(&[10])?);
        let version = lossy(packet.text());
        packet.take(4)?;
        let mut scramble = packet.take(8)?.to_vec();
        packet.take(1)?;
        let low = packet.integer(2)?;
        packet.take(3)?;
        let high = packet.integer(2)?;
        let length = usize::try_from(packet.integer(1)?).ok()?;
        packet.take(10)?;
        scramble.extend(packet.take(length.saturating_sub(8).max(13).min(packet.0.len()))?);
        scramble.truncate(20);
        let plugin = lossy(packet.text());
        Some(Self {
            // before MariaDB 11 its version hides behind an old one, for the sake of replication
            version: version.strip_prefix("5.5.5-").unwrap_or(&version).to_owned(),
            scramble,
            plugin: if plugin.is_empty() { NATIVE.into() } else { plugin },
            offers_tls: (low | high << 16) & u64::from(SSL) != 0,
        })
    }
}

/// The proof of a password for a plugin; `None` where we do not speak it. No password: no proof.
pub(super) fn proof(plugin: &str, password: &str, scramble: &[u8]) -> Option<Vec<u8>> {
    let known = matches!(plugin, NATIVE | CACHING | "unix_socket" | "auth_socket");
    if password.is_empty() {
        return known.then(Vec::new);
    }
    match plugin {
        NATIVE => Some(native(password.as_bytes(), scramble)),
        CACHING => Some(caching(password.as_bytes(), scramble)),
        _ => known.then(Vec::new),
    }
}

/// SHA1(password) ^ SHA1(scramble + SHA1(SHA1(password)))
pub(super) fn native(password: &[u8], scramble: &[u8]) -> Vec<u8> {
    let once = digest(&SHA1_FOR_LEGACY_USE_ONLY, password);
    let twice = digest(&SHA1_FOR_LEGACY_USE_ONLY, once.as_ref());
    let mut mixed = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    mixed.update(scramble);
    mixed.update(twice.as_ref());
    xor(&once, &mixed.finish())
}

/// SHA256(password) ^ SHA256(SHA256(SHA256(password)) + scramble)
fn caching(password: &[u8], scramble: &[u8]) -> Vec<u8> {
    let once = digest(&SHA256, password);
    let twice = digest(&SHA256, once.as_ref());
    let mut mixed = Context::new(&SHA256);
    mixed.update(twice.as_ref());
    mixed.update(scramble);
    xor(&once, &mixed.finish())
}

fn xor(a: &Digest, b: &Digest) -> Vec<u8> {
    a.as_ref().iter().zip(b.as_ref()).map(|(a, b)| a ^ b).collect()
}

/// The short answer that asks to go on under TLS.
pub(super) fn tls_request() -> Vec<u8> {
    head(ALWAYS | SSL)
}

/// Our answer to the greeting.
pub(super) fn response(user: &str, database: &str, plugin: &str, proof: &[u8], secured: bool) -> Vec<u8> {
    let with_database = if database.is_empty() { 0 } else { CONNECT_WITH_DB };
    let secured = if secured { SSL } else { 0 };
    let mut bytes = head(ALWAYS | with_database | secured);
    bytes.extend(until_nul(user));
    bytes.push(u8::try_from(proof.len()).unwrap_or_default());
    bytes.extend(proof);
    if !database.is_empty() {
        bytes.extend(until_nul(database));
    }
    bytes.extend(until_nul(plugin));
    bytes
}

fn head(capabilities: u32) -> Vec<u8> {
    let mut bytes = capabilities.to_le_bytes().to_vec();
    bytes.extend((1_u32 << 24).to_le_bytes());
    bytes.push(CHARSET);
    bytes.extend([0; 23]);
    bytes
}

/// A NUL within would end it early.
fn until_nul(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().filter(|byte| *byte != 0).chain([0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn proofs_as_the_servers_compute_them() {
        let scramble: Vec<u8> = (1..=20).collect();
        for (plugin, password, expected) in [
            (NATIVE, "", Some(String::new())),
            (
                NATIVE,
                "secret",
                Some("b32bb3a583e1340c0a1108d58b1be49781ad8c2f".into()),
            ),
            (
                CACHING,
                "secret",
                Some("746ebe205d56a0707acb3e796e834e0dd7b1d61743b26bd5202c7a623230c7c9".into()),
            ),
            ("client_ed25519", "secret", None),
        ] {
            let proof = proof(plugin, password, &scramble).map(|proof| hex(&proof));
            assert_eq!(proof, expected, "{plugin}");
        }
    }

    #[test]
    fn a_greeting_of_mariadb() {
        let mut bytes = vec![10];
        bytes.extend(b"5.5.5-10.11.19-MariaDB-0+deb12u1\0");
        bytes.extend([7, 0, 0, 0]);
        bytes.extend(b"abcdefgh\0");
        bytes.extend([0xff, 0xff, 45, 2, 0, 0xff, 0x81, 21]);
        bytes.extend([0; 10]);
        bytes.extend(b"ijklmnopqrst\0mysql_native_password\0");
        let greeting = Greeting::parse(&bytes).expect("a greeting");
        assert_eq!(greeting.version, "10.11.19-MariaDB-0+deb12u1");
        assert_eq!(greeting.scramble, b"abcdefghijklmnopqrst");
        assert_eq!((greeting.plugin.as_str(), greeting.offers_tls), (NATIVE, true));
        assert!(Greeting::parse(b"SSH-2.0-x\r\n").is_none());
    }

    proptest! {
        #[test]
        fn no_greeting_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Greeting::parse(&bytes);
            bytes.insert(0, 10);
            let _ = Greeting::parse(&bytes);
        }
    }
}
