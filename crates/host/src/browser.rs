//! What browsers keep of a site: profiles, cookies, cached answers.

mod store;

use crate::{Timestamp, Unseen, visit::ProxySetting};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

pub use store::Store;

/// The URL's host is that host.
pub(crate) fn is_of(url: &str, host: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let bare = authority
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    bare.map_or(authority, |(name, _)| name)
        .eq_ignore_ascii_case(host)
}

/// Whose files these are: two families share all there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Firefox and what is made of it.
    Firefox,
    /// Chromium and what is made of it: Chrome, Edge, Brave, Vivaldi, Opera.
    Chromium,
}

/// One profile of a browser: its own cookies, cache and storage.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Profile {
    /// The family.
    pub family: Family,
    /// The browser as its user knows it: `Firefox`, `Chromium (snap)`.
    pub browser: String,
    /// The profile as the browser names it: `default-release`, `Default`. Hostile.
    pub name: String,
    /// Where its files are.
    pub dir: PathBuf,
    /// Where its cached answers are, which is elsewhere as a rule; perhaps nothing is there.
    pub cache: PathBuf,
    /// The symbolic link that a running browser leaves: `lock` to `ADDRESS:+PID` (Firefox, in the profile),
    /// `SingletonLock` to `HOST-PID` (Chromium, one for all its profiles).
    pub lock: PathBuf,
}

impl Profile {
    /// Files that may hold its cookies, the newest place first.
    pub fn cookie_files(&self) -> Vec<PathBuf> {
        let names: &[&str] = match self.family {
            Family::Firefox => &["cookies.sqlite"],
            // moved in version 96
            Family::Chromium => &["Network/Cookies", "Cookies"],
        };
        names.iter().map(|name| self.dir.join(name)).collect()
    }
}

/// Where cookies stand. What they hold is read there by the child process that sends them, and only to their own site.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Jar {
    /// Who wrote the file.
    pub family: Family,
    /// The database.
    pub file: PathBuf,
}

/// A stored cookie without its value, which is a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCookie {
    /// Its name: hostile.
    pub name: String,
    /// Length of the value, bytes; of an encrypted one at most 16 too many.
    pub bytes: u64,
    /// The host it is for; all hosts below it where it begins with a dot.
    pub host: String,
    /// The path it is for.
    pub path: String,
    /// Sent over TLS only.
    pub secure: bool,
    /// When it ends; `None` with the session.
    pub expires: Option<Timestamp>,
    /// Its value can't be read here, only its length.
    pub encrypted: bool,
    /// Only for the site where it is embedded in another, or in a container tab: never sent by us.
    pub partitioned: bool,
}

/// What a profile keeps of a site beside cookies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Answers in its cache.
    pub answers: Vec<CachedAnswer>,
    /// Scopes of service workers, which answer in the site's place. Hostile.
    pub service_workers: Vec<String>,
    /// Directories of databases and the like that are this site's alone.
    pub storage: Vec<PathBuf>,
    /// Entries in the local storage that a browser keeps of all sites together.
    #[serde(default)]
    pub local_storage: usize,
    /// The site once asked to be visited by https only (HSTS).
    pub strict_transport: bool,
    /// The browser's own proxy settings, which go before those of the system.
    pub proxies: Vec<ProxySetting>,
    /// All of the cache was looked through.
    pub complete: bool,
    /// What of it could not be read, so that nothing is known of that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<Unseen>,
}

/// One answer in a browser's cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedAnswer {
    /// The page. Hostile.
    pub url: String,
    /// Its status, where it could be read.
    pub status: Option<u16>,
    /// About its size, bytes.
    pub bytes: u64,
    /// When it was written.
    pub stored: Timestamp,
    /// Until when the browser shows it without asking the site again; `None`: it asks first.
    #[serde(default)]
    pub shown_until: Option<Timestamp>,
    /// The file.
    pub file: PathBuf,
}

