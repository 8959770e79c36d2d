use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::PeerSight,
    cause::{Group, Told, cause},
    evidence::quote,
    limits::{self, ControlGroup, Throttled},
    queue, service,
};
use host::looks::{ProcessState, Unit};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Everything waits for the CPU: requests take longer than nginx waits.
    /// # How to tell
    /// Pressure (PSI) of cpu is high, the run queue long, or the unit's cgroup is throttled; one process or unit stands
    /// out.
    /// # Fix
    /// Find the requests or the job behind it; then limit or move that.
    /// # Not this if
    /// CPU is idle and workers wait (db-slow, external-api-slow), or they have just been started: each loads its program then.
    pub static CPU_SATURATED = {
        id: "cpu-saturated",
        title: "the host or the unit has no CPU left",
        group: Group::Load,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("load average", 30)],
        effect_of: &["heavy-endpoint", "scheduled-job-load", "traffic-bruteforce", "traffic-crawler", "traffic-flood", "traffic-spam", "traffic-surge"],
        settled_by: ("see who uses the CPU", "cat /proc/pressure/cpu; top -b -n1 | head -15"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["cpu-saturated"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 6,
        Trouble::Connect(11) => 5,
        _ => 0,
    }
}

/// Time lost in waiting for a processor over the last minute, percent, from which on a host has too few of them.
const PRESSED: f64 = 60.0;
/// Throttled in so many hundredths of the periods between two looks, a group lacks time.
const OFTEN: u64 = 50;

fn weigh(case: &Case) -> Opinion {
    if !queue::is_slow(case) {
        return Opinion::none();
    }
    let units = limits::units(case);
    let mut throttled = units.into_iter().filter_map(|unit| throttled(case, unit));
    throttled.next().or_else(|| of_host(case)).unwrap_or_default()
}

/// A unit that has used up what its `CPUQuota=` allows it, in most periods.
fn throttled(case: &Case, unit: &Unit) -> Option<Opinion> {
    let group = case.world.limits.group(&unit.name)?;
    let (percent, cpu) = (group.cpu_percent?, group.cpu?);
    let dir = quote(&group.dir.to_string_lossy().replace("/memory/", "/cpu/"));
    let source = || Source::command(format!("cat {dir}/cpu.stat"));
    let often = cpu.periods > 0 && cpu.throttled * 100 >= cpu.periods * OFTEN;
    if !often {
        return idle(case, unit, cpu, source());
    }
    let says = format!(
        "{} had to wait for its next share of the CPU in {} of {} periods, {} times since its start",
        unit.name, cpu.throttled, cpu.periods, cpu.ever
    );
    let quota = format!("{} may use {percent} % of one processor", unit.name);
    let shows = Source::command(format!(
        "systemctl show -p CPUQuotaPerSecUSec {}",
        quote(&unit.name)
    ));
    let mut evidence = vec![
        Evidence::supports(Rank::Strong, says, source()),
        Evidence::supports(Rank::Strong, quota.clone(), shows),
    ];
    evidence.extend(busiest(case, unit));
    Some(Opinion {
        subject: unit.name.clone(),
        says: format!("{quota}, and it wants more"),
        evidence,
    })
}

/// It has a limit, and is not at it: what it waits for is something else.
fn idle(case: &Case, unit: &Unit, cpu: Throttled, source: Source) -> Option<Opinion> {
    let says = format!("{} was throttled in none of {} periods", unit.name, cpu.periods);
    let refuted = cpu.throttled == 0 && cpu.periods > 0 && case.works_now() == Some(false);
    refuted.then(|| Opinion {
        subject: unit.name.clone(),
        says: String::new(),
        evidence: vec![Evidence::refutes(Rank::Strong, says, source)],
    })
}

fn busiest(case: &Case, unit: &Unit) -> Option<Evidence> {
    let process = case
        .world
        .processes_of(&unit.name)
        .max_by_key(|it| it.cpu_ticks)?;
    let says = format!(
        "most of it went to process {}: {}",
        process.pid,
        crate::words::clip(&process.command())
    );
    Some(Evidence::supports(
        Rank::Hint,
        says,
        Source::command("ps -eo time,pid,unit,args --sort -time | head"),
    ))
}

/// The host lost most of its time in waiting, and the workers that should answer all want a processor and get less than
/// half of one: not those that have just been started, which want one to load their program.
fn of_host(case: &Case) -> Option<Opinion> {
    let pressure = case.world.limits.cpu?.some;
    let starved = case.peers.iter().find_map(|peer| starved(case, peer))?;
    (pressure.avg60 >= PRESSED && pressure.avg10 >= PRESSED).then(|| {
        let says = format!(
            "some program waited for a processor in {:.0} % of the last minute",
            pressure.avg60
        );
        let source = Source::command("cat /proc/pressure/cpu");
        Opinion {
            subject: "host".to_owned(),
            says: "the host has more to compute than it has processors".to_owned(),
            evidence: vec![Evidence::supports(Rank::Strong, says, source), starved],
        }
    })
}

