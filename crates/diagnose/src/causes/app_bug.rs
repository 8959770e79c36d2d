use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom, backend_log,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    evidence::quote,
    exception,
    service::{self, Down},
    words::clip,
    world::Said,
};
use host::{Timestamp, looks::JournalLine};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The application's own code fails: an exception nobody catches, a fatal error, a panic. In a server with worker
    /// processes only the request that met it fails. In a single process (Node.js, Go) the whole application ends, all
    /// requests under way are cut off, and until it is started again nginx gets 111.
    /// # How to tell
    /// Only some paths fail while others of the same backend answer, or the process ends in the very second, each time
    /// with a request that it had read. The application's log has the exception at that time, with file and line.
    /// # Fix
    /// For the application's developers: the file, the line and the request are in the evidence. If it began with a
    /// deploy, roll that back. A restart brings it up until the same request comes again.
    /// # Not this if
    /// The exception was given to the application by its database, cache, disk or memory (then that is the cause), it
    /// comes at every start (backend-crash-on-start), or no log shows an exception at all.
    pub static APP_BUG = {
        id: "app-bug",
        title: "the application fails on some requests",
        group: Group::Application,
        class: Class::Never,
        share_of: share_of,
        phrases: &[
            ("PHP Fatal error", 70),
            ("PHP Parse error", 90),
            ("Traceback (most recent call last)", 60),
            ("Uncaught Error", 75),
            ("Uncaught Exception", 75),
            ("UnhandledPromiseRejection", 80),
            ("panic: ", 75),
        ],
        effect_of: &["app-memory-limit", "app-suspicious-code", "broker-down", "cache-down", "cache-full", "db-connection-limit", "db-down", "db-password-wrong", "db-schema", "db-slow", "disk-error", "disk-full", "fd-limit", "inodes-full", "io-saturated", "oom-kill", "process-limit", "search-down"],
        settled_by: ("read the application's own log at the time of a failure", "journalctl -p err --since -1h --no-pager | tail -50"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["app-bug"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if backend_log::is_bug(text) => 70,
        Trouble::ClosedEarly => 13,
        Trouble::Receive(errno::ECONNRESET) => 5,
        Trouble::Connect(errno::ECONNREFUSED) => 1,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let said = case
        .peers
        .iter()
        .find_map(|peer| ended_by_it(case, peer).or_else(|| some_requests(case, peer)));
    said.unwrap_or_default()
}

/// The whole process ended in the second of an exception, and not because it could not start.
fn ended_by_it(case: &Case, peer: &PeerSight) -> Option<Opinion> {
    let unit = case
        .unit_of(peer)
        .filter(|unit| service::down(case, unit) != Some(Down::StartFails))?;
    let symptoms: Vec<&Symptom> = case.symptoms.iter().collect();
    let exits: Vec<&JournalLine> = service::systemd_lines(case, unit)
        .filter(|line| service::is_exit(line) && service::among(&symptoms, line.at))
        .filter(|line| line.text.contains("code=exited"))
        .collect();
    let lines = service::said(case, peer);
    let exit = exits.last().filter(|exit| !ends_no_more(case, peer, exit.at))?;
    let failure = exception::last(&lines, &|line| {
        line.at.is_some_and(|at| at.distance(exit.at) <= service::SLACK)
    })?;
    let ended = Evidence::supports(
        Rank::Decisive,
        format!(
            "{} ended at {} in the second of that exception: {}",
            unit.name,
            exit.at,
            clip(&exit.text)
        ),
        Source::journal(&unit.name),
    );
    let says = format!("{} ends when its own code fails: {}", unit.name, failure.says);
    Some(opinion(unit.name.clone(), says, vec![failure.evidence, ended]))
}

/// Somebody started it since that end, and requests fail otherwise.
fn ends_no_more(case: &Case, peer: &PeerSight, end: Timestamp) -> bool {
    let Some(start) = service::begun_anew(case, peer, end) else {
        return false;
    };
    let refused = |it: &Symptom| matches!(it.trouble(), Some(Trouble::Connect(_)));
    let cut = service::cut_off(case);
    let otherwise = |it: &Symptom| !refused(it) && it.last >= start.after(service::SLACK);
    cut.iter().all(|it| it.last < start.after(service::SLACK)) && case.symptoms.iter().any(otherwise)
}

/// A request that met an exception failed while others went well.
fn some_requests(case: &Case, peer: &PeerSight) -> Option<Opinion> {
    let unit = case.unit_of(peer);
    if unit.is_some_and(|unit| service::down(case, unit).is_some()) {
        return None;
    }
    let failed = service::answered_badly(case);
    let lines = service::said(case, peer);
    let failure = exception::last(&lines, &|line| {
        line.at.is_some_and(|at| service::among(&failed, at))
    })
    .or_else(|| exception::in_nginx_log(&failed))?;
    let paths = only_some_paths(case)?;
    let place = failure
        .place
        .as_deref()
        .map(|place| format!(" at {place}"))
        .unwrap_or_default();
    let says = format!("the application fails on some requests{place}: {}", failure.says);
    Some(opinion(
        service::subject(peer),
        says,
        vec![failure.evidence, paths],
    ))
}

fn opinion(subject: String, says: String, evidence: Vec<Evidence>) -> Opinion {
    Opinion {
        subject,
        evidence,
        says,
    }
}

/// Some paths fail that never succeed, while others succeed.
fn only_some_paths(case: &Case) -> Option<Evidence> {
    let (bad, good) = (&case.neighbours.failing_paths, &case.neighbours.good_paths);
    let failing = bad.iter().find(|path| !good.contains(path))?;
    let working = good.first()?;
    let route = case.route.as_ref()?;
    Some(Evidence::supports(
        Rank::Strong,
        format!(
            "{} fails while {} of the same backend answers",
            clip(failing),
            clip(working)
        ),
        Source::command(format!(
            "curl -s -o /dev/null -w '%{{http_code}}\\n' -H {} http://127.0.0.1{}",
            quote(&format!("Host: {}", route.site)),
            quote(failing)
        )),
    ))
}

fn advise(case: &Case) -> String {
    let lines: Vec<Said<'_>> = case
        .peers
        .iter()
        .flat_map(|peer| service::said(case, peer))
        .collect();
    let place = exception::last(&lines, &|_| true).and_then(|failure| failure.place);
    format!(
        "give the developers the exception{} and the request that meets it; roll back the last deploy if it began with \
         that. A restart only helps until the same request comes again",
        place.map(|place| format!(" at {place}")).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, NOW};
    use logscan::{Phase, Trouble};
    use std::time::Duration;

    fn closed(fixture: Fixture) -> Fixture {
        fixture.complains(Trouble::ClosedEarly, Phase::ReadingHeader)
    }

    fn node_throws(fixture: Fixture) -> Fixture {
        closed(fixture)
            .says(1, "/opt/n.js:1")
            .says(1, "Error: boom")
            .says(1, "    at Timeout._onTimeout (/opt/n.js:1:81)")
            .life(&[(1, "Main process exited, code=exited, status=1/FAILURE")])
    }

    #[test]
    fn stays_quiet_where_it_was_started_since_and_requests_fail_otherwise() {
        let ended = |started: u64| {
            Fixture::node()
                .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
                .seen(60, 60)
                .says(60, "Error: boom")
                .life(&[(60, "Main process exited, code=exited, status=1/FAILURE")])
                .complains(Trouble::TimedOut, Phase::ReadingHeader)
                .seen(20, 1)
                .unit(|unit| unit.active_since = Some(NOW.before(Duration::from_secs(started))))
        };
        ended(59).check("unexplained");
        ended(90).check("found app-bug");
        ended(59)
            .unit(|unit| unit.restarts = 1)
            .life(&[
                (59, "Scheduled restart job, restart counter is at 1."),
                (59, "Started"),
            ])
            .check("found app-bug");
    }

    #[test]
    fn fires_where_the_process_ends_on_it() {
        node_throws(Fixture::node().life(&[(3600, "Started")])).check("found app-bug");
    }

    #[test]
    fn a_process_that_ends_on_every_request_does_not_fail_at_start() {
        let lives = [
            (9, "Started"),
            (6, "Main process exited, code=exited"),
            (5, "Started"),
        ];
        node_throws(Fixture::node().life(&lives))
            .unit(|unit| unit.restarts = 2)
            .check("found app-bug");
    }

    #[test]
    fn the_death_of_the_process_is_its_effect() {
        node_throws(Fixture::node().life(&[(3600, "Started")]).refused())
            .unit_is("failed", "exit-code")
            .check("found app-bug <- backend-died");
    }

    #[test]
    fn fires_where_some_paths_meet_it() {
        closed(Fixture::gunicorn())
            .others_succeed()
            .says(1, "Traceback (most recent call last):")
            .says(1, "  File \"/srv/app/views.py\", line 12, in report")
            .says(1, "KeyError: 'total'")
            .check("found app-bug");
        let fatal = "PHP message: PHP Fatal error:  Uncaught Error: Call to undefined function x() in /var/www/f.php:1";
        Fixture::php_fpm()
            .complains(Trouble::BackendStderr(fatal.into()), Phase::ReadingHeader)
            .others_succeed()
            .check("found app-bug");
    }

    #[test]
    fn stays_quiet_without_a_log() {
        closed(Fixture::node()).others_succeed().check("unexplained");
    }

    #[test]
    fn stays_quiet_where_the_database_gave_it() {
        closed(Fixture::gunicorn())
            .others_succeed()
            .says(
                1,
                "django.db.utils.OperationalError: could not connect to server: Connection refused",
            )
            .check("unexplained");
    }

    #[test]
    fn stays_quiet_where_every_start_meets_it() {
        Fixture::gunicorn()
            .refused()
            .unit_is("failed", "exit-code")
            .ran(63, 62, "exited", 3)
            .says(62, "ModuleNotFoundError: No module named 'flask'")
            .life(&[(62, "Main process exited, code=exited, status=3/NOTIMPLEMENTED")])
            .check("found backend-crash-on-start");
    }
}
