//! Facts about a backend's service: how its last run ended, what it said, who its workers are. What they mean is each
//! cause's own business.

mod anew;
mod knob;
mod limit;
mod run;
pub mod starting;
mod workers;

use anew::restarted_just_now;

pub use anew::begun_anew;
pub use knob::{Knob, turn, uwsgi_ini};
pub use limit::time_limit;
pub use run::{config_test_command, restart, set_option, setting, start, start_command};
pub use workers::{is_silent, is_younger, workers};

use crate::{
    Case, Opinion, Source, Symptom, backend_log,
    case::{MadeBy, PeerSight, errno},
    world::Said,
};
use host::{
    Timestamp,
    looks::{JournalLine, Unit},
};
use logscan::Trouble;
use std::time::Duration;

/// A run shorter than this never got to work: interpreters load their application within it.
pub const SHORT: Duration = Duration::from_secs(10);
/// Clocks of logs are whole seconds, and nginx writes its line after the backend's.
pub const SLACK: Duration = Duration::from_secs(2);
/// A boot is known to the second, rounded down (`btime`, proc_stat(5)): a stop in that second may be the shutdown's
/// before. It is not where systemd itself knows when the unit went down: it forgets that at a shutdown.
const BTIME: Duration = Duration::from_secs(1);
/// Signals by which a program ends through its own fault: ILL, ABRT, BUS, FPE, SEGV. KILL is sent by someone else.
pub const CRASH_SIGNALS: [i32; 5] = [4, 6, 7, 8, 11];

/// How a unit came to be down. Each unit is down in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// Someone stopped it, or it is masked, or enabled and yet never started.
    Stopped,
    /// Not enabled, and never started since boot.
    NeverStarted,
    /// Not enabled, and stopped: by somebody, or by the shutdown before a boot whose time can't be seen.
    StoppedOrNeverStarted,
    /// It ran, ended by itself or by a signal, and nothing started it again.
    Ended,
    /// It ends each time within seconds of its start, or the start itself fails.
    StartFails,
}

/// Peers that nobody serves now, each with the unit that should.
pub fn unserved(case: &Case) -> impl Iterator<Item = (&PeerSight, &Unit)> {
    case.failing_peers()
        .filter(|peer| matches!(case.listener(&peer.endpoint), Ok(None)))
        .filter_map(|peer| Some((peer, case.unit_of(peer)?)))
}

/// A peer nobody serves because its unit is down in this way.
pub fn unserved_by(case: &Case, way: Down) -> Option<(&PeerSight, &Unit)> {
    unserved(case).find(|(_, unit)| down(case, unit) == Some(way))
}

/// A peer whose unit does not get through its start; between two tries it may well listen for a moment.
pub fn failing_start(case: &Case) -> Option<(&PeerSight, &Unit)> {
    case.peers
        .iter()
        .filter_map(|peer| Some((peer, case.unit_of(peer)?)))
        .find(|(_, unit)| down(case, unit) == Some(Down::StartFails))
}

/// How this unit came to be down; `None` if it runs, or if there is no such unit any more.
pub fn down(case: &Case, unit: &Unit) -> Option<Down> {
    if !unit.is_known() {
        return None;
    }
    let short = short_runs(case, unit) >= 2 || (unit.restarts >= 3 && lasted(unit).is_some_and(is_short));
    let looping = short && !serves_between(case, unit);
    match unit.active_state.as_str() {
        "inactive" if may_be_of_another_boot(case, unit) => Some(Down::StoppedOrNeverStarted),
        "failed" | "inactive" if was_stopped(case, unit) => Some(Down::Stopped),
        "activating" if looping || unit.sub_state == "auto-restart" && !serves_between(case, unit) => {
            Some(Down::StartFails)
        }
        "active" if looping && restarted_just_now(case, unit) => Some(Down::StartFails),
        "failed" if looping || fails_at_once(case, unit) => Some(Down::StartFails),
        "failed" => Some(Down::Ended),
        "inactive" if ended_by_itself(case, unit) => Some(Down::Ended),
        "inactive" if unit.file_state == "disabled" && !started_since_boot(case, unit) => {
            Some(Down::NeverStarted)
        }
        "inactive" => Some(Down::Stopped),
        _ => None,
    }
}

/// Requests go well between the failures: a program that ends on some requests starts well each time. One that ends
/// again and again without any request may serve for some seconds, too, before it does.
fn serves_between(case: &Case, unit: &Unit) -> bool {
    let well = case.neighbours.succeeded > 0 && !ends_by_itself(case, unit);
    case.peers.len() == 1 && (well || ends_on_requests(case, unit))
}

