//! Entries of one site in a database of Chromium's that holds those of all sites. Nothing of what is there is written anew: one
//! batch of changes goes behind the last in the log, as the browser itself would write it, and counts once it is whole
//! (doc/log_format.md of LevelDB).

use super::{cannot, write};
use crate::{StepFailed, live::run::failed};
use crc::{CRC_32_ISCSI, Crc};
use host::{
    browser::Store,
    live::leveldb::{self, BLOCK, Database, Log},
};
use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::Path,
};

/// Bytes before each part of a record: a checksum, the length, the kind.
const HEAD: usize = 7;
/// A record that is whole; its beginning, middle and end.
const KINDS: [u8; 4] = [1, 2, 3, 4];

/// Takes the site's entries out; what they were is kept at `at`.
pub(super) fn take(dir: &Path, store: Store, host: &str, at: &Path) -> Result<(), StepFailed> {
    let found = read(dir)?;
    let keys = store.of_site(&found.entries, host);
    if keys.is_empty() {
        return Ok(());
    }
    let log = writable(dir, &found)?;
    let kept: Vec<(&[u8], &[u8])> = keys
        .iter()
        .filter_map(|key| Some((&key[..], &found.entries.get(key)?[..])))
        .collect();
    let kept = serde_json::to_vec(&kept).map_err(|error| failed(error.to_string()))?;
    write(at, &kept)?;
    let gone: Vec<Change> = keys.iter().map(|key| (&key[..], None)).collect();
    append(log, found.last, &gone)
}

/// Puts back what is not there anew.
pub(super) fn give_back(dir: &Path, at: &Path) -> Result<(), StepFailed> {
    let kept = fs::read(at).map_err(|error| cannot(at, &error))?;
    let kept: Vec<(Vec<u8>, Vec<u8>)> =
        serde_json::from_slice(&kept).map_err(|error| failed(format!("{}: {error}", at.display())))?;
    let found = read(dir)?;
    let missing: Vec<Change> = kept
        .iter()
        .filter(|(key, _)| !found.entries.contains_key(key))
        .map(|(key, value)| (&key[..], Some(&value[..])))
        .collect();
    if !missing.is_empty() {
        append(writable(dir, &found)?, found.last, &missing)?;
    }
    fs::remove_file(at).map_err(|error| cannot(at, &error))
}

/// A key, and its value where it is to have one.
type Change<'a> = (&'a [u8], Option<&'a [u8]>);

fn read(dir: &Path) -> Result<Database, StepFailed> {
    leveldb::read(dir, b"").map_err(|unseen| failed(unseen.to_string()))
}

/// The log, where something can be written behind what is in it.
fn writable<'a>(dir: &Path, found: &'a Database) -> Result<&'a Log, StepFailed> {
    let log = found.log.as_ref().filter(|log| log.is_whole);
    log.ok_or_else(|| {
        failed(format!(
            "{}: its last change is not whole; open the browser once and close it",
            dir.display()
        ))
    })
}

