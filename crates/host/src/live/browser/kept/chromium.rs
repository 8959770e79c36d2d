//! Chromium's files.

use super::{fresh, status, urls, whole};
use crate::{
    Look,
    browser::{CachedAnswer, Store, is_of},
    live::{files, leveldb},
    query::Part,
};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use std::path::{Path, PathBuf};

/// Begins each file of the simple cache (net/disk_cache/simple/simple_entry_format.h).
const MAGIC: u64 = 0xfcfb_6d1b_a772_5c30;
const HEAD: usize = 24;
/// The head with the key, and the end with the answer's head.
const PART: u64 = 16 << 10;
/// Service workers told of.
const MOST_WORKERS: usize = 20;

/// `HASH_0`: the head, the key, the body, then what is known of the answer.
pub(super) fn cached(path: &Path) -> Option<CachedAnswer> {
    if !path.to_string_lossy().ends_with("_0") {
        return None;
    }
    let head = files::file(path, Part::Head(PART)).ok().flatten()?;
    let bytes = &head.bytes.0;
    if u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?) != MAGIC {
        return None;
    }
    let length = u32::from_le_bytes(bytes.get(12..16)?.try_into().ok()?) as usize;
    let key = String::from_utf8_lossy(bytes.get(HEAD..HEAD.checked_add(length)?)?).into_owned();
    // `1/0/_dk_https://top https://frame https://shop.example/`: the URL is the last word
    let url = key
        .rsplit(' ')
        .next()
        .and_then(|word| word.find("http").map(|at| word[at..].to_owned()))?;
    let tail = files::file(path, Part::Tail(PART)).ok().flatten()?;
    let kept = known(&tail.bytes.0)?;
    Some(CachedAnswer {
        url,
        status: status(kept),
        bytes: head.size,
        stored: head.modified,
        shown_until: fresh::until(kept, head.modified),
        file: path.to_owned(),
    })
}

/// What is known of the answer, and nothing of its body, which may look like anything. It stands last, with a digest of the
/// key behind it where a flag says so, and its length in the record that ends the file.
fn known(tail: &[u8]) -> Option<&[u8]> {
    const END: usize = 24;
    const FINAL_MAGIC: u64 = 0xf4fa_6f45_970d_41d8;
    const HAS_DIGEST: u32 = 2;
    const DIGEST: usize = 32;
    let (before, end) = tail.split_at(tail.len().checked_sub(END)?);
    let word = |at: usize| Some(u32::from_le_bytes(end.get(at..at + 4)?.try_into().ok()?));
    if u64::from_le_bytes(end[..8].try_into().ok()?) != FINAL_MAGIC {
        return None;
    }
    let digest = if word(8)? & HAS_DIGEST == 0 { 0 } else { DIGEST };
    let before = &before[..before.len().checked_sub(digest)?];
    let length = usize::try_from(word(16)?).ok()?;
    before.get(before.len().checked_sub(length)?..)
}

/// Scopes in the database of service workers: `REG:https://shop.example/`, NUL, a number. One that a site has where it is
/// embedded in another has `^` in its key (content/browser/service_worker/service_worker_database.cc).
pub(super) fn service_workers(dir: &Path, host: &str) -> Look<Vec<String>> {
    const KEY: &[u8] = b"REG:";
    let found = leveldb::read(&Store::ServiceWorkers.dir(dir), KEY)?.entries;
    let scopes = found.iter().filter_map(|(key, value)| {
        let origin = key[KEY.len()..].split(|byte| *byte == 0).next()?;
        let origin = String::from_utf8_lossy(origin).into_owned();
        // its scope is the first URL that is written of it
        let is_own = is_of(&origin, host) && !origin.contains('^');
        is_own.then(|| urls(value, host).into_iter().next().unwrap_or(origin))
    });
    Ok(scopes.take(MOST_WORKERS).collect())
}

/// Entries of its local storage.
pub(super) fn local_storage(dir: &Path, host: &str) -> Look<usize> {
    let found = leveldb::read(&Store::LocalStorage.dir(dir), b"")?;
    Ok(Store::LocalStorage.of_site(&found.entries, host).len())
}

/// What has a directory of its own: `IndexedDB/https_shop.example_0.indexeddb.leveldb`, and a service worker's answers.
pub(super) fn storage(dir: &Path, host: &str) -> Look<Vec<PathBuf>> {
    let databases = dir.join("IndexedDB");
    let is_ours =
        |name: &&String| is_identifier_of(name.split(".indexeddb.").next().unwrap_or_default(), host);
    let answers = dir.join("Service Worker/CacheStorage");
    let is_theirs = |name: &&String| {
        let index = whole(&answers.join(name).join("index.txt")).unwrap_or_default();
        // whatever a site may have written into its own index, the directory is its by the digest of its origin alone
        urls(&index, host)
            .iter()
            .any(|url| digest_of_origin(url) == **name)
    };
    let (first, second) = (files::dir(&databases)?, files::dir(&answers)?);
    let (first, second) = (first.unwrap_or_default(), second.unwrap_or_default());
    let first = first.iter().filter(is_ours).map(|name| databases.join(name));
    let second = second.iter().filter(is_theirs).map(|name| answers.join(name));
    Ok(first.chain(second).collect())
}

