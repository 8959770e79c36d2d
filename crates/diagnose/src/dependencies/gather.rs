//! From settings to dependencies: which of them belong together, and what kind of server they mean.

use super::{Credential, Dependency, Where, dsn, scan::Pair};
use crate::topology::Place;
use host::consult::{Secret, Service};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// What a setting says of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Host,
    Port,
    Socket,
    Database,
    User,
    Password,
    Driver,
    Url,
}

/// The last word or words of a setting's name, lower case and without separators, and its role.
const ROLES: &[(&str, Role)] = &[
    ("unixsocket", Role::Socket),
    ("socket", Role::Socket),
    ("hostname", Role::Host),
    ("servername", Role::Host),
    ("host", Role::Host),
    ("server", Role::Host),
    ("port", Role::Port),
    ("username", Role::User),
    ("user", Role::User),
    ("password", Role::Password),
    ("passwd", Role::Password),
    ("pass", Role::Password),
    ("pwd", Role::Password),
    ("databasename", Role::Database),
    ("database", Role::Database),
    ("name", Role::Database),
    ("db", Role::Database),
    ("driver", Role::Driver),
    ("engine", Role::Driver),
    ("connection", Role::Driver),
    ("adapter", Role::Driver),
    ("type", Role::Driver),
    ("dialect", Role::Driver),
    ("client", Role::Driver),
    ("url", Role::Url),
    ("dsn", Role::Url),
    ("uri", Role::Url),
    ("location", Role::Url),
];

/// Words that name a kind of server.
const KINDS: &[(&str, Service)] = &[
    ("mysql", Service::Mysql),
    ("maria", Service::Mysql),
    ("pymysql", Service::Mysql),
    ("postgres", Service::Postgres),
    ("pgsql", Service::Postgres),
    ("psycopg", Service::Postgres),
    ("asyncpg", Service::Postgres),
    ("redis", Service::Redis),
    ("valkey", Service::Redis),
    ("memcache", Service::Memcached),
    ("rabbit", Service::Amqp),
    ("amqp", Service::Amqp),
    ("nats", Service::Nats),
    ("elastic", Service::Elasticsearch),
    ("opensearch", Service::Elasticsearch),
];

/// Drivers of databases that are not asked.
const FOREIGN: &[&str] = &["sqlite", "mongo", "sqlsrv", "mssql", "oracle", "oci"];

/// A value, and its line.
type Value = (Option<String>, u32);

/// Settings of one server.
#[derive(Default)]
struct Group {
    roles: BTreeMap<Role, Value>,
    /// Names around and before them.
    words: String,
}

/// Every server that the settings of a file name.
pub(super) fn dependencies(file: &Path, pairs: &[Pair]) -> Vec<Dependency> {
    let mut groups: BTreeMap<(usize, String), Group> = BTreeMap::new();
    let mut found = Vec::new();
    for pair in pairs {
        let whole = pair.value.as_deref().and_then(|value| dsn::parse(file, value));
        if let Some(target) = whole {
            let mut dependency = target.at(Place::line(file, pair.line));
            if pair.scope != 0 {
                add_login(&mut dependency, file, pairs, pair.scope);
            }
            found.push(dependency);
            continue;
        }
        let Some((prefix, role)) = role(&pair.key) else {
            continue;
        };
        // within a bracket of its own `dbname` goes with `host`
        let is_own = pair.scope != 0 && matches!(&*prefix, "db" | "database");
        let own = if is_own { String::new() } else { prefix.clone() };
        let group = groups.entry((pair.scope, own)).or_default();
        let words = format!(" {} {prefix}", pair.path).to_lowercase();
        if !group.words.contains(&words) {
            group.words.push_str(&words);
        }
        group
            .roles
            .entry(role)
            .or_insert_with(|| (pair.value.clone(), pair.line));
    }
    found.extend(groups.values().filter_map(|group| group.dependency(file)));
    found.sort_by_key(|it: &Dependency| it.written.line);
    found
}

/// An address without an account, and the account beside it: `new PDO('mysql:host=db', 'shop', '…')`.
fn add_login(dependency: &mut Dependency, file: &Path, pairs: &[Pair], scope: usize) {
    let beside = |wanted: Role| {
        let mut near = pairs.iter().filter(|pair| pair.scope == scope);
        near.find(|pair| role(&pair.key).is_some_and(|(_, role)| role == wanted))
    };
    if !dependency.user.is_empty() {
        return;
    }
    if let Some(user) = beside(Role::User).and_then(|pair| pair.value.clone()) {
        dependency.user = user;
    }
    if dependency.credential == Credential::None
        && let Some(password) = beside(Role::Password)
    {
        let value = password.value.as_deref();
        dependency.credential = value.map_or(Credential::Elsewhere, |value| Credential::of(file, value));
    }
}