fn append(log: &Log, last: u64, changes: &[Change<'_>]) -> Result<(), StepFailed> {
    let record = record(&batch(last + 1, changes), log.bytes);
    let add = || {
        let mut file = fs::OpenOptions::new().write(true).open(&log.file)?;
        if file.seek(SeekFrom::End(0))? != log.bytes {
            return Err(std::io::Error::other("it has grown meanwhile"));
        }
        file.write_all(&record)?;
        file.sync_all()
    };
    add().map_err(|error| cannot(&log.file, &error))
}

/// The number of the first change, how many they are, and each.
fn batch(first: u64, changes: &[Change<'_>]) -> Vec<u8> {
    let count = u32::try_from(changes.len()).unwrap_or(u32::MAX);
    let mut all = [&first.to_le_bytes()[..], &count.to_le_bytes()].concat();
    for (key, value) in changes {
        all.push(u8::from(value.is_some()));
        slice(&mut all, key);
        if let Some(value) = value {
            slice(&mut all, value);
        }
    }
    all
}

/// Its length in as many bytes as that needs, seven bits each, and the bytes.
fn slice(all: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len();
    while length > 0x7f {
        all.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    all.push(length as u8);
    all.extend(bytes);
}

/// The batch as it stands in a log of that length: no part of it goes over the end of a block.
fn record(batch: &[u8], at: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = batch;
    let mut is_first = true;
    let mut place = usize::try_from(at % BLOCK as u64).unwrap_or(0);
    loop {
        let mut room = BLOCK - place;
        if room < HEAD {
            out.resize(out.len() + room, 0);
            room = BLOCK;
        }
        let (part, after) = rest.split_at(rest.len().min(room - HEAD));
        let is_last = after.is_empty();
        let kind = match (is_first, is_last) {
            (true, true) => KINDS[0],
            (true, false) => KINDS[1],
            (false, false) => KINDS[2],
            (false, true) => KINDS[3],
        };
        out.extend(checksum(kind, part).to_le_bytes());
        out.extend((part.len() as u16).to_le_bytes());
        out.push(kind);
        out.extend(part);
        if is_last {
            return out;
        }
        (rest, is_first, place) = (after, false, 0);
    }
}

/// CRC-32C of kind and part, masked (util/crc32c.h).
fn checksum(kind: u8, part: &[u8]) -> u32 {
    const SUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
    let mut digest = SUM.digest();
    digest.update(&[kind]);
    digest.update(part);
    digest.finalize().rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::live::leveldb::Entries;

    /// A database whose log ends at that length, with these entries of two sites.
    fn database(dir: &Path, filler: usize) {
        let filled = vec![b'x'; filler];
        let entries: [Change<'_>; 4] = [
            (b"_https://blog.example\0\x01a", Some(b"blog")),
            (b"_https://shop.example\0\x01a", Some(b"basket")),
            (b"META:https://shop.example", Some(b"meta")),
            (b"_https://blog.example\0\x01filler", Some(&filled)),
        ];
        fs::create_dir_all(dir).expect("makes it");
        fs::write(dir.join("000001.log"), b"").expect("written");
        fs::write(dir.join("000003.log"), record(&batch(5, &entries), 0)).expect("written");
    }

    fn entries(dir: &Path) -> Entries {
        read(dir).expect("reads").entries
    }

    #[test]
    fn one_sites_entries_go_and_come_back_wherever_the_log_ends() {
        // within a block, shortly before its end, in its last bytes, behind it
        for filler in [0, 32_500, 32_600, 32_610, 32_620, 32_625, 32_630, 70_000] {
            let place = tempfile::tempdir().expect("makes a directory");
            let (dir, at) = (place.path().join("leveldb"), place.path().join("0"));
            database(&dir, filler);
            let before = entries(&dir);
            for _ in 0..2 {
                take(&dir, Store::LocalStorage, "shop.example", &at).expect("taken");
                assert_eq!(entries(&dir).len(), 2, "{filler}");
                assert!(at.exists());
            }
            give_back(&dir, &at).expect("back");
            assert_eq!(entries(&dir), before, "{filler}");
            assert!(!at.exists());
        }
    }

    #[test]
    fn nothing_is_written_behind_half_a_change() {
        let place = tempfile::tempdir().expect("makes a directory");
        let (dir, at) = (place.path().join("leveldb"), place.path().join("0"));
        database(&dir, 0);
        let log = dir.join("000003.log");
        let half = [
            fs::read(&log).expect("there"),
            record(b"0123456789", 0)[..12].to_vec(),
        ]
        .concat();
        fs::write(&log, &half).expect("written");
        let refused = take(&dir, Store::LocalStorage, "shop.example", &at);
        assert!(
            format!("{refused:?}").contains("open the browser once"),
            "{refused:?}"
        );
        assert_eq!(fs::read(&log).expect("there"), half);
        assert!(!at.exists());
    }

    #[test]
    fn the_checksum_is_leveldbs() {
        // of util/crc32c_test.cc: the value of "123456789" and its mask
        let plain = Crc::<u32>::new(&CRC_32_ISCSI).checksum(b"123456789");
        assert_eq!(plain, 0xe306_9283);
        assert_eq!(
            checksum(b'1', b"23456789"),
            plain.rotate_right(15).wrapping_add(0xa282_ead8)
        );
    }
}
