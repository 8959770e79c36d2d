use crate::{
    Case, Class, Evidence, Opinion, Rank, Source,
    case::errno,
    cause::{Group, Told, cause},
    evidence::quote,
    service::{self, starting},
    words::{count, span},
};
use host::looks::Unit;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend's service ends seconds after each start and systemd starts it again, for ever: `Restart=always` with a
    /// pause long enough (`RestartSec=3`) that the start limit, five starts in ten seconds, is never met. While it is
    /// down nginx gets errno 111 or, on a unix socket, 2; where the program serves for some seconds before it ends, 502s
    /// and good answers come in turn.
    /// # How to tell
    /// The unit is `activating (auto-restart)` or its main process is always seconds old, and NRestarts grows. `ps`
    /// shows a process, which fools people. The ends come without a request that would have met them.
    /// # Fix
    /// Stop the loop, read the first error after the last good start, mend that. A restart never helps.
    /// # Not this if
    /// The unit stays `failed` (backend-crash-on-start), each end comes with a request that was read and cut off
    /// (app-bug), or it is restarted on purpose by a deploy (backend-restart-window).
    pub static BACKEND_CRASH_LOOP = {
        id: "backend-crash-loop",
        title: "the backend crashes and is restarted again and again",
        group: Group::Process,
        class: Class::Never,
        share_of: share_of,
        phrases: &[("start request repeated too quickly", 60), ("scheduled restart job, restart counter", 80), ("crashloopbackoff", 90)],
        effect_of: &["app-memory-limit", "backend-orphan-workers", "backend-port-taken", "broker-down", "cache-down", "cache-full", "db-connection-limit", "db-down", "db-password-wrong", "db-schema", "disk-full", "inodes-full", "oom-kill", "runtime-dir-missing", "search-down"],
        settled_by: ("see whether the unit restarts again and again", "systemctl show -p NRestarts,ActiveState,ExecMainStartTimestamp UNIT"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["backend-crash-loop"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED | errno::ENOENT) => 3,
        _ => 0,
    }
}

/// A unit whose start fails each time, and that systemd goes on starting.
fn looping(case: &Case) -> Option<&Unit> {
    let (_, unit) = service::failing_start(case)?;
    unit.is_up().then_some(unit)
}

fn weigh(case: &Case) -> Opinion {
    let Some(unit) = looping(case) else {
        return Opinion::none();
    };
    let mut evidence = vec![lives(case, unit)];
    evidence.extend(starting::restarts(unit));
    evidence.extend(starting::reasons(case, unit));
    let because = starting::because(case, unit);
    Opinion {
        subject: unit.name.clone(),
        says: format!(
            "{} ends seconds after each start, and systemd starts it again{because}",
            unit.name
        ),
        evidence,
    }
}

/// What its runs are like; between two of them there is none, and then its state says so.
fn lives(case: &Case, unit: &Unit) -> Evidence {
    let age = unit
        .active_since
        .filter(|_| unit.active_state == "active")
        .map(|since| case.world.now.since(since));
    let Some(age) = age else {
        return starting::state(unit);
    };
    let ends = service::systemd_lines(case, unit)
        .filter(|line| service::is_exit(line))
        .count();
    let says = format!(
        "{} runs since {}, and ended {} before that",
        unit.name,
        span(age),
        count(ends, "time")
    );
    Evidence::supports(Rank::Decisive, says, Source::journal(&unit.name))
}

fn advise(case: &Case) -> String {
    let Some(unit) = looping(case) else {
        return String::new();
    };
    let name = quote(&unit.name);
    format!(
        "stop the loop, so that its first error stays readable: systemctl stop {name}; read what it said before each \
         end: journalctl -u {name} -n 60 --no-pager; mend what it names or roll back the last deploy, and only then: \
         systemctl start {name}. Restarting it without that changes nothing"
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, NOW, conversation};
    use host::answer::Connect;
    use logscan::{Phase, Trouble};
    use std::time::Duration;

    const EXIT: &str = "Main process exited, code=exited, status=1/FAILURE";

    /// It lives for two seconds each time, and runs right now.
    fn looping(fixture: Fixture) -> Fixture {
        fixture
            .life(&[
                (14, "Started"),
                (12, EXIT),
                (11, "Started"),
                (9, EXIT),
                (8, "Started"),
                (6, EXIT),
                (2, "Scheduled restart job, restart counter is at 9."),
                (1, "Started"),
            ])
            .says(6, "Error: license server unreachable")
            .unit(|unit| {
                unit.restarts = 9;
                unit.restart = "always".into();
                unit.active_since = Some(NOW.before(Duration::from_secs(1)));
            })
    }

    #[test]
    fn fires_between_two_tries() {
        Fixture::gunicorn()
            .connect_fails(2)
            .nobody_listens()
            .unit(|unit| {
                unit.active_state = "activating".into();
                unit.sub_state = "auto-restart".into();
                unit.result = "exit-code".into();
                unit.restarts = 3;
            })
            .says(2, "ModuleNotFoundError: No module named 'nosuchmod'")
            .check("found backend-crash-loop");
    }

    #[test]
    fn fires_even_while_a_try_listens() {
        Fixture::gunicorn()
            .connect_fails(111)
            .peer(|peer| peer.connect = Ok(conversation(Connect::Accepted)))
            .unit(|unit| {
                unit.active_state = "activating".into();
                unit.sub_state = "auto-restart".into();
                unit.result = "exit-code".into();
                unit.restarts = 7;
            })
            .check("found backend-crash-loop");
    }

    #[test]
    fn fires_where_it_serves_for_some_seconds_each_time() {
        looping(Fixture::node())
            .complains(Trouble::Connect(111), Phase::Connecting)
            .others_succeed()
            .works_now()
            .check("found backend-crash-loop");
    }

    #[test]
    fn is_not_over_because_a_try_serves_nor_goes_on_once_somebody_started_it() {
        let first = || {
            looping(Fixture::node())
                .complains(Trouble::Connect(111), Phase::Connecting)
                .with(|it| it.neighbours.succeeded = 40)
                .works_now()
        };
        first().check("found backend-crash-loop");
        first()
            .life(&[(0, EXIT), (0, "Started")])
            .check_not("backend-crash-loop");
    }

    #[test]
    fn stays_quiet_where_requests_end_it() {
        looping(Fixture::node())
            .complains(Trouble::Connect(111), Phase::Connecting)
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .seen(20, 1)
            .others_succeed()
            .check("found app-bug");
    }

    #[test]
    fn stays_quiet_where_systemd_gave_up() {
        looping(Fixture::gunicorn().refused())
            .unit_is("failed", "exit-code")
            .check("found backend-crash-on-start");
    }

    #[test]
    fn stays_quiet_where_it_was_started_once_by_hand() {
        Fixture::gunicorn()
            .complains(Trouble::Connect(111), Phase::Connecting)
            .life(&[(8, "Stopping"), (7, "Stopped"), (5, "Started")])
            .unit(|unit| unit.active_since = Some(NOW.before(Duration::from_secs(5))))
            .check_not("backend-crash-loop");
    }
}