impl StoredCookie {
    /// The browser sends it with a request for this path at that time (RFC 6265 section 5.4). That its host fits is
    /// known: [`domains`] chose it.
    pub fn goes_to(&self, path: &str, tls: bool, now: Timestamp) -> bool {
        let below = path.strip_prefix(self.path.as_str());
        let fits = below
            .is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with(['/', '?']));
        fits && (tls || !self.secure) && self.expires.is_none_or(|end| end > now) && !self.partitioned
    }
}

/// What a browser may have stored cookies under for a host: itself, and itself and all above it with a dot. Not for
/// addresses, which have nothing above them.
pub fn domains(host: &str) -> Vec<String> {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let mut found = vec![host.clone()];
    if host.parse::<std::net::IpAddr>().is_err() {
        found.push(format!(".{host}"));
        let above = host.match_indices('.').map(|(at, _)| host[at..].to_owned());
        // a top level domain has no cookies
        found.extend(above.filter(|it| it[1..].contains('.')));
    }
    found
}

/// A path as a person gave it is a profile of which family: `None` where it looks like neither.
pub fn family_of(names: &[String]) -> Option<Family> {
    let has = |name: &str| names.iter().any(|it| it == name);
    if has("cookies.sqlite") || has("prefs.js") {
        return Some(Family::Firefox);
    }
    (has("Cookies") || has("Network") || has("Preferences")).then_some(Family::Chromium)
}

/// Where the cached answers of a profile are: the same path under `.cache`, by the rules of XDG, snap and Flatpak.
pub(crate) fn cache_of(dir: &Path) -> PathBuf {
    let text = dir.to_string_lossy();
    let moves = [
        (
            "/.var/app/org.mozilla.firefox/.mozilla/",
            "/.var/app/org.mozilla.firefox/cache/mozilla/",
        ),
        ("/.mozilla/", "/.cache/mozilla/"),
        ("/.config/", "/.cache/"),
        ("/config/", "/cache/"),
        ("/snap/chromium/common/", "/snap/chromium/common/.cache/"),
    ];
    let moved = moves.iter().find(|(from, _)| text.contains(from));
    moved.map_or_else(|| dir.to_owned(), |(from, to)| text.replacen(from, to, 1).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_gets_the_cookies_of_its_own_host_and_of_those_above() {
        assert_eq!(
            domains("www.Shop.example"),
            ["www.shop.example", ".www.shop.example", ".shop.example"]
        );
        assert_eq!(domains("[2001:db8::1]"), ["2001:db8::1"]);
        assert_eq!(domains("localhost"), ["localhost", ".localhost"]);
    }

    #[test]
    fn a_cookie_goes_where_a_browser_would_send_it() {
        let cookie = |path: &str| StoredCookie {
            name: "a".into(),
            bytes: 1,
            host: "shop.example".into(),
            path: path.into(),
            secure: true,
            expires: Some(Timestamp(10)),
            encrypted: false,
            partitioned: false,
        };
        for (path, asked, tls, now, goes) in [
            ("/", "/cart", true, 5, true),
            ("/cart", "/cart", true, 5, true),
            ("/cart", "/cart/1", true, 5, true),
            ("/cart", "/cart?x", true, 5, true),
            ("/cart", "/cartoon", true, 5, false),
            ("/", "/", false, 5, false),
            ("/", "/", true, 10, false),
        ] {
            assert_eq!(
                cookie(path).goes_to(asked, tls, Timestamp(now)),
                goes,
                "{path} {asked}"
            );
        }
    }

    #[test]
    fn caches_lie_elsewhere() {
        for (dir, cache) in [
            (
                "/home/a/.mozilla/firefox/x.default",
                "/home/a/.cache/mozilla/firefox/x.default",
            ),
            (
                "/home/a/snap/firefox/common/.mozilla/firefox/x",
                "/home/a/snap/firefox/common/.cache/mozilla/firefox/x",
            ),
            (
                "/home/a/.config/chromium/Default",
                "/home/a/.cache/chromium/Default",
            ),
            (
                "/home/a/.var/app/org.chromium.Chromium/config/chromium/Default",
                "/home/a/.var/app/org.chromium.Chromium/cache/chromium/Default",
            ),
            ("/srv/profile", "/srv/profile"),
        ] {
            assert_eq!(cache_of(Path::new(dir)), Path::new(cache));
        }
    }
}
