//! A LevelDB database as it lies on the disk, read without opening it: opening writes. What is newest of each key counts,
//! whichever file it is in, so that the manifest is not needed (doc/log_format.md and doc/table_format.md of LevelDB).

use super::files;
use crate::{Look, Unseen, query::Part};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// Of one file that is read, bytes.
const LARGEST: u64 = 4 << 20;

/// Files of one database that are read at most; Chromium's of service workers has one to five.
const MOST_FILES: usize = 50;
/// A block of a log, bytes.
pub const BLOCK: usize = 32 << 10;
/// Ends a table, with the magic number in its last eight bytes.
const FOOTER: usize = 48;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// A block of a table that unpacks to more, bytes, is none of a browser's: they are of 4 KiB, longer by one value.
const UNPACKED: usize = 8 << 20;

/// Keys with their values.
pub type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a database holds.
#[derive(Debug, Default)]
pub struct Database {
    /// Keys that begin as asked.
    pub entries: Entries,
    /// Number of the last change of any key.
    pub last: u64,
    /// The log that the next change goes into, where there is one.
    pub log: Option<Log>,
}

/// A log of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The file: `000003.log`, of several the newest.
    pub file: PathBuf,
    /// Its length, bytes.
    pub bytes: u64,
    /// It does not end within a record: more may be written behind it.
    pub is_whole: bool,
}

impl Log {
    fn newer(one: Self, other: Self) -> Self {
        let number = |log: &Self| log.file.file_stem()?.to_str()?.parse::<u64>().ok();
        if number(&other) > number(&one) { other } else { one }
    }
}

/// What the database holds under keys that begin so; nothing where there is none.
///
/// # Errors
/// Where a file can't be read, is too big, or is not as LevelDB writes it.
pub fn read(dir: &Path, prefix: &[u8]) -> Look<Database> {
    let names = files::dir(dir)?.unwrap_or_default();
    let is_data = |name: &&String| [".log", ".ldb", ".sst"].iter().any(|end| name.ends_with(end));
    let (mut newest, mut last_log) = (Newest::under(prefix), None);
    for (nth, name) in names.iter().filter(is_data).enumerate() {
        let file = dir.join(name);
        let unreadable = || Unseen::Unusable {
            what: file.display().to_string(),
            why: "not as LevelDB writes it".into(),
        };
        let Some(blob) = files::file(&file, Part::Head(LARGEST))? else {
            continue;
        };
        if nth >= MOST_FILES || blob.size > LARGEST {
            return Err(Unseen::TooBig {
                what: file.display().to_string(),
                bytes: blob.size,
            });
        }
        if name.ends_with(".log") {
            let is_whole = log(&blob.bytes.0, &mut newest).ok_or_else(unreadable)?;
            let bytes = blob.bytes.0.len() as u64;
            let this = Log {
                file,
                bytes,
                is_whole,
            };
            last_log = Some(match last_log {
                Some(known) => Log::newer(known, this),
                None => this,
            });
        } else {
            table(&blob.bytes.0, &mut newest).ok_or_else(unreadable)?;
        }
    }
    Ok(Database {
        last: newest.last,
        entries: newest.entries(),
        log: last_log,
    })
}

/// Of each key what was written last; `None` is that it was deleted.
struct Newest<'a> {
    prefix: &'a [u8],
    found: BTreeMap<Vec<u8>, (u64, Option<Vec<u8>>)>,
    /// The greatest number of all.
    last: u64,
}

impl<'a> Newest<'a> {
    fn under(prefix: &'a [u8]) -> Self {
        Self {
            prefix,
            found: BTreeMap::new(),
            last: 0,
        }
    }

    fn take(&mut self, key: &[u8], number: u64, value: Option<&[u8]>) {
        self.last = self.last.max(number);
        if key.starts_with(self.prefix) && self.found.get(key).is_none_or(|(known, _)| *known <= number) {
            self.found
                .insert(key.to_owned(), (number, value.map(<[u8]>::to_owned)));
        }
    }

    fn entries(self) -> Entries {
        let found = self.found.into_iter();
        found
            .filter_map(|(key, (_, value))| Some((key, value?)))
            .collect()
    }
}