/// It ends within seconds of each start, many times over, and hardly any of the ends cut a request off.
fn ends_by_itself(case: &Case, unit: &Unit) -> bool {
    let cut: u64 = cut_off(case).iter().map(|symptom| symptom.count).sum();
    let runs = short_runs(case, unit) as u64;
    unit.restarts >= 3 && runs >= 3 && cut * 2 < runs
}

/// Ends have requests that were read and then closed early, up to the last; a program that ends before it serves
/// refuses or resets instead. Half of the ends are enough: clients that are not in the log, our own earlier runs among
/// them, meet the same bug.
fn ends_on_requests(case: &Case, unit: &Unit) -> bool {
    let closed: Vec<&Symptom> = case
        .having(|trouble| matches!(trouble, Trouble::ClosedEarly))
        .collect();
    let count: u64 = closed.iter().map(|symptom| symptom.count).sum();
    let last = closed.iter().map(|symptom| symptom.last.after(SHORT)).max();
    let exit = before_we_asked(case, unit)
        .rfind(|line| is_exit(line))
        .map(|line| line.at);
    count > 0 && count * 2 >= short_runs(case, unit) as u64 && last >= exit
}

fn fails_at_once(case: &Case, unit: &Unit) -> bool {
    let short = lasted(unit).is_some_and(is_short) && !served(case, unit);
    start_failed(case, unit)
        || unit.result == "start-limit-hit"
        || short
            && (unit.result == "exit-code" || died_of(unit).is_some_and(|it| CRASH_SIGNALS.contains(&it)))
}

fn is_short(time: Duration) -> bool {
    time < SHORT
}

/// The signal that ended the main process.
pub fn died_of(unit: &Unit) -> Option<i32> {
    let killed = matches!(unit.property("ExecMainCode"), "2" | "3" | "killed" | "dumped");
    killed
        .then(|| unit.property("ExecMainStatus").parse().ok())
        .flatten()
}

/// How the main process ended, in words: `signal 9`, `exit status 3`.
pub fn ending(unit: &Unit) -> String {
    let status = unit.property("ExecMainStatus");
    match died_of(unit) {
        _ if unit.result == "oom-kill" => "the kernel's out-of-memory killer".to_owned(),
        Some(signal) => format!("signal {signal}"),
        None if unit.result == "exit-code" && !matches!(status, "" | "0") => format!("exit status {status}"),
        None => format!("result '{}'", unit.result),
    }
}

/// When the main process of the last try started and how long it lived.
pub fn last_run(unit: &Unit) -> Option<(Timestamp, Duration)> {
    let property = |name: &str| {
        let seconds = unit.property(name).strip_prefix('@')?.parse().ok()?;
        (seconds != 0).then(|| Timestamp::from_secs(seconds))
    };
    let process = (
        property("ExecMainStartTimestamp"),
        property("ExecMainExitTimestamp"),
    );
    let active = (unit.active_since, unit.active_until);
    [process, active, (unit.last_started, unit.last_ended)]
        .into_iter()
        .filter_map(|(from, to)| from.zip(to))
        .find(|(from, to)| to >= from)
        .map(|(from, to)| (from, to.since(from)))
}

fn lasted(unit: &Unit) -> Option<Duration> {
    last_run(unit).map(|(_, time)| time)
}

/// A request of the route went well while the last run lasted.
pub fn served(case: &Case, unit: &Unit) -> bool {
    let began = last_run(unit).map(|(began, _)| began.after(Duration::from_secs(1)));
    began
        .zip(case.neighbours.last_success)
        .is_some_and(|(began, success)| success > began)
}

/// Lines systemd wrote about a unit since the boot: what it was told before says nothing of what it does now.
pub fn systemd_lines<'a>(case: &'a Case, unit: &'a Unit) -> impl DoubleEndedIterator<Item = &'a JournalLine> {
    let vague = if unit.active_until.is_some() {
        Duration::ZERO
    } else {
        BTIME
    };
    let boot = case.world.booted();
    let is_since = move |line: &JournalLine| {
        let vague = if is_stop(line) { vague } else { Duration::ZERO };
        boot.is_none_or(|boot| line.at >= boot.after(vague))
    };
    systemd_ever_said(case, unit).filter(move |line| is_since(line))
}

