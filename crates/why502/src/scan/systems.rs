//! Autonomous systems of addresses, from a database file that somebody downloaded.

use super::files::open;
use anyhow::{Context, ensure};
use maxminddb::{Reader, geoip2::Asn};
use std::{io::Read, net::IpAddr, path::Path};

/// The largest database that is read, bytes; those of systems take about ten MiB.
const LARGEST: u64 = 256 << 20;
/// Characters of a name.
const NAME: usize = 80;

/// A database in MaxMind's format.
pub struct Systems(Reader<Vec<u8>>);

impl Systems {
    /// Reads one.
    ///
    /// # Errors
    /// As the system says, or where it is no such database.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let name = || path.display().to_string();
        let mut bytes = Vec::new();
        let file = open(path).with_context(name)?;
        file.take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .with_context(name)?;
        ensure!(
            bytes.len() as u64 <= LARGEST,
            "{}: larger than {LARGEST} bytes",
            name()
        );
        Reader::from_source(bytes).map(Self).with_context(name)
    }

    /// `AS64500 Example Networks`; nothing where the database does not know the address, or it is none.
    pub fn name(&self, client: &[u8]) -> Vec<u8> {
        self.find(client).unwrap_or_default()
    }

    fn find(&self, client: &[u8]) -> Option<Vec<u8>> {
        let address: IpAddr = str::from_utf8(client).ok()?.parse().ok()?;
        let system: Asn<'_> = self.0.lookup(address).ok()?.decode().ok()??;
        let (number, name) = (
            system.autonomous_system_number?,
            system.autonomous_system_organization,
        );
        let name: String = name.unwrap_or_default().chars().take(NAME).collect();
        Some(format!("AS{number} {name}").trim_end().into())
    }
}