/// Records of a log, each a batch of changes. One that is cut at the end was never finished: it counts for nothing. Tells
/// whether none is.
fn log(bytes: &[u8], newest: &mut Newest<'_>) -> Option<bool> {
    let (mut batch, mut is_whole) = (Vec::new(), true);
    for block in bytes.chunks(BLOCK) {
        let mut rest = Reader(block);
        while let Some(head) = rest.bytes(7) {
            let (length, kind) = (usize::from(u16::from_le_bytes([head[4], head[5]])), head[6]);
            let Some(part) = rest.bytes(length) else {
                is_whole = false;
                break;
            };
            match kind {
                1 | 2 => batch = part.to_vec(),
                3 | 4 => batch.extend(part),
                // zeros fill what was reserved and not used
                0 if length == 0 => {
                    is_whole = false;
                    break;
                }
                _ => return None,
            }
            is_whole = kind == 1 || kind == 4;
            if is_whole {
                changes(&batch, newest)?;
            }
        }
        // what is too short for a head ends a block of full length only
        is_whole &= rest.0.is_empty() || block.len() == BLOCK;
    }
    Some(is_whole)
}

fn changes(batch: &[u8], newest: &mut Newest<'_>) -> Option<()> {
    let mut rest = Reader(batch);
    let first = u64::from_le_bytes(rest.bytes(8)?.try_into().ok()?);
    let count = u32::from_le_bytes(rest.bytes(4)?.try_into().ok()?);
    for nth in 0..u64::from(count) {
        let kind = rest.bytes(1)?[0];
        let key = rest.slice()?;
        let value = match kind {
            0 => None,
            1 => Some(rest.slice()?),
            _ => return None,
        };
        newest.take(key, first.checked_add(nth)?, value);
    }
    Some(())
}

/// A table: its index names the blocks.
fn table(bytes: &[u8], newest: &mut Newest<'_>) -> Option<()> {
    let (_, footer) = bytes.split_at(bytes.len().checked_sub(FOOTER)?);
    if u64::from_le_bytes(footer[FOOTER - 8..].try_into().ok()?) != MAGIC {
        return None;
    }
    let mut rest = Reader(footer);
    let _meta_index = (rest.number()?, rest.number()?);
    let index = block(bytes, &mut rest)?;
    let mut unpacked = 0;
    each(&index, |_, place| {
        let data = block(bytes, &mut Reader(place))?;
        unpacked += data.len();
        if unpacked > UNPACKED {
            return None;
        }
        each(&data, |key, value| {
            let (key, tag) = key.split_at(key.len().checked_sub(8)?);
            let tag = u64::from_le_bytes(tag.try_into().ok()?);
            newest.take(key, tag >> 8, (tag & 0xff == 1).then_some(value));
            Some(())
        })
    })
}

/// The block at a place and length.
fn block(bytes: &[u8], place: &mut Reader<'_>) -> Option<Vec<u8>> {
    let (at, length) = (place.length()?, place.length()?);
    let end = at.checked_add(length)?;
    let (packed, kind) = (bytes.get(at..end)?, *bytes.get(end)?);
    match kind {
        0 => Some(packed.to_vec()),
        1 if snap::raw::decompress_len(packed).ok()? <= UNPACKED => {
            snap::raw::Decoder::new().decompress_vec(packed).ok()
        }
        _ => None,
    }
}

