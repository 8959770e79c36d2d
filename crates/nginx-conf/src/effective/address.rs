//! Addresses as `*_pass`, `server` and `resolver` write them (`ngx_parse_url`, src/core/ngx_inet.c).

use crate::Text;
use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// Something to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    /// `unix:/run/app.sock`. nginx takes the path as it is, relative to nothing but its own directory.
    Unix(PathBuf),
    /// An address; no port where none is written and the directive has no default.
    Ip(IpAddr, Option<u16>),
    /// A host name, which nginx resolves when it reads its configuration, unless a variable was in it.
    Name(Text, Option<u16>),
}

impl Address {
    /// `host`, `host:port`, `[v6]:port` or `unix:path`.
    pub fn parse(text: &[u8], default_port: Option<u16>) -> Self {
        if let Some(path) = strip_prefix_ignoring_case(text, b"unix:") {
            return Self::Unix(PathBuf::from(OsStr::from_bytes(path)));
        }
        if let Some((ip, port)) = bracketed(text) {
            return Self::Ip(IpAddr::V6(ip), port.or(default_port));
        }
        let (host, port) = split_port(text);
        let port = port.or(default_port);
        match std::str::from_utf8(host).ok().and_then(|host| host.parse().ok()) {
            Some(ip) => Self::Ip(ip, port),
            None => Self::Name(host.into(), port),
        }
    }

    /// The port; none on a unix socket.
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::Unix(_) => None,
            Self::Ip(_, port) | Self::Name(_, port) => *port,
        }
    }
}

/// As nginx writes it in `upstream: "http://…"`.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => return write!(f, "unix:{}", path.display()),
            Self::Ip(IpAddr::V6(ip), _) => write!(f, "[{ip}]")?,
            Self::Ip(ip, _) => write!(f, "{ip}")?,
            Self::Name(name, _) => write!(f, "{name}")?,
        }
        self.port().map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn bracketed(text: &[u8]) -> Option<(Ipv6Addr, Option<u16>)> {
    let end = memchr::memchr(b']', text)?;
    let ip = std::str::from_utf8(text.get(..end)?.strip_prefix(b"[")?).ok()?;
    let port = text.get(end + 1..)?.strip_prefix(b":").and_then(number);
    Some((ip.parse().ok()?, port))
}

/// `host:port`; a colon not followed by a port is part of the host.
pub(super) fn split_port(text: &[u8]) -> (&[u8], Option<u16>) {
    let colon = memchr::memrchr(b':', text);
    let parts = colon.and_then(|at| Some((text.get(..at)?, number(text.get(at + 1..)?)?)));
    parts.map_or((text, None), |(host, port)| (host, Some(port)))
}

fn number(text: &[u8]) -> Option<u16> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

pub(super) fn strip_prefix_ignoring_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn shapes() {
        let rows = [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("127.0.0.1", "127.0.0.1:80"),
            ("[::1]:9000", "[::1]:9000"),
            ("[::1]", "[::1]:80"),
            ("localhost:9000", "localhost:9000"),
            ("backend", "backend:80"),
            ("unix:/run/php/php8.2-fpm.sock", "unix:/run/php/php8.2-fpm.sock"),
            ("UNIX:/a:b", "unix:/a:b"),
            ("host:99999", "host:99999:80"),
        ];
        for (written, shown) in rows {
            assert_eq!(Address::parse(written.as_bytes(), Some(80)).to_string(), shown);
        }
    }
}
