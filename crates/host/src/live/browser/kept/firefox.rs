//! Firefox's files.

use super::{fresh, status, urls, whole};
use crate::{
    Look,
    browser::{CachedAnswer, is_of},
    live::{files, proxies::without_login},
    query::Part,
    visit::ProxySetting,
};
use std::path::{Path, PathBuf};

/// What stands behind an answer's body; headers are a few KiB.
const TAIL: u64 = 64 << 10;
/// Bodies are hashed in pieces of this size (netwerk/cache2/CacheFileChunk.h).
const PIECE: u64 = 256 << 10;

/// An entry of `cache2`: the body, its hashes, then what is known of it, whose place the last four bytes tell
/// (netwerk/cache2/CacheFileMetadata.cpp).
pub(super) fn cached(path: &Path) -> Option<CachedAnswer> {
    let blob = files::file(path, Part::Tail(TAIL)).ok().flatten()?;
    let tail = &blob.bytes.0;
    let body = u64::from(word(tail, tail.len().checked_sub(4)?)?);
    let before = blob.size.checked_sub(tail.len() as u64)?;
    let head = body + 4 + 2 * body.div_ceil(PIECE);
    let head = usize::try_from(head.checked_sub(before)?).ok()?;
    let (version, length) = (word(tail, head)?, word(tail, head + 24)? as usize);
    let key_at = head + if version >= 2 { 32 } else { 28 };
    let key = tail.get(key_at..key_at.checked_add(length)?)?;
    let key = String::from_utf8_lossy(key);
    // `O^partitionKey=…,a,:https://shop.example/`: the URL stands behind the last tag
    let url = key.find(":http").map(|at| key[at + 1..].to_owned())?;
    let kept = tail.get(key_at + length..)?;
    let status = status(kept);
    // a server's failure is asked for anew each time, whatever it allows (nsHttpResponseHead::MustValidate)
    let shown_until = match status {
        Some(500..) => None,
        _ => fresh::until(kept, blob.modified),
    };
    Some(CachedAnswer {
        url,
        status,
        bytes: body,
        stored: blob.modified,
        shown_until,
        file: path.to_owned(),
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// Scopes in `serviceworker.txt`.
pub(super) fn service_workers(dir: &Path, host: &str) -> Vec<String> {
    let text = whole(&dir.join("serviceworker.txt")).unwrap_or_default();
    urls(&text, host)
}

/// `storage/default/https+++shop.example`, and with a port or attributes behind it.
pub(super) fn storage(dir: &Path, host: &str) -> Look<Vec<PathBuf>> {
    let root = dir.join("storage/default");
    let names = files::dir(&root)?.unwrap_or_default();
    let is_ours = |name: &&String| {
        let origin = name.split('^').next().unwrap_or_default();
        origin
            .split_once("+++")
            .is_some_and(|(scheme, rest)| is_of(&format!("{scheme}://{}", rest.replace('+', ":")), host))
    };
    Ok(names.iter().filter(is_ours).map(|name| root.join(name)).collect())
}

/// `user_pref("network.proxy.type", 1);` and what belongs to it; nothing where the system's is used (5) or none (0).
pub(super) fn proxies(dir: &Path) -> Vec<ProxySetting> {
    let text = whole(&dir.join("prefs.js")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let setting = |name: &str| {
        let start = format!("user_pref(\"network.proxy.{name}\", ");
        let value = text.lines().find_map(|line| line.strip_prefix(start.as_str()))?;
        let value = value.trim_end_matches(");").trim_matches('"');
        Some(value.to_owned()).filter(|value| !value.is_empty() && value.len() < 2000)
    };
    let wanted: &[&str] = match setting("type").as_deref() {
        Some("1") => &["http", "http_port", "ssl", "ssl_port", "socks", "socks_port"],
        Some("2") => &["autoconfig_url"],
        Some("4") => &["type"],
        _ => &[],
    };
    let found = wanted.iter().filter_map(|name| {
        Some(ProxySetting {
            name: format!("network.proxy.{name}"),
            value: without_login(&setting(name)?),
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry as Firefox 140 writes it.
    fn entry(body: &[u8], key: &str, head: &str) -> Vec<u8> {
        let mut bytes = body.to_vec();
        bytes.extend([0; 4]);
        bytes.extend(vec![0; 2 * body.len().div_ceil(256 << 10)]);
        let length = u32::try_from(key.len()).expect("short");
        for number in [3, 1, 0, 0, 0, 0, length, 0] {
            bytes.extend(u32::to_be_bytes(number));
        }
        bytes.extend(key.as_bytes());
        bytes.extend(b"\0request-method\0GET\0response-head\0");
        bytes.extend(head.as_bytes());
        bytes.push(0);
        bytes.extend(u32::try_from(body.len()).expect("short").to_be_bytes());
        bytes
    }

    #[test]
    fn a_cached_answer_is_read_from_its_end() {
        let dir = tempfile::tempdir().expect("makes a directory");
        let path = dir.path().join("4F");
        for (body, key) in [
            (10, ":https://shop.example/"),
            (
                300_000,
                "O^partitionKey=%28https%2Cshop.example%29,:https://shop.example/",
            ),
            (0, "a,:https://shop.example/"),
        ] {
            std::fs::write(
                &path,
                entry(&vec![b'x'; body], key, "HTTP/1.1 502 Bad Gateway\r\n"),
            )
            .expect("writes");
            let found = cached(&path).expect("is one");
            assert_eq!(
                (found.url.as_str(), found.status),
                ("https://shop.example/", Some(502)),
                "{key}"
            );
            assert_eq!(found.bytes, body as u64);
        }
        for junk in [&b""[..], b"abc", &[0xff; 200]] {
            std::fs::write(&path, junk).expect("writes");
            assert_eq!(cached(&path), None);
        }
    }

    #[test]
    fn storage_and_workers_are_of_this_host_only() {
        let dir = tempfile::tempdir().expect("makes a directory");
        for name in [
            "https+++shop.example",
            "https+++shop.example+8443^userContextId=1",
            "https+++other.example",
        ] {
            std::fs::create_dir_all(dir.path().join("storage/default").join(name)).expect("makes it");
        }
        assert_eq!(storage(dir.path(), "shop.example").expect("looks").len(), 2);
        std::fs::write(
            dir.path().join("serviceworker.txt"),
            "9\n\nhttps://shop.example/\nhttps://shop.example/sw.js\n#\n",
        )
        .expect("writes");
        assert_eq!(
            service_workers(dir.path(), "shop.example")[0],
            "https://shop.example/"
        );
    }

    #[test]
    fn a_proxy_of_its_own_is_told_without_a_login() {
        let dir = tempfile::tempdir().expect("makes a directory");
        let text = "user_pref(\"network.proxy.type\", 1);\nuser_pref(\"network.proxy.http\", \"me:CANARY@proxy.lan\");\nuser_pref(\"network.proxy.http_port\", 3128);\n";
        std::fs::write(dir.path().join("prefs.js"), text).expect("writes");
        let values: Vec<String> = proxies(dir.path()).into_iter().map(|it| it.value).collect();
        assert_eq!(values, ["proxy.lan", "3128"]);
        std::fs::write(dir.path().join("prefs.js"), text.replace(", 1)", ", 5)")).expect("writes");
        assert_eq!(proxies(dir.path()), []);
    }
}
