//! What people write on a command line, read as they mean it.

use diagnose::Whole;
use remedy::Page;
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// What is asked through nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Its host, without the port.
    pub site: String,
    /// Path and query: `/shop?x=1`.
    pub path: String,
}

/// `90s`, `15m`, `2h`, `1d`, or plain seconds.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86400,
        other => {
            return Err(format!(
                "'{other}' is no unit of time; use s, m, h or d, as in 2h"
            ));
        }
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "say it like 90s, 15m, 2h or 1d".to_owned())?;
    match number
        .checked_mul(unit)
        .filter(|seconds| *seconds > 0 && *seconds <= 366 * 86400)
    {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err("between one second and a year".to_owned()),
    }
}

/// Steps and ways are counted from one.
pub fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=999) => Ok(number),
        _ => Err("say it like 1 or 2: they are counted from one".to_owned()),
    }
}

/// One that there is.
pub fn rule(text: &str) -> Result<String, String> {
    match diagnose::audit::by_id(text) {
        Some(rule) => Ok(rule.id.to_owned()),
        None => Err("there is no such rule; why502 audit --list has them all".to_owned()),
    }
}

/// Goes into a file name: letters, digits, hyphen.
pub fn id(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
        return Err("it is no id of a fix; why502 history lists them".to_owned());
    }
    Ok(text.to_owned())
}

/// `http://shop.example/path`
pub fn url(text: &str) -> Result<Url, String> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let (authority, path) = rest.map_or(("", ""), |rest| rest.split_once('/').unwrap_or((rest, "")));
    let site = without_port(authority);
    if site.is_empty() {
        return Err("say it like http://shop.example/path".to_owned());
    }
    Ok(Url {
        site: site.to_owned(),
        path: format!("/{path}"),
    })
}

/// `https://shop.example:8443/path`, as a visitor asks for it.
pub fn page(text: &str) -> Result<Page, String> {
    let say = || "say it like https://shop.example/path".to_owned();
    let rest = text.strip_prefix("http://").map(|rest| (false, rest));
    let rest = rest.or_else(|| text.strip_prefix("https://").map(|rest| (true, rest)));
    let (tls, rest) = rest.ok_or_else(say)?;
    // what stands behind # never leaves the browser
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let host = without_port(authority);
    let port = authority[host.len()..].trim_start_matches(':');
    let port = match port {
        "" if tls => 443,
        "" => 80,
        port => port.parse().map_err(|_| format!("{port} is no port"))?,
    };
    // what is no port is no part of a name either; an address of IPv6 stands in brackets
    if host.contains(':') && !host.starts_with('[') {
        return Err(say());
    }
    let slash = if target.starts_with('/') { "" } else { "/" };
    Ok(Page {
        tls,
        host: host_name(host.trim_matches(['[', ']']))?.to_lowercase(),
        port,
        target: format!("{slash}{target}"),
    })
}

/// What browsers keep of all sites together.
pub fn whole(text: &str) -> Result<Whole, String> {
    match text {
        "cache" => Ok(Whole::Cache),
        "local-storage" => Ok(Whole::LocalStorage),
        "service-workers" => Ok(Whole::ServiceWorkers),
        _ => Err("it is cache, local-storage or service-workers".to_owned()),
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// A page as people write it.
pub fn place(text: &str) -> Result<diagnose::visit::Place, String> {
    diagnose::visit::Place::parse(text)
}

/// Few enough to be a visitor's.
pub fn requests(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number @ 1..=20) => Ok(number),
        _ => Err("between 1 and 20: a check is a visit, not a load test".to_owned()),
    }
}

/// Slow enough to be a visitor's.
pub fn every(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        time if time <= Duration::from_secs(60) => Ok(time),
        _ => Err("between 1s and 60s".to_owned()),
    }
}

/// A name as DNS takes it, without the last dot.
pub fn host_name(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches('.');
    let is_odd = |byte: u8| !byte.is_ascii_graphic() || byte == b'/';
    if name.is_empty() || name.len() > 253 || name.bytes().any(is_odd) {
        return Err("it is no host name".to_owned());
    }
    Ok(name.to_owned())
}

/// An address, with port 53 where none is given.
pub fn resolver(text: &str) -> Result<SocketAddr, String> {
    let bare = |_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    text.parse::<SocketAddr>()
        .or_else(bare)
        .map_err(|_| "say it like 9.9.9.9 or [::1]:53".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "2w", "-1h", "0", "99999d", "1e3"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pages_are_what_a_visitor_asks_for() {
        for (text, expected) in [
            ("http://shop.example", Some("http://shop.example/")),
            (
                "https://Shop.example:8443/a?b#c",
                Some("https://shop.example:8443/a?b"),
            ),
            ("https://shop.example:443?x=1", Some("https://shop.example/?x=1")),
            ("shop.example/", None),
            ("http://:80/", None),
            ("http://a b/", None),
            ("http://shop.example:0x50/", None),
        ] {
            let got = page(text).ok().map(|page| page.to_string());
            assert_eq!(got.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn urls_name_a_site_and_a_path() {
        let rows = [
            ("http://shop.example", Some(("shop.example", "/"))),
            (
                "https://shop.example:8443/a/b?c=d",
                Some(("shop.example", "/a/b?c=d")),
            ),
            ("http://[::1]/", Some(("[::1]", "/"))),
            ("http://[::1]:81/", Some(("[::1]", "/"))),
            ("shop.example/", None),
            ("http:///a", None),
            ("http://:80/", None),
            ("ftp://shop.example/", None),
        ];
        for (text, expected) in rows {
            let expected = expected.map(|(site, path): (&str, &str)| Url {
                site: site.into(),
                path: path.into(),
            });
            assert_eq!(url(text).ok(), expected, "{text}");
        }
    }
}
