//! Chromium's files.

use super::{is_of, status, urls, whole};
use crate::{Look, browser::CachedAnswer, live::files, query::Part};
use ring::digest::{SHA256, digest};
use std::path::{Path, PathBuf};

/// Begins each file of the simple cache (net/disk_cache/simple/simple_entry_format.h).
const MAGIC: u64 = 0xfcfb_6d1b_a772_5c30;
const HEAD: usize = 24;
/// The head with the key, and the end with the answer's head.
const PART: u64 = 16 << 10;

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
    Some(CachedAnswer {
        url,
        status: status(&tail.bytes.0),
        bytes: head.size,
        stored: head.modified,
        file: path.to_owned(),
    })
}

/// Scopes in the database of service workers, as far as they stand there uncompressed.
pub(super) fn service_workers(dir: &Path, host: &str) -> Look<Vec<String>> {
    let root = dir.join("Service Worker/Database");
    let names = files::dir(&root)?.unwrap_or_default();
    let data = names
        .iter()
        .filter(|name| name.ends_with(".log") || name.ends_with(".ldb"));
    let mut found: Vec<String> = Vec::new();
    for name in data.take(50) {
        let bytes = whole(&root.join(name)).unwrap_or_default();
        for url in urls(&bytes, host) {
            if !found.contains(&url) && found.len() < 20 {
                found.push(url);
            }
        }
    }
    Ok(found)
}

/// `IndexedDB/https_shop.example_0.indexeddb.leveldb`: what has a directory of its own.
pub(super) fn storage(dir: &Path, host: &str) -> Look<Vec<PathBuf>> {
    let root = dir.join("IndexedDB");
    let names = files::dir(&root)?.unwrap_or_default();
    let is_ours = |name: &&String| {
        let origin = name.split(".indexeddb.").next().unwrap_or_default();
        let mut parts = origin.splitn(2, '_');
        let (scheme, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let name = rest.rsplit_once('_').map_or(rest, |(name, _)| name);
        is_of(&format!("{scheme}://{name}"), host)
    };
    Ok(names.iter().filter(is_ours).map(|name| root.join(name)).collect())
}

#[derive(serde::Deserialize)]
struct Transport {
    #[serde(default)]
    sts: Vec<Promise>,
}

#[derive(serde::Deserialize)]
struct Promise {
    #[serde(default)]
    host: String,
    #[serde(default)]
    mode: String,
}

/// `TransportSecurity`: hosts are there as the SHA-256 of their name in DNS's own form, base64.
pub(super) fn strict_transport(dir: &Path, host: &str) -> bool {
    let places = ["Network/TransportSecurity", "TransportSecurity"];
    let read = places.iter().find_map(|name| whole(&dir.join(name)));
    let promises = read.and_then(|bytes| serde_json::from_slice::<Transport>(&bytes).ok());
    let wanted = base64(digest(&SHA256, &wire(host)).as_ref());
    promises.is_some_and(|it| {
        it.sts
            .iter()
            .any(|one| one.host == wanted && one.mode == "force-https")
    })
}

/// Each label with its length before it, then the root.
fn wire(host: &str) -> Vec<u8> {
    let labels = host.split('.').filter(|label| label.len() < 64);
    let mut bytes: Vec<u8> = labels
        .flat_map(|label| std::iter::once(u8::try_from(label.len()).unwrap_or_default()).chain(label.bytes()))
        .collect();
    bytes.push(0);
    bytes
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let three = [group[0], *group.get(1).unwrap_or(&0), *group.get(2).unwrap_or(&0)];
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for at in 0..4usize {
            let digit = DIGITS[(number >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= group.len() { char::from(digit) } else { '=' });
        }
    }
    text
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
        bytes.extend(b"body\0\0HTTP/1.1 502\0server: nginx\0");
        std::fs::write(&path, &bytes).expect("writes");
        let found = cached(&path).expect("is one");
        assert_eq!(
            (found.url.as_str(), found.status),
            ("https://shop.example/a", Some(502))
        );
        for junk in [&b""[..], &bytes[..20], &[0xff; 64]] {
            std::fs::write(&path, junk).expect("writes");
            assert_eq!(cached(&path), None);
        }
    }

    #[test]
    fn a_promise_is_known_by_its_hash() {
        assert_eq!(base64(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
        assert_eq!(wire("a.bc"), b"\x01a\x02bc\0");
        let dir = tempfile::tempdir().expect("makes a directory");
        let hash = base64(digest(&SHA256, &wire("shop.example")).as_ref());
        let json = format!(r#"{{"sts":[{{"host":"{hash}","mode":"force-https","expiry":1}}],"version":2}}"#);
        std::fs::write(dir.path().join("TransportSecurity"), json).expect("writes");
        assert!(strict_transport(dir.path(), "shop.example"));
        assert!(!strict_transport(dir.path(), "www.shop.example"));
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
}
