use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    case::PeerSight,
    cause::{Group, Told, cause},
    queue, scoreboard, service,
    words::{clip, span},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// A request takes the backend longer than nginx waits for the first byte (`proxy_read_timeout`,
    /// `fastcgi_read_timeout`: 60 s by default), and nginx answers 504. The backend often goes on working at it, for
    /// nobody.
    /// # How to tell
    /// The failed requests all lasted exactly nginx's timeout; it is this page or that one, while others of the same
    /// backend answer; workers are idle and nothing waits in the accept queue. What the busy worker waits in tells the
    /// rest: a file lock (two requests of one PHP session), a socket (database, an outside service), the CPU.
    /// # Fix
    /// Make that request faster, or give the work to a queue. Longer timeouts come last: they keep workers busy longer.
    /// Only a person can make a program faster.
    /// # Not this if
    /// No worker is idle (pool-exhausted), the processes do nothing (backend-hung), or the backend ended the request
    /// itself, which is 502 and not 504 (worker-timeout-kill).
    pub static SLOW_BACKEND = {
        id: "slow-backend",
        title: "the backend takes longer than nginx waits",
        group: Group::Application,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("executing too slow", 80), ("Maximum execution time", 40)],
        effect_of: &["backend-orphan-workers", "backend-port-taken", "broker-down", "cache-down", "cpu-saturated", "db-connection-limit", "db-down", "db-slow", "disk-error", "disk-full", "external-api-slow", "fd-limit", "heavy-endpoint", "io-saturated", "memory-pressure", "mtu-blackhole", "process-limit", "scheduled-job-load", "search-down", "traffic-bruteforce", "traffic-crawler", "traffic-flood", "traffic-spam", "traffic-surge"],
        settled_by: ("ask the slow page directly and see how long it takes", "curl -s -o /dev/null -w '%{time_starttransfer}\\n' -m 300 http://127.0.0.1/"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["slow-backend"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (&complaint.trouble, complaint.phase) {
        (Trouble::TimedOut, Some(Phase::ReadingHeader | Phase::ReadingBody)) | (Trouble::Status(504), _) => {
            40
        }
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let slow: Vec<&Symptom> = case
        .having(|trouble| matches!(trouble, Trouble::TimedOut))
        .filter(|it| it.complaint.as_ref().and_then(|it| it.phase) == Some(Phase::ReadingHeader))
        .collect();
    let Some(symptom) = slow.last() else {
        return Opinion::none();
    };
    let peer = case
        .peers
        .iter()
        .find(|peer| Some(&peer.endpoint) == symptom.peer.as_ref());
    peer.or(case.peers.first())
        .map(|peer| opinion(case, peer, symptom))
        .unwrap_or_default()
}

fn opinion(case: &Case, peer: &PeerSight, symptom: &Symptom) -> Opinion {
    let mut evidence: Vec<Evidence> = Vec::new();
    evidence.extend(gave_up(case, symptom));
    evidence.extend(others_answer(case));
    evidence.extend(workers_are_free(case, peer));
    evidence.extend(waits_in(case, peer));
    evidence.extend(nothing_moves(case, peer));
    let subject = service::subject(peer);
    let page = case
        .neighbours
        .failing_paths
        .first()
        .map_or("some requests", String::as_str);
    Opinion {
        says: format!("{} takes {subject} longer than nginx waits", clip(page)),
        subject,
        evidence,
    }
}

/// The failed requests lasted as long as nginx waits.
fn gave_up(case: &Case, symptom: &Symptom) -> Option<Evidence> {
    let route = case.route.as_ref()?;
    let patience = route.settings.read_timeout?;
    let all = symptom.upstream_seconds.len();
    let near = symptom
        .upstream_seconds
        .iter()
        .filter(|it| (**it - patience.as_secs_f64()).abs() <= 0.5)
        .count();
    (near > 0 && near * 2 > all).then(|| {
        Evidence::supports(
            Rank::Hint,
            format!(
                "{near} of {all} failed requests lasted {}, which is nginx's own limit",
                span(patience)
            ),
            Source::file(&route.written.file, Some(route.written.line)),
        )
    })
}

fn others_answer(case: &Case) -> Option<Evidence> {
    let neighbours = &case.neighbours;
    let good = neighbours
        .good_paths
        .iter()
        .find(|path| !neighbours.failing_paths.contains(path))?;
    let bad = neighbours.failing_paths.first()?;
    Some(Evidence::supports(
        Rank::Strong,
        format!(
            "{} times out while {} of the same backend answers",
            clip(bad),
            clip(good)
        ),
        Source::command("awk '{print $7, $9}' /var/log/nginx/access.log | sort | uniq -c | sort -rn | head"),
    ))
}

fn workers_are_free(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let (idle, all, source) = scoreboard::free(case, peer)?;
    let says = format!(
        "{idle} of {all} workers are idle and nothing waits in the accept queue of {}",
        peer.endpoint
    );
    Some(Evidence::supports(Rank::Strong, says, source))
}

fn waits_in(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let lock = service::workers(case, peer)
        .into_iter()
        .find(|worker| worker.wchan.contains("lock"))?;
    Some(Evidence::supports(
        Rank::Hint,
        format!(
            "process {} waits for a file lock ({}): another request may hold the same session",
            lock.pid, lock.wchan
        ),
        Source::command(format!("cat /proc/{}/wchan; cat /proc/locks", lock.pid)),
    ))
}

/// All workers are taken, or none works at all: then it is not this request that is slow.
fn nothing_moves(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let stuck = queue::all_stuck(case, peer);
    let waiting = queue::waiting(case, peer);
    let full = waiting > 0 && queue::all_busy(peer).unwrap_or(true);
    let says = match (stuck, full) {
        (true, _) => "all its workers are stopped or stuck in the kernel".to_owned(),
        (_, true) => format!(
            "no worker is idle and connections wait on {}: {waiting}",
            peer.endpoint
        ),
        _ => return None,
    };
    Some(Evidence::refutes(
        Rank::Decisive,
        says,
        Source::listeners(&peer.endpoint),
    ))
}

fn advise(case: &Case) -> String {
    let page = case.neighbours.failing_paths.first().map(|path| clip(path));
    format!(
        "find what {} waits for: php-fpm's request_slowlog_timeout and slowlog, the database's running statements, \
         py-spy dump --pid PID, /proc/PID/wchan of the busy worker. Make it faster or move the work out of the request; \
         raise nginx's read timeout for that location only, and last",
        page.unwrap_or_else(|| "the slow page".to_owned())
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    fn timed_out(fixture: Fixture) -> Fixture {
        fixture
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .waited(&[60.0, 60.001])
    }

    #[test]
    fn fires_where_other_pages_answer_and_workers_are_free() {
        timed_out(Fixture::php_fpm())
            .others_succeed()
            .second_look((18, 20), 0)
            .check("found slow-backend");
        timed_out(Fixture::node())
            .others_succeed()
            .second_look((1, 1), 0)
            .check("found slow-backend");
        timed_out(Fixture::gunicorn())
            .second_look((2, 2), 0)
            .check("found slow-backend");
    }

    #[test]
    fn stays_quiet_where_nothing_is_known_of_the_backend() {
        timed_out(Fixture::gunicorn()).check("unexplained");
    }

    #[test]
    fn stays_quiet_where_no_worker_is_idle() {
        timed_out(Fixture::gunicorn())
            .others_succeed()
            .queue(8, 2048)
            .second_look((0, 2), 0)
            .check("found pool-exhausted");
    }

    #[test]
    fn stays_quiet_where_the_backend_cut_it_off() {
        Fixture::gunicorn()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .others_succeed()
            .says(1, "[CRITICAL] WORKER TIMEOUT (pid:4803)")
            .check("found worker-timeout-kill");
    }
}
