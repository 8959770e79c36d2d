//! Upstreams as nginx writes them.

use super::{Peer, PeerAddress};

impl Peer {
    /// Reads an `upstream: "…"` field: scheme, peer name, `:` after a unix socket, and a URI if the protocol has one.
    /// `None` if there is nothing to name.
    pub fn parse(text: &str) -> Option<Peer> {
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme != "unix" && is_scheme(scheme) => (scheme, rest),
            _ => ("", text),
        };
        let address = PeerAddress::parse(rest)?;
        Some(Peer {
            scheme: scheme.to_owned(),
            address,
        })
    }
}

impl PeerAddress {
    /// `unix:/path[:uri]`, `127.0.0.1:80[/uri]`, `[::1]:80[/uri]`, `name[:port][/uri]`.
    fn parse(text: &str) -> Option<PeerAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        let host = text.split(['/', '?', ' ', '"']).next().unwrap_or_default();
        if host.is_empty() {
            return None;
        }
        Some(
            host.parse()
                .map_or_else(|_| PeerAddress::Name(host.to_owned()), PeerAddress::Tcp),
        )
    }
}

/// Old versions and people write `unix:///run/x.sock`. Where `proxy_pass` has no `:` after the socket, nginx writes none
/// before the URI either (`ngx_http_upstream_log_error`): nothing lies below a socket, so it ends there.
fn unix(path: &str) -> Option<PeerAddress> {
    let path = path.split([':', '"', ' ', '?']).next().unwrap_or_default();
    let path = path
        .find(".sock/")
        .and_then(|at| path.get(..at + ".sock".len()))
        .unwrap_or(path);
    let path = path
        .strip_prefix("//")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    (!path.is_empty()).then(|| PeerAddress::Unix(path.into()))
}

fn is_scheme(scheme: &str) -> bool {
    !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_lowercase())
}

/// The peer of `connect() to PEER failed`, for messages whose fields are missing.
pub(super) fn in_message(body: &str) -> Option<Peer> {
    let (address, _) = body.strip_prefix("connect() to ")?.split_once(" failed")?;
    Peer::parse(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(address: &str) -> PeerAddress {
        PeerAddress::Tcp(address.parse().unwrap())
    }

    #[test]
    fn upstream_fields_are_read() {
        let unix = |path: &str| PeerAddress::Unix(path.into());
        let name = |name: &str| PeerAddress::Name(name.into());
        let rows = [
            (
                "fastcgi://unix:/run/php/php8.2-fpm.sock:",
                "fastcgi",
                unix("/run/php/php8.2-fpm.sock"),
            ),
            (
                "fastcgi://unix:/run/php/php8.2-fpm.sock",
                "fastcgi",
                unix("/run/php/php8.2-fpm.sock"),
            ),
            (
                "http://unix:/home/app/a.sock:/502.html",
                "http",
                unix("/home/app/a.sock"),
            ),
            (
                "http://unix:/run/app/app.sock/report?x=/a.sock/",
                "http",
                unix("/run/app/app.sock"),
            ),
            (
                "unix:///home/deploy/puma.sock",
                "",
                unix("/home/deploy/puma.sock"),
            ),
            ("fastcgi://127.0.0.1:9000", "fastcgi", tcp("127.0.0.1:9000")),
            ("http://[::1]:7080/ok.php", "http", tcp("[::1]:7080")),
            ("https://10.0.0.53:80/", "https", tcp("10.0.0.53:80")),
            ("grpc://127.0.0.1:7080", "grpc", tcp("127.0.0.1:7080")),
            ("http://backend/x", "http", name("backend")),
            ("http://backend", "http", name("backend")),
            ("uwsgi://app:3031", "uwsgi", name("app:3031")),
            ("10.0.0.1:5432", "", tcp("10.0.0.1:5432")),
            ("http://a/?u=https://b", "http", name("a")),
        ];
        for (text, scheme, address) in rows {
            assert_eq!(
                Peer::parse(text),
                Some(Peer {
                    scheme: scheme.into(),
                    address
                }),
                "{text}"
            );
        }
        for empty in ["", "http://", "unix:", "http:///path"] {
            assert_eq!(Peer::parse(empty), None, "{empty}");
        }
    }
}
