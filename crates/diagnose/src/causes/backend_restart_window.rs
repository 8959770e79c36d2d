use crate::{
    Case, Class, Evidence, Opinion, Rank, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    evidence::quote,
    restart, service,
    topology::BackendKind,
    words::{clip, span},
};
use host::looks::Unit;
use logscan::{Complaint, Trouble};
use std::time::Duration;

cause! {
    /// # What happens
    /// Somebody or something restarts or reloads the backend (a deploy, log rotation, an upgrade, a timer). Requests
    /// under way are cut off (104, premature close), and until it listens again new ones are refused (111, 2). Then all
    /// is well.
    /// # How to tell
    /// The first and the last failure lie between `Stopping`, or `Reloading`, and `Started` in the journal of its
    /// unit, give or take the seconds an application needs to load; it answers now. Requests that go well between the
    /// failures tell that it had loaded. A boot is such a window too.
    /// # Fix
    /// Nothing now. So that the next one is not seen: reload instead of restart; php-fpm's
    /// `process_control_timeout` above 0 lets requests under way end; a second peer and `proxy_next_upstream`.
    /// # Not this if
    /// Failures go on after the start, one of the addresses is still refused (ipv6-localhost), nginx was denied (errno 13)
    /// or timed out, which no restart does, or the unit ended by itself before it was started again (worker-crash,
    /// app-bug, oom-kill): then the restart is the cure and not the cause.
    pub static BACKEND_RESTART_WINDOW = {
        id: "backend-restart-window",
        title: "the backend was being restarted",
        group: Group::Process,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("Handling signal: hup", 50), ("reloading: execvp", 60), ("Doing graceful restart", 50)],
        effect_of: &[],
        settled_by: ("compare the times of the failures with starts and stops of units", "journalctl -g 'Stopping|Started|Reload' --since -2h --no-pager | tail -40"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["backend-restart-window"],
        },
    }
}

/// Longer than this, a start that does not listen is no window any more.
const STILL: Duration = Duration::from_secs(120);

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Receive(errno::ECONNRESET) | Trouble::ClosedEarly => 8,
        Trouble::Connect(errno::ECONNREFUSED | errno::ENOENT) => 6,
        _ if complaint.is_bare() => 5,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    case.peers
        .iter()
        .filter_map(|peer| Some((peer, case.unit_of(peer)?)))
        .find_map(|(peer, unit)| over(case, peer, unit).or_else(|| still_starting(case, peer, unit)))
        .unwrap_or_default()
}

/// All failures lie in windows, and it answers now.
fn over(case: &Case, peer: &PeerSight, unit: &Unit) -> Option<Opinion> {
    let answers = case.works_now().or(peer.reachable())? && case.failing_peers().next().is_none();
    let cover = restart::cover(case, &restart::windows(case, peer, unit))?;
    let window = cover.over;
    let (was, restarts, rank) = match cover.one {
        true => ("being restarted", "a restart or reload", Rank::Decisive),
        false => ("restarted more than once", "restarts or reloads", Rank::Strong),
    };
    (answers && unit.is_up()).then(|| Opinion {
        subject: unit.name.clone(),
        says: format!("{} was {was} from {} to {}", unit.name, window.from, window.to),
        evidence: vec![
            Evidence::supports(
                rank,
                format!(
                    "all failures, {} to {}, lie in {restarts} of {} ({} to {})",
                    case.first(),
                    case.last(),
                    unit.name,
                    window.from,
                    window.to
                ),
                Source::command(format!(
                    "journalctl -u {} -g 'Stopping|Started|Reload' --no-pager | tail",
                    quote(&unit.name)
                )),
            ),
            Evidence::supports(
                Rank::Hint,
                "it answers now",
                Source::connect(&peer.endpoint, case.worker_user()),
            ),
        ],
    })
}

