//! Addresses of servers in one text: `mysql://shop:SECRET-0@db:3306/shop`, `mysql:host=db;dbname=shop`,
//! `host=db dbname=shop user=shop`, `db:3306`.

use super::{Credential, Dependency, Where, gather::kind_of};
use crate::topology::Place;
use host::{Endpoint, consult::Service};
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

/// Where each kind of server listens unless told otherwise.
pub(super) const PORTS: &[(Service, u16)] = &[
    (Service::Mysql, 3306),
    (Service::Postgres, 5432),
    (Service::Redis, 6379),
    (Service::Memcached, 11211),
    (Service::Amqp, 5672),
    (Service::Nats, 4222),
    (Service::Elasticsearch, 9200),
];

/// Where the client libraries look for MySQL's socket on Debian; `localhost` means the socket to all but Node and Java.
const MYSQL_SOCKET: &str = "/run/mysqld/mysqld.sock";
/// The directory of PostgreSQL's sockets on Debian, and the name of one.
const POSTGRES_SOCKETS: &str = "/run/postgresql";

/// A server, but for where it is written.
#[derive(Clone, Debug)]
pub(super) struct Target {
    service: Service,
    at: Where,
    user: String,
    database: String,
    credential: Credential,
}

impl Target {
    pub(super) fn at(self, written: Place) -> Dependency {
        Dependency {
            service: self.service,
            at: self.at,
            database: self.database,
            user: self.user,
            credential: self.credential,
            written,
        }
    }
}

/// A text that names a server and says which kind; `None` for any other text.
pub(super) fn parse(file: &Path, text: &str) -> Option<Target> {
    url(file, text).or_else(|| keywords(file, text))
}

/// `scheme://[user[:password]@]host[:port][/database][?…]`
fn url(file: &Path, text: &str) -> Option<Target> {
    let (scheme, rest) = text.trim().split_once("://")?;
    let is_scheme = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let service = kind_of(scheme).filter(|_| scheme.chars().all(is_scheme))?;
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (login, place) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (address, database) = place.split_once('/').unwrap_or((place, ""));
    // of a list of servers the first
    let address = address.split(',').next().unwrap_or_default();
    let is_socket = scheme.ends_with("unix") || scheme.ends_with("socket");
    let at = if is_socket {
        socket(service, PathBuf::from(format!("/{database}")))
    } else {
        let (host, port) = split_port(address);
        match option(options, &["host", "unix_socket", "socket"]) {
            Some(path) if host.is_empty() => socket(service, PathBuf::from(path)),
            _ => at(service, host, port, file)?,
        }
    };
    let database = if is_socket { "" } else { database };
    Some(Target {
        service,
        at,
        user: decoded(user),
        database: decoded(database.trim_end_matches('/')),
        credential: Credential::of(file, password),
    })
}

/// `mysql:host=db;port=3306;dbname=shop` of PDO, `host=db dbname=shop user=shop password=…` of libpq.
fn keywords(file: &Path, text: &str) -> Option<Target> {
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if matches!(scheme, "mysql" | "pgsql") => (scheme, rest),
        _ if text.contains("dbname=") && text.contains(' ') => ("pgsql", text),
        _ => return None,
    };
    let service = kind_of(scheme)?;
    let words = || {
        rest.split([';', ' '])
            .filter_map(|word| word.trim().split_once('='))
    };
    let get = |key: &str| {
        words()
            .find(|(name, _)| *name == key)
            .map_or("", |(_, value)| value)
    };
    let path = Some(get("unix_socket")).filter(|path| path.starts_with('/'));
    let at = match path {
        Some(path) => socket(service, PathBuf::from(path)),
        None => at(service, get("host"), get("port").parse().ok(), file)?,
    };
    Some(Target {
        service,
        at,
        user: get("user").to_owned(),
        database: get("dbname").to_owned(),
        credential: Credential::of(file, get("password")),
    })
}

