use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source, Symptom, backend_log,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    hop,
    rhythm::{self, Stretch},
    service::{self, Knob},
    topology::BackendKind,
    words::{clip, count},
    world::Said,
};
use host::Timestamp;
use logscan::{Complaint, Trouble};
use std::time::Duration;

cause! {
    /// # What happens
    /// The backend ends a worker after its number of requests (gunicorn `--max-requests`, `pm.max_requests`, uWSGI
    /// `max-requests`, unicorn-worker-killer), and a request that was just being handed to it is lost: a rare 502 whose
    /// period is max_requests divided by the request rate. Most often it came in on a connection that nginx kept
    /// (`keepalive`): gunicorn's threads wait for what is under way and no longer look at kept connections; nginx sends a
    /// GET again, a POST is lost. From gunicorn 24 on with `reuse_port`, a worker's own accept queue is dropped.
    /// # How to tell
    /// Closed connections at the very seconds at which the backend says that it restarts a worker, and at no others; no
    /// crash, no timeout; began with that setting.
    /// # Fix
    /// Raise max_requests (each loss is then rarer), give it a jitter so that workers do not end together, and find the
    /// leak it was set for.
    /// # Not this if
    /// The log shows a crash (worker-crash) or a timeout (worker-timeout-kill), or requests fail at other times too.
    pub static WORKER_RECYCLE = {
        id: "worker-recycle",
        title: "workers end after their number of requests",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("autorestarting worker after current request", 80), ("exited with code 0 after", 30), ("max_requests", 60), ("max requests reached", 60)],
        effect_of: &[],
        settled_by: ("compare the times of the failures with the ends of workers", "journalctl -g 'Autorestarting worker|max requests reached' --since -2h --no-pager | tail; grep 'exited with code 0' /var/log/php*-fpm.log | tail"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["worker-recycle"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ClosedEarly => 6,
        Trouble::Receive(errno::ECONNRESET) => 4,
        _ => 0,
    }
}

/// nginx's log has whole seconds, rounded down.
const EARLY: Duration = Duration::from_secs(1);
/// A worker that takes no more requests ends once those under way are answered; its loop looks once a second.
const LATE: Duration = Duration::from_millis(1500);
/// So much rarer the loss becomes.
const RARER: u64 = 10;

/// Ends of workers that agree with the failures.
struct Recycled<'a> {
    peer: &'a PeerSight,
    last: Said<'a>,
    ends: usize,
    /// So many of them cost requests.
    lost: usize,
}

fn recycled(case: &Case) -> Option<Recycled<'_>> {
    let cut = service::cut_off(case);
    case.peers.iter().find_map(|peer| recycled_at(case, peer, &cut))
}

fn recycled_at<'a>(case: &'a Case, peer: &'a PeerSight, cut: &[&Symptom]) -> Option<Recycled<'a>> {
    let unit = case.unit_of(peer).filter(|unit| unit.is_up())?;
    let mut said = service::said(case, peer);
    said.retain(|line| backend_log::is_recycled(line.text) && line.at.is_some());
    let windows: Vec<Stretch> = said.iter().filter_map(|line| line.at).map(around).collect();
    let since = unit
        .active_since
        .map_or(case.world.since, |at| at.max(case.world.since));
    let all = Stretch {
        from: since,
        to: case.world.now,
    };
    let lost = rhythm::keeps_time(cut, &windows, all)?;
    Some(Recycled {
        peer,
        last: said.pop()?,
        ends: windows.len(),
        lost,
    })
}

fn around(end: Timestamp) -> Stretch {
    Stretch {
        from: end.before(EARLY),
        to: end.after(LATE),
    }
}

fn weigh(case: &Case) -> Opinion {
    recycled(case).map_or_else(Opinion::none, |it| opinion(case, &it))
}

fn opinion(case: &Case, it: &Recycled<'_>) -> Opinion {
    let subject = service::subject(it.peer);
    let agree = format!(
        "{subject} ended {}, {} of them as requests were cut off, and at no other time; its last word: {}",
        count(it.ends, "worker"),
        it.lost,
        clip(it.last.text)
    );
    let mut evidence = vec![Evidence::supports(Rank::Strong, agree, it.last.source.clone())];
    if hop::lived_through(case, it.peer) == Some(false) {
        evidence.push(Evidence::supports(
            Rank::Strong,
            "its workers are younger than the failures, and the service itself was not restarted",
            Source::command("ps -eo lstart,pid,ppid,args"),
        ));
    }
    evidence.extend(most_requests(case, it.peer).map(|most| {
        Evidence::supports(
            Rank::Hint,
            format!("{subject} ends a worker after {most} requests"),
            Source::unit(&subject),
        )
    }));
    Opinion {
        says: format!(
            "{subject} ends workers after their number of requests, and loses what was being handed to them"
        ),
        subject,
        evidence,
    }
}

