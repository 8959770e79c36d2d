//! Rows of a cookie database: first a copy of them is on the disk, then they go.

use super::{cannot, unfinished};
use crate::{
    Shelf, StepFailed,
    live::{place::moved, run::failed},
};
use rusqlite::{Connection, OpenFlags, config::DbConfig, params_from_iter};
use std::{fs, os::unix::fs::OpenOptionsExt, path::Path, time::Duration};

/// Another program may have it locked for a moment.
const BUSY: Duration = Duration::from_secs(3);

pub(super) fn take(
    shelf: &Shelf,
    file: &Path,
    hosts: &[String],
    count: usize,
    at: &Path,
) -> Result<(), StepFailed> {
    let (table, column) = shelf.cookie_table();
    let db = open(file)?;
    let marks = vec!["?"; hosts.len()].join(",");
    let which = format!("FROM main.{table} WHERE {column} IN ({marks})");
    let found: i64 = db
        .query_row(
            &format!("SELECT count(*) {which}"),
            params_from_iter(hosts),
            |row| row.get(0),
        )
        .map_err(|error| broken(file, &error))?;
    let found = usize::try_from(found).unwrap_or_default();
    if found == 0 && at.exists() {
        return Ok(());
    }
    if found != count {
        return Err(moved(format!(
            "{} now has {found} cookies of it, not {count}",
            file.display()
        )));
    }
    keep(&db, &which, hosts, at).map_err(|error| broken(file, &error))?;
    let gone = db
        .execute(&format!("DELETE {which}"), params_from_iter(hosts))
        .map_err(|error| broken(file, &error))?;
    match gone == count {
        true => Ok(()),
        false => Err(failed(format!("{gone} cookies went, not {count}"))),
    }
}

/// A database of their own, under its name only when it is whole.
fn keep(db: &Connection, which: &str, hosts: &[String], at: &Path) -> rusqlite::Result<()> {
    let new = unfinished(at);
    let full = |error: std::io::Error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    let _ = fs::remove_file(&new);
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)
        .map_err(full)?;
    db.execute("ATTACH ? AS kept", [new.to_string_lossy()])?;
    let copied = db.execute(
        &format!("CREATE TABLE kept.cookies AS SELECT * {which}"),
        params_from_iter(hosts),
    );
    db.execute("DETACH kept", [])?;
    copied?;
    fs::rename(&new, at).map_err(full)
}

/// The site's own of the same name give way; all else in the database stays.
pub(super) fn give_back(shelf: &Shelf, file: &Path, at: &Path) -> Result<(), StepFailed> {
    let (table, _) = shelf.cookie_table();
    let db = open(file)?;
    insert(&db, table, at).map_err(|error| broken(file, &error))?;
    fs::remove_file(at).map_err(|error| cannot(at, &error))
}

fn insert(db: &Connection, table: &str, at: &Path) -> rusqlite::Result<()> {
    db.execute("ATTACH ? AS kept", [at.to_string_lossy()])?;
    // a newer browser may have added columns; a row's number may be another cookie's by now
    let columns = |schema: &str, table: &str| -> rusqlite::Result<Vec<String>> {
        let mut statement = db.prepare("SELECT name FROM pragma_table_info(?1, ?2)")?;
        let names = statement.query_map([table, schema], |row| row.get(0))?;
        names.collect()
    };
    let (had, has) = (columns("kept", "cookies")?, columns("main", table)?);
    let both = had.iter().filter(|name| has.contains(name) && *name != "id");
    let names: Vec<String> = both
        .map(|name| format!("\"{}\"", name.replace('"', "\"\"")))
        .collect();
    let names = names.join(",");
    db.execute(
        &format!("INSERT OR REPLACE INTO main.{table} ({names}) SELECT {names} FROM kept.cookies"),
        [],
    )?;
    db.execute("DETACH kept", [])?;
    Ok(())
}

/// What a browser wrote: its schema may call nothing.
fn open(file: &Path) -> Result<Connection, StepFailed> {
    let open = || {
        let db = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        db.busy_timeout(BUSY)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
        db.execute_batch("PRAGMA cell_size_check=ON; PRAGMA secure_delete=OFF; PRAGMA synchronous=FULL;")?;
        Ok(db)
    };
    open().map_err(|error| broken(file, &error))
}

fn broken(file: &Path, error: &rusqlite::Error) -> StepFailed {
    failed(format!("{}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::browser::tests::shelf;

    fn hosts(db: &Path) -> Vec<String> {
        let db = Connection::open(db).expect("opens");
        let mut all = db
            .prepare("SELECT host || ' ' || value FROM moz_cookies ORDER BY host")
            .expect("prepares");
        let rows = all.query_map([], |row| row.get(0)).expect("asks");
        rows.collect::<Result<_, _>>().expect("rows")
    }

    #[test]
    fn one_sites_cookies_go_and_come_back() {
        let dir = tempfile::tempdir().expect("makes a directory");
        let (file, at) = (dir.path().join("cookies.sqlite"), dir.path().join("0"));
        let db = Connection::open(&file).expect("opens");
        db.execute_batch(
            "CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, name TEXT, value TEXT, host TEXT, CONSTRAINT u UNIQUE (name, host));
             INSERT INTO moz_cookies (name, value, host) VALUES ('a', '1', 'blog.example'), ('a', '2', 'shop.example'), ('b', '3', '.shop.example');",
        )
        .expect("made");
        let sites = ["shop.example".to_owned(), ".shop.example".to_owned()];
        let shelf = shelf(dir.path(), &file);
        let before = hosts(&file);
        assert!(matches!(
            take(&shelf, &file, &sites, 3, &at),
            Err(StepFailed::Moved { .. })
        ));
        for _ in 0..2 {
            take(&shelf, &file, &sites, 2, &at).expect("taken");
            assert_eq!(hosts(&file), ["blog.example 1"]);
        }
        // meanwhile somebody visits: another site gets the number that the row had, the site a new cookie
        db.execute_batch(
            "INSERT INTO moz_cookies (id, name, value, host) VALUES (2, 'c', '4', 'wiki.example'), (3, 'a', '5', 'shop.example');",
        )
        .expect("visited");
        give_back(&shelf, &file, &at).expect("back");
        let expected: Vec<String> = before.into_iter().chain(["wiki.example 4".to_owned()]).collect();
        assert_eq!(hosts(&file), expected);
        assert!(!at.exists(), "what is put back is kept no more");
    }
}
