use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source, Symptom, backend_log,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    queue,
    service::{self, Knob},
    words::{clip, said, span},
    world::Said,
};
use logscan::{Complaint, Trouble};
use std::time::Duration;

cause! {
    /// # What happens
    /// A request takes longer than the backend allows, and the backend kills the worker in the middle of it: php-fpm's
    /// `request_terminate_timeout` (nginx then says 104), gunicorn's `timeout` (30 s), uWSGI's `harakiri`, Unicorn's
    /// and Puma's worker timeout (premature close). nginx would have waited longer.
    /// # How to tell
    /// The backend says so: `execution timed out (… sec), terminating`, `WORKER TIMEOUT`, `HARAKIRI`. The failed
    /// requests all took the same round number of seconds, the backend's limit, less than nginx's read timeout.
    /// Raising nginx's timeouts changes nothing.
    /// # Fix
    /// Find why that request takes so long: php-fpm's slow log, a profiler, the database. A limit is raised last, and
    /// then the backend's below nginx's.
    /// # Not this if
    /// The worker ended by SIGSEGV (worker-crash) or by the kernel for memory (oom-kill), or nginx itself gave up
    /// waiting, which is 504 and not 502 (slow-backend).
    pub static WORKER_TIMEOUT_KILL = {
        id: "worker-timeout-kill",
        title: "the backend kills workers that take too long",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[
            ("execution timed out (", 98),
            ("WORKER TIMEOUT", 90),
            ("HARAKIRI", 95),
            ("s), killing", 90),
            ("Terminating timed out worker", 95),
        ],
        effect_of: &["broker-down", "cache-down", "cpu-saturated", "db-down", "db-slow", "external-api-slow", "io-saturated", "memory-pressure", "search-down"],
        settled_by: (
            "look for the backend's own time limit in its log",
            "grep -rhE 'execution timed out|WORKER TIMEOUT|HARAKIRI' /var/log/*fpm.log /var/log/uwsgi | tail -5; journalctl -g 'WORKER TIMEOUT|HARAKIRI' -n 5 --no-pager",
        ),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["worker-timeout-kill"],
        },
    }
}

/// Supervisors look once a second or so: php-fpm ended requests at 2.63 s for a limit of 2 s.
const LATE: f64 = 1.2;

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Receive(errno::ECONNRESET) => 15,
        Trouble::ClosedEarly => 15,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    service::of_cut_off(case, opinion)
}

fn opinion(case: &Case, peer: &PeerSight, cut: &[&Symptom]) -> Option<Opinion> {
    let said = service::said(case, peer);
    let line = kill(&said, cut);
    let limit = service::time_limit(case, peer);
    if let over @ Some(_) = no_more(case, peer, cut, limit) {
        return over;
    }
    let mut evidence: Vec<Evidence> = line.map(|line| its_own_words(line, cut)).into_iter().collect();
    evidence.extend(limit.and_then(|limit| clusters(cut, limit)));
    evidence.extend(
        limit
            .and_then(|limit| nginx_waits_longer(case, limit))
            .filter(|_| line.is_some()),
    );
    let subject = service::subject(peer);
    Some(Opinion {
        says: match limit {
            Some(limit) => format!("{subject} kills workers whose request takes longer than {limit} s"),
            None => format!("{subject} kills workers whose request takes too long"),
        },
        subject,
        evidence,
    })
    .filter(|opinion| !opinion.evidence.is_empty())
}

/// Somebody started it since, and it kills nobody: requests wait in vain for longer than it would let them.
fn no_more(case: &Case, peer: &PeerSight, cut: &[&Symptom], limit: Option<f64>) -> Option<Opinion> {
    let limit = Duration::try_from_secs_f64(limit.unwrap_or_default()).ok()?;
    // what the restart itself cut off is no kill
    let last = cut.iter().map(|it| it.last.before(service::SLACK)).max()?;
    let start = service::begun_anew(case, peer, last)?;
    let spared = |it: &&Symptom| it.last >= start.after(limit + service::SLACK);
    let subject = service::subject(peer);
    queue::waited(case).into_iter().find(spared).map(|_| Opinion {
        says: String::new(),
        evidence: vec![Evidence::refutes(
            Rank::Decisive,
            format!("{subject} was started at {start}, and has let requests wait in vain since"),
            Source::journal(&subject),
        )],
        subject,
    })
}