fn starved(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let progress = peer.progress.as_ref()?;
    let workers = service::workers(case, peer);
    let wants = workers
        .iter()
        .filter(|it| it.state == ProcessState::Running)
        .count();
    let could = progress.apart.as_millis() as u64 / 10 * wants as u64;
    let all = wants > 0 && wants == workers.len() && progress.cpu_ticks * 2 < could;
    let mut young = workers
        .iter()
        .filter(|it| service::is_younger(case, it, service::SHORT));
    (all && young.next().is_none()).then(|| {
        let says = format!(
            "all {} of its workers want to run, and got {} ms of the {} ms they could use",
            workers.len(),
            progress.cpu_ticks * 10,
            could * 10
        );
        Evidence::supports(
            Rank::Strong,
            says,
            Source::command("ps -eo stat,time,pid,args --sort -time | head"),
        )
    })
}

/// The unit that is throttled, and its group.
fn victim(case: &Case) -> Option<(&Unit, &ControlGroup)> {
    let subject = weigh(case).subject;
    let unit = limits::units(case)
        .into_iter()
        .find(|unit| unit.name == subject)?;
    Some((unit, case.world.limits.group(&unit.name)?))
}

fn advise(case: &Case) -> String {
    let see = "see who computes, and for whom: ps -eo time,pid,unit,args --sort -time | head; the slowest requests of the access \
               log ($upstream_response_time)";
    match victim(case) {
        Some((unit, _)) => format!(
            "{see}. If that is its proper work, raise or remove CPUQuota= (systemctl edit {0}); systemctl restart {0}",
            quote(&unit.name)
        ),
        None => format!(
            "{see}. Limit or move that work (nice, CPUWeight=); a longer timeout of nginx only lets more of it pile up"
        ),
    }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = victim(case).and_then(|(unit, group)| {
        let percent = group.cpu_percent?;
        let new = percent.saturating_mul(4).max(100);
        let set = service::setting(unit, "CPUQuota", vec![format!("{new}%")]);
        let title = format!(
            "let {} use {new} % of a processor instead of {percent} %",
            unit.name
        );
        Some(Remedy::ask(title, vec![set, service::restart(unit)]))
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        limits::{ControlGroup, Throttled},
        testing::Fixture,
    };
    use host::looks::{Pressure, ProcessState, Stall};
    use logscan::{Phase, Trouble};

    fn slow() -> Fixture {
        Fixture::php_fpm().complains(Trouble::TimedOut, Phase::ReadingHeader)
    }

    fn quota(throttled: u64) -> Fixture {
        let cpu = Some(Throttled {
            periods: 2,
            throttled,
            ever: 74,
        });
        let group = ControlGroup {
            cpu_percent: Some(3),
            cpu,
            ..ControlGroup::default()
        };
        slow().with(|it| drop(it.world.limits.groups.insert("php8.2-fpm.service".into(), group)))
    }

    fn pressed(avg: f64) -> Fixture {
        let some = Stall {
            avg10: avg,
            avg60: avg,
            avg300: avg,
        };
        slow().with(|it| {
            it.world.limits.cpu = Some(Pressure {
                some,
                full: Stall::default(),
            })
        })
    }

    #[test]
    fn fires_where_a_unit_is_throttled() {
        quota(2)
            .second_look((1, 2), 1)
            .check("found cpu-saturated <- slow-backend");
        quota(2)
            .queue(8, 511)
            .second_look((0, 2), 1)
            .check("found cpu-saturated <- pool-exhausted");
    }

    /// Two workers that want a processor and hardly get one, started so many seconds ago.
    fn starved(fixture: Fixture, age: u64) -> Fixture {
        fixture
            .workers_are(ProcessState::Running)
            .queue(8, 511)
            .second_look((0, 2), 5)
            .with(|it| {
                for worker in it.world.processes.as_mut().expect("seen").iter_mut().skip(1) {
                    worker.started_ticks = (86_400 - age) * 100;
                }
            })
    }

    #[test]
    fn fires_where_workers_are_starved_not_while_they_load_their_program() {
        starved(pressed(90.0), 60).check("found cpu-saturated <- pool-exhausted");
        starved(pressed(90.0), 1).check("found pool-exhausted");
    }

    #[test]
    fn stays_quiet_where_it_was_not_slow_lately() {
        let quota = quota(2).second_look((1, 2), 1);
        for fixture in [starved(pressed(90.0), 600), quota] {
            fixture.seen(400, 300).check_not("cpu-saturated");
        }
    }

    #[test]
    fn cut_off_requests_were_slow_where_the_backend_says_so() {
        let cut_off = |text: &str| {
            let mut fixture = starved(pressed(90.0), 60).logs(1, text);
            fixture.symptoms.clear();
            fixture.complains(Trouble::Receive(104), Phase::ReadingHeader)
        };
        cut_off("[pool www] child 9, script 'a.php' execution timed out (2.6 sec), terminating")
            .check("found cpu-saturated <- worker-timeout-kill");
        cut_off("[pool www] child 9 started").check("unexplained");
    }

    #[test]
    fn stays_quiet_where_workers_wait_or_get_their_time() {
        quota(0)
            .queue(8, 511)
            .second_look((0, 2), 1)
            .check("found pool-exhausted");
        pressed(97.0)
            .queue(8, 511)
            .second_look((0, 2), 1)
            .check("found pool-exhausted");
        pressed(97.0)
            .workers_are(ProcessState::Running)
            .queue(8, 511)
            .second_look((0, 2), 70)
            .check("found pool-exhausted");
    }
}