fn systemd_ever_said<'a>(case: &'a Case, unit: &'a Unit) -> impl DoubleEndedIterator<Item = &'a JournalLine> {
    case.world
        .journal_of(&unit.name)
        .filter(|line| line.by == "systemd")
}

/// The same, without what our own request may have made it do.
fn before_we_asked<'a>(case: &'a Case, unit: &'a Unit) -> impl DoubleEndedIterator<Item = &'a JournalLine> {
    systemd_lines(case, unit).filter(|line| line.at <= case.world.now)
}

fn is_stop(line: &JournalLine) -> bool {
    line.text.starts_with("Stopping ") || line.text.starts_with("Stopped ")
}

/// A start by hand or by systemd.
pub fn is_start(line: &JournalLine) -> bool {
    line.text.starts_with("Starting ") || line.text.starts_with("Started ")
}

/// The end of the main process, or of the program that should have started it.
pub fn is_exit(line: &JournalLine) -> bool {
    line.text.contains(": Main process exited") || line.text.contains(": Control process exited")
}

/// Somebody asked systemd to stop it; an automatic restart logs `Stopped` only.
fn was_stopped(case: &Case, unit: &Unit) -> bool {
    let last = systemd_lines(case, unit).rfind(|line| is_start(line) || line.text.starts_with("Stopping "));
    last.is_some_and(|line| !is_start(line))
}

/// Its last start and stop may be older than the boot: when that was can't be seen, and systemd knows of no start in
/// this one (it also forgets units that nothing refers to once they are stopped).
fn may_be_of_another_boot(case: &Case, unit: &Unit) -> bool {
    let unknown = case.world.booted().is_none() && unit.last_started.is_none();
    unknown && unit.file_state == "disabled" && was_stopped(case, unit)
}

fn ended_by_itself(case: &Case, unit: &Unit) -> bool {
    let since_start: Vec<&JournalLine> = systemd_ever_said(case, unit)
        .rev()
        .take_while(|line| !is_start(line))
        .collect();
    let ended = |line: &&&JournalLine| {
        is_exit(line)
            || line.text.ends_with(": Deactivated successfully.")
            || line.text.ends_with(": Succeeded.")
    };
    since_start.iter().any(|line| ended(&line))
        && !since_start.iter().any(|line| line.text.starts_with("Stopp"))
}

fn started_since_boot(case: &Case, unit: &Unit) -> bool {
    unit.last_started.is_some() || systemd_lines(case, unit).any(is_start)
}

/// The last start did not get as far as running.
fn start_failed(case: &Case, unit: &Unit) -> bool {
    let last = systemd_lines(case, unit)
        .rfind(|line| line.text.starts_with("Started ") || line.text.starts_with("Failed to start "));
    match last {
        Some(line) => line.text.starts_with("Failed to start "),
        None => unit.restarts == 0 && unit.last_started > unit.active_since,
    }
}

/// Runs in a row, up to the last, that ended within seconds of their start.
fn short_runs(case: &Case, unit: &Unit) -> usize {
    let mut began = None;
    let mut runs = 0;
    for line in before_we_asked(case, unit) {
        if is_start(line) {
            began = Some(line.at);
        } else if is_exit(line) {
            let short = began.is_some_and(|began| is_short(line.at.since(began)));
            runs = if short { runs + 1 } else { 0 };
        }
    }
    runs
}

/// A backend that runs now has ended by itself so often, seconds after each start, that nothing is over yet.
pub fn is_between_ends(case: &Case) -> bool {
    let again = |unit: &&Unit| ends_by_itself(case, unit) && restarted_just_now(case, unit);
    case.units().iter().any(again)
}

/// What the backend's programs (not systemd) said around its last start, oldest first.
pub fn last_words<'a>(case: &'a Case, unit: &'a Unit) -> Vec<Said<'a>> {
    let from = unit.last_started.map(|at| at.before(Duration::from_secs(30)));
    let about = format!("{}:", unit.name);
    let mut said = case.world.said_by(&unit.name);
    said.retain(|line| {
        let systemd = line.text.starts_with(&about) || line.text.contains(&format!(" {} ", unit.name));
        !systemd && line.at.zip(from).is_none_or(|(at, from)| at >= from)
    });
    said
}