/// max_requests, as each server calls it.
const MOST: Knob = Knob {
    fpm: "pm.max_requests",
    gunicorn: &["--max-requests"],
    uwsgi: "max-requests",
    restarts: false,
};

/// After how many requests, where that is written.
fn most_requests(case: &Case, peer: &PeerSight) -> Option<u64> {
    let backend = peer.backend.as_ref()?;
    if let Some(pool) = &backend.pool {
        return pool.max_requests.map(u64::from);
    }
    let unit = case.unit_of(peer)?;
    let words: Vec<&str> = unit.exec_start.split([' ', '=']).collect();
    let at = words
        .iter()
        .position(|word| word.trim_start_matches('-') == MOST.uwsgi)?;
    words.get(at + 1)?.parse().ok()
}

fn advise(case: &Case) -> String {
    let Some(it) = recycled(case) else {
        return String::new();
    };
    let gunicorn = it.peer.backend.as_ref().and_then(|it| it.kind) == Some(BackendKind::Gunicorn);
    let jitter = if gunicorn {
        "--max-requests-jitter"
    } else {
        "a jitter, where the server has one"
    };
    format!(
        "raise max_requests of {}, or remove it if nothing leaks; with {jitter} workers do not end together. A request that \
         must not be lost can be sent again: proxy_next_upstream … non_idempotent, if the application may get it twice",
        service::subject(it.peer)
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let raised = recycled(case).and_then(|it| {
        let most = most_requests(case, it.peer)?;
        let more = most.saturating_mul(RARER);
        let measures = service::turn(case, it.peer, &MOST, &more.to_string())?;
        let title = format!(
            "let workers of {} end after {more} requests instead of {most}",
            service::subject(it.peer)
        );
        Some(Remedy::ask(title, measures).relief())
    });
    raised.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    const GUNICORN: &str = "[INFO] Autorestarting worker after current request.";
    const FPM: &str = "NOTICE: [pool www] child 881 exited with code 0 after 312.4 seconds from start";

    fn cut(fixture: Fixture, ago: &[u64]) -> Fixture {
        fixture
            .complains(Trouble::Receive(104), Phase::ReadingHeader)
            .seen_at(ago)
            .others_succeed()
    }

    #[test]
    fn fires_where_requests_are_lost_as_workers_end() {
        cut(Fixture::gunicorn(), &[1200, 601, 1])
            .says(1200, GUNICORN)
            .says(600, GUNICORN)
            .says(1, GUNICORN)
            .check("found worker-recycle");
        cut(Fixture::php_fpm(), &[900, 300])
            .logs(900, FPM)
            .logs(600, FPM)
            .logs(300, FPM)
            .check("found worker-recycle");
    }

    #[test]
    fn stays_quiet_where_requests_fail_at_other_times_too() {
        cut(Fixture::gunicorn(), &[1200, 900, 601, 1])
            .says(1200, GUNICORN)
            .says(600, GUNICORN)
            .says(1, GUNICORN)
            .check_not("worker-recycle");
    }

    #[test]
    fn stays_quiet_where_workers_end_all_the_time() {
        let often = |fixture: Fixture| (0..1800).fold(fixture, |it, at| it.says(2 * at, GUNICORN));
        often(cut(Fixture::gunicorn(), &[1200, 600, 1])).check_not("worker-recycle");
    }

    #[test]
    fn a_crash_is_another_matter() {
        let crash =
            "WARNING: [pool www] child 881 exited on signal 11 (SIGSEGV) after 0.08 seconds from start";
        cut(Fixture::php_fpm(), &[900, 1])
            .logs(900, FPM)
            .logs(900, crash)
            .logs(1, crash)
            .check("found worker-crash");
    }

    #[test]
    fn makes_the_loss_rarer() {
        cut(
            Fixture::gunicorn().runs("/usr/bin/gunicorn --threads 4 --max-requests 500 shop:app"),
            &[601, 1],
        )
        .says(600, GUNICORN)
        .says(1, GUNICORN)
        .offers(&["ask relief: app.service ExecStart=|/usr/bin/gunicorn --threads 4 --max-requests 5000 shop:app; restart app.service"]);
    }
}
