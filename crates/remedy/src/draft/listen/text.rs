//! An address in a line of text, changed to another.

use diagnose::topology::{BackendKind, ListenAddress};
use std::{net::IpAddr, path::Path};

/// Words before an address that belong to its kind.
const SCHEMES: &[&str] = &["unix://", "unix:", "tcp://", "http://"];

/// The line with the address changed: the whole of it where it stands as such, else its port (and its host, if that
/// must change) where they stand alone. `None` where it does not stand there exactly once.
pub(super) fn moved(
    line: &str,
    from: &ListenAddress,
    to: &ListenAddress,
    kind: BackendKind,
) -> Option<String> {
    let whole = forms(from)
        .into_iter()
        .find_map(|form| only(line, &form).map(|at| (at, form)));
    match (whole, from, to) {
        (Some((at, form)), ListenAddress::Tcp { ip, .. }, ListenAddress::Tcp { ip: new_ip, port }) => {
            let host = form.rsplit_once(':').map_or("", |(host, _)| host);
            let host = if enough(*ip, *new_ip) {
                host.to_owned()
            } else {
                host_text(*new_ip)
            };
            Some(put(line, at, form.len(), &format!("{host}:{port}")))
        }
        (Some((at, form)), ..) => {
            let scheme = SCHEMES
                .iter()
                .find(|scheme| line.get(..at).is_some_and(|before| before.ends_with(**scheme)));
            let start = at - scheme.map_or(0, |scheme| scheme.len());
            // a path alone stays a path alone
            let new = match (scheme, to) {
                (Some(scheme), ListenAddress::Unix(path)) if scheme.starts_with("unix") => {
                    format!("{scheme}{}", path.display())
                }
                (None, ListenAddress::Unix(path)) if matches!(from, ListenAddress::Unix(_)) => {
                    path.display().to_string()
                }
                _ => whole_text(to, kind)?,
            };
            Some(put(line, start, at + form.len() - start, &new))
        }
        (
            None,
            ListenAddress::Tcp { ip, port },
            ListenAddress::Tcp {
                ip: new_ip,
                port: new_port,
            },
        ) => {
            let at = only(line, &port.to_string())?;
            let moved = put(line, at, port.to_string().len(), &new_port.to_string());
            if enough(*ip, *new_ip) {
                return Some(moved);
            }
            let old = (*ip)?.to_string();
            let at = only(&moved, &old)?;
            Some(put(
                &moved,
                at,
                old.len(),
                &new_ip.map_or_else(|| "0.0.0.0".to_owned(), |ip| ip.to_string()),
            ))
        }
        _ => None,
    }
}

/// A server bound to the one is reached at the other.
fn enough(bound: Option<IpAddr>, asked: Option<IpAddr>) -> bool {
    match (bound, asked) {
        (None, _) => true,
        (Some(bound), Some(asked)) => {
            bound == asked || (bound.is_unspecified() && bound.is_ipv4() == asked.is_ipv4())
        }
        (Some(bound), None) => bound.is_unspecified(),
    }
}

/// As people write an address, the most exact form first.
fn forms(address: &ListenAddress) -> Vec<String> {
    match address {
        ListenAddress::Unix(path) => {
            let own = path.display().to_string();
            let linked = path
                .strip_prefix("/run")
                .map(|rest| Path::new("/var/run").join(rest).display().to_string());
            [own].into_iter().chain(linked).collect()
        }
        ListenAddress::Tcp { ip: Some(ip), port } => {
            let local = ip.is_loopback().then(|| format!("localhost:{port}"));
            [format!("{}:{port}", host_text(Some(*ip)))]
                .into_iter()
                .chain(local)
                .collect()
        }
        ListenAddress::Tcp { ip: None, port } => ["*", "0.0.0.0", "[::]", ""]
            .map(|host| format!("{host}:{port}"))
            .into(),
    }
}

