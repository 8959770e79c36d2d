//! Listen addresses as servers' own options and files write them.

use crate::topology::ListenAddress;
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

/// `127.0.0.1:9000`, `[::1]:9000`, `*:80`, `:80`, `localhost:80`, `/run/x.sock`, `unix:/run/x.sock`, and these behind
/// `tcp://`, `http://`, `https://` or `unix://`, a path or query after them left out. `None` for anything else.
pub(super) fn parse(text: &str) -> Option<ListenAddress> {
    let text = text.trim();
    if let Some(path) = text
        .strip_prefix("unix:")
        .or(text.starts_with('/').then_some(text))
    {
        return unix(path);
    }
    let schemes = ["tcp://", "http://", "https://", "ssl://"];
    let rest = schemes
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .unwrap_or(text);
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let (host, number) = authority.rsplit_once(':')?;
    let ip = host_ip(host)?;
    Some(ListenAddress::Tcp {
        ip,
        port: port(number)?,
    })
}

/// A unix socket's path; gunicorn and puma write `unix:///run/x.sock?umask=0`.
fn unix(path: &str) -> Option<ListenAddress> {
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    path.starts_with('/')
        .then(|| ListenAddress::Unix(PathBuf::from(path)))
}

/// A port number by itself.
pub(super) fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0)
}

/// The address a host part binds to: `Some(None)` is every address, `None` is no address.
pub(super) fn host_ip(host: &str) -> Option<Option<IpAddr>> {
    match host.trim_start_matches('[').trim_end_matches(']') {
        "" | "*" => Some(None),
        "localhost" => Some(Some(Ipv4Addr::LOCALHOST.into())),
        host => host.parse().ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn shapes() {
        let rows = [
            ("127.0.0.1:9000", Some("127.0.0.1:9000")),
            ("[::1]:9000", Some("[::1]:9000")),
            ("*:80", Some("*:80")),
            (":3000", Some("*:3000")),
            ("localhost:3000", Some("127.0.0.1:3000")),
            ("tcp://0.0.0.0:3000", Some("0.0.0.0:3000")),
            ("http://localhost:5000/app?x", Some("127.0.0.1:5000")),
            ("unix:/run/x.sock", Some("unix:/run/x.sock")),
            ("unix:///run/x.sock?umask=0", Some("unix:/run/x.sock")),
            ("/run/x.sock", Some("unix:/run/x.sock")),
            ("redis://127.0.0.1:6379", None),
            ("app:app", None),
            ("3000", None),
            ("1.2.3.4:0", None),
            ("1.2.3.4:99999", None),
            ("unix:", None),
            ("", None),
        ];
        for (text, shown) in rows {
            let shown = shown.map(str::to_owned);
            assert_eq!(
                super::parse(text).map(|address| address.to_string()),
                shown,
                "{text}"
            );
        }
    }
}
