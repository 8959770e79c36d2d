//! A failure that went away by itself: the load that made it is gone.

use crate::{
    Case, Symptom,
    case::{Mended, NameAnswer, NameSight, PeerSight, errno},
    limits::LocalPorts,
};
use logscan::{Complaint, Trouble};

/// Fewer requests prove nothing: they may be of one second.
const FEW: u64 = 10;
/// A row of good luck less likely than this is no luck.
const WONDER: f64 = 0.01;

/// What tells that nothing fails any more, where nothing is known to have mended it.
pub(super) fn at_last(case: &Case) -> Option<Mended> {
    at_rest(case).or_else(|| name_is_back(case))
}

/// So many requests went well in a row since the last failure that, had nothing changed, it would be a wonder: load went
/// away, or something mended it that leaves no trace.
pub(super) fn good_row(case: &Case) -> Option<Mended> {
    let neighbours = &case.neighbours;
    let failed: u64 = case.symptoms.iter().map(events).sum();
    let between = neighbours.succeeded.saturating_sub(neighbours.in_a_row);
    let odds = between as f64 / (failed + between).max(1) as f64;
    let luck = odds.powf(neighbours.in_a_row as f64);
    (neighbours.in_a_row >= FEW && luck < WONDER).then(|| Mended {
        seen: true,
        at: case.last(),
        says: format!(
            "{} requests in a row went well since, where {failed} of {} had failed, as many of one second counted once",
            neighbours.in_a_row,
            failed + between
        ),
    })
}

/// There was no local port to connect from, now most are free, and requests go well.
pub(super) fn ports_are_free(case: &Case) -> Option<Mended> {
    let lacked = |symptom: &Symptom| symptom.trouble() == Some(&Trouble::Connect(errno::EADDRNOTAVAIL));
    let mut others = case.symptoms.iter().filter(|it| !is_echo(it) && !lacked(it));
    let peers = case.peers.iter().filter(|peer| peer.in_use);
    let ports = peers
        .filter_map(|peer| peer.endpoint.tcp())
        .map(|at| LocalPorts::towards(&case.world, at).filter(LocalPorts::are_free));
    let fullest = ports.collect::<Option<Vec<LocalPorts>>>()?;
    let fullest = fullest.into_iter().max_by_key(LocalPorts::share)?;
    let in_a_row = case.neighbours.in_a_row;
    (others.next().is_none() && in_a_row >= FEW).then(|| Mended {
        seen: true,
        at: case.last(),
        says: format!(
            "only {} of {} local ports are in use, and {in_a_row} requests in a row went well since",
            fullest.used, fullest.most
        ),
    })
}

/// Requests that failed in one second failed of one thing: what fails many at once, now and then, has long rows between.
fn events(symptom: &Symptom) -> u64 {
    match symptom.times.len() as u64 {
        0 => symptom.count,
        seconds => symptom.count.min(seconds),
    }
}

/// Requests had to wait; the same one is answered now, no worker has anything to do and nothing waits before them. A
/// slowness that comes and goes keeps workers busy for as long as nginx waits.
fn at_rest(case: &Case) -> Option<Mended> {
    let waited = case.symptoms.iter().filter(|it| !is_echo(it)).all(had_to_wait);
    let mut peers = case.peers.iter().filter(|peer| peer.in_use).peekable();
    let rests = peers.peek().is_some() && peers.all(is_idle);
    (waited && rests && case.works_now() == Some(true)).then(|| Mended {
        seen: false,
        at: case.last(),
        says: "all workers are idle and nothing waits for them".to_owned(),
    })
}

/// The name did not exist, and all who were asked know it now: names do not come and go.
fn name_is_back(case: &Case) -> Option<Mended> {
    let missing = |symptom: &Symptom| matches!(symptom.trouble(), Some(Trouble::Unresolved { code: 3, .. }));
    let known =
        |sight: &NameSight| matches!(&sight.answer, Ok(NameAnswer::Addresses(found)) if !found.is_empty());
    let back = !case.names.is_empty() && case.names.iter().all(known) && case.symptoms.iter().all(missing);
    (back && case.works_now() == Some(true)).then(|| Mended {
        seen: false,
        at: case.last(),
        says: "every resolver knows the name now".to_owned(),
    })
}

fn is_echo(symptom: &Symptom) -> bool {
    symptom.complaint.as_ref().is_some_and(Complaint::is_echo)
}

fn had_to_wait(symptom: &Symptom) -> bool {
    match symptom.trouble() {
        Some(trouble) => matches!(trouble, Trouble::TimedOut),
        None => symptom.status == Some(504),
    }
}

fn is_idle(peer: &PeerSight) -> bool {
    let progress = peer.progress.as_ref();
    progress.is_some_and(|it| it.idle.0 > 0 && it.idle.0 == it.idle.1 && it.queue.1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, endpoint, listener};
    use logscan::Phase;

    fn timed_out() -> Fixture {
        Fixture::gunicorn().complains(Trouble::TimedOut, Phase::ReadingHeader)
    }

    #[test]
    fn many_good_requests_in_a_row_are_no_luck() {
        for (succeeded, in_a_row, mended) in [
            (20, 15, true),
            (200, 15, false),
            (9, 9, false),
            (5000, 4000, true),
        ] {
            let mut case = Fixture::gunicorn()
                .complains(Trouble::TimedOut, Phase::ReadingHeader)
                .case();
            (case.neighbours.succeeded, case.neighbours.in_a_row) = (succeeded, in_a_row);
            assert_eq!(good_row(&case).is_some(), mended, "{succeeded} {in_a_row}");
        }
    }

    #[test]
    fn free_ports_let_connect_again() {
        for (range, in_a_row, mended) in [
            ((40000, 59999), 15, true),
            ((40000, 59999), 9, false),
            ((40000, 40001), 15, false),
        ] {
            let mut case = Fixture::node()
                .complains(Trouble::Connect(errno::EADDRNOTAVAIL), Phase::Connecting)
                .with(|it| {
                    it.world.limits.local_ports = Some(range);
                    let mut taken = listener(&endpoint("127.0.0.1:40000"), &[101]);
                    taken.remote = it.peers[0].endpoint.tcp();
                    it.world.sockets.as_mut().expect("sockets").push(taken);
                })
                .case();
            case.neighbours.in_a_row = in_a_row;
            assert_eq!(ports_are_free(&case).is_some(), mended, "{range:?} {in_a_row}");
        }
    }

    #[test]
    fn a_backend_at_rest_is_not_overloaded_any_more() {
        let rows = [
            (timed_out().second_look((2, 2), 0).works_now(), true),
            (timed_out().second_look((2, 2), 0), false),
            (timed_out().second_look((1, 2), 0).works_now(), false),
            (
                timed_out().queue(3, 511).second_look((2, 2), 0).works_now(),
                false,
            ),
            (timed_out().works_now(), false),
            (
                timed_out()
                    .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
                    .second_look((2, 2), 0)
                    .works_now(),
                false,
            ),
        ];
        for (fixture, rests) in rows {
            assert_eq!(at_rest(&fixture.case()).is_some(), rests);
        }
    }
}
