//! What else a browser keeps of a site: cached answers, service workers, storage, the promise to use TLS only. Of other
//! sites nothing is told.

mod chromium;
mod firefox;
mod fresh;
mod promise;

use crate::{
    Look, Unseen,
    browser::{CachedAnswer, Family, Kept, Profile, is_of},
    live::files,
    query::Part,
};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Cached answers of all sites that are looked through at most, and for how long.
const MOST_ENTRIES: usize = 50_000;
const PATIENCE: Duration = Duration::from_secs(3);
/// Cached answers told of.
const MOST_TOLD: usize = 2000;
/// Of a file of a stranger that is read whole, bytes.
const LARGEST: u64 = 4 << 20;

/// Looks through one profile.
pub(in crate::live) fn look(profile: &Profile, host: &str) -> Look<Kept> {
    let host = host.to_ascii_lowercase();
    let host = host.as_str();
    let (answers, complete) = answers(profile, host)?;
    let dir = profile.dir.as_path();
    let (service_workers, storage, strict_transport) = match profile.family {
        Family::Firefox => (
            Ok(firefox::service_workers(dir, host)),
            firefox::storage(dir, host)?,
            Ok(promise::by_firefox(dir, host)),
        ),
        Family::Chromium => (
            chromium::service_workers(dir, host),
            chromium::storage(dir, host)?,
            promise::by_chromium(dir, host),
        ),
    };
    let local_storage = match profile.family {
        // a directory of its own: it is among the others
        Family::Firefox => Ok(0),
        Family::Chromium => chromium::local_storage(dir, host),
    };
    let file_systems = match profile.family {
        Family::Firefox => Ok(Vec::new()),
        Family::Chromium => chromium::file_systems(dir, host),
    };
    let mut unread = Vec::new();
    Ok(Kept {
        answers,
        service_workers: known(service_workers, &mut unread),
        storage: [storage, known(file_systems, &mut unread)].concat(),
        local_storage: known(local_storage, &mut unread),
        strict_transport: known(strict_transport, &mut unread),
        proxies: match profile.family {
            Family::Firefox => firefox::proxies(&profile.dir),
            // takes the system's, unless its command line says otherwise
            Family::Chromium => Vec::new(),
        },
        complete,
        unread,
    })
}

/// What can't be told is no reason to tell nothing of the rest.
fn known<T: Default>(looked: Look<T>, unread: &mut Vec<Unseen>) -> T {
    looked.unwrap_or_else(|why| {
        unread.push(why);
        T::default()
    })
}

fn answers(profile: &Profile, host: &str) -> Look<(Vec<CachedAnswer>, bool)> {
    let (dir, read): (_, fn(&Path) -> Option<CachedAnswer>) = match profile.family {
        Family::Firefox => (profile.cache.join("entries"), firefox::cached),
        Family::Chromium => (profile.cache.clone(), chromium::cached),
    };
    let start = Instant::now();
    let names = files::dir(&dir)?.unwrap_or_default();
    let (mut found, mut complete) = (Vec::new(), names.len() <= MOST_ENTRIES);
    for name in names.iter().take(MOST_ENTRIES) {
        if start.elapsed() > PATIENCE || found.len() >= MOST_TOLD {
            complete = false;
            break;
        }
        let answer = read(&dir.join(name));
        found.extend(answer.filter(|it| is_of(&it.url, host)));
    }
    Ok((found, complete))
}

/// `HTTP/1.1 502 Bad Gateway` somewhere in what is kept with an answer.
fn status(text: &[u8]) -> Option<u16> {
    let mut places = memchr::memmem::find_iter(text, b"HTTP/");
    places.find_map(|at| {
        let line = text.get(at + 5..text.len().min(at + 20))?;
        let code = line.splitn(2, |byte| *byte == b' ').nth(1)?.get(..3)?;
        std::str::from_utf8(code).ok()?.parse().ok()
    })
}

fn whole(path: &Path) -> Option<Vec<u8>> {
    let blob = files::file(path, Part::Head(LARGEST)).ok().flatten()?;
    Some(blob.bytes.0)
}

/// URLs of that host in bytes of which we know no more.
fn urls(bytes: &[u8], host: &str) -> Vec<String> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(bytes, b"http") {
        let url = bytes[at..]
            .split(|byte| !byte.is_ascii_graphic() || b"\"#<>".contains(byte))
            .next();
        let url = String::from_utf8_lossy(url.unwrap_or_default()).into_owned();
        let is_url = url.starts_with("http://") || url.starts_with("https://");
        if is_url && is_of(&url, host) && url.len() < 2000 && !found.contains(&url) && found.len() < 20 {
            found.push(url);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_of_its_own_host_only() {
        for (url, is) in [
            ("https://shop.example/", true),
            ("http://shop.example:8080/a", true),
            ("https://SHOP.example?x", true),
            ("https://shop.example.evil/", false),
            ("https://evil/https://shop.example/", false),
            ("shop.example", false),
        ] {
            assert_eq!(is_of(url, "shop.example"), is, "{url}");
        }
    }

    #[test]
    fn a_status_is_read_where_it_stands() {
        assert_eq!(status(b"\0\x08HTTP/1.1 502 Bad Gateway\0"), Some(502));
        assert_eq!(status(b"HTTP/2 200"), Some(200));
        assert_eq!(status(b"HTTP/"), None);
    }
}
