use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    queue, scoreboard, service,
    topology::BackendKind,
    words::{clip, count, pids, said},
    workers,
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Every worker of the backend serves a request, and new requests wait in the accept queue until nginx gives up
    /// (504), or until the queue is full (errno 11 on a unix socket). The workers are slow, or there are too many
    /// requests for them.
    /// # How to tell
    /// No worker is idle and the accept queue is not empty, at two looks. php-fpm logs `server reached
    /// pm.max_children` (not with `pm = static`), Apache `server reached MaxRequestWorkers`. Where the pool has a status
    /// page (`pm.status_path`, best with `pm.status_listen`; Apache's mod_status) that counts them too. What the workers
    /// wait in says what to look at next: a database socket, a file lock, a sleep, or the CPU.
    /// # Fix
    /// Find what holds the workers: slow requests, a slow database, a flood. More workers help only where there is
    /// memory for them and they do not all wait for the same thing.
    /// # Not this if
    /// Some worker is idle (slow-backend, listen-backlog-full), or the workers are stopped (backend-hung).
    pub static POOL_EXHAUSTED = {
        id: "pool-exhausted",
        title: "all workers of the backend are busy",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[
            ("reached pm.max_children", 90),
            ("reached MaxRequestWorkers", 90),
            ("reached MaxClients", 90),
            ("seems busy (you may need to increase pm.start_servers", 50),
        ],
        effect_of: &["backend-orphan-workers", "backend-port-taken", "broker-down", "cache-down", "cpu-saturated", "db-connection-limit", "db-down", "db-slow", "disk-error", "disk-full", "external-api-slow", "fd-limit", "heavy-endpoint", "io-saturated", "memory-pressure", "oom-kill", "process-limit", "scheduled-job-load", "search-down", "traffic-bruteforce", "traffic-crawler", "traffic-flood", "traffic-spam", "traffic-surge"],
        settled_by: ("see how many workers are busy and how many connections wait", "ss -ltnx | awk '$2+$3>0'; grep -h max_children /var/log/*fpm.log | tail -3"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["pool-exhausted"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (&complaint.trouble, complaint.phase) {
        (Trouble::TimedOut, Some(Phase::ReadingHeader)) | (Trouble::Status(504), _) => 25,
        (Trouble::TimedOut, _) => 8,
        (Trouble::Connect(errno::EAGAIN), _) => 45,
        (Trouble::Receive(errno::ECONNRESET), _) => 3,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    exhausted(case).map(|(_, opinion)| opinion).unwrap_or_default()
}

fn exhausted(case: &Case) -> Option<(&PeerSight, Opinion)> {
    if queue::waited(case).is_empty() {
        return None;
    }
    let pools = case.peers.iter().filter(|peer| queue::is_worker_pool(peer));
    pools.into_iter().find_map(|peer| {
        // a queue too short for any burst fails while the workers are busy, not because of it
        let rank = queue::short_queue(case, peer).map_or(Rank::Strong, |_| Rank::Hint);
        let mut evidence = busy(case, peer, rank);
        evidence.extend(
            queue::said_all_busy(case, peer).map(|line| Evidence::supports(rank, said(&line), line.source)),
        );
        evidence.extend(scoreboard::all_busy(case, peer, rank));
        if evidence.is_empty() {
            return None;
        }
        evidence.extend(scoreboard::beside(peer));
        evidence.extend(wait(case, peer));
        evidence.extend(idle(case, peer));
        evidence.extend(stuck(case, peer));
        let subject = service::subject(peer);
        let says = format!(
            "all {} of {subject} are busy",
            count(queue::worker_count(case, peer), "worker")
        );
        let opinion = Opinion {
            subject,
            evidence,
            says,
        };
        Some((peer, opinion))
    })
}

fn busy(case: &Case, peer: &PeerSight, rank: Rank) -> Vec<Evidence> {
    let waiting = queue::waiting(case, peer) as usize;
    if queue::all_busy(peer) != Some(true) || waiting == 0 {
        return Vec::new();
    }
    vec![
        Evidence::supports(
            rank,
            format!(
                "none of its {} takes a connection",
                count(queue::worker_count(case, peer), "worker")
            ),
            Source::command(format!(
                "ps -o pid,stat,wchan:24,time,cmd -p {}",
                pids(&service::workers(case, peer))
            )),
        ),
        Evidence::supports(
            rank,
            format!(
                "{} in the accept queue of {}",
                count(waiting, "connection"),
                peer.endpoint
            ),
            Source::listeners(&peer.endpoint),
        ),
    ]
}

fn wait(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let waits = queue::waits(case, peer)?;
    Some(Evidence::supports(
        Rank::Hint,
        format!("what its workers wait in: {waits}"),
        Source::command("ps -eo pid,stat,wchan:24,cmd"),
    ))
}

/// Free workers and an empty queue, while it fails: the pool is not what fails.
fn idle(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let (idle, all, source) = scoreboard::free(case, peer)?;
    (case.works_now() == Some(false)).then(|| {
        let says = format!("{idle} of {all} workers are idle, and it fails all the same");
        Evidence::refutes(Rank::Decisive, says, source)
    })
}

fn stuck(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    queue::all_stuck(case, peer).then(|| {
        Evidence::refutes(
            Rank::Decisive,
            "its workers are not busy, they are stopped or stuck in the kernel",
            Source::command("ps -eo pid,stat,wchan:24,cmd"),
        )
    })
}

fn advise(case: &Case) -> String {
    let Some((peer, _)) = exhausted(case) else {
        return String::new();
    };
    let setting = match peer.backend.as_ref().and_then(|backend| backend.kind) {
        Some(BackendKind::PhpFpm) => "pm.max_children",
        Some(BackendKind::Apache) => "MaxRequestWorkers",
        _ => "the number of workers",
    };
    let memory = queue::largest_worker(case, peer) >> 20;
    let waits = queue::waits(case, peer).map(|waits| format!(" (now: {})", clip(&waits)));
    format!(
        "find what holds the workers{}: the slowest requests (request_slowlog_timeout, the access log's \
         $upstream_response_time), the database's running statements, one address with many requests. Raise {setting} \
         only if they do not all wait for the same thing, and only by what memory allows: a worker uses up to \
         {memory} MiB (free -m). A longer nginx timeout only makes the queue longer",
        waits.unwrap_or_default()
    )
}

/// More workers, where they would not all wait for the same, and only as many as memory holds.
fn remedies(case: &Case) -> Vec<Remedy> {
    let more = exhausted(case).and_then(|(peer, _)| workers::more(case, peer));
    more.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    fn timed_out(fixture: Fixture) -> Fixture {
        fixture.complains(Trouble::TimedOut, Phase::ReadingHeader)
    }

    #[test]
    fn fires_where_no_worker_is_idle_and_connections_wait() {
        for fixture in [Fixture::php_fpm(), Fixture::apache(), Fixture::gunicorn()] {
            timed_out(fixture)
                .queue(8, 511)
                .second_look((0, 2), 3)
                .check("found pool-exhausted");
        }
    }

    #[test]
    fn fires_on_its_own_count() {
        timed_out(Fixture::php_fpm())
            .counts(5, 0, 0, true)
            .check("found pool-exhausted");
        timed_out(Fixture::apache())
            .counts(3, 0, 4, false)
            .check("found pool-exhausted");
        // where it may have more workers, or only the one is busy that serves the page
        timed_out(Fixture::php_fpm())
            .counts(2, 0, 0, true)
            .check_not("pool-exhausted");
        timed_out(Fixture::php_fpm())
            .counts(1, 0, 0, false)
            .check_not("pool-exhausted");
        // silence and what was long ago speak for it, and are not enough
        timed_out(Fixture::php_fpm())
            .page_is_silent(false)
            .check_not("pool-exhausted");
        timed_out(Fixture::php_fpm())
            .counts(2, 3, 0, false)
            .check_not("pool-exhausted");
    }

    #[test]
    fn its_own_count_of_idle_workers_rules_it_out() {
        let full = "WARNING: [pool www] server reached pm.max_children setting (5), consider raising it";
        let case = || timed_out(Fixture::php_fpm()).logs(62, full);
        case().counts(5, 0, 0, true).check("found pool-exhausted");
        case().counts(2, 3, 0, false).check_not("pool-exhausted");
        // not where connections wait all the same, nor where its processes show the contrary
        case()
            .queue(3, 511)
            .second_look((0, 2), 3)
            .counts(2, 3, 0, false)
            .check("found pool-exhausted");
        let busy = case()
            .second_look((0, 2), 3)
            .last_worker(|it| it.wchan = "hrtimer_nanosleep".into());
        busy.counts(2, 3, 0, false).check("found pool-exhausted");
    }

    #[test]
    fn fires_on_its_own_words_after_the_rush() {
        timed_out(Fixture::php_fpm())
            .logs(
                62,
                "WARNING: [pool www] server reached pm.max_children setting (2), consider raising it",
            )
            .works_now()
            .check("recovered pool-exhausted");
        timed_out(Fixture::apache())
            .logs(62, "[mpm_prefork:error] [pid 1664:tid 1664] AH00161: server reached MaxRequestWorkers setting, consider raising")
            .works_now()
            .check("recovered pool-exhausted");
    }

    #[test]
    fn a_long_queue_that_is_full_is_its_effect() {
        Fixture::php_fpm()
            .connect_fails(11)
            .queue(512, 511)
            .second_look((0, 2), 3)
            .check("found pool-exhausted <- listen-backlog-full");
    }

    #[test]
    fn stays_quiet_where_workers_are_idle() {
        timed_out(Fixture::php_fpm())
            .others_succeed()
            .second_look((18, 20), 0)
            .logs(
                62,
                "WARNING: [pool www] server reached pm.max_children setting (20), consider raising it",
            )
            .check("found slow-backend");
    }

    #[test]
    fn stays_quiet_where_the_queue_is_too_short_for_a_burst() {
        Fixture::php_fpm()
            .connect_fails(11)
            .queue(5, 4)
            .second_look((0, 2), 3)
            .check("found listen-backlog-full");
    }

    /// Two of five php-fpm workers, 50 MiB each, wait in this; so much memory is free, MiB.
    fn waiting_in(wchan: &str, free: u64) -> Fixture {
        timed_out(Fixture::php_fpm())
            .queue(3, 511)
            .second_look((0, 2), 0)
            .with(|it| {
                it.world.memory_available = Ok(free << 20);
                for process in it.world.processes.as_mut().expect("seen") {
                    (process.wchan, process.rss) = (wchan.into(), 50 << 20);
                }
            })
    }

    #[test]
    fn raises_the_number_within_memory() {
        let set = "ask relief: /etc/php/8.2/fpm/pool.d/www.conf [www] pm.max_children";
        let reload = "reload php8.2-fpm.service";
        waiting_in("hrtimer_nanosleep", 4000).offers(&[&format!("{set} = 12; {reload}")]);
        waiting_in("hrtimer_nanosleep", 200).offers(&[&format!("{set} = 8; {reload}")]);
        waiting_in("hrtimer_nanosleep", 60).offers(&[]);
    }

    #[test]
    fn offers_no_more_workers_to_wait_for_the_same() {
        for wchan in ["sk_wait_data", "do_sys_poll", ""] {
            waiting_in(wchan, 4000).offers(&[]);
        }
    }
}