/// The last kill in the time of the failures; the line that names the request where several belong to one kill.
fn kill<'s, 'a>(said: &'s [Said<'a>], cut: &[&Symptom]) -> Option<&'s Said<'a>> {
    let kills = || {
        said.iter()
            .filter(|line| backend_log::is_own_timeout(line.text))
            .filter(|line| line.at.is_some_and(|at| service::among(cut, at)))
    };
    kills()
        .rfind(|line| line.text.contains("[core "))
        .or_else(|| kills().next_back())
}

fn its_own_words(line: &Said<'_>, cut: &[&Symptom]) -> Evidence {
    let same_second = line.at.is_some_and(|at| service::at_edge(cut, at));
    let rank = if same_second { Rank::Decisive } else { Rank::Strong };
    Evidence::supports(rank, said(line), line.source.clone())
}

/// At least two requests, and most of those that were cut off, ended just after the limit.
fn clusters(cut: &[&Symptom], limit: f64) -> Option<Evidence> {
    let seconds = || cut.iter().flat_map(|symptom| &symptom.upstream_seconds);
    let (all, near) = (
        seconds().count(),
        seconds()
            .filter(|it| **it >= limit && **it <= limit + LATE)
            .count(),
    );
    let sample = cut.iter().find(|symptom| !symptom.upstream_seconds.is_empty())?;
    (near >= 2 && near * 2 > all).then(|| {
        Evidence::supports(
            Rank::Strong,
            format!(
                "{near} of {all} failed requests ended within {LATE} s of the backend's own limit, {limit} s"
            ),
            Source::log(&sample.log, &clip(&sample.sample)),
        )
    })
}

fn nginx_waits_longer(case: &Case, limit: f64) -> Option<Evidence> {
    let route = case.route.as_ref()?;
    let patience = route
        .settings
        .read_timeout
        .filter(|patience| *patience > Duration::from_secs_f64(limit))?;
    Some(Evidence::supports(
        Rank::Hint,
        format!("nginx itself would have waited {}", span(patience)),
        Source::file(&route.written.file, Some(route.written.line)),
    ))
}

fn advise(case: &Case) -> String {
    let cut = service::cut_off(case);
    let request = cut.iter().rev().find_map(|symptom| symptom.request.as_deref());
    format!(
        "find what '{}' waits for (php-fpm: request_slowlog_timeout and slowlog; Python: py-spy dump --pid PID) and make \
         it faster or move it out of the request. Raising nginx's timeouts changes nothing here; if the work is meant to \
         take that long, raise the backend's own limit and keep it below nginx's",
        request.map(clip).unwrap_or_else(|| "the slow request".to_owned())
    )
}

/// The limit, as each server calls it.
const LIMIT: Knob = Knob {
    fpm: "request_terminate_timeout",
    gunicorn: &["--timeout", "-t"],
    uwsgi: "harakiri",
    restarts: false,
};
/// Supervisors look once a second: so much less than nginx's patience is still before it, seconds.
const BEFORE: u64 = 2;