/// Directories of the files that its pages keep for themselves: `ORIGIN:https_shop.example_0` holds the name of one
/// (storage/browser/file_system/sandbox_origin_database.cc).
pub(super) fn file_systems(dir: &Path, host: &str) -> Look<Vec<PathBuf>> {
    const KEY: &[u8] = b"ORIGIN:";
    let all = dir.join("File System");
    let found = leveldb::read(&all.join("Origins"), KEY)?.entries;
    let ours = found.iter().filter_map(|(key, value)| {
        let name = str::from_utf8(value).ok()?;
        let is_plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let is_ours = is_identifier_of(str::from_utf8(&key[KEY.len()..]).ok()?, host);
        (is_plain && is_ours).then(|| all.join(name))
    });
    Ok(ours
        .filter(|dir| matches!(files::dir(dir), Ok(Some(_))))
        .collect())
}

/// `https_shop.example_0`, as databases are named.
fn is_identifier_of(name: &str, host: &str) -> bool {
    let (scheme, rest) = name.split_once('_').unwrap_or_default();
    let name = rest.rsplit_once('_').map_or(rest, |(name, _)| name);
    is_of(&format!("{scheme}://{name}"), host)
}

/// `https_shop.example_0`, the port 0 where it is the usual one (storage/common/database/database_identifier.cc), as the
/// directory of its answers is named: SHA-1, in hex.
fn digest_of_origin(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let (name, port) = authority.rsplit_once(':').unwrap_or((authority, "0"));
    let digest = digest(
        &SHA1_FOR_LEGACY_USE_ONLY,
        format!("{scheme}_{name}_{port}").as_bytes(),
    );
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cached_answer_is_read() {
        let dir = tempfile::tempdir().expect("makes a directory");
        let path = dir.path().join("0123456789abcdef_0");
        let key = "1/0/_dk_https://shop.example https://shop.example https://shop.example/a";
        let mut bytes = MAGIC.to_le_bytes().to_vec();
        for number in [5, u32::try_from(key.len()).expect("short"), 0, 0] {
            bytes.extend(u32::to_le_bytes(number));
        }
        bytes.extend(key.as_bytes());
        bytes.extend(b"HTTP/1.1 404\0cache-control: max-age=1\0\0 is the body");
        let ended = |known: &[u8]| {
            let mut all = [
                &bytes[..],
                known,
                &[0; 32][..],
                &0xf4fa_6f45_970d_41d8_u64.to_le_bytes(),
            ]
            .concat();
            for number in [2, 0, u32::try_from(known.len()).expect("short"), 0] {
                all.extend(u32::to_le_bytes(number));
            }
            all
        };
        std::fs::write(&path, ended(b"\x01HTTP/1.1 502\0server: nginx\0\0")).expect("writes");
        let found = cached(&path).expect("is one");
        assert_eq!(
            (found.url.as_str(), found.status, found.shown_until),
            ("https://shop.example/a", Some(502), None)
        );
        std::fs::write(&path, ended(b"HTTP/1.1 502\0cache-control: max-age=9\0\0")).expect("writes");
        let found = cached(&path).expect("is one");
        assert_eq!(
            found.shown_until,
            Some(found.stored.after(std::time::Duration::from_secs(9)))
        );
        for junk in [&b""[..], &bytes[..20], &bytes, &[0xff; 64]] {
            std::fs::write(&path, junk).expect("writes");
            assert_eq!(cached(&path), None);
        }
    }

    #[test]
    fn storage_is_of_this_host_only() {
        let dir = tempfile::tempdir().expect("makes a directory");
        for name in [
            "https_shop.example_0.indexeddb.leveldb",
            "https_shop.example.evil_0.indexeddb.leveldb",
        ] {
            std::fs::create_dir_all(dir.path().join("IndexedDB").join(name)).expect("makes it");
        }
        assert_eq!(storage(dir.path(), "shop.example").expect("looks").len(), 1);
    }

    #[test]
    fn a_workers_answers_are_of_the_site_that_the_directory_is_named_for() {
        let name = digest_of_origin("http://localhost:18503/");
        assert_eq!(
            name, "e2d2b356965ffeaf9337961d8b2763d969960861",
            "as Chromium 156 names it"
        );
        let dir = tempfile::tempdir().expect("makes a directory");
        let made = dir.path().join("Service Worker/CacheStorage").join(&name);
        std::fs::create_dir_all(&made).expect("makes it");
        // a cache may have another site's address for its name
        let index = "\nhttps://shop.example/\x12\x17http://localhost:18503/\x1a";
        std::fs::write(made.join("index.txt"), index).expect("writes");
        assert_eq!(storage(dir.path(), "localhost"), Ok(vec![made]));
        assert_eq!(storage(dir.path(), "shop.example"), Ok(Vec::new()));
    }
}
