//! A bundle: a recorded host in one `.tar.zst`, with a manifest and checksums. It is written from parts that are already
//! redacted, and read in memory only: nothing in it is ever a path on this machine.

mod read;
mod write;

pub use read::read;
pub use write::write;

use serde::{Deserialize, Serialize};

/// The name of this kind of archive, and its version.
pub const SCHEMA: &str = "why502/bundle/1";
/// The first file of every bundle.
const MANIFEST: &str = "manifest.json";
/// A manifest that takes more, bytes, is none.
const HEAD: u64 = 64 << 10;
/// All that a bundle holds may take, bytes, once it is unpacked; a reader holds it in memory. Looks of a host take a tenth.
pub const UNPACKED: u64 = 512 << 20;

/// What a bundle is made of; a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// Every look with its raw answer, one JSON object a line.
    Looks,
    /// The verdict, as `diagnose --json` printed it there.
    Verdict,
    /// The first screen, as text.
    Screen,
    /// What `fix` could do there.
    Plans,
    /// What was done to that host.
    History,
    /// What was taken out.
    Redaction,
}

impl Part {
    /// In the order of the archive.
    pub const ALL: [Self; 6] = [
        Self::Looks,
        Self::Verdict,
        Self::Screen,
        Self::Plans,
        Self::History,
        Self::Redaction,
    ];

    /// Its file in the archive.
    pub fn file(self) -> &'static str {
        match self {
            Self::Looks => "looks.jsonl",
            Self::Verdict => "verdict.json",
            Self::Screen => "verdict.txt",
            Self::Plans => "plans.json",
            Self::History => "history.json",
            Self::Redaction => "redaction.json",
        }
    }
}

/// What stands at the head of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: String,
    /// The why502 that wrote it.
    pub version: String,
    /// Name of the host.
    pub host: String,
    /// When it was looked at, RFC 3339.
    pub at: String,
    /// Secrets and visitors were taken out.
    pub redacted: bool,
    /// Size and digest of each part.
    #[serde(default)]
    pub parts: Vec<Listed>,
}

/// A part as the manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its file.
    pub file: String,
    /// Bytes.
    pub size: u64,
    /// SHA-256, in hex.
    pub sha256: String,
}

/// A bundle in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bundle {
    /// Its head.
    pub manifest: Manifest,
    /// Its parts.
    pub parts: Vec<(Part, Vec<u8>)>,
}

impl Bundle {
    /// One part, if it is there.
    pub fn part(&self, wanted: Part) -> Option<&[u8]> {
        let found = self.parts.iter().find(|(part, _)| *part == wanted);
        found.map(|(_, bytes)| bytes.as_slice())
    }
}

/// A bundle that can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing failed, or it is no `.tar.zst`.
    #[error("not a bundle, or a damaged one: {0}")]
    Damaged(#[from] std::io::Error),
    /// It holds something that no bundle holds.
    #[error("not a bundle of why502: {0}")]
    Foreign(String),
    /// It is larger than it may be.
    #[error("more than {limit} bytes")]
    TooLarge {
        /// Bytes.
        limit: u64,
    },
    /// Packing was stopped.
    #[error("it took longer than it may")]
    TooLong,
}