/// Each entry of a block: its key goes on from the one before.
fn each(block: &[u8], mut take: impl FnMut(&[u8], &[u8]) -> Option<()>) -> Option<()> {
    let (before, count) = block.split_at(block.len().checked_sub(4)?);
    let restarts = usize::try_from(u32::from_le_bytes(count.try_into().ok()?)).ok()?;
    let entries = before.len().checked_sub(restarts.checked_mul(4)?)?;
    let (mut rest, mut key) = (Reader(&before[..entries]), Vec::new());
    while !rest.0.is_empty() {
        let (shared, own, value) = (rest.length()?, rest.length()?, rest.length()?);
        if shared > key.len() {
            return None;
        }
        key.truncate(shared);
        key.extend(rest.bytes(own)?);
        take(&key, rest.bytes(value)?)?;
    }
    Some(())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number in as many bytes as it needs, seven bits each.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn slice(&mut self) -> Option<&'a [u8]> {
        let length = self.length()?;
        self.bytes(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slice(bytes: &[u8]) -> Vec<u8> {
        [&[u8::try_from(bytes.len()).expect("short")], bytes].concat()
    }

    fn batch(first: u64, changes: &[(&str, Option<&str>)]) -> Vec<u8> {
        let mut all = first.to_le_bytes().to_vec();
        all.extend(u32::try_from(changes.len()).expect("few").to_le_bytes());
        for (key, value) in changes {
            all.push(u8::from(value.is_some()));
            all.extend(slice(key.as_bytes()));
            all.extend(value.map(|it| slice(it.as_bytes())).unwrap_or_default());
        }
        all
    }

    fn record(kind: u8, part: &[u8]) -> Vec<u8> {
        let length = u16::try_from(part.len()).expect("short");
        [&[0; 4], &length.to_le_bytes()[..], &[kind], part].concat()
    }

    /// A table of one block, packed as LevelDB packs it or not at all.
    fn table_of(entries: &[(&str, u64, Option<&str>)], packs: bool) -> Vec<u8> {
        let number = |it: usize| u8::try_from(it).expect("short");
        let block = |entries: &[(Vec<u8>, Vec<u8>)]| {
            let mut block = Vec::new();
            for (key, value) in entries {
                block.extend([0, number(key.len()), number(value.len())]);
                block.extend([&key[..], value].concat());
            }
            [&block[..], &[0; 4], &[1, 0, 0, 0]].concat()
        };
        let entries: Vec<_> = entries
            .iter()
            .map(|(key, number, value)| {
                let tag = number << 8 | u64::from(value.is_some());
                let key = [key.as_bytes(), &tag.to_le_bytes()].concat();
                (key, value.unwrap_or_default().as_bytes().to_vec())
            })
            .collect();
        let mut data = block(&entries);
        if packs {
            data = snap::raw::Encoder::new().compress_vec(&data).expect("packs");
        }
        let data_length = number(data.len());
        data.extend([u8::from(packs), 0, 0, 0, 0]);
        let (at, index) = (
            number(data.len()),
            block(&[(b"z".to_vec(), vec![0, data_length])]),
        );
        data.extend(&index);
        data.extend([0; 5]);
        let mut footer = vec![0, 0, at, number(index.len())];
        footer.resize(FOOTER - 8, 0);
        [&data[..], &footer, &MAGIC.to_le_bytes()].concat()
    }

    fn found(files: &[(&str, Vec<u8>)]) -> Look<Vec<String>> {
        let dir = tempfile::tempdir().expect("makes a directory");
        for (name, bytes) in files {
            std::fs::write(dir.path().join(name), bytes).expect("writes");
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let entries = read(dir.path(), b"REG:")?.entries.into_iter();
        Ok(entries
            .map(|(key, value)| text(&key) + "=" + &text(&value))
            .collect())
    }

    #[test]
    fn what_was_written_last_counts_wherever_it_is() {
        let whole = batch(7, &[("REG:a", None), ("REG:c", Some("5")), ("RES:x", Some("6"))]);
        let (one, two) = whole.split_at(9);
        let cut = &record(1, &batch(20, &[("REG:d", Some("9"))]))[..20];
        let log = [&record(2, one)[..], &record(4, two), cut].concat();
        for packs in [false, true] {
            let table = table_of(&[("REG:a", 1, Some("1")), ("REG:b", 2, Some("2"))], packs);
            let older = table_of(&[("REG:b", 1, None), ("REG:c", 3, Some("3"))], packs);
            let files = [("5.ldb", table), ("6.sst", older), ("7.log", log.clone())];
            assert_eq!(
                found(&files),
                Ok(vec!["REG:b=2".into(), "REG:c=5".into()]),
                "{packs}"
            );
        }
        assert_eq!(found(&[("LOCK", Vec::new())]), Ok(Vec::new()));
        assert!(
            read(Path::new("/nonexistent"), b"").is_ok_and(|it| it.entries.is_empty() && it.log.is_none())
        );
    }

    #[test]
    fn what_is_no_database_is_said_to_be_unread() {
        let far = [&vec![0; 12][..], &[0xff; 28], &MAGIC.to_le_bytes()].concat();
        for (name, bytes) in [
            ("5.ldb", vec![0; 60]),
            ("5.ldb", far),
            ("7.log", record(9, b"x")),
            ("7.log", record(1, b"short")),
            ("5.ldb", vec![0; usize::try_from(LARGEST).expect("fits") + 1]),
        ] {
            assert!(found(&[(name, bytes)]).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in any::<prop::sample::Index>(), by in 1..=255_u8) {
            let _ = log(&bytes, &mut Newest::under(b""));
            let _ = table(&bytes, &mut Newest::under(b""));
            let mut table_bytes = table_of(&[("REG:a", 1, Some("1"))], true);
            let at = at.index(table_bytes.len());
            table_bytes[at] ^= by;
            let _ = table(&table_bytes, &mut Newest::under(b""));
        }
    }
}
