//! Which server block and which location nginx picks for a request.

use super::location::Kind;
use super::{Config, ListenOn, Location, Site};
use std::net::IpAddr;

/// A location that was picked.
#[derive(Clone, Copy, Debug)]
pub struct Choice<'c> {
    /// The innermost block; `None` where the server block itself answers.
    pub location: Option<&'c Location>,
    /// False where an expression that only PCRE understands stood in the way.
    pub sure: bool,
    /// An exact or regular expression location: no location around is tried after it.
    settled: bool,
}

impl Site {
    /// The location nginx first picks for a request's path (`ngx_http_core_find_location`). Takes the path as in the
    /// request line: the query is cut off, `%xx`, `//`, `.` and `..` are resolved.
    pub fn location_for(&self, uri: &[u8]) -> Choice<'_> {
        find(&self.locations, &normalized(uri))
    }

    /// The location named `@name`.
    pub fn named(&self, name: &[u8]) -> Option<&Location> {
        self.locations
            .iter()
            .find(|location| matches!(&location.kind, Kind::Named(own) if own.as_bytes() == name))
    }

    /// The location first picked for a path, and those that nginx may go on to by `try_files`, `error_page` and
    /// `index`: the ones a log line about this path can come from, likeliest first, each once.
    pub fn candidates(&self, uri: &[u8]) -> Vec<&Location> {
        const MOST: usize = 16;
        let path = normalized(uri);
        let mut found: Vec<&Location> = find(&self.locations, &path).location.into_iter().collect();
        let mut next = 0;
        while let Some(location) = found.get(next).copied().filter(|_| next < MOST) {
            for onward in self.onward(location, &path) {
                if !found.iter().any(|seen| std::ptr::eq(*seen, onward)) {
                    found.push(onward);
                }
            }
            next += 1;
        }
        found
    }

    fn onward(&self, location: &Location, path: &[u8]) -> Vec<&Location> {
        let last = |name| {
            location
                .scope
                .all(name)
                .iter()
                .filter_map(|statement| statement.args.last())
        };
        let targets = last("try_files")
            .chain(last("error_page"))
            .map(|arg| arg.text.as_bytes().to_vec());
        let indexes = location.scope.one("index").filter(|_| path.ends_with(b"/"));
        let indexes = indexes.into_iter().flat_map(|statement| &statement.args);
        let indexes = indexes.map(|arg| [path, arg.text.as_bytes()].concat());
        targets
            .chain(indexes)
            .filter_map(|target| self.by_target(&target))
            .collect()
    }

    fn by_target(&self, target: &[u8]) -> Option<&Location> {
        match target.first()? {
            b'@' => self.named(target),
            b'/' => self.location_for(target).location,
            _ => None,
        }
    }
}

fn find<'c>(locations: &'c [Location], path: &[u8]) -> Choice<'c> {
    let exact = locations
        .iter()
        .find(|location| matches!(&location.kind, Kind::Exact(own) if own.as_bytes() == path));
    if exact.is_some() {
        return Choice {
            location: exact,
            sure: true,
            settled: true,
        };
    }
    let prefix = longest_prefix(locations, path);
    let mut choice = Choice {
        location: prefix,
        sure: true,
        settled: false,
    };
    if let Some(prefix) = prefix {
        let inner = find(&prefix.inside, path);
        choice = Choice {
            location: inner.location.or(choice.location),
            ..inner
        };
        if inner.settled || matches!(prefix.kind, Kind::PrefixFinal(_)) {
            return choice;
        }
    }
    by_regex(locations, path, choice)
}

fn longest_prefix<'c>(locations: &'c [Location], path: &[u8]) -> Option<&'c Location> {
    let prefixes = locations.iter().filter_map(|location| match &location.kind {
        Kind::Prefix(own) | Kind::PrefixFinal(own) => {
            path.starts_with(own.as_bytes()).then_some((own, location))
        }
        _ => None,
    });
    prefixes
        .max_by_key(|(own, _)| own.as_bytes().len())
        .map(|(_, location)| location)
}

