use crate::{
    Case, Class, Evidence, Opinion, Rank, Source,
    case::PeerSight,
    cause::{Group, Told, cause},
    limits, queue, service,
    words::count,
};
use host::looks::{Process, ProcessState};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// Processes wait for the disk in state D; requests take longer than nginx waits.
    /// # How to tell
    /// Pressure (PSI) of io is high; D-state workers; one device and one writer stand out. Pressure alone is a backup that
    /// harms nobody. Recorded, not staged: a lab host shares its disk with the others.
    /// # Fix
    /// Find the writer: a backup, a log, a database without memory.
    /// # Not this if
    /// The disk reports errors (disk-error).
    pub static IO_SATURATED = {
        id: "io-saturated",
        title: "the disk can not keep up",
        group: Group::Load,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("blocked for more than 120 seconds", 70), ("iowait", 70)],
        effect_of: &["memory-pressure", "scheduled-job-load"],
        settled_by: ("see who writes", "cat /proc/pressure/io; ps -eo state,pid,comm | grep ^D"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["hosts/io-saturated"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 4,
        _ => 0,
    }
}

/// Time lost in waiting for disks over the last ten seconds, percent, from which on they can't keep up.
const PRESSED: f64 = 40.0;

/// Pressure alone is a backup that harms nobody: those who should answer must wait for the disk too.
fn weigh(case: &Case) -> Opinion {
    if !queue::is_slow(case) {
        return Opinion::none();
    }
    let Some(pressure) = case
        .world
        .limits
        .io
        .map(|io| io.some)
        .filter(|some| some.avg10 >= PRESSED)
    else {
        return Opinion::none();
    };
    let waiting = waiting(case);
    if waiting.is_empty() {
        return calm(case);
    }
    let says = format!(
        "some program waited for a disk in {:.0} % of the last ten seconds",
        pressure.avg10
    );
    let stuck = format!(
        "{} of the backend or its database {} for the disk (state D): {}",
        count(waiting.len(), "process"),
        if waiting.len() == 1 { "waits" } else { "wait" },
        crate::words::pids(&waiting)
    );
    Opinion {
        subject: "disk".to_owned(),
        says: "the disk can't keep up with what is read and written".to_owned(),
        evidence: vec![
            Evidence::supports(Rank::Strong, says, Source::command("cat /proc/pressure/io")),
            Evidence::supports(
                Rank::Strong,
                stuck,
                Source::command("ps -eo stat,pid,wchan:24,args | grep ^D"),
            ),
        ],
    }
}

fn waiting(case: &Case) -> Vec<&Process> {
    let of_units = limits::units(case)
        .into_iter()
        .flat_map(|unit| case.world.processes_of(&unit.name));
    of_units
        .filter(|it| it.state == ProcessState::Uninterruptible)
        // what has just been started reads its program
        .filter(|it| !service::is_younger(case, it, service::SHORT))
        .collect()
}

/// The disk is busy, and no worker waits for it.
fn calm(case: &Case) -> Opinion {
    let looked = |peer: &PeerSight| peer.progress.is_some() && !service::workers(case, peer).is_empty();
    let Some(peer) = case.peers.iter().find(|peer| looked(peer)) else {
        return Opinion::none();
    };
    let says = format!("no process of {} waits for the disk", service::subject(peer));
    Opinion {
        evidence: vec![Evidence::refutes(
            Rank::Strong,
            says,
            Source::command("ps -eo stat,pid,wchan:24,args | grep ^D"),
        )],
        ..Opinion::default()
    }
}

fn advise(_: &Case) -> String {
    "find who reads and writes: iotop -obn1; pidstat -d 1 3; iostat -x 1 3 names the device. A backup or a report can run with ionice \
     -c3; a database that reads from disk all the time wants memory (innodb_buffer_pool_size, shared_buffers)"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use host::looks::{Pressure, ProcessState, Stall};
    use logscan::{Phase, Trouble};

    fn pressed(avg: f64) -> Fixture {
        let some = Stall {
            avg10: avg,
            avg60: avg,
            avg300: avg,
        };
        Fixture::php_fpm()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .queue(8, 511)
            .second_look((0, 2), 0)
            .with(|it| {
                it.world.limits.io = Some(Pressure {
                    some,
                    full: Stall::default(),
                })
            })
    }

    #[test]
    fn fires_where_workers_wait_for_a_busy_disk() {
        pressed(80.0)
            .workers_are(ProcessState::Uninterruptible)
            .last_worker(|worker| worker.state = ProcessState::Sleeping)
            .check("found io-saturated <- pool-exhausted");
    }

    #[test]
    fn stays_quiet_where_they_wait_for_something_else() {
        pressed(80.0).check("found pool-exhausted");
        let stuck = || pressed(80.0).workers_are(ProcessState::Uninterruptible);
        stuck().seen(400, 300).check_not("io-saturated");
        let young = stuck().with(|it| {
            for worker in it.world.processes.as_mut().expect("seen") {
                worker.started_ticks = 86_399 * 100;
            }
        });
        young.check_not("io-saturated");
        pressed(2.0)
            .workers_are(ProcessState::Uninterruptible)
            .check_not("io-saturated");
    }
}
