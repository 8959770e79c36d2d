//! A SQLite database and its write-ahead log, made one in memory: a browser that runs has its newest cookies in the log
//! and holds the database locked, and a copy on disk would be one more place where cookies stand.
//! The format: sqlite.org/fileformat2.html sections 1.3 and 4.

/// Head of the log, and head of each frame, bytes.
const HEAD: usize = 32;
const FRAME: usize = 24;
/// A page number beyond this is no browser's, and would cost memory.
const MOST_PAGES: usize = 1 << 16;

/// The database as of the last commit of the log. A log that is not of this database changes nothing.
pub(super) fn merged(mut database: Vec<u8>, log: &[u8]) -> Vec<u8> {
    for (page, bytes) in committed(log) {
        let start = (page - 1) * bytes.len();
        let end = start + bytes.len();
        if database.len() < end {
            database.resize(end, 0);
        }
        database[start..end].copy_from_slice(bytes);
    }
    // "the log is to be read as well": it has been, and memory has none
    for version in database.iter_mut().take(20).skip(18) {
        *version = 1;
    }
    database
}

/// Pages in the order they were written, up to the last commit.
fn committed(log: &[u8]) -> Vec<(usize, &[u8])> {
    let Some(head) = Head::read(log) else {
        return Vec::new();
    };
    let (mut pages, mut until) = (Vec::new(), 0);
    let mut sum = head.sum;
    for frame in log[HEAD..].chunks_exact(FRAME + head.page) {
        let (about, bytes) = frame.split_at(FRAME);
        sum = head.add(head.add(sum, &about[..8]), bytes);
        let number = word(about, 0) as usize;
        let valid = about[8..16] == head.salt && sum == [word(about, 16), word(about, 20)];
        if !valid || number == 0 || number > MOST_PAGES {
            break;
        }
        pages.push((number, bytes));
        if word(about, 4) != 0 {
            until = pages.len();
        }
    }
    pages.truncate(until);
    pages
}

struct Head {
    page: usize,
    salt: [u8; 8],
    big: bool,
    sum: [u32; 2],
}

impl Head {
    fn read(log: &[u8]) -> Option<Self> {
        let bytes = log.get(..HEAD)?;
        let big = match word(bytes, 0) {
            0x377f_0682 => false,
            0x377f_0683 => true,
            _ => return None,
        };
        let page = word(bytes, 8) as usize;
        let head = Self {
            page,
            salt: bytes[16..24].try_into().ok()?,
            big,
            sum: [word(bytes, 24), word(bytes, 28)],
        };
        let whole = head.add([0, 0], &bytes[..24]) == head.sum;
        (whole && page.is_power_of_two() && (512..=65536).contains(&page)).then_some(head)
    }

    /// The checksum goes on over these bytes, eight at a time.
    fn add(&self, [mut one, mut two]: [u32; 2], bytes: &[u8]) -> [u32; 2] {
        let read = |half: [u8; 4]| {
            if self.big {
                u32::from_be_bytes(half)
            } else {
                u32::from_le_bytes(half)
            }
        };
        let (halves, _) = bytes.as_chunks::<4>();
        for pair in halves.chunks_exact(2) {
            one = one.wrapping_add(read(pair[0])).wrapping_add(two);
            two = two.wrapping_add(read(pair[1])).wrapping_add(one);
        }
        [one, two]
    }
}

/// A number of four bytes; callers know that they are there.
fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    u32::from_be_bytes(four.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rusqlite::Connection;

    /// A database with one row in its file and one more in its log, as a running browser has it.
    fn open_database() -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().expect("makes a directory");
        let db = Connection::open(dir.path().join("x.sqlite")).expect("opens");
        db.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t (a); INSERT INTO t VALUES (1);
             PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO t VALUES (2);",
        )
        .expect("writes");
        (dir, db)
    }

    fn rows(bytes: Vec<u8>) -> i64 {
        let db = super::super::open(bytes).expect("opens");
        db.query_row("SELECT sum(a) FROM t", [], |row| row.get(0))
            .expect("reads")
    }

    #[test]
    fn what_was_committed_to_the_log_is_read() {
        let (dir, db) = open_database();
        let read = |name: &str| std::fs::read(dir.path().join(name)).expect("reads");
        let (database, log) = (read("x.sqlite"), read("x.sqlite-wal"));
        assert_eq!(rows(merged(database.clone(), &[])), 1);
        assert_eq!(rows(merged(database.clone(), &log)), 3);
        assert_eq!(
            rows(merged(database, &log[..log.len() - 1])),
            1,
            "half a frame is none"
        );
        drop(db);
    }

    #[test]
    fn any_log_is_harmless() {
        let (dir, db) = open_database();
        let real = std::fs::read(dir.path().join("x.sqlite-wal")).expect("reads");
        proptest!(|(log in proptest::collection::vec(any::<u8>(), 0..2000), at in 0..32usize, byte: u8)| {
            let mut real = real.clone();
            real[at] = byte;
            merged(Vec::new(), &log);
            merged(Vec::new(), &real);
        });
        drop(db);
    }
}
