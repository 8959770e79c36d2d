//! Facts about a backend's accept queue and the workers behind it: who waits, who is free, and which limit binds.

use crate::{
    Case, Symptom, backend_log,
    case::{PeerSight, errno, is_stuck},
    service::{self, workers},
    topology::BackendKind,
    world::Said,
};
use host::{Timestamp, answer::Socket, looks::ProcessState};
use logscan::{Phase, Trouble};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// No server asks for a shorter queue than this unless told to: php-fpm 511, Apache 511, gunicorn 2048, uWSGI 100.
const SHORT_QUEUE: u32 = 64;

/// One request in so many is a good part: workers that are stuck serve none while thousands fail.
const GOOD_PART: u64 = 10;

/// One part in so many of the free memory is left alone: caches, bursts, a worker that grows.
const RESERVE: u64 = 4;

/// The longest time that is of use here which the kernel averages pressure over (proc_pressure(5)).
const LATELY: Duration = Duration::from_secs(60);

/// php-fpm and Apache log once that they are full, and not again before they were not.
const EARLIER: Duration = Duration::from_secs(120);

/// The listener of a peer, where it could be seen.
pub fn listener<'a>(case: &'a Case, peer: &PeerSight) -> Option<&'a Socket> {
    case.listener(&peer.endpoint).ok().flatten()
}

/// Requests that waited in vain, to be accepted or to be answered: timed out, or refused by a full queue.
pub fn waited(case: &Case) -> Vec<&Symptom> {
    case.symptoms.iter().filter(|it| is_of_waiting(it)).collect()
}

/// The same, and those whose worker was ended because they took too long.
pub fn took_too_long(case: &Case) -> Vec<&Symptom> {
    let mut slow = waited(case);
    let ends = |peer: &PeerSight| service::ends_slow_workers(case, peer);
    if case.peers.iter().any(ends) {
        slow.extend(service::cut_off(case));
    }
    slow
}

/// The last of these is so young that what the host is short of now it was short of then.
pub fn is_slow(case: &Case) -> bool {
    let late = |it: &Symptom| case.world.now.since(it.last) <= LATELY;
    took_too_long(case).into_iter().any(late)
}

/// nginx waited in vain, or there was no room to wait.
pub fn is_of_waiting(symptom: &Symptom) -> bool {
    matches!(
        symptom.trouble(),
        Some(Trouble::TimedOut | Trouble::Connect(errno::EAGAIN))
    )
}

/// The limit of this peer's accept queue, where the queue and not the work behind it makes requests fail: it is far
/// below what any server asks for by default, or the kernel cut it, and most failures are connections it refused.
pub fn short_queue(case: &Case, peer: &PeerSight) -> Option<u32> {
    let limit = listener(case, peer)?.send_q;
    let cut =
        case.world.somaxconn.as_ref().is_ok_and(|max| limit == *max) && asked_backlog(peer) > Some(limit);
    let count = |refused: bool| -> u64 {
        let waited = waited(case).into_iter();
        waited
            .filter(|it| is_refused(it) == refused)
            .map(|it| it.count)
            .sum()
    };
    let (refused, unanswered) = (count(true), count(false));
    let by_queue =
        refused >= unanswered || (peer.endpoint.tcp().is_some() && serves(case, refused + unanswered));
    (limit <= SHORT_QUEUE || cut)
        .then_some(limit)
        .filter(|_| refused > 0 && by_queue)
}

/// The workers serve a good part of what comes, so what is lost is not lost to them. Over TCP a full queue loses the last
/// step of a handshake that nginx believes complete: it then waits for an answer (`tcp_v4_syn_recv_sock` in the kernel).
fn serves(case: &Case, failed: u64) -> bool {
    case.neighbours.succeeded.saturating_mul(GOOD_PART) >= failed
}

/// Failed before the backend accepted it.
pub fn is_refused(symptom: &Symptom) -> bool {
    symptom
        .complaint
        .as_ref()
        .is_some_and(|it| it.phase == Some(Phase::Connecting))
}

/// The backlog the backend is configured to ask for, where that is known.
pub fn asked_backlog(peer: &PeerSight) -> Option<u32> {
    peer.backend.as_ref()?.pool.as_ref()?.backlog
}

/// A server that gives each request a worker of its own: all workers busy is its normal way to be full.
pub fn is_worker_pool(peer: &PeerSight) -> bool {
    let kind = peer.backend.as_ref().and_then(|backend| backend.kind);
    matches!(
        kind,
        Some(
            BackendKind::PhpFpm
                | BackendKind::Apache
                | BackendKind::Gunicorn
                | BackendKind::Uwsgi
                | BackendKind::Ruby
        )
    )
}