/// The place that a host and a port mean. `None` for what is no host.
pub(super) fn at(service: Service, host: &str, port: Option<u16>, file: &Path) -> Option<Where> {
    let host = host.trim();
    let host = host
        .rsplit_once("://")
        .map_or(host, |(_, host)| host)
        .trim_end_matches('/');
    if let Some(path) = host.find('/').map(|at| &host[at..]) {
        return Some(socket(service, PathBuf::from(path)));
    }
    let (host, in_host) = split_port(host);
    let usual = PORTS
        .iter()
        .find(|(kind, _)| *kind == service)
        .map_or(0, |(_, port)| *port);
    let port = in_host.or(port).unwrap_or(usual);
    let is_js = file
        .extension()
        .is_some_and(|it| it == "js" || it == "mjs" || it == "cjs");
    match (service, host) {
        (Service::Mysql, "" | "localhost") if !is_js => {
            Some(Where::Endpoint(Endpoint::Unix(MYSQL_SOCKET.into())))
        }
        (Service::Postgres, "") => {
            let path = Path::new(POSTGRES_SOCKETS).join(format!(".s.PGSQL.{port}"));
            Some(Where::Endpoint(Endpoint::Unix(path)))
        }
        (_, "") => None,
        (_, host) if host.contains(|c: char| !(c.is_ascii_alphanumeric() || ".-_:".contains(c))) => None,
        (_, host) => Some(host.parse::<IpAddr>().map_or_else(
            |_| Where::Name {
                host: host.to_owned(),
                port,
            },
            |ip| Where::Endpoint(Endpoint::from((ip, port))),
        )),
    }
}

/// PostgreSQL is told the directory of its socket.
pub(super) fn socket(service: Service, path: PathBuf) -> Where {
    let is_dir = !path.to_string_lossy().contains(".s.PGSQL");
    Where::Endpoint(Endpoint::Unix(match service {
        Service::Postgres if is_dir => path.join(".s.PGSQL.5432"),
        _ => path,
    }))
}

fn split_port(address: &str) -> (&str, Option<u16>) {
    if let Some((ip, port)) = address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (ip, port.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, port.parse().ok()),
        _ => (address, None),
    }
}

fn option<'a>(options: &'a str, names: &[&str]) -> Option<&'a str> {
    let mut pairs = options.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(name, value)| names.contains(name) && value.starts_with('/'))
        .map(|(_, value)| value)
}

/// `%40` and the like, of ASCII.
fn decoded(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut clean = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                clean.push(char::from(byte));
                clean.push_str(&piece[2..]);
            }
            None => {
                clean.push('%');
                clean.push_str(piece);
            }
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_every_kind() {
        let rows = [
            (
                "mysql://shop:SECRET-2@db:3307/shop",
                "MySQL db:3307 shop shop kept",
            ),
            (
                "mysql2://shop@localhost/shop",
                "MySQL unix:/run/mysqld/mysqld.sock shop shop none",
            ),
            (
                "postgresql+psycopg2://a%40b:SECRET-0@10.0.0.9/x",
                "PostgreSQL 10.0.0.9:5432 a@b x kept",
            ),
            (
                "postgres:///x?host=/run/pg",
                "PostgreSQL unix:/run/pg/.s.PGSQL.5432  x none",
            ),
            ("redis://:SECRET-0@[::1]:6380/1", "Redis [::1]:6380  1 kept"),
            (
                "redis+unix:///run/redis.sock",
                "Redis unix:/run/redis.sock   none",
            ),
            ("amqp://u:computed@mq//", "RabbitMQ mq:5672 u  elsewhere"),
            ("mysql:host=db;dbname=shop", "MySQL db:3306  shop none"),
            (
                "mysql:unix_socket=/tmp/m.sock;dbname=s",
                "MySQL unix:/tmp/m.sock  s none",
            ),
            (
                "host=db dbname=shop user=u password=SECRET-1",
                "PostgreSQL db:5432 u shop kept",
            ),
            ("https://shop.example/", ""),
            ("just text: with=words", ""),
        ];
        for (text, expected) in rows {
            let shown = parse(Path::new("x.py"), text).map_or(String::new(), |target| {
                let secret = match target.credential {
                    Credential::None => "none",
                    Credential::Kept(_) => "kept",
                    Credential::Elsewhere => "elsewhere",
                };
                format!(
                    "{} {} {} {} {secret}",
                    target.service, target.at, target.user, target.database
                )
            });
            assert_eq!(shown, expected, "{text}");
        }
    }
}
