use crate::{
    Case, Class, Evidence, Opinion, Rank,
    cause::{Group, Told, cause},
    evidence::quote,
    jobs::JobRun,
    needs, queue,
    rhythm::{self, Stretch},
    words::{clip, span},
};
use logscan::{Complaint, Phase, Trouble};
use std::{collections::BTreeMap, time::Duration};

cause! {
    /// # What happens
    /// A cron job or timer (backup, index, report, log rotation) uses the CPU, the disk or the database at its minute, or
    /// holds a lock there, and requests wait for it.
    /// # How to tell
    /// Requests wait in vain while the job runs, again and again, and at no other time; or it runs now, and what they wait
    /// for is what it has: the processors, or a lock in a database that it is connected to.
    /// # Fix
    /// Only a person knows when the job may run: move it to a quiet hour, or give it `Nice=`, `IOSchedulingClass=idle` and
    /// `CPUWeight=`; a dump of a database in one transaction (`mariadb-dump --single-transaction`) locks nobody out.
    /// # Not this if
    /// The failures keep no time, or the job ended long before them.
    pub static SCHEDULED_JOB_LOAD = {
        id: "scheduled-job-load",
        title: "a scheduled job takes the host down",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("cron[", 40), ("wp-cron.php", 10), ("cron.daily", 70)],
        effect_of: &[],
        settled_by: ("compare the minutes with timers and cron", "systemctl list-timers --all; grep CRON /var/log/syslog | tail"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["scheduled-job-load", "chain-pool-job"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 3,
        _ => 0,
    }
}

/// What was waited for is caught up with after the job has ended; logs are whole seconds.
const LATER: Duration = Duration::from_secs(1);

fn weigh(case: &Case) -> Opinion {
    if queue::waited(case).is_empty() {
        return Opinion::none();
    }
    let mut jobs: BTreeMap<&str, Vec<&JobRun>> = BTreeMap::new();
    for run in &case.world.jobs {
        jobs.entry(&run.says).or_default().push(run);
    }
    let keep_time = jobs.values().filter_map(|runs| again(case, runs));
    match keep_time.collect::<Vec<_>>().as_slice() {
        [] => {
            let mut runs = case.world.jobs.iter().rev();
            runs.find_map(|run| now(case, run)).unwrap_or_default()
        }
        [one] => one.clone(),
        several => one_of(several),
    }
}

/// Jobs that run at the same times can't be told apart by them; that there are several makes none the likelier.
fn one_of(several: &[Opinion]) -> Opinion {
    let jobs: Vec<&str> = several.iter().map(|it| it.subject.as_str()).collect();
    let mut evidence: Vec<Evidence> = several.iter().flat_map(|it| it.evidence.clone()).collect();
    evidence.iter_mut().skip(1).for_each(|it| it.rank = Rank::Hint);
    Opinion {
        subject: "scheduled jobs".to_owned(),
        says: format!("one of these jobs takes what the site needs: {}", jobs.join(", ")),
        evidence,
    }
}

/// Requests waited in vain during several runs of one job, and never otherwise.
fn again(case: &Case, runs: &[&JobRun]) -> Option<Opinion> {
    let (first, last) = (runs.first()?, runs.last()?);
    let patience = case
        .route
        .as_ref()
        .and_then(|route| route.settings.read_timeout)
        .unwrap_or_default();
    let windows: Vec<Stretch> = runs
        .iter()
        .map(|run| Stretch {
            from: run.from,
            to: run.to.after(patience + LATER),
        })
        .collect();
    let booted = case.world.booted().unwrap_or(case.world.since);
    let all = Stretch {
        from: case.world.since.max(booted),
        to: case.world.now,
    };
    let met = rhythm::keeps_time(&queue::waited(case), &windows, all).filter(|met| *met >= 2)?;
    let says = format!(
        "requests waited in vain during {met} of {} runs of {} ({} to {}), and at no other time",
        runs.len(),
        last.name(),
        first.from,
        last.to
    );
    Some(opinion(case, last, says))
}

/// It runs now, and has what requests wait for.
fn now(case: &Case, run: &JobRun) -> Option<Opinion> {
    let before = queue::waited(case).iter().any(|it| it.first < run.from);
    if before || !run.is_under_way(case) {
        return None;
    }
    let since = span(case.world.now.since(run.from));
    let says = match (run.takes_the_cpu(case), run.database(case)) {
        (_, Some(sight)) => format!(
            "it has run for {since}, and is connected to {} at {}, where the application waits for a lock",
            sight.dependency.service,
            needs::subject(sight)
        ),
        (Some(cpu), None) => format!("it has run for {since}, and takes {cpu} % of a processor"),
        (None, None) => return None,
    };
    Some(opinion(case, run, says))
}

fn opinion(case: &Case, run: &JobRun, told: String) -> Opinion {
    let mut evidence = vec![Evidence::supports(Rank::Strong, told, run.source())];
    if case.first() >= run.from {
        let before = span(case.first().since(run.from));
        let says = format!("the first request that failed was answered {before} after it began");
        evidence.push(Evidence::supports(Rank::Hint, says, run.source()));
    }
    Opinion {
        subject: run.name(),
        says: format!("{} and takes what the site needs", clip(&run.says)),
        evidence,
    }
}

fn advise(case: &Case) -> String {
    let subject = weigh(case).subject;
    let unit = case
        .world
        .jobs
        .iter()
        .find_map(|run| run.unit.as_deref().filter(|unit| *unit == subject));
    let gently = match unit {
        Some(unit) => format!(
            "systemctl edit {} (Nice=19, IOSchedulingClass=idle, CPUWeight=20)",
            quote(unit)
        ),
        None => "write nice ionice -c3 before its command".to_owned(),
    };
    format!(
        "move it to an hour without visitors (OnCalendar= of its timer, its line in crontab), or let it give way: {gently}. If \
         it dumps a database, have it do so in one transaction (mariadb-dump --single-transaction, pg_dump)"
    )
}

#[cfg(test)]
mod tests {
    use crate::{
        jobs::JobRun,
        testing::{Fixture, NOW, process, processes},
    };
    use host::looks::{Pressure, Stall};
    use logscan::{Phase, Trouble};
    use std::time::Duration;

    fn slow(fixture: Fixture, ago: &[u64]) -> Fixture {
        fixture
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .seen_at(ago)
            .with(|it| {
                it.route.as_mut().expect("a route").settings.read_timeout = Some(Duration::from_secs(4));
            })
    }

    /// Runs of the job, by seconds before now.
    fn runs(fixture: Fixture, runs: &[(u64, u64)]) -> Fixture {
        fixture.with(|it| {
            let ago = |seconds| NOW.before(Duration::from_secs(seconds));
            let run = |(from, to): &(u64, u64)| JobRun {
                says: "export.service ran, started by export.timer".into(),
                unit: Some("export.service".into()),
                from: ago(*from),
                to: ago(*to),
            };
            it.world.jobs = runs.iter().map(run).collect();
        })
    }

    #[test]
    fn fires_where_failures_keep_the_jobs_time() {
        let failures = &[3604, 3590, 1806, 5];
        let hourly = &[(5400, 5380), (3610, 3580), (1810, 1790), (10, 0)];
        runs(slow(Fixture::php_fpm(), failures), hourly).check("found scheduled-job-load");
        runs(slow(Fixture::gunicorn(), failures), hourly)
            .works_now()
            .queue(0, 511)
            .second_look((2, 2), 0)
            .check("recovered scheduled-job-load <- slow-backend");
    }

    #[test]
    fn stays_quiet_where_failures_keep_no_time() {
        let hourly = &[(3610, 3580), (1810, 1790), (10, 0)];
        runs(slow(Fixture::php_fpm(), &[3604, 2000, 1806, 5]), hourly).check_not("scheduled-job-load");
        runs(slow(Fixture::php_fpm(), &[5]), hourly).check_not("scheduled-job-load");
        let minutes: Vec<(u64, u64)> = (0..120).rev().map(|at| (at * 60 + 55, at * 60)).collect();
        runs(slow(Fixture::php_fpm(), &[3604, 1806, 5]), &minutes).check_not("scheduled-job-load");
    }

    fn computes(cpu: u64, pressed: f64) -> Fixture {
        let some = Stall {
            avg10: pressed,
            avg60: pressed,
            avg300: pressed,
        };
        runs(slow(Fixture::gunicorn(), &[25, 5]), &[(30, 0)]).with(|it| {
            let mut job = process(900, 1, "export.service");
            job.cpu_ticks = cpu;
            it.world.processes.as_mut().expect("seen").push(job);
            it.world.limits.cpu = Some(Pressure {
                some,
                full: Stall::default(),
            });
        })
    }

    #[test]
    fn fires_where_it_has_the_processors_now() {
        computes(2900, 90.0).check("found scheduled-job-load");
        computes(2900, 20.0).check_not("scheduled-job-load");
        computes(300, 90.0).check_not("scheduled-job-load");
    }

    /// The job is connected from port 40000; the lock is held by a session of that port.
    fn locks(remote: &str, holder: &str) -> Fixture {
        let columns = &["id", "state", "time", "blocked_by", "info", "client_port"];
        let waits: &[&str] = &["8", "active", "3", "7", "SELECT 1", "50000"];
        let holds: &[&str] = &["7", "active", "90", "", "LOCK TABLE t", holder];
        let fixture = slow(Fixture::gunicorn(), &[25, 5])
            .queue(8, 511)
            .second_look((0, 2), 0)
            .needs(
                "postgres 127.0.0.1:5432",
                "active",
                processes(columns, &[waits, holds]),
            );
        runs(fixture, &[(30, 0)]).with(|it| {
            it.world
                .processes
                .as_mut()
                .expect("seen")
                .push(process(900, 1, "export.service"));
            let mut held = it.world.sockets.as_ref().expect("seen")[0].clone();
            held.state = host::answer::SocketState::Established;
            held.local = crate::testing::endpoint("127.0.0.1:40000");
            held.remote = Some(remote.parse().expect("an address"));
            held.pids = Some(vec![900]);
            it.world.sockets.as_mut().expect("seen").push(held);
        })
    }

    #[test]
    fn fires_where_it_is_connected_to_the_database_that_has_the_lock() {
        let holder = |port| locks("127.0.0.1:5432", port);
        for port in ["40000", "-1", ""] {
            holder(port).check("found scheduled-job-load <- db-slow pool-exhausted");
        }
        holder("41000").check("found db-slow <- pool-exhausted");
        locks("127.0.0.1:6432", "40000").check("found db-slow <- pool-exhausted");
    }

    /// A backup runs, and was kept waiting like everybody.
    #[test]
    fn stays_quiet_about_a_job_that_waits_itself() {
        let victim = locks("127.0.0.1:5432", "").with(|it| {
            let columns = &["id", "command", "state", "host", "info"];
            let waits = |port| ["8", "Query", "Waiting for table metadata lock", port, "SELECT 1"];
            let (site, job) = (waits("localhost:50000"), waits("localhost:40000"));
            it.dependencies[0].heard = Ok(processes(columns, &[&site, &job]));
        });
        victim.check("found db-slow <- pool-exhausted");
    }

    #[test]
    fn stays_quiet_about_a_job_beside_what_was_stopped_or_failed_before_it() {
        computes(2900, 90.0).seen(40, 5).check_not("scheduled-job-load");
        let stopped = Fixture::gunicorn().refused().unit_is("inactive", "success");
        runs(stopped, &[(30, 0)]).check("found backend-stopped");
    }

    #[test]
    fn jobs_of_the_same_minutes_are_not_told_apart() {
        let hourly = &[(5400, 5380), (3610, 3580), (1810, 1790), (10, 0)];
        let fixture = runs(slow(Fixture::php_fpm(), &[3604, 3590, 1806, 5]), hourly).with(|it| {
            let twins = it.world.jobs.clone().into_iter().map(|run| JobRun {
                says: "stats.service ran, started by stats.timer".into(),
                unit: Some("stats.service".into()),
                ..run
            });
            it.world.jobs.extend(twins);
        });
        let says = super::weigh(&fixture.case()).says;
        assert!(says.starts_with("one of these jobs") && says.ends_with("export.service, stats.service"));
    }
}
