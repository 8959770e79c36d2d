//! What a visitor types into a browser, taken apart.

use std::{fmt, net::IpAddr};

/// A page: `https://shop.example:8443/cart?x=1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `https`.
    pub tls: bool,
    /// A name in lower case, or an address; IPv6 without brackets.
    pub host: String,
    /// The scheme's own where none is written.
    pub port: u16,
    /// Path and query, in ASCII without spaces.
    pub target: String,
}

impl Place {
    /// As people write it; without a scheme it is `https`, as browsers take it.
    ///
    /// # Errors
    /// A sentence that says how to write it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (tls, rest) = match text.trim().split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some(_) => return Err("only http:// and https:// can be checked".to_owned()),
            None => (true, text.trim()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        let (host, port) = authority_of(authority)?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            tls,
            host,
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            target: encoded(&format!("{slash}{target}")),
        })
    }

    /// Where a `Location` leads from here; `None` where it leads nowhere that can be visited.
    pub fn join(&self, location: &str) -> Option<Self> {
        let location = location.trim();
        if location.contains("://") {
            return Self::parse(location).ok();
        }
        let scheme = if self.tls { "https" } else { "http" };
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}")).ok();
        }
        let target = match location.as_bytes().first() {
            Some(b'/') => encoded(location),
            Some(_) => {
                let path = self.target.split('?').next().unwrap_or_default();
                let dir = path.rfind('/').map_or("/", |at| &path[..=at]);
                encoded(&format!("{dir}{location}"))
            }
            None => return None,
        };
        Some(Self {
            target: target.split('#').next().unwrap_or_default().to_owned(),
            ..self.clone()
        })
    }

    /// As the Host header has it.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// The host is an address, and there is no name to resolve.
    pub fn address(&self) -> Option<std::net::IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.target)
    }
}

fn authority_of(authority: &str) -> Result<(String, Option<u16>), String> {
    const HOW: &str = "say it like https://shop.example/path";
    if authority.contains('@') {
        return Err("leave the user name and password out of it; they are not sent".to_owned());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.ends_with(':') => {
            (host, port)
        }
        _ => (authority, ""),
    };
    let port = match port {
        "" => None,
        port => Some(port.parse().ok().filter(|port| *port > 0).ok_or("no such port")?),
    };
    let host = host
        .trim_matches(['[', ']'])
        .trim_end_matches('.')
        .to_ascii_lowercase();
    if !host.is_ascii() {
        return Err(format!(
            "write the name in its ASCII form, as the browser's address bar does when copied: xn--…; {HOW}"
        ));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let is_address = host.parse::<std::net::Ipv6Addr>().is_ok();
    if host.is_empty() || host.len() > 253 || !host.bytes().all(plain) || (host.contains(':') && !is_address)
    {
        return Err(HOW.to_owned());
    }
    Ok((host, port))
}

/// What may not stand in a request line, as browsers write it.
fn encoded(target: &str) -> String {
    let mut text = String::with_capacity(target.len());
    for byte in target.bytes().take(8000) {
        if byte > b' ' && byte < 0x7f {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// An address of an inner network, or of this machine: no site for all is there.
pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_read_as_browsers_read_them() {
        for (text, read) in [
            ("shop.example", "https://shop.example/"),
            ("http://Shop.Example.", "http://shop.example/"),
            ("https://shop.example:443/a#b", "https://shop.example/a"),
            ("https://shop.example?x=1", "https://shop.example/?x=1"),
            (
                "http://[2001:db8::1]:8080/a b/ä",
                "http://[2001:db8::1]:8080/a%20b/%C3%A4",
            ),
            ("http://[::1]", "http://[::1]/"),
        ] {
            assert_eq!(
                Place::parse(text).map(|it| it.to_string()),
                Ok(read.to_owned()),
                "{text}"
            );
        }
        for text in [
            "",
            "ftp://a/",
            "https://",
            "https://a b/",
            "https://u:p@a/",
            "https://a:0/",
            "https://a:99999/",
            "https://ä.example/",
        ] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn redirects_lead_somewhere() {
        let from = Place::parse("https://shop.example:8443/a/b?c").expect("is one");
        for (location, to) in [
            ("/x", "https://shop.example:8443/x"),
            ("d", "https://shop.example:8443/a/d"),
            ("//other.example/y", "https://other.example/y"),
            ("http://shop.example/", "http://shop.example/"),
        ] {
            assert_eq!(
                from.join(location).map(|it| it.to_string()),
                Some(to.to_owned()),
                "{location}"
            );
        }
        for location in ["", "javascript://x", "ftp://a/"] {
            assert_eq!(from.join(location), None, "{location}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_can_be_sent(text: String) {
            if let Ok(place) = Place::parse(&text) {
                let sent = format!("{}{}{}", place.host, place.authority(), place.target);
                prop_assert!(sent.bytes().all(|byte| byte > b' ' && byte < 0x7f), "{sent}");
            }
        }
    }
}