fn host_text(ip: Option<IpAddr>) -> String {
    match ip {
        None => "0.0.0.0".to_owned(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => format!("[{ip}]"),
    }
}

/// An address of another kind than the one that stood there; `None` where it is not known how the server writes it.
fn whole_text(to: &ListenAddress, kind: BackendKind) -> Option<String> {
    Some(match (to, kind) {
        (ListenAddress::Unix(path), BackendKind::Gunicorn) => format!("unix:{}", path.display()),
        (ListenAddress::Unix(path), BackendKind::Ruby) => format!("unix://{}", path.display()),
        (ListenAddress::Unix(path), BackendKind::Uwsgi | BackendKind::PhpFpm) => path.display().to_string(),
        (ListenAddress::Unix(_), _) => return None,
        (ListenAddress::Tcp { ip, port }, BackendKind::Ruby) => format!("tcp://{}:{port}", host_text(*ip)),
        (ListenAddress::Tcp { ip, port }, _) => format!("{}:{port}", host_text(*ip)),
    })
}

/// Where `wanted` stands in the line, if exactly once and not as a part of something longer.
fn only(line: &str, wanted: &str) -> Option<usize> {
    let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let mut alone = line.match_indices(wanted).map(|(at, _)| at).filter(|at| {
        let before = line.get(..*at).and_then(|text| text.chars().next_back());
        let after = line.get(at + wanted.len()..).and_then(|text| text.chars().next());
        let host_before = wanted.starts_with(':') && before.is_some_and(|c| "]*".contains(c));
        // `-p3000` and `-b127.0.0.1:80`: an option may be glued to its value
        let glued = line.get(..*at).is_some_and(|text| {
            let word = text.rsplit(char::is_whitespace).next().unwrap_or_default();
            word.len() == 2 && word.starts_with('-') && word != "--"
        });
        (!goes_on(before) || glued) && !goes_on(after) && !host_before
    });
    alone.next().filter(|_| alone.next().is_none())
}

fn put(line: &str, at: usize, length: usize, new: &str) -> String {
    let (before, after) = (
        line.get(..at).unwrap_or_default(),
        line.get(at + length..).unwrap_or_default(),
    );
    format!("{before}{new}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use BackendKind::{Node, Ruby, Uwsgi};

    fn address(text: &str) -> ListenAddress {
        match (text.strip_prefix("*:"), text.parse::<std::net::SocketAddr>()) {
            (Some(port), _) => ListenAddress::Tcp {
                ip: None,
                port: port.parse().expect("a port"),
            },
            (None, Ok(addr)) => ListenAddress::Tcp {
                ip: Some(addr.ip()),
                port: addr.port(),
            },
            (None, Err(_)) => ListenAddress::Unix(text.into()),
        }
    }

    /// Kind, line, from, to, and the line then.
    type Row = (
        BackendKind,
        &'static str,
        &'static str,
        &'static str,
        Option<&'static str>,
    );

    const ROWS: &[Row] = &[
        (
            BackendKind::Gunicorn,
            "gunicorn --bind 127.0.0.1:8000 a:a",
            "127.0.0.1:8000",
            "127.0.0.1:8100",
            Some("gunicorn --bind 127.0.0.1:8100 a:a"),
        ),
        (
            BackendKind::Gunicorn,
            "gunicorn -b127.0.0.1:8000 a:a",
            "127.0.0.1:8000",
            "127.0.0.1:8100",
            Some("gunicorn -b127.0.0.1:8100 a:a"),
        ),
        (
            BackendKind::Gunicorn,
            "bind = 'localhost:8000'",
            "127.0.0.1:8000",
            "127.0.0.1:8100",
            Some("bind = 'localhost:8100'"),
        ),
        (
            BackendKind::Gunicorn,
            "bind = '[::1]:8000'",
            "[::1]:8000",
            "127.0.0.1:8000",
            Some("bind = '127.0.0.1:8000'"),
        ),
        (
            BackendKind::Gunicorn,
            "-b unix:/run/a.sock a",
            "/run/a.sock",
            "127.0.0.1:8000",
            Some("-b 127.0.0.1:8000 a"),
        ),
        (
            BackendKind::Gunicorn,
            "-b 127.0.0.1:8000 a",
            "127.0.0.1:8000",
            "/run/a.sock",
            Some("-b unix:/run/a.sock a"),
        ),
        (
            Ruby,
            "bind 'unix:///run/a.sock'",
            "/run/a.sock",
            "/run/b.sock",
            Some("bind 'unix:///run/b.sock'"),
        ),
        (
            Ruby,
            "bind 'tcp://0.0.0.0:3000'",
            "0.0.0.0:3000",
            "127.0.0.1:3001",
            Some("bind 'tcp://0.0.0.0:3001'"),
        ),
        (
            Ruby,
            "bind 'tcp://127.0.0.1:3000'",
            "127.0.0.1:3000",
            "/run/a.sock",
            Some("bind 'unix:///run/a.sock'"),
        ),
        (Ruby, "port 3000", "*:3000", "127.0.0.1:3001", Some("port 3001")),
        (
            Uwsgi,
            "socket = /var/run/a.sock",
            "/run/a.sock",
            "/run/b.sock",
            Some("socket = /run/b.sock"),
        ),
        (
            Uwsgi,
            "socket = :3031",
            "*:3031",
            "127.0.0.1:3032",
            Some("socket = :3032"),
        ),
        (Node, "PORT=3000", "*:3000", "127.0.0.1:3001", Some("PORT=3001")),
        (
            Node,
            "PORT=3000 HOST=::1",
            "[::1]:3000",
            "127.0.0.1:3000",
            Some("PORT=3000 HOST=127.0.0.1"),
        ),
        (
            Node,
            "node s.js -p3000",
            "*:3000",
            "*:3001",
            Some("node s.js -p3001"),
        ),
        (
            Node,
            "node s.js --port 3000 --admin 3000",
            "*:3000",
            "*:3001",
            None,
        ),
        (
            Node,
            "node s.js --port 3000",
            "127.0.0.1:3000",
            "[::1]:3000",
            None,
        ),
        (Node, "node s.js --port 13000", "*:3000", "*:3001", None),
        (Node, "node s.js --port 3000", "*:3000", "/run/a.sock", None),
    ];

    #[test]
    fn addresses_of_servers() {
        for (kind, line, from, to, expected) in ROWS {
            let moved = moved(line, &address(from), &address(to), *kind);
            assert_eq!(moved.as_deref(), *expected, "{line}: {from} -> {to}");
        }
    }
}
