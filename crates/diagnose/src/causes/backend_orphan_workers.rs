use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, backend_log,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    evidence::quote,
    queue, service,
    words::{count, pids, said},
};
use host::looks::{Process, Unit};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The master process of the backend is gone and its workers are not: they hold the listening socket, finish or
    /// never finish what they had, and nobody supervises them. Each start of the unit fails, as the address is in use.
    /// It takes `KillMode=process` or `none` in the unit, or a start outside systemd.
    /// # How to tell
    /// The unit is down, yet processes of it listen on the address; their parent is process 1. The unit's log says
    /// `Address already in use`, systemd says `Found left-over process`.
    /// # Fix
    /// End exactly those processes, start the unit, and remove `KillMode=process` so that systemd ends workers with
    /// their master.
    /// # Not this if
    /// Another program holds the address (backend-port-taken), or the listener belongs to a master that runs.
    pub static BACKEND_ORPHAN_WORKERS = {
        id: "backend-orphan-workers",
        title: "workers without a master hold the backend's address",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("Found left-over process", 85), ("Address already in use", 20), ("Connection in use: ", 20)],
        effect_of: &[],
        settled_by: ("see who holds the address and whose child that is", "ss -ltnxp; ps -eo pid,ppid,lstart,cmd --forest"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["backend-orphan-workers"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Receive(errno::ECONNRESET) | Trouble::ClosedEarly | Trouble::TimedOut => 1,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, unit, orphans)) = orphaned(case) else {
        return Opinion::none();
    };
    let pids = pids(&orphans);
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        format!(
            "{} is {}, yet {} of it without a living master ({pids}) listen on {}",
            unit.name,
            unit.active_state,
            count(orphans.len(), "worker"),
            peer.endpoint
        ),
        Source::command(format!("ps -o pid,ppid,lstart,stat,cmd -p {pids}")),
    )];
    let words = service::last_words(case, unit);
    let taken = words
        .iter()
        .rfind(|line| backend_log::is_address_taken(line.text));
    evidence.extend(taken.map(|line| Evidence::supports(Rank::Strong, said(line), line.source.clone())));
    evidence.extend(left_over(case, unit));
    Opinion {
        subject: unit.name.clone(),
        says: format!(
            "{} can't start: workers of an earlier run still hold {}",
            unit.name, peer.endpoint
        ),
        evidence,
    }
}

/// A peer whose address is held only by workers of its unit that outlived their master.
fn orphaned(case: &Case) -> Option<(&PeerSight, &Unit, Vec<&Process>)> {
    case.peers.iter().find_map(|peer| {
        let unit = case.unit_of(peer).filter(|unit| unit.main_pid.is_none())?;
        let holders = queue::listener(case, peer)?.pids.as_ref()?;
        let holders: Vec<&Process> = holders
            .iter()
            .filter_map(|pid| case.world.process(*pid))
            .collect();
        let all = !holders.is_empty() && holders.iter().all(|it| is_orphan(case, it) && is_of(unit, it));
        all.then_some((peer, unit, holders))
    })
}

/// Its parent died: it was handed to process 1, or to a user's systemd.
fn is_orphan(case: &Case, process: &Process) -> bool {
    let parent = case.world.process(process.ppid);
    process.ppid == 1 || parent.is_none_or(|parent| parent.comm == "systemd")
}

/// In the unit's own cgroup, or the very program it runs.
fn is_of(unit: &Unit, process: &Process) -> bool {
    let program = unit.exec_start.split(' ').next().unwrap_or_default();
    let same = process
        .exe
        .as_ref()
        .is_some_and(|exe| !program.is_empty() && exe.as_os_str() == program);
    process.unit.as_deref() == Some(unit.name.as_str()) || same
}

fn left_over(case: &Case, unit: &Unit) -> Option<Evidence> {
    let line =
        service::systemd_lines(case, unit).rfind(|line| line.text.contains("Found left-over process"))?;
    Some(Evidence::supports(
        Rank::Strong,
        format!("systemd said at {}: {}", line.at, crate::words::clip(&line.text)),
        Source::journal(&unit.name),
    ))
}

fn advise(case: &Case) -> String {
    let Some((peer, unit, orphans)) = orphaned(case) else {
        return String::new();
    };
    let kill = pids(&orphans).replace(',', " ");
    let mode = unit.property("KillMode");
    let lasting = match mode {
        "process" | "none" => format!("; remove KillMode={mode} (systemctl edit {})", quote(&unit.name)),
        _ => String::new(),
    };
    format!(
        "kill {kill} (they end what they serve; kill -9 those that stay); then: {}{lasting}",
        service::start_command(case, peer, unit)
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = orphaned(case).map(|(_, unit, orphans)| {
        let end = Measure::EndProcesses {
            pids: orphans.iter().map(|process| process.pid).collect(),
        };
        let start = Measure::Start {
            unit: unit.name.clone(),
        };
        let title = format!("end the workers that lost their master, and start {}", unit.name);
        Remedy::ask(title, vec![end, start])
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    fn orphans(fixture: Fixture) -> Fixture {
        fixture
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .unit(|unit| {
                unit.active_state = "failed".into();
                unit.sub_state = "failed".into();
                unit.result = "exit-code".into();
                unit.main_pid = None;
            })
            .with(|it| {
                let processes = it.world.processes.as_mut().expect("seen");
                processes.retain(|process| process.pid != 500);
                for process in processes {
                    process.ppid = 1;
                }
                it.world.sockets.as_mut().expect("seen")[0].pids = Some(vec![501, 502]);
            })
            .life(&[
                (50, "Starting"),
                (50, "Main process exited, code=exited, status=78/CONFIG"),
                (50, "Failed to start"),
            ])
    }

    #[test]
    fn fires_where_workers_hold_the_address_of_a_failed_unit() {
        orphans(Fixture::php_fpm())
            .says(50, "ERROR: unable to bind listening socket for address '127.0.0.1:9000': Address already in use (98)")
            .queue(2, 511)
            .second_look((0, 2), 0)
            .check("found backend-orphan-workers <- backend-crash-on-start pool-exhausted");
        orphans(Fixture::gunicorn())
            .says(50, "[ERROR] Connection in use: ('127.0.0.1', 8000)")
            .check("found backend-orphan-workers <- backend-crash-on-start");
    }

    #[test]
    fn stays_quiet_where_another_program_holds_it() {
        orphans(Fixture::gunicorn())
            .with(|it| {
                for process in it.world.processes.as_mut().expect("seen") {
                    process.unit = Some("other.service".into());
                }
            })
            .check("found backend-crash-on-start");
    }

    #[test]
    fn stays_quiet_where_the_master_runs() {
        Fixture::php_fpm()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .check("unexplained");
    }

    #[test]
    fn ends_exactly_the_orphans() {
        orphans(Fixture::gunicorn()).offers(&["ask: end [501, 502]; start app.service"]);
    }

    #[test]
    fn ends_no_process_of_a_stranger() {
        orphans(Fixture::gunicorn())
            .with(|it| it.world.processes.as_mut().expect("seen")[0].unit = Some("other.service".into()))
            .offers(&[]);
    }
}
