//! Restarts and reloads that somebody asked for, and which failures they can explain.

use crate::{
    Case, Symptom, backend_log,
    case::{PeerSight, errno},
    service,
};
use host::{Timestamp, looks::Unit};
use logscan::{Complaint, Phase, Trouble};
use std::time::Duration;

/// Time an application may need to listen after systemd calls it started, as long as it answers in the end.
pub const LOADING: Duration = Duration::from_secs(30);
/// A boot starts its units within this time.
const BOOTING: Duration = Duration::from_secs(120);

/// From the order to stop or reload until it ran again.
#[derive(Clone, Copy)]
pub struct Window {
    /// The order.
    pub from: Timestamp,
    /// It ran again; the same as `from` where only the order is known.
    pub to: Timestamp,
    /// It ended by itself later: what failed from that second on was not waiting for it to load.
    pub ended: Option<Timestamp>,
}

impl Window {
    fn new(from: Timestamp, to: Timestamp) -> Self {
        Self {
            from,
            to,
            ended: None,
        }
    }

    /// What happened then happened in it, or so late after it at most.
    fn holds(&self, at: Timestamp, late: Duration) -> bool {
        let lived = self.ended.is_none_or(|ended| at.secs() < ended.secs());
        at >= self.from.before(service::SLACK) && at <= self.to.after(late) && lived
    }
}

/// How late after a start a failure may come: a refused connection until the application has loaded and requests go
/// well, a cut request no later than clocks differ.
fn late(case: &Case, symptom: &Symptom) -> Duration {
    let complaint = symptom.complaint.as_ref();
    let connecting = complaint.and_then(|complaint| complaint.phase) == Some(Phase::Connecting);
    if connecting && !case.neighbours.interleaved {
        LOADING
    } else {
        service::SLACK
    }
}

/// While it restarts nobody listens, and requests under way are cut off; where only the status is known it may be so.
fn can_make(symptom: &Symptom) -> bool {
    symptom.trouble().is_none_or(|trouble| match trouble {
        Trouble::Connect(errno) => matches!(*errno, errno::ECONNREFUSED | errno::ENOENT),
        Trouble::ClosedEarly | Trouble::Receive(_) | Trouble::Send(_) => true,
        _ => false,
    })
}

/// Windows that hold all failures of a case.
pub struct Cover {
    /// The one that holds them all, the last of such; otherwise from the first to the last of several.
    pub over: Window,
    /// A single one holds them all.
    pub one: bool,
}

/// How these windows hold all failures; `None` where one lies outside or is of a kind that no restart makes. Echoes do
/// not count.
pub fn cover(case: &Case, windows: &[Window]) -> Option<Cover> {
    let echo = |it: &&Symptom| it.complaint.as_ref().is_some_and(Complaint::is_echo);
    let symptoms: Vec<&Symptom> = case.symptoms.iter().filter(|it| !echo(it)).collect();
    let late = |at: &Symptom| late(case, at);
    let held = |at: Timestamp, it: &Symptom| windows.iter().any(|window| window.holds(at, late(it)));
    let all = symptoms
        .iter()
        .all(|it| can_make(it) && held(it.first, it) && held(it.last, it));
    let holds = |window: &Window, it: &Symptom| [it.first, it.last].map(|at| window.holds(at, late(it)));
    let one = windows
        .iter()
        .rfind(|window| symptoms.iter().all(|it| holds(window, it) == [true, true]));
    let some: Vec<&Window> = windows
        .iter()
        .filter(|window| symptoms.iter().any(|it| holds(window, it) != [false, false]))
        .collect();
    let over = match one {
        Some(window) => *window,
        None => Window::new(
            some.iter().map(|window| window.from).min()?,
            some.iter().map(|window| window.to).max()?,
        ),
    };
    all.then_some(Cover {
        over,
        one: one.is_some(),
    })
}

/// The boot, where it started this unit.
fn boot_of(case: &Case, unit: &Unit) -> Option<Timestamp> {
    let first = service::systemd_lines(case, unit).find(|line| service::is_start(line))?;
    case.world
        .booted()
        .filter(|boot| first.at.since(*boot) <= BOOTING)
}

/// The boot, and every stop and reload that was asked for, with its end; of systemd, and of the daemon's own words.
pub fn windows(case: &Case, peer: &PeerSight, unit: &Unit) -> Vec<Window> {
    let mut windows: Vec<Window> = Vec::new();
    let mut from = boot_of(case, unit);
    for line in service::systemd_lines(case, unit) {
        if line.text.starts_with("Stopping ") || line.text.starts_with("Reloading ") {
            from = from.or(Some(line.at));
        } else if line.text.starts_with("Started ") || line.text.starts_with("Reloaded ") {
            windows.extend(from.take().map(|from| Window::new(from, line.at)));
        } else if service::is_exit(line)
            && from.is_none()
            && let Some(last) = windows.last_mut()
        {
            last.ended = last.ended.or(Some(line.at));
        }
    }
    let told = service::said(case, peer);
    let told = told
        .iter()
        .filter(|line| backend_log::is_told_to_restart(line.text))
        .filter_map(|line| line.at);
    windows.extend(told.map(|at| Window::new(at, at)));
    windows
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
    fn fires_where_the_host_booted() {
        Fixture::node()
            .complains(Trouble::Connect(111), Phase::Connecting)
            .seen(61, 59)
            .life(&[
                (900, "Started"),
                (70, "Stopping"),
                (69, "Stopped"),
                (58, "Started"),
            ])
            .with(|it| it.world.boot = Ok(NOW.before(Duration::from_secs(64))))
            .works_now()
            .check("recovered backend-restart-window");
    }

    #[test]
    fn stays_quiet_about_refusals_after_it_ended_by_itself() {
        let killed = |ended: u64| {
            Fixture::node()
                .complains(Trouble::Connect(111), Phase::Connecting)
                .seen(50, 48)
                .life(&[
                    (62, "Stopping"),
                    (58, "Started"),
                    (ended, "Main process exited, code=killed, status=9/KILL"),
                    (40, "Started"),
                ])
                .works_now()
        };
        killed(51).check("recovered");
        killed(44).check("recovered backend-restart-window");
    }

    #[test]
    fn stays_quiet_where_nginx_was_denied() {
        restart(
            Fixture::gunicorn()
                .complains(Trouble::Connect(13), Phase::Connecting)
                .seen(61, 50),
        )
        .check("recovered");
    }

    #[test]
    fn stays_quiet_where_it_answered_between_the_failures() {
        restart(
            Fixture::gunicorn()
                .complains(Trouble::Connect(111), Phase::Connecting)
                .seen(61, 40)
                .with(|it| it.neighbours.interleaved = true),
        )
        .check("unexplained");
    }
}
