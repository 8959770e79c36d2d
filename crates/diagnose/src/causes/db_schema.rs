use crate::{
    Case, Class, Evidence, Opinion, Rank,
    cause::{Group, Told, cause},
    evidence::quote,
    needs, service,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A deploy or upgrade expects tables or columns that are not there, or the server's own data needs its upgrade
    /// step. Requests answer 500 or 502 since that moment.
    /// # How to tell
    /// The log says that a table or column is missing (MySQL 1146 and 1054, PostgreSQL 42P01 and 42703), or asks for
    /// migrations, at the time of the failures; the database itself is up and takes the login.
    /// # Fix
    /// Run the migration the application documents, after a backup.
    /// # Not this if
    /// The login is refused (db-password-wrong), or the failures are timeouts.
    pub static DB_SCHEMA = {
        id: "db-schema",
        title: "the database's schema does not fit the application",
        group: Group::Dependency,
        class: Class::Never,
        share_of: share_of,
        phrases: &[("doesn't exist", 40), ("unknown column", 90), ("undefined table", 90), ("no such table", 90), ("mysql_upgrade", 90), ("migrations are pending", 90), ("unapplied migration", 90), ("relation \"", 50)],
        effect_of: &[],
        settled_by: ("look for a missing table or column in the application's log", "journalctl -u APP -n 50 --no-pager | grep -iE \"table|column|relation\""),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["db-schema"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if text.contains("Unknown column") || text.contains("doesn't exist") => {
            85
        }
        _ => 0,
    }
}

/// As the servers and the frameworks write it, lower case. `42s02: … doesn't exist` names a table; a bare `doesn't exist`
/// may be a file.
const WORDS: &[&str] = &[
    "unknown column '",
    "sqlstate[42s02]",
    "sqlstate[42s22]",
    "sqlstate[42p01]",
    "sqlstate[42703]",
    "(1146, \"table",
    "(1054, \"unknown",
    "er_no_such_table",
    "er_bad_field_error",
    "mysqli_sql_exception: table '",
    "undefinedtable",
    "undefinedcolumn",
    "no such table: ",
    "no such column: ",
    "pendingmigrationerror",
    "migrations are pending",
];

/// PostgreSQL's: `relation "orders" does not exist`, `column "price" does not exist`, the latter with or without quotes.
const POSTGRES: &[&str] = &["relation \"", "column "];

fn complaint(case: &Case) -> Option<Evidence> {
    let of_postgres = || {
        let said = needs::complaint(case, &["\" does not exist", " does not exist"])?;
        let text = said.says.to_lowercase();
        POSTGRES.iter().any(|word| text.contains(word)).then_some(said)
    };
    needs::complaint(case, WORDS).or_else(of_postgres)
}

fn weigh(case: &Case) -> Opinion {
    let failed = service::failing_start(case).is_some() || !service::answered_badly(case).is_empty();
    let Some(said) = complaint(case).filter(|_| failed) else {
        return Opinion::none();
    };
    let subject = case.peers.first().map(service::subject).unwrap_or_default();
    let says = format!(
        "{subject} asks for what its database does not have: {}",
        said.says
    );
    let mut evidence = vec![said];
    for sight in needs::of(case, needs::DATABASES).filter(|sight| sight.told().is_some()) {
        let it = &sight.dependency;
        let says = format!("{} at {} is up and takes the login", it.service, it.at);
        evidence.push(Evidence::supports(Rank::Hint, says, needs::source(sight)));
        evidence.push(needs::written(sight));
    }
    Opinion {
        subject,
        evidence,
        says,
    }
}

fn advise(case: &Case) -> String {
    let name = case.units().first().map(|unit| quote(&unit.name));
    let status = name.map(|name| format!(" (what it was: systemctl cat {name})"));
    format!(
        "back the database up, then run the migration that this version of the application documents, as the \
         application's user{}: php artisan migrate, manage.py migrate, rails db:migrate, doctrine:migrations:migrate, … \
         or roll the deploy back. Nothing is migrated for you",
        status.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, answers};
    use logscan::{Phase, Trouble};

    const MARIADB: &str = "mysql unix:/run/mysqld/mysqld.sock";

    #[test]
    fn fires_where_the_program_ends_for_it_as_it_starts() {
        Fixture::gunicorn()
            .refused()
            .unit_is("failed", "exit-code")
            .ran(63, 62, "exited", 3)
            .says(62, "Traceback (most recent call last):")
            .says(62, "  File \"/srv/app/shop.py\", line 8, in <module>")
            .says(
                62,
                "psycopg2.errors.UndefinedTable: relation \"articles\" does not exist",
            )
            .says(62, "LINE 1: SELECT name FROM articles")
            .says(62, "[INFO] Reason: Worker failed to boot.")
            .needs("postgres 127.0.0.1:5432", "active", answers(&[]))
            .check("found db-schema <- backend-crash-on-start");
    }

    #[test]
    fn fires_where_php_misses_a_column_or_a_table() {
        for text in [
            "PHP message: PHP Fatal error:  Uncaught mysqli_sql_exception: Unknown column 'price' in 'field list' in /var/www/shop/index.php:4",
            "PHP message: PHP Fatal error:  Uncaught mysqli_sql_exception: Table 'shop.prices' doesn't exist in /var/www/shop/index.php:4",
            "PHP message: PHP Fatal error:  Uncaught PDOException: SQLSTATE[42S02]: Base table or view not found: 1146 in /var/www/shop/index.php:4",
        ] {
            Fixture::php_fpm()
                .php_says(text)
                .needs(MARIADB, "active", answers(&[]))
                .check("found db-schema");
        }
    }

    #[test]
    fn fires_where_python_misses_a_relation() {
        let failed = || Fixture::gunicorn().complains(Trouble::ClosedEarly, Phase::ReadingHeader);
        failed()
            .says(
                30,
                "psycopg2.errors.UndefinedTable: relation \"prices\" does not exist",
            )
            .check("found db-schema");
        failed()
            .says(30, "ERROR:  column products.price does not exist at character 14")
            .check("found db-schema");
    }

    #[test]
    fn stays_quiet_where_a_file_does_not_exist_or_requests_time_out() {
        Fixture::gunicorn()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(30, "upload /srv/app/x.png does not exist")
            .check("unexplained");
        Fixture::gunicorn()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .says(30, "sqlite3.OperationalError: no such table: cache")
            .check("unexplained");
    }

    #[test]
    fn stays_quiet_where_it_was_said_long_before() {
        Fixture::gunicorn()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(
                3000,
                "psycopg2.errors.UndefinedTable: relation \"prices\" does not exist",
            )
            .check("unexplained");
    }
}
