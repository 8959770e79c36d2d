//! Databases in which Chromium keeps something of all sites together, and which of their keys are one site's.

use super::is_of;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// One of those databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Store {
    /// What pages keep (components/services/storage/dom_storage/local_storage_impl.cc).
    LocalStorage,
    /// Service workers (content/browser/service_worker/service_worker_database.cc).
    ServiceWorkers,
}

impl Store {
    /// Where it is in a profile.
    pub fn dir(self, profile: &Path) -> PathBuf {
        profile.join(match self {
            Self::LocalStorage => "Local Storage/leveldb",
            Self::ServiceWorkers => "Service Worker/Database",
        })
    }

    /// What it holds, in a few words.
    pub fn name(self) -> &'static str {
        match self {
            Self::LocalStorage => "local storage",
            Self::ServiceWorkers => "service workers",
        }
    }

    /// The keys of that host's own, and of it where other sites embed it.
    pub fn of_site(self, entries: &BTreeMap<Vec<u8>, Vec<u8>>, host: &str) -> Vec<Vec<u8>> {
        let keys = entries.keys().map(Vec::as_slice);
        let ours: Vec<&[u8]> = match self {
            Self::LocalStorage => keys.filter(|key| is_stored_of(key, host)).collect(),
            Self::ServiceWorkers => {
                let ids: BTreeSet<&[u8]> = keys.clone().filter_map(|key| registration(key, host)).collect();
                keys.filter(|key| is_worker_of(key, host, &ids)).collect()
            }
        };
        ours.into_iter().map(<[u8]>::to_vec).collect()
    }
}

/// `_https://shop.example`, NUL, what the page calls it; `META:https://shop.example`; `METAACCESS:https://shop.example`.
fn is_stored_of(key: &[u8], host: &str) -> bool {
    let whose = [&b"META:"[..], b"METAACCESS:", b"_"]
        .iter()
        .find_map(|begin| key.strip_prefix(*begin));
    whose.is_some_and(|whose| is_origin(first(whose), host))
}

/// The number of a registration of that host: `REG:https://shop.example/`, NUL, the number.
fn registration<'k>(key: &'k [u8], host: &str) -> Option<&'k [u8]> {
    let rest = key.strip_prefix(b"REG:")?;
    let origin = first(rest);
    is_origin(origin, host)
        .then(|| rest.get(origin.len() + 1..))
        .flatten()
}

/// All that tells of those registrations. Their scripts are left: without a registration nothing asks for them.
fn is_worker_of(key: &[u8], host: &str, ids: &BTreeSet<&[u8]>) -> bool {
    let under = |begin: &[u8]| key.strip_prefix(begin);
    if let Some(origin) = under(b"INITDATA_UNIQUE_ORIGIN:") {
        return is_origin(origin, host);
    }
    if let Some(name) = under(b"REG_HAS_USER_DATA:") {
        let id = name.rsplit(|byte| *byte == 0).next();
        return id.is_some_and(|id| ids.contains(id));
    }
    match under(b"REGID_TO_ORIGIN:").or_else(|| under(b"REG_USER_DATA:")) {
        Some(rest) => ids.contains(first(rest)),
        None => registration(key, host).is_some(),
    }
}

/// Up to a NUL.
fn first(rest: &[u8]) -> &[u8] {
    rest.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// `https://shop.example`, also with `/` or, where another site embeds it, `/^0https://top.example` behind.
fn is_origin(origin: &[u8], host: &str) -> bool {
    let origin = String::from_utf8_lossy(origin);
    is_of(origin.split('^').next().unwrap_or_default(), host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_site(store: Store, keys: &[&str]) -> Vec<String> {
        let entries = keys
            .iter()
            .map(|key| (key.as_bytes().to_vec(), Vec::new()))
            .collect();
        let ours = store.of_site(&entries, "shop.example");
        ours.into_iter()
            .map(|key| String::from_utf8(key).expect("text"))
            .collect()
    }

    #[test]
    fn local_storage_is_of_one_site() {
        let ours = [
            "META:https://shop.example",
            "METAACCESS:https://shop.example",
            "_https://shop.example\u{0}\u{1}basket",
            "_https://shop.example/^0https://top.example\u{0}\u{1}a",
            "_https://shop.example:8443\u{0}\u{1}a",
        ];
        let others = [
            "META:https://blog.example",
            "VERSION",
            "_https://blog.example\u{0}\u{1}https://shop.example",
            "_https://shop.example.evil\u{0}\u{1}a",
            "_https://top.example/^0https://shop.example\u{0}\u{1}a",
        ];
        assert_eq!(of_site(Store::LocalStorage, &[&ours[..], &others].concat()), ours);
    }

    #[test]
    fn service_workers_are_of_one_site() {
        let ours = [
            "INITDATA_UNIQUE_ORIGIN:https://shop.example/",
            "REG:https://shop.example/\u{0}7",
            "REGID_TO_ORIGIN:7",
            "REG_HAS_USER_DATA:push\u{0}7",
            "REG_USER_DATA:7\u{0}push",
        ];
        let others = [
            "INITDATA_DB_VERSION",
            "INITDATA_UNIQUE_ORIGIN:https://blog.example/",
            "REG:https://blog.example/\u{0}77",
            "REGID_TO_ORIGIN:77",
            "REG_HAS_USER_DATA:push\u{0}77",
            "REG_USER_DATA:77\u{0}push",
            "RES:7\u{0}1",
        ];
        assert_eq!(
            of_site(Store::ServiceWorkers, &[&ours[..], &others].concat()),
            ours
        );
    }
}
