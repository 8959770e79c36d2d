use crate::{
    Case, Class, Evidence, Opinion, Rank,
    cause::{Group, Told, cause},
    dependencies::DependencySight,
    needs, queue, service,
    words::{clip, count},
};
use host::consult::Row;
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Workers wait on the database: one statement, a missing index, or the holder of a lock. The pool fills, then
    /// nginx times out (504) or the accept queue overflows.
    /// # How to tell
    /// Most workers wait on the database's socket; one statement or lock holder dominates its process list; the slow
    /// log fills.
    /// # Fix
    /// See the statement and the lock holder. More workers only move the queue. Only a person ends a statement: what it
    /// has done is lost.
    /// # Not this if
    /// Workers wait on something else (external-api-slow), or burn CPU (cpu-saturated).
    pub static DB_SLOW = {
        id: "db-slow",
        title: "the database answers too slowly",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("lock wait timeout exceeded", 85), ("waiting for table metadata lock", 90), ("slow query", 60), ("deadlock found", 60)],
        effect_of: &["cpu-saturated", "disk-error", "disk-full", "io-saturated", "memory-pressure", "scheduled-job-load"],
        settled_by: ("see what the database is doing", "mariadb -e \"show full processlist\""),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["db-slow"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Status(504) => 10,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 10,
        Trouble::Connect(11) => 5,
        _ => 0,
    }
}

/// A statement that lasts so many seconds keeps its worker from others.
const LONG: u64 = 2;

fn weigh(case: &Case) -> Opinion {
    if queue::waited(case).is_empty() && service::cut_off(case).is_empty() {
        return Opinion::none();
    }
    needs::of(case, needs::DATABASES)
        .find_map(|sight| waits(case, sight))
        .unwrap_or_default()
}

fn waits(case: &Case, sight: &DependencySight) -> Option<Opinion> {
    let it = &sight.dependency;
    let processes = sight.told()?.table("processes")?;
    let busy: Vec<Row<'_>> = processes.rows().filter(is_busy).collect();
    let blocked: Vec<Row<'_>> = busy.iter().copied().filter(needs::is_blocked).collect();
    let slowest = busy
        .iter()
        .copied()
        .max_by_key(seconds)
        .filter(|row| seconds(row) >= LONG);
    let Some(first) = blocked.iter().copied().max_by_key(seconds).or(slowest) else {
        return quick(case, sight);
    };
    let source = || needs::source(sight);
    let mut evidence = vec![Evidence::supports(Rank::Strong, statement(&first), source())];
    if !blocked.is_empty() {
        let says = format!("{} for a lock in {}", waiting(blocked.len()), it.service);
        evidence.push(Evidence::supports(Rank::Strong, says, source()));
        evidence.push(
            match processes.rows().find(|row| needs::is_holder(row, &blocked)) {
                Some(row) => {
                    Evidence::supports(Rank::Strong, format!("it is held by {}", session(&row)), source())
                }
                None => {
                    let others = |row: Row<'_>| !["", it.user.as_str()].contains(&row.get("user"));
                    let says = if processes.rows().any(others) {
                        format!("{} does not tell which session holds it", it.service)
                    } else {
                        format!("who holds it can't be seen with the rights of {}", it.user)
                    };
                    Evidence::gap(says, source())
                }
            },
        );
    }
    evidence.push(needs::written(sight));
    Some(Opinion {
        says: format!(
            "the application waits on {} at {}: {}",
            it.service,
            it.at,
            statement(&first)
        ),
        subject: needs::subject(sight),
        evidence,
    })
}

/// It answers at once and has nothing slow to do, while the page fails.
fn quick(case: &Case, sight: &DependencySight) -> Option<Opinion> {
    (case.works_now() == Some(false)).then(|| Opinion {
        says: String::new(),
        subject: needs::subject(sight),
        evidence: vec![Evidence::refutes(
            Rank::Decisive,
            format!(
                "no statement in {} waits or lasts {LONG} s",
                sight.dependency.service
            ),
            needs::source(sight),
        )],
    })
}

fn waiting(number: usize) -> String {
    let wait = if number == 1 { "waits" } else { "wait" };
    format!("{} of the application {wait}", count(number, "statement"))
}

