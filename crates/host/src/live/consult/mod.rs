//! Logging in to what an application depends on, as the application does, and asking it how it is. Every question is
//! one of the constants here; none changes anything.

mod mysql;
mod mysql_login;
mod packet;
mod postgres;
mod simple;
mod wire;

use super::{
    connect::{TO_CONNECT, line::Line},
    enter, mask,
};
use crate::{
    Endpoint, Look, Stance,
    answer::{Connect, End},
    consult::{Admission, Consultation, Login, Refusal, Service, Table},
};
use std::time::{Duration, Instant};
use wire::Wire;

/// What a looker on a busy host needs to begin and to hand its answer over: a server's silence must be told by the deadline
/// of the look, or nobody knows whether it was silent.
const MARGIN: Duration = Duration::from_millis(400);
/// Rows kept of one answer.
const MAX_ROWS: usize = 200;
/// Characters kept of one cell.
const MAX_CELL: usize = 300;

/// Reads the password where it stands, takes on the stance for good, connects, logs in, asks.
pub(super) fn ask(
    to: &Endpoint,
    stance: &Stance,
    service: Service,
    login: Option<&Login>,
    deadline: Duration,
) -> Look<Consultation> {
    let secret = login.and_then(|login| login.secret.as_ref());
    let password = secret.map(mask::reveal).transpose()?;
    enter::stance(stance)?;
    let start = Instant::now();
    let (connect, line) = Line::open(to, start + TO_CONNECT);
    let mut visit = Visit {
        user: login.map_or("", |login| &login.user),
        database: login.map_or("", |login| &login.database),
        logs_in: login.is_some(),
        password: password.as_deref().unwrap_or_default(),
        is_local: to.unix().is_some(),
        heard: nothing(connect),
    };
    if let Some(line) = line {
        let until = (start + deadline).checked_sub(MARGIN).unwrap_or(start);
        visit.talk(service, Wire::new(line, until));
    }
    visit.heard.took_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(visit.heard)
}

fn nothing(connect: Connect) -> Consultation {
    Consultation {
        connect,
        server: None,
        admission: Admission::NotAsked,
        tables: Vec::new(),
        took_ms: 0,
    }
}

/// One login, and what came of it so far.
struct Visit<'a> {
    user: &'a str,
    database: &'a str,
    password: &'a str,
    /// There is a login to try.
    logs_in: bool,
    /// Over a unix socket: nobody listens on the way.
    is_local: bool,
    heard: Consultation,
}

impl Visit<'_> {
    fn talk(&mut self, service: Service, mut wire: Wire) {
        let went = match service {
            Service::Mysql => mysql::ask(&mut wire, self),
            Service::Postgres => postgres::ask(&mut wire, self),
            Service::Redis => simple::redis(&mut wire, self),
            Service::Memcached => simple::memcached(&mut wire, self),
            Service::Amqp => simple::amqp(&mut wire, self),
            Service::Nats => simple::nats(&mut wire, self),
            Service::Elasticsearch => simple::elasticsearch(&mut wire, self),
        };
        // what goes wrong after the door does not close it
        if let Err(trouble) = went
            && self.heard.admission == Admission::NotAsked
        {
            self.heard.admission = trouble.into();
        }
    }

    fn admitted(&mut self) {
        self.heard.admission = Admission::Admitted;
    }

    /// Whether it ends here, after the greeting.
    fn only_greets(&mut self) -> bool {
        if !self.logs_in {
            self.heard.admission = Admission::Greeted;
        }
        !self.logs_in
    }

    fn tell(&mut self, mut table: Table) {
        table.rows.truncate(MAX_ROWS);
        for cell in table.rows.iter_mut().flatten() {
            *cell = without_literals(cell).chars().take(MAX_CELL).collect();
        }
        self.heard.tables.push(table);
    }

    /// A table of two columns, from lines that are split there.
    fn tell_pairs(&mut self, about: &str, pairs: impl Iterator<Item = (String, String)>) {
        self.tell(Table {
            about: about.to_owned(),
            columns: ["name", "value"].map(str::to_owned).to_vec(),
            rows: pairs.map(|(name, value)| vec![name, value]).collect(),
            error: None,
        });
    }

    fn tell_refused(&mut self, about: &str, error: Refusal) {
        self.tell(Table {
            about: about.to_owned(),
            columns: Vec::new(),
            rows: Vec::new(),
            error: Some(error),
        });
    }
}

/// Why a visit ended early.
#[derive(Debug)]
enum Trouble {
    /// Nothing more came.
    Over(End),
    /// The server said no.
    Refused(Refusal),
    /// It is not what we took it for, or wants what we do not speak.
    Unclear(String),
}

impl Trouble {
    fn unclear(why: impl Into<String>) -> Self {
        Self::Unclear(why.into())
    }
}

impl From<Trouble> for Admission {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Over(End::TimedOut) => Self::Silent,
            Trouble::Over(_) => Self::Closed,
            Trouble::Refused(refusal) => Self::Refused(refusal),
            Trouble::Unclear(why) => Self::Unclear(why),
        }
    }
}

/// Statements of others may hold what is nobody's business: text in quotes becomes `'?'`.
fn without_literals(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut inside = None;
    let mut escaped = false;
    for c in text.chars() {
        match inside {
            None => {
                clean.push(c);
                if matches!(c, '\'' | '"') {
                    inside = Some(c);
                    clean.push('?');
                }
            }
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(quote) if c == quote => {
                clean.push(c);
                inside = None;
            }
            Some(_) => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    #[test]
    fn literals_of_others_are_not_repeated() {
        for (text, clean) in [
            ("select 1", "select 1"),
            (
                "update u set p='se\\'cr' where n=\"x\"",
                "update u set p='?' where n=\"?\"",
            ),
            ("select 'open", "select '?"),
        ] {
            assert_eq!(super::without_literals(text), clean);
        }
    }
}
