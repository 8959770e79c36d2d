//! Asking what an application depends on: databases, caches, brokers, each in its own protocol.

use crate::answer::Connect;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// What kind of server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// MySQL or MariaDB.
    Mysql,
    /// PostgreSQL.
    Postgres,
    /// Redis or Valkey.
    Redis,
    /// memcached.
    Memcached,
    /// RabbitMQ and whoever else speaks AMQP 0-9-1.
    Amqp,
    /// NATS.
    Nats,
    /// Elasticsearch or OpenSearch.
    Elasticsearch,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mysql => "MySQL",
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Memcached => "memcached",
            Self::Amqp => "RabbitMQ",
            Self::Nats => "NATS",
            Self::Elasticsearch => "Elasticsearch",
        })
    }
}

/// A password, by where it stands: never the password itself. It is read where it stands by the child process that
/// logs in with it, and leaves that process for nobody but the server it is meant for. What a child hands back has
/// marks in the places of secrets ([`Secret::marked`]), so the program, its recordings and its reports hold none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Secret {
    /// The file.
    pub file: PathBuf,
    /// Which secret of that file, from 0.
    pub nth: u32,
}

/// What stands in a file's text instead of a secret, followed by its number.
pub(crate) const MARK: &str = "SECRET-";

impl Secret {
    /// The secret that a value read from this file stands for; `None` where the value is no mark.
    pub fn marked(file: &Path, value: &str) -> Option<Self> {
        let file = file.to_owned();
        let nth = value.strip_prefix(MARK)?.parse().ok()?;
        Some(Self { file, nth })
    }
}

/// As whom to log in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Login {
    /// Account; empty where the protocol knows none.
    pub user: String,
    /// Database, where the protocol knows such; empty: none.
    pub database: String,
    /// `None`: without a password.
    pub secret: Option<Secret>,
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consultation {
    /// Did it connect.
    pub connect: Connect,
    /// The server as it names itself: `10.11.19-MariaDB`.
    pub server: Option<String>,
    /// Did it let us in.
    pub admission: Admission,
    /// What it answered once we were in.
    pub tables: Vec<Table>,
    /// Milliseconds from the beginning to the last answer.
    pub took_ms: u64,
}

/// Whether a server lets one in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Admission {
    /// There was no connection to ask on.
    NotAsked,
    /// It did.
    Admitted,
    /// It greets; no login was tried.
    Greeted,
    /// It said no.
    Refused(Refusal),
    /// It took the connection and said nothing more in time.
    Silent,
    /// It took the connection and closed it.
    Closed,
    /// We can't tell: it asks for something we do not speak, or it is another kind of server.
    Unclear(String),
}

/// A server's no, or its complaint about one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// MySQL's error number, PostgreSQL's SQLSTATE, the first word of Redis, an HTTP status.
    pub code: String,
    /// In its words: hostile.
    pub text: String,
}

/// The answer to one question, a table of text. NULL is empty. Literals in statements are blotted out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The question, short: `variables`, `processes`, `INFO`.
    pub about: String,
    /// Names of its columns, lower case.
    pub columns: Vec<String>,
    /// At most 200 rows.
    pub rows: Vec<Vec<String>>,
    /// Why there are none.
    pub error: Option<Refusal>,
}

impl Consultation {
    /// The table about that; empty tables and refused questions are `None`.
    pub fn table(&self, about: &str) -> Option<&Table> {
        self.tables
            .iter()
            .find(|table| table.about == about && table.error.is_none())
    }

    /// The value of a key, of a table of two columns.
    pub fn value(&self, about: &str, key: &str) -> Option<&str> {
        let rows = &self.table(about)?.rows;
        let row = rows
            .iter()
            .find(|row| row.first().is_some_and(|name| name.eq_ignore_ascii_case(key)))?;
        row.get(1).map(String::as_str)
    }

    /// The same as a number.
    pub fn number(&self, about: &str, key: &str) -> Option<u64> {
        self.value(about, key)?.trim().parse().ok()
    }
}

impl Table {
    /// Every row as a lookup by column name; a column it does not have is empty.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { table: self, cells })
    }
}

/// One row of a [`Table`].
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    table: &'a Table,
    cells: &'a [String],
}

impl<'a> Row<'a> {
    /// The text of a column.
    pub fn get(&self, column: &str) -> &'a str {
        let at = self.table.columns.iter().position(|name| name == column);
        at.and_then(|at| self.cells.get(at)).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_its_place() {
        let file = Path::new("/srv/app/.env");
        let secret = Secret::marked(file, "SECRET-3").expect("a mark");
        assert_eq!((secret.file.as_path(), secret.nth), (file, 3));
        for no_mark in ["hunter2", "SECRET-", "SECRET-x", ""] {
            assert_eq!(Secret::marked(file, no_mark), None, "{no_mark}");
        }
    }
}