/// Connections that wait in the accept queue, in both of two looks (the only look, where there was one).
pub fn waiting(case: &Case, peer: &PeerSight) -> u32 {
    match &peer.progress {
        Some(progress) => progress.queue.0.min(progress.queue.1),
        None => listener(case, peer).map_or(0, |socket| socket.recv_q),
    }
}

/// No worker takes connections; `None` where that was not looked at. One that sleeps may look idle and wait for its
/// database: connections that stay in the queue for two looks tell better.
pub fn all_busy(peer: &PeerSight) -> Option<bool> {
    let progress = peer.progress.as_ref()?;
    let (idle, all) = progress.idle;
    (all > 0).then_some(idle == 0 || progress.queue.0.min(progress.queue.1) > 0)
}

/// What the workers that are not idle wait in, most first: `2 in hrtimer_nanosleep`.
pub fn waits(case: &Case, peer: &PeerSight) -> Option<String> {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for worker in workers(case, peer) {
        if !worker.wchan.is_empty() {
            *kinds.entry(&worker.wchan).or_default() += 1;
        }
    }
    let (wchan, number) = kinds.into_iter().max_by_key(|(_, number)| *number)?;
    Some(format!("{number} in {wchan}"))
}

/// Its own words, in the time of the failures or shortly before, that no worker was left.
pub fn said_all_busy<'a>(case: &'a Case, peer: &'a PeerSight) -> Option<Said<'a>> {
    let waited = waited(case);
    let before = |at: Timestamp, symptom: &Symptom| at <= symptom.first && symptom.first.since(at) <= EARLIER;
    let near = |at: Timestamp| service::among(&waited, at) || waited.iter().any(|it| before(at, it));
    let mut lines = service::said(case, peer).into_iter();
    lines.rfind(|line| backend_log::is_all_busy(line.text) && line.at.is_some_and(near))
}

/// All workers are stopped or stuck in the kernel: none of them is at work.
pub fn all_stuck(case: &Case, peer: &PeerSight) -> bool {
    let workers = workers(case, peer);
    !workers.is_empty() && workers.iter().all(|worker| is_stuck(worker))
}

/// How many workers were looked at twice; else how many processes do the work.
pub fn worker_count(case: &Case, peer: &PeerSight) -> usize {
    let seen = peer.progress.as_ref().map_or(0, |progress| progress.idle.1);
    if seen > 0 { seen } else { workers(case, peer).len() }
}

/// Resident memory of the largest worker, bytes.
pub fn largest_worker(case: &Case, peer: &PeerSight) -> u64 {
    let workers = workers(case, peer);
    workers.iter().map(|worker| worker.rss).max().unwrap_or_default()
}

/// How many workers would serve those that wait too, within what memory is free; `None` where more would not help, or
/// can't be told to.
pub fn more_workers(case: &Case, peer: &PeerSight, now: u32) -> Option<u32> {
    let available = *case.world.memory_available.as_ref().ok()?;
    let spare = available - available / RESERVE;
    let room = spare.checked_div(largest_worker(case, peer))?;
    let asked = now.saturating_add(waiting(case, peer));
    let wanted = now.saturating_mul(2).max(asked.saturating_add(asked / 2));
    let new = wanted.min(now.saturating_add(u32::try_from(room).unwrap_or(u32::MAX)));
    (new > now && !wait_alike(case, peer)).then_some(new)
}

/// All workers wait for the same thing, a database or a disk, or all compute: more of them would do so too. Where they
/// wait can't always be seen.
fn wait_alike(case: &Case, peer: &PeerSight) -> bool {
    let kinds: BTreeSet<&str> = workers(case, peer)
        .into_iter()
        .map(|worker| match worker.state {
            ProcessState::Running => "running",
            _ => &worker.wchan,
        })
        .collect();
    kinds.len() <= 1 && !kinds.iter().any(|wchan| wchan.contains("nanosleep"))
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    /// A queue of one over TCP: few failures while connecting, many while waiting for an answer.
    fn lossy(succeeded: u64) -> Fixture {
        Fixture::gunicorn()
            .complains(Trouble::TimedOut, Phase::Connecting)
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .queue(2, 1)
            .second_look((0, 2), 2)
            .with(|it| {
                it.symptoms[1].count = 90;
                it.neighbours.succeeded = succeeded;
            })
    }

    #[test]
    fn a_full_queue_loses_handshakes_that_nginx_believes_complete() {
        lossy(40).check("found listen-backlog-full");
    }

    #[test]
    fn workers_that_serve_nobody_are_the_reason_themselves() {
        lossy(2).check("found pool-exhausted <- listen-backlog-full");
    }
}
