//! Dependencies of a fixture, and what they answer.

use super::Fixture;
use crate::{
    dependencies::{Credential, Dependency, DependencySight, Held, Where},
    topology::Place,
};
use host::{
    Endpoint,
    answer::Connect,
    consult::{Admission, Consultation, Refusal, Secret, Service, Table},
    looks::Unit,
};

impl Fixture {
    /// The application is configured with this server: `mysql unix:/run/m.sock`, `redis 127.0.0.1:6379`. Its unit is in
    /// that state, and it says that.
    pub fn needs(mut self, server: &str, active_state: &str, heard: Consultation) -> Self {
        let (kind, at) = server.split_once(' ').expect("kind and place");
        let service = match kind {
            "mysql" => Service::Mysql,
            "postgres" => Service::Postgres,
            "redis" => Service::Redis,
            "memcached" => Service::Memcached,
            "nats" => Service::Nats,
            _ => Service::Elasticsearch,
        };
        let endpoint: Endpoint = super::endpoint(at);
        let file = std::path::PathBuf::from("/srv/app/.env");
        self.dependencies.push(DependencySight {
            dependency: Dependency {
                service,
                at: Where::Endpoint(endpoint.clone()),
                database: "shop".into(),
                user: "shop".into(),
                credential: Credential::Kept(Secret {
                    file: file.clone(),
                    nth: 0,
                }),
                written: Place::line(&file, 3),
            },
            endpoint: Some(endpoint),
            heard: Ok(heard),
            unit: Some(Unit {
                name: format!("{kind}.service"),
                load_state: "loaded".into(),
                active_state: active_state.into(),
                ..Unit::default()
            }),
            held: Held::default(),
        });
        self
    }

    /// None of the looks at what it needs came back in time.
    pub fn unanswered(mut self) -> Self {
        for sight in &mut self.dependencies {
            sight.heard = Err(host::Unseen::TimedOut {
                what: sight.dependency.at.to_string(),
                after: std::time::Duration::from_millis(1900),
            });
        }
        self
    }

    /// So many connections of the application to what it needs are open.
    pub fn holding(mut self, open: usize) -> Self {
        for sight in &mut self.dependencies {
            sight.held.open = open;
        }
        self
    }
}

impl Fixture {
    /// The chain of the first root from the clients' side: `pool-exhausted <- db-slow`, with `<- ?` where it stops unseen.
    #[track_caller]
    pub fn check_chain(self, expect: &str) {
        let verdict = crate::judge::judge(&[self.case()], crate::causes::ALL);
        let chain = verdict.chain(verdict.root().expect("a root"));
        let ids = chain.links.iter().map(|link| link.cause);
        let gap = chain.gap.map(|_| "?");
        let got: Vec<&str> = ids.chain(gap).collect();
        assert_eq!(got.join(" <- "), expect, "{:#?}", verdict.findings);
        assert!(!chain.met.is_empty(), "nobody met it");
    }
}

fn heard(connect: Connect, admission: Admission, tables: Vec<Table>) -> Consultation {
    Consultation {
        connect,
        server: None,
        admission,
        tables,
        took_ms: 1,
    }
}

/// Connecting fails with this errno.
pub fn refuses(errno: i32) -> Consultation {
    heard(Connect::Failed(errno), Admission::NotAsked, Vec::new())
}

/// It takes the connection and says nothing.
pub fn silent() -> Consultation {
    heard(Connect::Accepted, Admission::Silent, Vec::new())
}

/// It refuses the login.
pub fn denies(code: &str, text: &str) -> Consultation {
    let refusal = Refusal {
        code: code.into(),
        text: text.into(),
    };
    heard(Connect::Accepted, Admission::Refused(refusal), Vec::new())
}

/// It asks for something that we do not speak.
pub fn unclear(text: &str) -> Consultation {
    heard(Connect::Accepted, Admission::Unclear(text.into()), Vec::new())
}

/// It accepts the login and tells these values: table, name, value.
pub fn answers(values: &[(&str, &str, &str)]) -> Consultation {
    let mut tables: Vec<Table> = Vec::new();
    for (about, name, value) in values {
        let row = vec![(*name).to_owned(), (*value).to_owned()];
        match tables.iter_mut().find(|table| table.about == *about) {
            Some(table) => table.rows.push(row),
            None => tables.push(Table {
                about: (*about).to_owned(),
                columns: vec!["name".into(), "value".into()],
                rows: vec![row],
                error: None,
            }),
        }
    }
    heard(Connect::Accepted, Admission::Admitted, tables)
}

/// It accepts the login and shows these sessions.
pub fn processes(columns: &[&str], rows: &[&[&str]]) -> Consultation {
    let table = Table {
        about: "processes".into(),
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        rows: rows
            .iter()
            .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
            .collect(),
        error: None,
    };
    heard(Connect::Accepted, Admission::Admitted, vec![table])
}