fn digest(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn manifest() -> Manifest {
        Manifest {
            schema: SCHEMA.to_owned(),
            version: "0.1.0".to_owned(),
            host: "shop".to_owned(),
            at: "2026-11-22T12:00:00Z".to_owned(),
            redacted: true,
            parts: Vec::new(),
        }
    }

    fn packed(parts: &[(Part, Vec<u8>)]) -> Vec<u8> {
        write(manifest(), parts.to_vec(), 1 << 20, &|| true).expect("packs")
    }

    fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, bytes) in entries {
            let mut header = tar::Header::new_ustar();
            header.as_ustar_mut().expect("ustar").name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(bytes.len() as u64);
            header.set_cksum();
            archive.append(&header, *bytes).expect("appends");
        }
        zstd::encode_all(archive.into_inner().expect("ends").as_slice(), 1).expect("packs")
    }

    fn refused(bundle: &[u8]) -> String {
        read(bundle).expect_err("must be refused").to_string()
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let parts = vec![
            (Part::Looks, b"{}\n".to_vec()),
            (Part::Screen, b"healthy".to_vec()),
        ];
        let bundle = read(&packed(&parts)[..]).expect("reads");
        assert_eq!(bundle.parts, parts);
        assert_eq!(bundle.manifest.host, "shop");
        assert_eq!(packed(&parts), packed(&parts), "the same bytes each time");
    }

    #[test]
    fn a_bundle_stays_below_its_limit() {
        let noise: Vec<u8> = (0..200_000_u32)
            .flat_map(|it| it.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect();
        let result = write(manifest(), vec![(Part::Looks, noise)], 10_000, &|| true);
        assert!(matches!(result, Err(Error::TooLarge { limit: 10_000 })));
    }

    #[test]
    fn packing_ends_when_it_is_told_to() {
        let pieces = std::cell::Cell::new(0);
        let goes_on = || {
            pieces.set(pieces.get() + 1);
            pieces.get() < 10
        };
        let much = vec![0; 10 << 20];
        let result = write(manifest(), vec![(Part::Looks, much)], UNPACKED, &goes_on);
        assert!(matches!(result, Err(Error::TooLong)), "{result:?}");
        // tar tries to write its end all the same
        assert!((10..=11).contains(&pieces.get()), "{}", pieces.get());
    }

    #[test]
    fn what_nobody_could_read_is_not_written() {
        let much = vec![0; usize::try_from(UNPACKED).expect("fits")];
        let result = write(manifest(), vec![(Part::Looks, much)], UNPACKED, &|| true);
        assert!(
            matches!(result, Err(Error::TooLarge { limit: UNPACKED })),
            "{result:?}"
        );
    }

    #[test]
    fn what_is_no_bundle_is_refused() {
        let head = serde_json::to_vec(&manifest()).expect("writes");
        assert!(refused(b"").contains("bundle"));
        assert!(refused(b"PK\x03\x04").contains("bundle"));
        assert!(refused(&tar(&[("looks.jsonl", b"{}")])).contains("manifest.json"));
        assert!(refused(&tar(&[("manifest.json", b"[]")])).contains("manifest.json"));
        assert!(
            refused(&tar(&[("manifest.json", &head), ("../../etc/passwd", b"x")])).contains("etc/passwd")
        );
        assert!(refused(&tar(&[("manifest.json", &head), ("looks.jsonl", b"{}")])).contains("looks.jsonl"));
        let mut other = manifest();
        other.schema = "why502/bundle/2".to_owned();
        let other = serde_json::to_vec(&other).expect("writes");
        assert!(refused(&tar(&[("manifest.json", &other)])).contains("why502/bundle/2"));
    }

    #[test]
    fn links_and_bombs_are_refused() {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive
            .append_link(&mut header, "manifest.json", "/etc/shadow")
            .expect("appends");
        let link = zstd::encode_all(archive.into_inner().expect("ends").as_slice(), 1).expect("packs");
        assert!(refused(&link).contains("manifest.json"));

        let mut header = tar::Header::new_ustar();
        header.set_path("manifest.json").expect("a path");
        header.set_size(UNPACKED * 4);
        header.set_cksum();
        let mut bomb = zstd::Encoder::new(Vec::new(), 1).expect("packs");
        bomb.write_all(header.as_bytes()).expect("packs");
        for _ in 0..64 {
            bomb.write_all(&vec![0; 1 << 20]).expect("packs");
        }
        assert!(refused(&bomb.finish().expect("packs")).contains("more than"));
    }

    proptest! {
        #[test]
        fn damage_is_seen_or_harmless(at in any::<prop::sample::Index>(), by in 1..=255_u8) {
            let parts = vec![(Part::Looks, b"{\"look\":\"Clock\"}\n".repeat(40)), (Part::Verdict, b"{}".to_vec())];
            let mut bundle = packed(&parts);
            let at = at.index(bundle.len());
            bundle[at] ^= by;
            if let Ok(read) = read(&bundle[..]) {
                prop_assert_eq!(read.parts, parts);
            }
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            let _ = read(&bytes[..]);
            let _ = read(&zstd::encode_all(&bytes[..], 1).expect("packs")[..]);
        }
    }
}