/// It was started a moment ago and does not listen anywhere yet.
fn still_starting(case: &Case, peer: &PeerSight, unit: &Unit) -> Option<Opinion> {
    let since = unit
        .last_started
        .filter(|at| case.world.now.since(*at) <= STILL)?;
    let loading = unit.is_up() && unit.restarts == 0 && peer.reachable() == Some(false);
    (loading && service::is_silent(case, unit)?).then(|| Opinion {
        subject: unit.name.clone(),
        says: format!("{} is still starting", unit.name),
        evidence: vec![Evidence::supports(
            Rank::Strong,
            format!(
                "{} was started {} ago, runs, and does not listen yet{}",
                unit.name,
                span(case.world.now.since(since)),
                last_word(case, unit)
            ),
            Source::unit(&unit.name),
        )],
    })
}

fn last_word(case: &Case, unit: &Unit) -> String {
    let words = service::last_words(case, unit);
    words
        .last()
        .map(|line| format!("; its last words: {}", clip(line.text)))
        .unwrap_or_default()
}

fn advise(case: &Case) -> String {
    let fpm = case
        .peers
        .iter()
        .any(|peer| peer.backend.as_ref().and_then(|it| it.kind) == Some(BackendKind::PhpFpm));
    let gently = if fpm {
        "set process_control_timeout = 10s in php-fpm.conf (its default 0 cuts requests off) and reload instead of restart"
    } else {
        "reload instead of restart where the backend can, or give the upstream a second server and proxy_next_upstream"
    };
    format!("nothing now. So that the next restart is not seen: {gently}")
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, NOW};
    use logscan::{Phase, Trouble};
    use std::time::Duration;

    fn restart(fixture: Fixture) -> Fixture {
        fixture
            .life(&[
                (62, "Stopping"),
                (61, "Stopped"),
                (60, "Starting"),
                (58, "Started"),
            ])
            .works_now()
    }

    #[test]
    fn fires_where_all_failures_lie_in_a_restart() {
        restart(
            Fixture::php_fpm()
                .complains(Trouble::Receive(104), Phase::ReadingHeader)
                .seen(62, 61),
        )
        .check("recovered backend-restart-window");
        restart(
            Fixture::gunicorn()
                .complains(Trouble::Connect(111), Phase::Connecting)
                .seen(61, 50),
        )
        .check("recovered backend-restart-window");
    }

    /// An application may load for a while after any start, so an earlier window may hold the first failures, too.
    #[test]
    fn names_the_window_that_holds_all() {
        let verdict = Fixture::node()
            .complains(Trouble::Connect(111), Phase::Connecting)
            .seen(61, 50)
            .life(&[
                (72, "Stopping"),
                (70, "Started"),
                (62, "Stopping"),
                (48, "Started"),
            ])
            .works_now()
            .verdict();
        let window = format!(
            "from {} to {}",
            NOW.before(Duration::from_secs(62)),
            NOW.before(Duration::from_secs(48))
        );
        assert!(
            verdict.findings[0].says.ends_with(&window),
            "{}",
            verdict.findings[0].says
        );
    }

    #[test]
    fn fires_on_a_reload() {
        Fixture::php_fpm()
            .complains(Trouble::Receive(104), Phase::ReadingHeader)
            .seen(60, 60)
            .life(&[(60, "Reloading"), (60, "Reloaded")])
            .works_now()
            .check("recovered backend-restart-window");
    }

    #[test]
    fn fires_while_the_application_still_loads() {
        Fixture::node()
            .refused()
            .unit(|unit| {
                unit.last_started = Some(NOW.before(Duration::from_secs(20)));
                unit.active_since = unit.last_started;
            })
            .says(5, "running migration 7 of 9")
            .check("found backend-restart-window");
    }

    #[test]
    fn stays_quiet_where_it_failed_long_before() {
        restart(
            Fixture::php_fpm()
                .complains(Trouble::Receive(104), Phase::ReadingHeader)
                .seen(900, 61),
        )
        .check("recovered");
    }

    #[test]
    fn stays_quiet_where_a_crash_made_systemd_start_it_again() {
        Fixture::node()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .seen(60, 60)
            .says(60, "Error: boom")
            .life(&[
                (60, "Main process exited, code=exited, status=1/FAILURE"),
                (58, "Stopped"),
                (58, "Started"),
            ])
            .works_now()
            .check("recovered app-bug");
    }
}
