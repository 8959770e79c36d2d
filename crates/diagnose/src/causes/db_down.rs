use crate::{
    Case, Class, Opinion, Remedy,
    cause::{Group, Told, cause},
    needs::{self, DATABASES},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// The database the application is configured with is down or can't be reached. The application exits at start
    /// (nginx: 111), waits (504), or answers 500 or 502 itself.
    /// # How to tell
    /// The application's log names the database and says refused, no such file or timed out; nothing answers on that
    /// address.
    /// # Fix
    /// Start the database, then find why it stopped: a full disk and the OOM killer are the usual reasons.
    /// # Not this if
    /// The database answers and refuses the login (db-password-wrong) or the connection count (db-connection-limit).
    pub static DB_DOWN = {
        id: "db-down",
        title: "the application's database does not answer",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("econnrefused 127.0.0.1:3306", 95), ("econnrefused 127.0.0.1:5432", 95), ("can't connect to mysql server", 90), ("can't connect to local mysql", 90), ("sqlstate[hy000] [2002]", 90), ("waiting for sql", 80), ("could not connect to server", 75), ("unable to connect to postgresql server", 85), ("server has gone away", 60), ("error establishing a database connection", 60), (":3306", 40), (":5432", 40), (":27017", 60), ("mongonetworkerror", 85)],
        effect_of: &["disk-error", "disk-full", "inodes-full", "oom-kill", "process-limit"],
        settled_by: ("ask the database from the application's host", "systemctl status mariadb mysql postgresql; ss -ltnp | grep -E \"3306|5432\""),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["db-down"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) => 6,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 3,
        Trouble::BackendStderr(text) if text.contains("mysqli") || text.contains("PDO") => 45,
        _ => 0,
    }
}

/// What applications say when nothing answers (lower case).
const WORDS: &[&str] = &[
    "sqlstate[hy000] [2002]",
    "can't connect to mysql server",
    "can't connect to local",
    "can't connect to server",
    "mysqli_sql_exception: connection refused",
    "mysqli_sql_exception: no such file",
    "server has gone away",
    "econnrefused 127.0.0.1:3306",
    "econnrefused 127.0.0.1:5432",
    "could not connect to server",
    "unable to connect to postgresql server",
    "is the server running on that host",
    "is the server running locally",
    "the database system is",
];

fn weigh(case: &Case) -> Opinion {
    needs::down(case, DATABASES, WORDS)
}

fn advise(case: &Case) -> String {
    needs::advise_down(case, DATABASES)
}

fn remedies(case: &Case) -> Vec<Remedy> {
    needs::start_it(case, DATABASES)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, answers, refuses, silent};
    use logscan::{Phase, Trouble};

    const SOCKET: &str = "mysql unix:/run/mysqld/mysqld.sock";

    fn fatal(fixture: Fixture) -> Fixture {
        let text = "PHP message: PHP Fatal error:  Uncaught mysqli_sql_exception: No such file or directory in /w/db.php:1";
        fixture.php_says(text)
    }

    #[test]
    fn fires_where_it_does_not_answer() {
        fatal(Fixture::php_fpm())
            .needs(SOCKET, "inactive", refuses(2))
            .check("found db-down");
        Fixture::gunicorn()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .needs("postgres 127.0.0.1:5432", "active", silent())
            .check("found db-down");
    }

    #[test]
    fn a_full_pool_and_an_end_at_start_are_its_effects() {
        Fixture::php_fpm()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .queue(8, 511)
            .second_look((0, 2), 0)
            .needs(SOCKET, "active", silent())
            .check("found db-down <- pool-exhausted");
        Fixture::gunicorn()
            .refused()
            .unit_is("failed", "exit-code")
            .ran(63, 62, "exited", 3)
            .says(
                62,
                "psycopg2.OperationalError: connection to server at 127.0.0.1 failed: Connection refused",
            )
            .needs("postgres 127.0.0.1:5432", "inactive", refuses(111))
            .check("found db-down <- backend-crash-on-start");
    }

    #[test]
    fn stays_quiet_where_it_answers_or_is_not_felt() {
        fatal(Fixture::php_fpm())
            .needs(SOCKET, "active", answers(&[]))
            .check_not("db-down");
        Fixture::gunicorn()
            .refused()
            .unit_is("inactive", "success")
            .needs(SOCKET, "inactive", refuses(2))
            .check_not("db-down");
    }
}
