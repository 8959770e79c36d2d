//! The promise to visit a site by https only (HSTS, RFC 6797), as browsers remember it: until it ends, and for all below a
//! name where that asked for it. Lists that a browser was built with are not in its profile.

use super::{LARGEST, whole};
use crate::{
    Look, Timestamp, Unseen,
    live::{clock, files},
    query::Part,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ring::digest::{SHA256, digest};
use std::path::Path;

/// The host and all above it, with whether it is another than the host.
fn names(host: &str) -> impl Iterator<Item = (&str, bool)> {
    let above = host.match_indices('.').map(|(at, _)| (&host[at + 1..], true));
    std::iter::once((host, false)).chain(above)
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
    /// Seconds since the epoch.
    expiry: f64,
    #[serde(default)]
    sts_include_subdomains: bool,
}

/// `TransportSecurity`: hosts are there as the SHA-256 of their name in DNS's own form, base64.
pub(super) fn by_chromium(dir: &Path, host: &str) -> Look<bool> {
    let places = ["Network/TransportSecurity", "TransportSecurity"];
    for file in places.map(|name| dir.join(name)) {
        if let Some(blob) = files::file(&file, Part::Head(LARGEST))? {
            let read = serde_json::from_slice::<Transport>(&blob.bytes.0);
            let promises = read.map_err(|error| Unseen::Unusable {
                what: file.display().to_string(),
                why: error.to_string(),
            })?;
            return Ok(is_promised(&promises.sts, host, clock::now()));
        }
    }
    Ok(false)
}

fn is_promised(promises: &[Promise], host: &str, now: Timestamp) -> bool {
    let holds = |it: &&Promise| it.mode == "force-https" && it.expiry > now.secs() as f64;
    let live = || promises.iter().filter(holds);
    names(host).any(|(name, is_above)| {
        let hash = STANDARD.encode(digest(&SHA256, &wire(name)));
        live().any(|it| it.host == hash && (it.sts_include_subdomains || !is_above))
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

/// `SiteSecurityServiceState.bin`: records of a checksum, a score, a day, a key of 256 bytes and a value of 24
/// (security/manager/ssl/data_storage); before version 127 a text of the same words between tabs.
pub(super) fn by_firefox(dir: &Path, host: &str) -> bool {
    const RECORD: usize = 2 + 2 + 2 + 256 + 24;
    let records = whole(&dir.join("SiteSecurityServiceState.bin")).unwrap_or_default();
    let lines = whole(&dir.join("SiteSecurityServiceState.txt")).unwrap_or_default();
    let of_records = records.chunks_exact(RECORD).map(|it| (&it[6..262], &it[262..]));
    let of_lines = lines.split(|byte| *byte == b'\n').filter_map(|line| {
        let mut words = line.split(|byte| *byte == b'\t');
        Some((words.next()?, words.next_back()?))
    });
    let now = clock::now();
    let mut all = of_records.chain(of_lines);
    all.any(|(key, value)| {
        let key = key
            .split(|byte| matches!(byte, 0 | b'^' | b':'))
            .next()
            .unwrap_or_default();
        let named = names(host).find(|(name, _)| key.eq_ignore_ascii_case(name.as_bytes()));
        named.is_some_and(|(_, is_above)| holds(value, is_above, now))
    })
}

/// `1795784400000,1,0`: when it ends, in milliseconds; whether there is one; whether for all below (nsSiteSecurityService).
fn holds(value: &[u8], is_above: bool, now: Timestamp) -> bool {
    let text = String::from_utf8_lossy(value);
    let mut words = text.trim_end_matches('\0').split(',');
    let ends = words.next().and_then(|it| it.parse::<i64>().ok());
    let (set, below) = (words.next(), words.next());
    ends.is_some_and(|ends| ends > now.0) && set == Some("1") && (below == Some("1") || !is_above)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATER: &str = "4102444800";

    #[test]
    fn chromiums_is_known_by_its_hash() {
        assert_eq!(wire("a.bc"), b"\x01a\x02bc\0");
        let dir = tempfile::tempdir().expect("makes a directory");
        let hash = STANDARD.encode(digest(&SHA256, &wire("shop.example")));
        for (mode, ends, below, itself, child) in [
            ("force-https", LATER, "false", true, false),
            ("force-https", "4102444800.75", "true", true, true),
            ("force-https", "1", "true", false, false),
            ("default", LATER, "true", false, false),
        ] {
            let json = format!(
                r#"{{"sts":[{{"host":"{hash}","mode":"{mode}","expiry":{ends},"sts_include_subdomains":{below}}}],"version":2}}"#
            );
            std::fs::write(dir.path().join("TransportSecurity"), &json).expect("writes");
            let is = |host| by_chromium(dir.path(), host);
            assert_eq!(is("shop.example"), Ok(itself), "{json}");
            assert_eq!(is("www.shop.example"), Ok(child), "{json}");
            assert_eq!(is("example"), Ok(false), "{json}");
        }
        std::fs::write(dir.path().join("TransportSecurity"), "{").expect("writes");
        assert!(by_chromium(dir.path(), "shop.example").is_err());
    }

    #[test]
    fn firefoxes_is_a_record_or_a_line() {
        let dir = tempfile::tempdir().expect("makes a directory");
        for (value, itself, child) in [
            ("4102444800000,1,0", true, false),
            ("4102444800000,1,1", true, true),
            ("1000,1,1", false, false),
            // a site that took its promise back
            ("4102444800000,0,0", false, false),
            ("", false, false),
        ] {
            let mut record = vec![0; 286];
            record[6..18].copy_from_slice(b"shop.example");
            record[262..262 + value.len()].copy_from_slice(value.as_bytes());
            let line = format!("shop.example:HSTS\t0\t20000\t{value}\n");
            for (file, bytes) in [("bin", record), ("txt", line.into_bytes())] {
                let file = dir.path().join(format!("SiteSecurityServiceState.{file}"));
                std::fs::write(&file, bytes).expect("writes");
                let is = |host| by_firefox(dir.path(), host);
                assert_eq!(
                    (is("shop.example"), is("www.shop.example"), is("example")),
                    (itself, child, false),
                    "{value} in {}",
                    file.display()
                );
                std::fs::remove_file(&file).expect("goes");
            }
        }
    }
}
