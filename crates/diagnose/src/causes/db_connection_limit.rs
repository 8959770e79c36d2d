use crate::{
    Case, Class, Evidence, Opinion, Rank,
    cause::{Group, Told, cause},
    dependencies::DependencySight,
    needs,
    words::clip,
};
use host::consult::{Consultation, Service};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Every connection the database allows is taken; new ones are refused. Often by leaked sessions, or more workers
    /// than connections.
    /// # How to tell
    /// `Too many connections` (1040) or `too many clients already` (53300); threads connected equal max_connections.
    /// # Fix
    /// Free what is leaked, match workers to connections, raise the limit within memory. Only a person can say which
    /// sessions are leaked.
    /// # Not this if
    /// Connections are free and statements are slow (db-slow).
    pub static DB_CONNECTION_LIMIT = {
        id: "db-connection-limit",
        title: "the database has no connection left",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("too many connections", 95), ("too many clients", 95), ("remaining connection slots are reserved", 95), ("max_user_connections", 90)],
        effect_of: &["db-slow"],
        settled_by: ("compare connections with the limit", "mariadb -e \"show status like 'Threads_connected'; show variables like 'max_connections'\""),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["db-connection-limit"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if text.contains("Too many connections") => 95,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 2,
        _ => 0,
    }
}

/// Servers that count who is there.
const KINDS: &[Service] = &[Service::Mysql, Service::Postgres, Service::Redis];

/// What applications say of it (lower case).
const WORDS: &[&str] = &[
    "too many connections",
    "too many clients",
    "remaining connection slots are reserved",
    "max_user_connections",
    "max number of clients reached",
];

/// Too many for the server, or for the account.
const CODES: &[&str] = &["1040", "1203", "1226", "53300", "ERR"];

fn weigh(case: &Case) -> Opinion {
    let complaint = needs::complaint(case, WORDS);
    let Some((sight, evidence)) = needs::of(case, KINDS).find_map(|sight| Some((sight, full(sight)?))) else {
        return complaint.map_or_else(Opinion::none, |complaint| had_none(case, complaint));
    };
    let it = &sight.dependency;
    let mut evidence = vec![evidence];
    evidence.extend(complaint);
    evidence.push(needs::written(sight));
    Opinion {
        says: format!("{} at {} has no connection left", it.service, it.at),
        subject: needs::subject(sight),
        evidence,
    }
}

/// It refuses more, or has as many as it may.
fn full(sight: &DependencySight) -> Option<Evidence> {
    let it = &sight.dependency;
    if let Some(refusal) = sight.refusal() {
        let is_full = CODES.contains(&refusal.code.as_str())
            && (refusal.code != "ERR" || refusal.text.contains("max number of clients"));
        return is_full.then(|| {
            let says = format!(
                "{} at {} refuses {}: {} ({})",
                it.service,
                it.at,
                needs::login(sight),
                clip(&refusal.text),
                refusal.code
            );
            Evidence::supports(Rank::Strong, says, needs::source(sight))
        });
    }
    let (used, most) = used(sight.told()?)?;
    (used >= most).then(|| {
        let says = format!("{} has {used} connections of at most {most}", it.service);
        Evidence::supports(Rank::Strong, says, needs::source(sight))
    })
}

/// Connections in use, and how many may be.
fn used(told: &Consultation) -> Option<(u64, u64)> {
    let used = told
        .number("status", "threads_connected")
        .or_else(|| told.number("variables", "connections"))?;
    Some((used, told.number("variables", "max_connections")?))
}

/// The application was refused; connections are free now. They come and go, so that alone excludes nothing.
fn had_none(case: &Case, complaint: Evidence) -> Opinion {
    let Some(sight) = needs::of(case, KINDS).find(|sight| sight.told().is_some()) else {
        return Opinion::none();
    };
    let mut evidence = vec![complaint];
    if needs::gave_up(case) {
        let says = format!("{} takes the application's login now", sight.dependency.service);
        evidence.push(Evidence::refutes(Rank::Decisive, says, needs::source(sight)));
    } else if let Some((used, most)) = sight.told().and_then(used) {
        let says = format!("{used} of {most} connections are in use now");
        evidence.push(Evidence::refutes(Rank::Hint, says, needs::source(sight)));
    }
    Opinion {
        says: format!("{} had no connection left", sight.dependency.service),
        subject: needs::subject(sight),
        evidence,
    }
}

fn advise(case: &Case) -> String {
    let service = needs::of(case, KINDS)
        .next()
        .map(|sight| sight.dependency.service);
    let look = match service {
        Some(Service::Postgres) => {
            "psql -c 'SELECT usename, client_addr, state, count(*) FROM pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC'"
        }
        Some(Service::Redis) => "redis-cli client list",
        _ => {
            "mariadb -e 'SELECT user, host, command, count(*) FROM information_schema.processlist GROUP BY 1, 2, 3 ORDER BY 4 DESC'"
        }
    };
    format!(
        "see who holds the connections, as its administrator (one place is kept for that): {look}; end what is leaked at \
         its client. Let all workers together open fewer connections than the server allows, or raise max_connections as \
         far as its memory goes"
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, answers, denies};
    use logscan::{Phase, Trouble};

    const MARIADB: &str = "mysql unix:/run/mysqld/mysqld.sock";

    fn fatal() -> Fixture {
        let text = "PHP message: PHP Fatal error:  Uncaught mysqli_sql_exception: Too many connections in /w/db.php:1";
        Fixture::php_fpm().php_says(text)
    }

    #[test]
    fn fires_where_one_more_is_refused_or_none_is_left() {
        fatal()
            .needs(MARIADB, "active", denies("1040", "Too many connections"))
            .check("found db-connection-limit");
        Fixture::gunicorn()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .needs(
                "postgres 127.0.0.1:5432",
                "active",
                answers(&[
                    ("variables", "connections", "100"),
                    ("variables", "max_connections", "100"),
                ]),
            )
            .check("found db-connection-limit");
    }

    #[test]
    fn stays_quiet_where_the_program_gave_up_and_connections_are_free_again() {
        let ended = |heard| {
            Fixture::gunicorn()
                .refused()
                .unit_is("failed", "exit-code")
                .ran(63, 62, "exited", 3)
                .says(
                    62,
                    "psycopg2.OperationalError: FATAL:  too many connections for role \"shop\"",
                )
                .needs("postgres 127.0.0.1:5432", "active", heard)
        };
        ended(denies("53300", "too many connections for role \"shop\""))
            .check("found db-connection-limit <- backend-crash-on-start");
        ended(answers(&[])).check("found backend-crash-on-start");
    }

    #[test]
    fn stays_quiet_where_connections_are_free() {
        Fixture::gunicorn()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .needs(
                "postgres 127.0.0.1:5432",
                "active",
                answers(&[
                    ("variables", "connections", "9"),
                    ("variables", "max_connections", "100"),
                ]),
            )
            .check_not("db-connection-limit");
        fatal()
            .needs(MARIADB, "active", denies("1045", "Access denied"))
            .check_not("db-connection-limit");
    }
}