/// Everything the backend of a peer said: of its unit, and of log files of its kind that no unit claims.
pub fn said<'a>(case: &'a Case, peer: &'a PeerSight) -> Vec<Said<'a>> {
    let Some(backend) = &peer.backend else {
        return Vec::new();
    };
    let unit = backend.unit.as_deref();
    let mut said = unit.map_or_else(Vec::new, |unit| case.world.said_by(unit));
    let loose = case
        .world
        .backend_log
        .iter()
        .filter(|line| line.unit.is_none() && Some(line.kind) == backend.kind);
    said.extend(loose.map(|line| Said {
        at: line.at,
        text: &line.text,
        source: Source::file(&line.path, None),
    }));
    said.retain(|line| is_of_pool(peer, line.text));
    said.sort_by_key(|line| line.at);
    said
}

/// php-fpm tells its pools apart: `[pool www] …`.
fn is_of_pool(peer: &PeerSight, text: &str) -> bool {
    let pool = peer.backend.as_ref().and_then(|backend| backend.pool.as_ref());
    pool.is_none_or(|pool| !text.contains("[pool ") || text.contains(&format!("[pool {}]", pool.name)))
}

/// What a finding about a peer's backend is about: its unit, else its address.
pub fn subject(peer: &PeerSight) -> String {
    let unit = peer.backend.as_ref().and_then(|backend| backend.unit.clone());
    unit.unwrap_or_else(|| peer.endpoint.to_string())
}

/// Requests that the backend took and did not answer: closed early or reset.
pub fn cut_off(case: &Case) -> Vec<&Symptom> {
    let cut = |trouble: &Trouble| {
        matches!(
            trouble,
            Trouble::ClosedEarly | Trouble::Receive(_) | Trouble::Send(errno::EPIPE | errno::ECONNRESET)
        )
    };
    case.having(cut).collect()
}

/// The first opinion of a backend, by all requests that were cut off.
pub fn of_cut_off(
    case: &Case,
    opinion: impl Fn(&Case, &PeerSight, &[&Symptom]) -> Option<Opinion>,
) -> Opinion {
    let cut = cut_off(case);
    let mut opinions = case.peers.iter().filter_map(|peer| opinion(case, peer, &cut));
    opinions.next().unwrap_or_default()
}

/// The backend said that it ended workers which took too long, as requests were cut off.
pub fn ends_slow_workers(case: &Case, peer: &PeerSight) -> bool {
    let cut = cut_off(case);
    let kills =
        |line: &Said<'_>| backend_log::is_own_timeout(line.text) && line.at.is_some_and(|at| among(&cut, at));
    !cut.is_empty() && said(case, peer).iter().any(kills)
}

/// Failures in which the backend had the request: cut off, or answered with an error of its own.
pub fn answered_badly(case: &Case) -> Vec<&Symptom> {
    let mut failed = cut_off(case);
    failed.extend(
        case.having(|trouble| matches!(trouble, Trouble::BackendStderr(_) | Trouble::InvalidResponse(_))),
    );
    failed.extend(case.symptoms.iter().filter(|it| it.made_by == MadeBy::Upstream));
    failed
}

/// What happened then may be one of these failures: it lies between the first and the last.
pub fn among(symptoms: &[&Symptom], at: Timestamp) -> bool {
    symptoms
        .iter()
        .any(|symptom| at >= symptom.first.before(SLACK) && at <= symptom.last.after(SLACK))
}

/// What happened then is the first or the last of one of these kinds of failure, as far as clocks tell.
pub fn at_edge(symptoms: &[&Symptom], at: Timestamp) -> bool {
    let edges = symptoms.iter().flat_map(|symptom| [symptom.first, symptom.last]);
    edges.into_iter().any(|edge| at.distance(edge) <= SLACK)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, NOW};
    use logscan::{Phase, Trouble};
    use std::time::Duration;

    #[test]
    fn an_end_that_our_own_request_brought_about_is_no_start_that_failed() {
        let exit = "Main process exited, code=exited, status=1/FAILURE";
        let lives = [
            (9, "Started"),
            (6, exit),
            (5, "Started"),
            (1, exit),
            (0, "Started"),
            (0, exit),
        ];
        Fixture::node()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(1, "Error: boom")
            .life(&lives)
            .unit(|unit| {
                unit.restarts = 3;
                unit.active_since = Some(NOW);
            })
            .with(|it| {
                it.symptoms[0].count = 1;
                let journal = it.world.journal.as_mut().expect("a journal");
                journal.last_mut().expect("a line").at = NOW.after(Duration::from_secs(1));
            })
            .check("found app-bug");
    }
}