/// The first regular expression that matches wins over the prefix found so far.
fn by_regex<'c>(locations: &'c [Location], path: &[u8], mut choice: Choice<'c>) -> Choice<'c> {
    for location in locations {
        let Kind::Regex(pattern) = &location.kind else {
            continue;
        };
        match pattern.matches(path) {
            Some(false) => {}
            None => choice.sure = false,
            Some(true) => {
                let inner = find(&location.inside, path);
                let sure = choice.sure && inner.sure;
                return Choice {
                    location: inner.location.or(Some(location)),
                    sure,
                    settled: true,
                };
            }
        }
    }
    choice
}

/// As nginx's `$uri`, with `merge_slashes on`.
fn normalized(uri: &[u8]) -> Vec<u8> {
    let path = uri.split(|byte| b"?#".contains(byte)).next().unwrap_or_default();
    let decoded = decoded(path);
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in decoded.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let slash_ends = decoded.ends_with(b"/") || decoded.ends_with(b"/.") || decoded.ends_with(b"/..");
    let tail: &[u8] = if slash_ends && !parts.is_empty() {
        b"/"
    } else {
        b""
    };
    [b"/", parts.join(b"/".as_slice()).as_slice(), tail].concat()
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, after)) = rest.split_first() {
        let hex = after
            .get(..2)
            .and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        let (value, used) = hex
            .filter(|_| *byte == b'%')
            .map_or((*byte, 0), |value| (value, 2));
        out.push(value);
        rest = after.get(used..).unwrap_or_default();
    }
    out
}

/// How well a name of a server block fits a host; the least wins.
type Fit = (u8, usize);

impl Config {
    /// The server block that takes a request for `host` on a port (and address) of ours, as nginx picks it: exact name,
    /// longest `*.name`, longest `name.*`, first regular expression, else the default server. What is `None` is not
    /// looked at. `None` only where nothing listens there.
    pub fn site_for(&self, host: &[u8], port: Option<u16>, ip: Option<IpAddr>) -> Option<&Site> {
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix(b".").unwrap_or(&host);
        let here: Vec<&Site> = self.sites_on(port, ip);
        let fits = here
            .iter()
            .enumerate()
            .filter_map(|(at, site)| Some((site.fit(host)?, at, *site)));
        let named = fits
            .min_by_key(|(fit, at, _)| (*fit, *at))
            .map(|(_, _, site)| site);
        let fallback = || {
            here.iter()
                .find(|site| site.is_default_on(port))
                .or(here.first())
                .copied()
        };
        named.or_else(fallback)
    }

    /// nginx looks among the server blocks with the very address, and only without any among those on every address.
    fn sites_on(&self, port: Option<u16>, ip: Option<IpAddr>) -> Vec<&Site> {
        let on = |wanted: &dyn Fn(&ListenOn) -> bool| -> Vec<&Site> {
            let fits = |on: &ListenOn| port.is_none_or(|port| on.has_port(port)) && wanted(on);
            self.sites
                .iter()
                .filter(|site| site.listens.iter().any(|listen| fits(&listen.on)))
                .collect()
        };
        let Some(ip) = ip else { return on(&|_| true) };
        let exact = on(&|on| matches!(on, ListenOn::Ip(own, _) if *own == ip));
        match exact.is_empty() {
            false => exact,
            true => on(&|on| matches!(on, ListenOn::Ip(own, _) if own.is_unspecified())),
        }
    }

    /// The server blocks whose lines in the error log say `server: NAME`: those with it as their first name.
    pub fn sites_logged_as(&self, server: &[u8]) -> impl Iterator<Item = &Site> {
        self.sites.iter().filter(move |site| site.logged_as() == server)
    }
}

impl Site {
    fn is_default_on(&self, port: Option<u16>) -> bool {
        let here = |on: &ListenOn| port.is_none_or(|port| on.has_port(port));
        self.listens
            .iter()
            .any(|listen| listen.default_server && here(&listen.on))
    }

    fn fit(&self, host: &[u8]) -> Option<Fit> {
        self.names.iter().filter_map(|name| name.fit(host)).min()
    }
}