/// Where nginx would have waited longer, the two limits are aligned; the request stays slow.
fn remedies(case: &Case) -> Vec<Remedy> {
    let cut = service::cut_off(case);
    let mut peers = case
        .peers
        .iter()
        .filter(|peer| opinion(case, peer, &cut).is_some());
    let remedy = peers.find_map(|peer| {
        let patience = case
            .route
            .as_ref()?
            .settings
            .read_timeout?
            .as_secs()
            .checked_sub(BEFORE)?;
        let lasted = cut
            .iter()
            .flat_map(|symptom| &symptom.upstream_seconds)
            .copied()
            .reduce(f64::max);
        let limit = service::time_limit(case, peer).or(lasted)?;
        let raised = Duration::from_secs(patience) > Duration::try_from_secs_f64(limit + 1.0).ok()?;
        let measures = service::turn(case, peer, &LIMIT, &patience.to_string()).filter(|_| raised)?;
        let subject = service::subject(peer);
        let title = format!("let {subject} work {patience} s on a request, just less than nginx waits");
        Some(Remedy::ask(title, measures).relief())
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        case::PeerSight,
        testing::{Fixture, NOW},
    };
    use logscan::{Phase, Trouble};
    use std::time::Duration;

    fn reset(fixture: Fixture) -> Fixture {
        fixture.complains(Trouble::Receive(104), Phase::ReadingHeader)
    }
    fn closed(fixture: Fixture) -> Fixture {
        fixture.complains(Trouble::ClosedEarly, Phase::ReadingHeader)
    }

    fn allow(peer: &mut PeerSight, seconds: f64) {
        let pool = peer.backend.as_mut().and_then(|backend| backend.pool.as_mut());
        pool.expect("php-fpm has a pool").terminate_timeout = Some(seconds);
    }

    #[test]
    fn fires_on_the_words_of_each_server() {
        reset(Fixture::php_fpm())
            .logs(1, "WARNING: [pool www] child 833, script '/slow.php' (request: \"GET /slow.php\") execution timed out (2.630788 sec), terminating")
            .logs(1, "WARNING: [pool www] child 833 exited on signal 15 (SIGTERM) after 2.672846 seconds from start")
            .check("found worker-timeout-kill");
        closed(Fixture::gunicorn())
            .says(1, "[CRITICAL] WORKER TIMEOUT (pid:4803)")
            .says(1, "[WARNING] Worker with pid 4803 was terminated due to signal 6")
            .check("found worker-timeout-kill");
        closed(Fixture::node())
            .logs(1, "HARAKIRI [core 0] 127.0.0.1 - GET /slow since 1795351111")
            .check("found worker-timeout-kill");
    }

    #[test]
    fn fires_on_times_alone() {
        reset(Fixture::php_fpm())
            .waited(&[2.63, 2.65, 2.2])
            .peer(|peer| allow(peer, 2.0))
            .check("found worker-timeout-kill");
    }

    #[test]
    fn stays_quiet_where_it_was_started_since_and_kills_nobody() {
        let started = |ago: u64, limit: f64| {
            reset(Fixture::php_fpm())
                .seen(90, 60)
                .logs(
                    60,
                    "[pool www] child 8, script '/x.php' execution timed out (2.6 sec), terminating",
                )
                .complains(Trouble::TimedOut, Phase::ReadingHeader)
                .seen(10, 1)
                .unit(|unit| unit.active_since = Some(NOW.before(Duration::from_secs(ago))))
                .peer(|peer| allow(peer, limit))
        };
        started(30, 2.0).check("unexplained");
        started(30, 40.0).check("found worker-timeout-kill");
        started(80, 2.0).check("found worker-timeout-kill");
    }

    #[test]
    fn stays_quiet_about_kills_at_other_times_and_of_other_pools() {
        let early = closed(Fixture::gunicorn()).says(4000, "[CRITICAL] WORKER TIMEOUT (pid:4803)");
        early.check("unexplained");
        let other = "[pool other] child 8, script '/x.php' execution timed out (2.6 sec)";
        reset(Fixture::php_fpm()).logs(1, other).check("unexplained");
    }

    #[test]
    fn stays_quiet_about_a_crash() {
        reset(Fixture::php_fpm())
            .waited(&[0.01, 0.02])
            .logs(
                1,
                "[pool www] child 881 exited on signal 11 (SIGSEGV) after 0.08 seconds from start",
            )
            .check("found worker-crash");
    }

    #[test]
    fn raises_the_limit_to_just_below_nginxs() {
        let slow = |fixture: Fixture, patience| {
            closed(fixture)
                .says(1, "[CRITICAL] WORKER TIMEOUT (pid:4803)")
                .with(|it| {
                    it.route.as_mut().expect("a route").settings.read_timeout =
                        Some(Duration::from_secs(patience))
                })
        };
        let gunicorn = || Fixture::gunicorn().runs("/opt/gunicorn --timeout 2 a:b");
        slow(gunicorn(), 60).offers(&[
            "ask relief: app.service ExecStart=|/opt/gunicorn --timeout 58 a:b; restart app.service",
        ]);
        slow(gunicorn(), 3).offers(&[]);
        slow(Fixture::gunicorn(), 60).offers(&[]);
        slow(Fixture::php_fpm(), 60)
            .peer(|peer| allow(peer, 2.0))
            .offers(&["ask relief: /etc/php/8.2/fpm/pool.d/www.conf [www] request_terminate_timeout = 58; reload php8.2-fpm.service"]);
    }
}