/// It works on a statement, and that is not ours.
fn is_busy(row: &Row<'_>) -> bool {
    let works = matches!(row.get("command"), "Query" | "Execute") || row.get("state") == "active";
    works && !row.get("info").starts_with("SHOW FULL PROCESSLIST")
}

fn seconds(row: &Row<'_>) -> u64 {
    row.get("time").parse().unwrap_or_default()
}

fn statement(row: &Row<'_>) -> String {
    let lock = if needs::is_blocked(row) {
        "waits for a lock"
    } else {
        "runs"
    };
    format!(
        "a statement {lock} since {} s: {}",
        seconds(row),
        clip(row.get("info"))
    )
}

fn session(row: &Row<'_>) -> String {
    format!(
        "session {} of {} ({}, {} s): {}",
        row.get("id"),
        row.get("user"),
        row.get("state"),
        seconds(row),
        clip(row.get("info"))
    )
}

fn advise(case: &Case) -> String {
    let source = needs::of(case, needs::DATABASES).next().map(needs::source);
    format!(
        "see the statement and who holds what it waits for, as the database's administrator: {}. Talk to whoever runs the \
         holder before it is ended; nothing is killed for you. More workers or a longer timeout only move the queue",
        source.map(|source| source.command).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, answers, processes};
    use logscan::{Phase, Trouble};

    const MARIADB: &str = "mysql unix:/run/mysqld/mysqld.sock";
    const POSTGRES: &str = "postgres 127.0.0.1:5432";

    fn timed_out(fixture: Fixture) -> Fixture {
        fixture.complains(Trouble::TimedOut, Phase::ReadingHeader)
    }

    #[test]
    fn fires_where_statements_wait_for_a_lock() {
        let waiting = processes(
            &["id", "user", "command", "time", "state", "info"],
            &[&[
                "22",
                "shop",
                "Query",
                "5",
                "Waiting for table metadata lock",
                "select * from t",
            ]],
        );
        timed_out(Fixture::php_fpm())
            .others_succeed()
            .second_look((3, 5), 0)
            .needs(MARIADB, "active", waiting.clone())
            .check("found db-slow <- slow-backend");
        timed_out(Fixture::php_fpm())
            .queue(8, 511)
            .second_look((0, 2), 0)
            .needs(MARIADB, "active", waiting)
            .check("found db-slow <- pool-exhausted");
        let held = processes(
            &["id", "user", "state", "time", "blocked_by", "info"],
            &[
                &["7", "postgres", "idle in transaction", "90", "", "LOCK TABLE t"],
                &["8", "shop", "active", "3", "7", "SELECT 1 FROM t"],
            ],
        );
        timed_out(Fixture::gunicorn())
            .needs(POSTGRES, "active", held)
            .check("found db-slow");
    }

    /// MariaDB's list of processes names no holder of a table's lock, however much of it may be seen.
    #[test]
    fn says_why_the_holder_is_not_seen() {
        let says = |holder: &'static str| {
            let row = |user, info| ["7", user, "Query", "5", "Waiting for table metadata lock", info];
            let (waits, holds) = (row("", "SELECT 1"), row(holder, "SELECT SLEEP(60)"));
            let columns = &["id", "user", "command", "time", "state", "info"];
            let case = timed_out(Fixture::php_fpm())
                .needs(MARIADB, "active", processes(columns, &[&waits, &holds]))
                .case();
            let gap = super::weigh(&case).evidence.into_iter().find(|it| it.is_gap);
            gap.expect("a gap").says
        };
        assert!(says("").starts_with("who holds it can't be seen with the rights of"));
        assert_eq!(says("root"), "MySQL does not tell which session holds it");
    }

    #[test]
    fn stays_quiet_where_it_has_nothing_to_do() {
        let sleeping = processes(&["id", "command", "time"], &[&["9", "Sleep", "900"]]);
        for heard in [sleeping, answers(&[])] {
            timed_out(Fixture::gunicorn())
                .second_look((2, 2), 0)
                .needs(MARIADB, "active", heard)
                .check("found slow-backend");
        }
    }
}
