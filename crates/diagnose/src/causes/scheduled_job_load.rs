use crate::{
    Case, Class, Evidence, Opinion, Rank, Source,
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
/// As `cpu-saturated` has it: hundredths of the last seconds in which programs waited for a processor.
const PRESSED: f64 = 60.0;
/// And this job takes so many hundredths of one.
const BUSY: u64 = 50;

fn weigh(case: &Case) -> Opinion {
    if queue::waited(case).is_empty() {
        return Opinion::none();
    }
    let mut jobs: BTreeMap<&str, Vec<&JobRun>> = BTreeMap::new();
    for run in &case.world.jobs {
        jobs.entry(&run.says).or_default().push(run);
    }
    jobs.values()
        .find_map(|runs| again(case, runs))
        .or_else(|| case.world.jobs.iter().rev().find_map(|run| now(case, run)))
        .unwrap_or_default()
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
        "requests waited in vain during {met} of {} runs of it ({} to {}), and at no other time",
        runs.len(),
        first.from,
        last.to
    );
    Some(opinion(
        case,
        last,
        Evidence::supports(Rank::Strong, says, source(last)),
    ))
}

/// It runs now, and has what requests wait for.
fn now(case: &Case, run: &JobRun) -> Option<Opinion> {
    let before = queue::waited(case).iter().any(|it| it.first < run.from);
    if before || !run.is_under_way(case) {
        return None;
    }
    let since = span(case.world.now.since(run.from));
    let says = match (takes_the_cpu(case, run), run.database(case)) {
        (_, Some(sight)) => format!(
            "it has run for {since}, and is connected to {} at {}, where the application waits for a lock",
            sight.dependency.service,
            needs::subject(sight)
        ),
        (Some(cpu), None) => format!("it has run for {since}, and takes {cpu} % of a processor"),
        (None, None) => return None,
    };
    Some(opinion(
        case,
        run,
        Evidence::supports(Rank::Strong, says, source(run)),
    ))
}

fn takes_the_cpu(case: &Case, run: &JobRun) -> Option<u64> {
    let pressure = case.world.limits.cpu?.some;
    let short = pressure.avg10 >= PRESSED && pressure.avg60 >= PRESSED;
    run.cpu(case).filter(|cpu| short && *cpu >= BUSY)
}

fn opinion(case: &Case, run: &JobRun, told: Evidence) -> Opinion {
    let before = case.first().since(run.from);
    let mut evidence = vec![told];
    if case.first() >= run.from {
        let says = format!(
            "the first request that failed was answered {} after it began",
            span(before)
        );
        evidence.push(Evidence::supports(Rank::Hint, says, source(run)));
    }
    Opinion {
        subject: run.unit.clone().unwrap_or_else(|| clip(&run.says)),
        says: format!("{} and takes what the site needs", clip(&run.says)),
        evidence,
    }
}

fn source(run: &JobRun) -> Source {
    match &run.unit {
        Some(unit) => Source::journal(unit),
        None => Source::command("journalctl -t CRON -n 20 --no-pager"),
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

    fn locks(remote: &str) -> Fixture {
        let columns = &["id", "state", "time", "blocked_by", "info"];
        let waits: &[&str] = &["8", "active", "3", "7", "SELECT 1"];
        let holds: &[&str] = &["7", "active", "90", "", "LOCK TABLE t"];
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
        locks("127.0.0.1:5432").check("found scheduled-job-load <- db-slow pool-exhausted");
        locks("127.0.0.1:6432").check("found db-slow <- pool-exhausted");
    }
}
