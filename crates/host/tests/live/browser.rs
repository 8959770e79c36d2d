//! Databases as the browsers write them, in their own schemas.

use crate::live;
use host::{
    Host, Looks, Query, Timestamp, Unseen,
    answer::Answer,
    browser::{Family, Jar},
};
use rusqlite::Connection;
use std::path::Path;

/// Firefox 140, `moz_cookies`.
const FIREFOX: &str = "PRAGMA journal_mode=WAL; PRAGMA user_version=16;
CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, originAttributes TEXT NOT NULL DEFAULT '', name TEXT, value TEXT,
  host TEXT, path TEXT, expiry INTEGER, lastAccessed INTEGER, creationTime INTEGER, isSecure INTEGER, isHttpOnly INTEGER,
  inBrowserElement INTEGER DEFAULT 0, sameSite INTEGER DEFAULT 0, schemeMap INTEGER DEFAULT 0,
  isPartitionedAttributeSet INTEGER DEFAULT 0, updateTime INTEGER,
  CONSTRAINT moz_uniqueid UNIQUE (name, host, path, originAttributes));
INSERT INTO moz_cookies (originAttributes, name, value, host, path, expiry, isSecure) VALUES
  ('', 'sid', 'CANARY-1', 'shop.example', '/', 1900000000000, 1),
  ('', 'lang', 'CANARY-2', '.example', '/', 1900000000, 0),
  ('^userContextId=2', 'box', 'CANARY-3', 'shop.example', '/', 1900000000, 0),
  ('', 'other', 'CANARY-4', 'notshop.example', '/', 1900000000, 0),
  ('', 'wide', 'CANARY-5', '.shop.example', '/cart', 1900000000, 0);";

/// Chromium 130, `cookies`.
const CHROMIUM: &str = "CREATE TABLE meta(key LONGVARCHAR NOT NULL UNIQUE PRIMARY KEY, value LONGVARCHAR);
INSERT INTO meta VALUES ('version', '24');
CREATE TABLE cookies(creation_utc INTEGER NOT NULL,host_key TEXT NOT NULL,top_frame_site_key TEXT NOT NULL,name TEXT NOT NULL,
  value TEXT NOT NULL,encrypted_value BLOB NOT NULL,path TEXT NOT NULL,expires_utc INTEGER NOT NULL,is_secure INTEGER NOT NULL,
  is_httponly INTEGER NOT NULL,last_access_utc INTEGER NOT NULL,has_expires INTEGER NOT NULL,is_persistent INTEGER NOT NULL,
  priority INTEGER NOT NULL,samesite INTEGER NOT NULL,source_scheme INTEGER NOT NULL,source_port INTEGER NOT NULL,
  last_update_utc INTEGER NOT NULL,source_type INTEGER NOT NULL,has_cross_site_ancestor INTEGER NOT NULL);
INSERT INTO cookies VALUES (1,'.shop.example','','big','',zeroblob(3 + 32 + 4096),'/',13400000000000000,1,1,1,1,1,1,-1,2,443,1,0,0);
INSERT INTO cookies VALUES (1,'shop.example','https://news.example','ad','CANARY-6',x'','/',0,1,1,1,0,1,1,-1,2,443,1,0,0);";

fn database(path: &Path, schema: &str) -> Connection {
    let db = Connection::open(path).expect("opens");
    db.execute_batch(schema).expect("a valid schema");
    db
}

fn names(host: &dyn Host, family: Family, file: &Path) -> Vec<(String, u64, bool, bool)> {
    let jar = Jar {
        family,
        file: file.to_owned(),
    };
    let host_name = "shop.example".to_owned();
    let answer = host.ask(&Query::Cookies { jar, host: host_name }).expect("looks");
    let written = serde_json::to_string(&answer).expect("writes");
    assert!(!written.contains("CANARY"), "{written}");
    let cookies = match answer {
        Answer::Cookies(cookies) => cookies.expect("is a database"),
        _ => Vec::new(),
    };
    let about = |it: host::browser::StoredCookie| (it.name, it.bytes, it.encrypted, it.partitioned);
    cookies.into_iter().map(about).collect()
}

#[test]
fn cookies_of_a_running_firefox_are_told_by_name_and_size() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let file = dir.path().join("cookies.sqlite");
    // stays open: what it wrote is in the log, and the file is locked as Firefox locks it
    let db = database(&file, FIREFOX);
    db.execute_batch("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE;")
        .expect("locks");
    let before = std::fs::read_dir(dir.path()).expect("reads").count();
    let found = names(&live(), Family::Firefox, &file);
    let plain = |name: &str, boxed| (name.to_owned(), 8, false, boxed);
    assert_eq!(
        found,
        [plain("sid", false), plain("box", true), plain("wide", false)],
        "neither the neighbour's nor those of the whole top level domain"
    );
    assert_eq!(
        std::fs::read_dir(dir.path()).expect("reads").count(),
        before,
        "it left something"
    );
    drop(db);
}

#[test]
fn cookies_of_chromium_are_told_though_they_are_encrypted() {
    let dir = tempfile::tempdir().expect("makes a directory");
    std::fs::create_dir(dir.path().join("Network")).expect("makes a directory");
    let file = dir.path().join("Network/Cookies");
    drop(database(&file, CHROMIUM));
    let found = names(&live(), Family::Chromium, &file);
    assert_eq!(
        found,
        [
            ("big".to_owned(), 4095, true, false),
            ("ad".to_owned(), 8, false, true)
        ]
    );
    let live = live();
    let profile = live.browser_profile(dir.path()).expect("is one");
    let (jar, cookies) = live
        .cookies(&profile, "shop.example")
        .expect("looks")
        .expect("has some");
    assert_eq!(jar.file, file);
    let big = cookies.iter().find(|it| it.name == "big").expect("is there");
    assert!(
        big.goes_to("/any", true, Timestamp::from_secs(1_700_000_000)),
        "{big:?}"
    );
}

#[test]
fn what_is_no_database_is_said_to_be_none() {
    let dir = tempfile::tempdir().expect("makes a directory");
    let at = |name: &str| Jar {
        family: Family::Firefox,
        file: dir.path().join(name),
    };
    let ask = |jar: Jar| {
        live().ask(&Query::Cookies {
            jar,
            host: "shop.example".into(),
        })
    };
    assert_eq!(ask(at("cookies.sqlite")), Ok(Answer::Cookies(None)));
    std::fs::write(at("noise").file, b"SQLite format 3\0 and then noise").expect("writes");
    assert!(matches!(ask(at("noise")), Err(Unseen::Unusable { .. })));
    // a view that never ends stands where the table should
    let endless = "CREATE VIEW moz_cookies AS WITH RECURSIVE n(host) AS (SELECT 'shop.example' UNION ALL SELECT host FROM n) SELECT * FROM n;";
    drop(database(&at("endless").file, endless));
    assert!(ask(at("endless")).is_err());
}
