//! Browsers' databases, read without touching them: into memory, never through a copy on disk, and without the lock that a
//! running browser holds. Values of cookies stay in this process.

mod kept;
mod wal;

use super::files;
use crate::{
    Look, Timestamp, Unseen,
    browser::{Family, Jar, StoredCookie, domains},
    query::Part,
};
pub(super) use kept::look as kept;
use rusqlite::{Connection, Row, config::DbConfig, limits::Limit, types::ValueRef};
use std::path::{Path, PathBuf};

/// A cookie database larger than this is no browser's, bytes.
const LARGEST: u64 = 64 << 20;
/// Most cookies of one site.
const MOST: usize = 1000;

/// A cookie with what it holds; leaves this process only for its own site.
pub(super) struct Cookie {
    pub(super) about: StoredCookie,
    /// Of an encrypted one that many letters x, so that the request has the size of the browser's.
    pub(super) value: Vec<u8>,
}

/// The cookies for a host, without their values; `None` where no database is.
pub(super) fn cookies(jar: &Jar, host: &str) -> Look<Option<Vec<StoredCookie>>> {
    let found = with_values(jar, host)?;
    Ok(found.map(|cookies| cookies.into_iter().map(|it| it.about).collect()))
}

/// The same with their values.
pub(super) fn with_values(jar: &Jar, host: &str) -> Look<Option<Vec<Cookie>>> {
    let Some(bytes) = image(&jar.file)? else {
        return Ok(None);
    };
    let read = open(bytes).and_then(|db| select(&db, jar.family, host));
    let cookies = read.map_err(|error| unusable(&jar.file, &error.to_string()))?;
    Ok(Some(cookies))
}

/// The database with its log. A browser may write while we read: then once more.
fn image(file: &Path) -> Look<Option<Vec<u8>>> {
    let mut log_name = file.as_os_str().to_owned();
    log_name.push("-wal");
    let log_file = PathBuf::from(log_name);
    for _ in 0..3 {
        let Some(database) = whole(file)? else {
            return Ok(None);
        };
        let log = whole(&log_file)?;
        let again = files::file(file, Part::Head(0))?;
        if again.is_some_and(|it| it.modified == database.1) {
            let log = log.map(|(bytes, _)| bytes).unwrap_or_default();
            return Ok(Some(wal::merged(database.0, &log)));
        }
    }
    Err(unusable(file, "it is written to all the time"))
}

fn whole(file: &Path) -> Look<Option<(Vec<u8>, Timestamp)>> {
    match files::file(file, Part::Head(LARGEST))? {
        Some(blob) if blob.size > LARGEST => Err(Unseen::TooBig {
            what: file.display().to_string(),
            bytes: blob.size,
        }),
        found => Ok(found.map(|blob| (blob.bytes.0, blob.modified))),
    }
}

fn unusable(file: &Path, why: &str) -> Unseen {
    Unseen::Unusable {
        what: file.display().to_string(),
        why: why.to_owned(),
    }
}

/// A database of a stranger, in memory: its schema may call nothing, its cells are checked, its values are short.
fn open(image: Vec<u8>) -> rusqlite::Result<Connection> {
    let mut db = Connection::open_in_memory()?;
    let size = image.len();
    db.deserialize_read_exact("main", image.as_slice(), size, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    db.execute_batch("PRAGMA cell_size_check=ON; PRAGMA query_only=ON;")?;
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, 1 << 20)?;
    Ok(db)
}

fn select(db: &Connection, family: Family, host: &str) -> rusqlite::Result<Vec<Cookie>> {
    let hosts = domains(host);
    let marks = vec!["?"; hosts.len()].join(",");
    let (table, column) = match family {
        Family::Firefox => ("moz_cookies", "host"),
        Family::Chromium => ("cookies", "host_key"),
    };
    // columns come and go with versions; those of a row are asked by name
    let sql = format!("SELECT * FROM {table} WHERE {column} IN ({marks}) LIMIT {MOST}");
    let mut statement = db.prepare(&sql)?;
    let hashed = family == Family::Chromium && has_hashed_values(db);
    let rows = statement.query_map(rusqlite::params_from_iter(hosts), |row| {
        Ok(match family {
            Family::Firefox => firefox(row),
            Family::Chromium => chromium(row, hashed),
        })
    })?;
    rows.collect()
}

fn bytes(row: &Row<'_>, column: &str) -> Vec<u8> {
    match row.get_ref(column) {
        Ok(ValueRef::Text(text) | ValueRef::Blob(text)) => text.to_vec(),
        _ => Vec::new(),
    }
}

fn text(row: &Row<'_>, column: &str) -> String {
    String::from_utf8_lossy(&bytes(row, column)).into_owned()
}

fn number(row: &Row<'_>, column: &str) -> i64 {
    row.get(column).unwrap_or_default()
}

fn firefox(row: &Row<'_>) -> Cookie {
    let (value, expiry) = (bytes(row, "value"), number(row, "expiry"));
    // in milliseconds since schema 16 (version 138)
    let is_ms = expiry > 100_000_000_000;
    Cookie {
        about: StoredCookie {
            name: text(row, "name"),
            bytes: value.len() as u64,
            host: text(row, "host"),
            path: text(row, "path"),
            secure: number(row, "isSecure") != 0,
            expires: Some(if is_ms {
                Timestamp(expiry)
            } else {
                Timestamp::from_secs(expiry)
            }),
            encrypted: false,
            partitioned: !text(row, "originAttributes").is_empty(),
        },
        value,
    }
}

fn chromium(row: &Row<'_>, hashed: bool) -> Cookie {
    let (plain, sealed) = (bytes(row, "value"), bytes(row, "encrypted_value"));
    let encrypted = plain.is_empty() && !sealed.is_empty();
    // `v10` or `v11`, then AES-CBC of (a hash of the host and) the value, filled up to blocks of 16
    let overhead = if hashed { 3 + 32 + 1 } else { 3 + 1 };
    let value = if encrypted {
        vec![b'x'; sealed.len().saturating_sub(overhead)]
    } else {
        plain
    };
    // microseconds since 1601
    let unix_ms = number(row, "expires_utc") / 1000 - 11_644_473_600_000;
    Cookie {
        about: StoredCookie {
            name: text(row, "name"),
            bytes: value.len() as u64,
            host: text(row, "host_key"),
            path: text(row, "path"),
            secure: number(row, "is_secure") != 0,
            expires: (number(row, "has_expires") != 0).then_some(Timestamp(unix_ms)),
            encrypted,
            partitioned: !text(row, "top_frame_site_key").is_empty(),
        },
        value,
    }
}

/// Since schema 24 a value is stored behind the SHA-256 of its host.
fn has_hashed_values(db: &Connection) -> bool {
    let version = db.query_row("SELECT value FROM meta WHERE key = 'version'", [], |row| {
        Ok(match row.get_ref(0)? {
            ValueRef::Integer(version) => version,
            ValueRef::Text(text) => String::from_utf8_lossy(text).parse().unwrap_or_default(),
            _ => 0,
        })
    });
    version.is_ok_and(|version| version >= 24)
}
