//! Records on the disk. Each fills one sector of a file that had its full size from the beginning, so that a full disk
//! can't stop it, and a power cut tears at most the last one.
//!
//! ```text
//! 4f1d09a2c83be675 {"at":1795369501000,"step":0,"event":"started"}        …spaces to 511 bytes, then a line end
//! ```
//!
//! The 16 hex digits are of a SHA-256 over the fix's id, the record's number and its text: what an older file left in a
//! block is not taken for a record.

use crate::store::{FixId, StoreError};
use sha2::{Digest, Sha256};
use std::{fs::File, os::unix::fs::FileExt, path::Path, path::PathBuf};

/// Bytes of a record: a sector, which disks write whole or not at all.
pub(crate) const SLOT: usize = 512;
/// Hex digits of a record's sum.
const SUM: usize = 16;
/// Bytes of text that fit.
pub(crate) const TEXT: usize = SLOT - SUM - 2;

/// An open journal file.
#[derive(Debug)]
pub(crate) struct Tape {
    file: File,
    path: PathBuf,
    id: FixId,
    next: usize,
}

impl Tape {
    /// At the place where the next record goes.
    pub(crate) fn new(file: File, path: &Path, id: &FixId, next: usize) -> Self {
        Self {
            file,
            path: path.to_owned(),
            id: id.clone(),
            next,
        }
    }

    /// Writes a record; it is on the disk when this returns. One that failed is written over by the next.
    pub(crate) fn append(&mut self, text: &str) -> Result<(), StoreError> {
        let slot = slot(&self.id, self.next, text)
            .ok_or_else(|| StoreError::corrupt(&self.path, "a record is too long"))?;
        let at = (self.next * SLOT) as u64;
        let written = self
            .file
            .write_all_at(&slot, at)
            .and_then(|()| self.file.sync_data());
        written.map_err(StoreError::io("writing", &self.path))?;
        self.next += 1;
        Ok(())
    }
}

/// The records of a journal file. A torn one at the end never happened.
///
/// # Errors
/// Where a record is bad and good ones follow: the number of the bad one.
pub(crate) fn parse(id: &FixId, bytes: &[u8]) -> Result<Vec<String>, usize> {
    let all: Vec<Option<String>> = bytes
        .chunks_exact(SLOT)
        .enumerate()
        .map(|(n, slot)| text(id, n, slot))
        .collect();
    let good = all.iter().take_while(|it| it.is_some()).count();
    if all[good..].iter().any(Option::is_some) {
        return Err(good);
    }
    Ok(all.into_iter().take(good).flatten().collect())
}

fn slot(id: &FixId, n: usize, text: &str) -> Option<Vec<u8>> {
    let mut slot = format!("{} {text}", sum(id, n, text)).into_bytes();
    (slot.len() < SLOT).then_some(())?;
    slot.resize(SLOT - 1, b' ');
    slot.push(b'\n');
    Some(slot)
}

fn text(id: &FixId, n: usize, slot: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(slot).ok()?.trim_end();
    let (found, text) = line.split_at_checked(SUM)?;
    let text = text.strip_prefix(' ')?;
    (found == sum(id, n, text)).then(|| text.to_owned())
}

fn sum(id: &FixId, n: usize, text: &str) -> String {
    let digest = Sha256::digest(format!("{id}\n{n}\n{text}"));
    digest
        .iter()
        .take(SUM / 2)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> FixId {
        "20261122-174501-3f9a0c12de".parse().expect("an id")
    }

    fn three() -> Vec<u8> {
        let slots = ["one", "two", "three"].iter().enumerate();
        slots
            .flat_map(|(n, text)| slot(&id(), n, text).expect("it fits"))
            .collect()
    }

    #[test]
    fn records_come_back_from_a_file_of_zeros() {
        let mut bytes = three();
        bytes.resize(20 * SLOT, 0);
        assert_eq!(
            parse(&id(), &bytes),
            Ok(vec!["one".into(), "two".into(), "three".into()])
        );
    }

    #[test]
    fn wherever_the_last_record_is_torn_it_never_happened() {
        for kept in 2 * SLOT..3 * SLOT {
            let mut bytes = three();
            bytes[kept..].fill(0);
            // spaces at the end and the line end are not text
            let whole = bytes[2 * SLOT..kept].trim_ascii_end().ends_with(b" three");
            let records = parse(&id(), &bytes).expect("not corrupt").len();
            assert_eq!(records, if whole && kept == 3 * SLOT { 3 } else { 2 }, "{kept}");
            assert_eq!(parse(&id(), &bytes[..kept]).expect("not corrupt").len(), 2);
        }
    }

    #[test]
    fn a_bad_record_before_good_ones_is_said() {
        for byte in 0..SLOT {
            let mut bytes = three();
            bytes[SLOT + byte] ^= 0x80;
            assert_eq!(parse(&id(), &bytes), Err(1), "{byte}");
        }
    }

    #[test]
    fn a_record_of_another_fix_or_place_is_none() {
        let other: FixId = "20261122-174502-3f9a0c12de".parse().expect("an id");
        assert_eq!(parse(&other, &three()), Ok(Vec::new()));
        assert_eq!(parse(&id(), &three()[SLOT..]), Ok(Vec::new()));
    }

    #[test]
    fn too_long_a_record_is_refused() {
        assert!(slot(&id(), 0, &"x".repeat(TEXT)).is_some());
        assert!(slot(&id(), 0, &"x".repeat(TEXT + 1)).is_none());
    }
}