/// `WORDPRESS_DB_HOST` is the host of `wordpressdb`, `dbhost` that of `db`, `hostname` that of nothing in particular.
fn role(key: &str) -> Option<(String, Role)> {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_lowercase();
    if let Some(rest) = plain.strip_prefix("pg").filter(|_| key.starts_with("PG")) {
        let role = ROLES.iter().find(|(word, _)| rest == *word)?.1;
        return Some(("postgres".to_owned(), role));
    }
    let (word, role) = ROLES.iter().find(|(word, _)| plain.ends_with(word))?;
    let prefix = plain[..plain.len() - word.len()].to_owned();
    Some((prefix, *role))
}

impl Group {
    fn text(&self, role: Role) -> Option<&str> {
        self.roles.get(&role)?.0.as_deref()
    }

    fn is_computed(&self, role: Role) -> bool {
        self.roles.get(&role).is_some_and(|(value, _)| value.is_none())
    }

    fn dependency(&self, file: &Path) -> Option<Dependency> {
        let service = self.service(file)?;
        if [Role::Host, Role::Port, Role::Socket, Role::Url]
            .iter()
            .any(|role| self.is_computed(*role))
        {
            return None;
        }
        let named = [Role::Host, Role::Socket, Role::Url]
            .iter()
            .any(|role| self.roles.contains_key(role));
        let logs_in = self.roles.contains_key(&Role::User) && self.roles.contains_key(&Role::Database);
        if !(named || logs_in) {
            return None;
        }
        let line = [Role::Host, Role::Socket, Role::Url, Role::Database]
            .iter()
            .find_map(|role| self.roles.get(role))?
            .1;
        Some(Dependency {
            service,
            at: self.at(service, file)?,
            database: self.text(Role::Database).unwrap_or_default().to_owned(),
            user: self.text(Role::User).unwrap_or_default().to_owned(),
            credential: self.credential(file),
            written: Place::line(file, line),
        })
    }

    /// By the driver, by the names around, by the port; a `db` of a PHP program that says no more is MySQL.
    fn service(&self, file: &Path) -> Option<Service> {
        let driver = self.text(Role::Driver).unwrap_or_default().to_ascii_lowercase();
        if FOREIGN.iter().any(|word| driver.contains(word)) {
            return None;
        }
        let is_php = file.extension().is_some_and(|extension| extension == "php");
        let is_db = self.roles.contains_key(&Role::Database);
        kind_of(&driver)
            .or_else(|| kind_of(&self.words))
            .or_else(|| self.kind_of_port())
            .or((is_php && is_db && self.text(Role::User).is_some()).then_some(Service::Mysql))
    }

    fn kind_of_port(&self) -> Option<Service> {
        let port: u16 = self.text(Role::Port)?.parse().ok()?;
        dsn::PORTS
            .iter()
            .find(|(_, usual)| *usual == port)
            .map(|(kind, _)| *kind)
    }

    fn at(&self, service: Service, file: &Path) -> Option<Where> {
        let is_path = |text: &&str| text.starts_with('/');
        let socket = self.text(Role::Socket).filter(is_path);
        if let Some(socket) = socket {
            return Some(dsn::socket(service, PathBuf::from(socket)));
        }
        let port = self.text(Role::Port).and_then(|port| port.parse().ok());
        let web = || self.text(Role::Url).filter(|url| url.starts_with("http"));
        let host = self.text(Role::Host).or_else(web).unwrap_or_default();
        dsn::at(service, host, port, file)
    }

    fn credential(&self, file: &Path) -> Credential {
        if self.is_computed(Role::User) || self.is_computed(Role::Database) {
            return Credential::Elsewhere;
        }
        match self.roles.get(&Role::Password) {
            None => Credential::None,
            Some((Some(value), _)) => Credential::of(file, value),
            Some((None, _)) => Credential::Elsewhere,
        }
    }
}

/// The kind of server a text names. `pg` counts as a word of its own only.
pub(super) fn kind_of(text: &str) -> Option<Service> {
    let text = text.to_ascii_lowercase();
    let named = KINDS.iter().find(|(word, _)| text.contains(word));
    let is_pg = || {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == "pg")
    };
    named
        .map(|(_, kind)| *kind)
        .or_else(|| is_pg().then_some(Service::Postgres))
}

impl Credential {
    /// What a password setting of this file holds.
    pub(super) fn of(file: &Path, value: &str) -> Self {
        let is_empty = matches!(value, "" | "null" | "nil" | "None" | "~");
        match (is_empty, Secret::marked(file, value)) {
            (true, _) => Self::None,
            (false, Some(secret)) => Self::Kept(secret),
            (false, None) => Self::Elsewhere,
        }
    }
}
