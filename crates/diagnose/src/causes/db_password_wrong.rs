use crate::{
    Case, Class, Evidence, Opinion, Rank,
    cause::{Group, Told, cause},
    dependencies::DependencySight,
    needs,
    words::clip,
};
use host::consult::{Refusal, Service};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The credentials in the application's configuration are refused: after an update, a migration, a restored backup,
    /// or a volume that was set up with an older password.
    /// # How to tell
    /// `Access denied for user` (1045) or `password authentication failed` (28P01) while the server is up.
    /// # Fix
    /// Restore the credential that was right on the side that changed; compare both sides first. The database's
    /// accounts are never changed for you. Only a person can say which side is right.
    /// # Not this if
    /// The server does not answer at all (db-down).
    pub static DB_PASSWORD_WRONG = {
        id: "db-password-wrong",
        title: "the database refuses the application's login",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("access denied for user", 95), ("er_access_denied", 95), ("er_host_not_privileged", 95), ("is not allowed to connect to this", 95), ("password authentication failed", 95), ("28p01", 95), ("authentication failed", 70), ("wrongpass", 80), ("noauth", 70)],
        effect_of: &[],
        settled_by: ("try the application's own credentials", "journalctl -u mariadb -u postgresql -n 20 --no-pager | grep -iE \"denied|authentication failed\""),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["db-password-wrong"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text)
            if text.contains("Access denied") || text.contains("authentication failed") =>
        {
            95
        }
        Trouble::Connect(111) => 2,
        _ => 0,
    }
}

/// Servers that ask who comes.
const KINDS: &[Service] = &[Service::Mysql, Service::Postgres, Service::Redis];

/// What applications say of it (lower case).
const WORDS: &[&str] = &[
    "access denied for user",
    "is not allowed to connect to this",
    "password authentication failed",
    "no pg_hba.conf entry",
    "wrongpass",
    "noauth",
    "invalid username-password pair",
];

/// Error numbers of MySQL, SQLSTATEs of PostgreSQL, first words of Redis that refuse who logs in.
const CODES: &[&str] = &[
    "1044",
    "1045",
    "1130",
    "1698",
    "28P01",
    "28000",
    "WRONGPASS",
    "NOAUTH",
];

fn weigh(case: &Case) -> Opinion {
    let refused = |sight: &DependencySight| {
        let refusal = sight.refusal()?;
        CODES.contains(&refusal.code.as_str()).then(|| refusal.clone())
    };
    let complaint = needs::complaint(case, WORDS);
    let now = needs::of(case, KINDS).find_map(|sight| Some((sight, refused(sight)?)));
    match (now, complaint) {
        (Some((sight, refusal)), complaint) => is_refused(sight, &refusal, complaint),
        (None, Some(complaint)) => is_admitted(case, complaint),
        (None, None) => Opinion::none(),
    }
}

fn is_refused(sight: &DependencySight, refusal: &Refusal, complaint: Option<Evidence>) -> Opinion {
    let it = &sight.dependency;
    let says = format!(
        "{} at {} refuses {}: {} ({})",
        it.service,
        it.at,
        needs::login(sight),
        clip(&refusal.text),
        refusal.code
    );
    let mut evidence = vec![Evidence::supports(
        Rank::Strong,
        says.clone(),
        needs::source(sight),
    )];
    evidence.extend(complaint);
    evidence.push(needs::written(sight));
    Opinion {
        subject: needs::subject(sight),
        evidence,
        says,
    }
}

/// It was refused, and is not any more.
fn is_admitted(case: &Case, complaint: Evidence) -> Opinion {
    let Some(sight) = needs::of(case, KINDS).find(|sight| sight.told().is_some()) else {
        return Opinion::none();
    };
    let mut evidence = vec![complaint];
    if case.works_now() != Some(true) {
        let says = format!("{} accepts {}", sight.dependency.service, needs::login(sight));
        evidence.push(Evidence::refutes(Rank::Decisive, says, needs::source(sight)));
    }
    Opinion {
        says: format!("{} refused the application's login", sight.dependency.service),
        subject: needs::subject(sight),
        evidence,
    }
}

fn advise(case: &Case) -> String {
    let sight = needs::of(case, KINDS).find(|sight| sight.refusal().is_some());
    let Some(sight) = sight else {
        return "the login is accepted now; see who changed it".to_owned();
    };
    let it = &sight.dependency;
    format!(
        "see which side changed: the application's settings ({}, ls -l --time-style=full-iso {}; is there a backup of it?) \
         or the account {} in {} (its log, who administers it). Put that side back; then try: {}. Restart the application \
         only if it ended at its start",
        it.written,
        crate::evidence::quote(&it.written.file.to_string_lossy()),
        it.user,
        it.service,
        needs::source(sight).command
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, answers, denies, silent};

    const MARIADB: &str = "mysql unix:/run/mysqld/mysqld.sock";

    fn fatal() -> Fixture {
        let text = "PHP message: PHP Fatal error:  Uncaught mysqli_sql_exception: Access denied for user 'shop'@'localhost' (using password: YES) in /w/db.php:1";
        Fixture::php_fpm().php_says(text)
    }

    #[test]
    fn fires_where_the_login_is_refused() {
        fatal()
            .needs(
                MARIADB,
                "active",
                denies("1045", "Access denied for user 'shop'@'localhost'"),
            )
            .check("found db-password-wrong");
        Fixture::gunicorn()
            .refused()
            .unit_is("failed", "exit-code")
            .ran(63, 62, "exited", 3)
            .says(
                62,
                "psycopg2.OperationalError: FATAL:  password authentication failed for user \"shop\"",
            )
            .needs(
                "postgres 127.0.0.1:5432",
                "active",
                denies("28P01", "password authentication failed"),
            )
            .check("found db-password-wrong <- backend-crash-on-start");
    }

    #[test]
    fn stays_quiet_where_the_login_is_accepted_or_nobody_answers() {
        fatal()
            .needs(MARIADB, "active", answers(&[]))
            .check_not("db-password-wrong");
        fatal()
            .needs(MARIADB, "active", silent())
            .check_not("db-password-wrong");
    }
}
