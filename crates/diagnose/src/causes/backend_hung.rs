use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{PeerSight, Progress, errno},
    cause::{Group, Told, cause},
    evidence::quote,
    queue, service,
    words::{count, pids},
};
use host::looks::{Process, ProcessState};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// The backend is alive and listens, and takes nothing from its accept queue: its processes are stopped, stuck in
    /// the kernel, dead-locked, or an event loop turns in an endless computation. The kernel still completes
    /// connections, so nginx connects and waits until its read timeout (504); when the queue is full it times out
    /// while connecting, or gets errno 11 on a unix socket.
    /// # How to tell
    /// All workers are in state T (stopped by a signal or a debugger) or D (in the kernel), or a single-process server
    /// leaves its queue as it is while it uses no CPU, or all of one.
    /// # Fix
    /// Keep the evidence first: states, kernel stacks, a stack of the program. Then, and only for this unit: SIGCONT
    /// where it was stopped, a restart otherwise. A process in state D can't be killed: see what device or file system
    /// it waits for.
    /// # Not this if
    /// Workers are all busy with requests of their own and end them (pool-exhausted), or some are idle (slow-backend).
    pub static BACKEND_HUNG = {
        id: "backend-hung",
        title: "the backend is alive and does nothing",
        group: Group::Process,
        class: Class::Auto,
        share_of: share_of,
        phrases: &[("blocked for more than", 60), ("T (stopped)", 60)],
        effect_of: &["backend-port-taken", "broker-down", "cache-down", "db-down", "db-slow", "disk-error", "disk-full", "external-api-slow", "fd-limit", "io-saturated", "memory-pressure", "process-limit", "reboot-needed", "search-down"],
        settled_by: ("see the states of the backend's processes and its accept queue", "ps -eo pid,stat,wchan:24,pcpu,cmd --sort=stat | grep -E ' [TD]'; ss -ltnx"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["backend-hung"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (&complaint.trouble, complaint.phase) {
        (Trouble::TimedOut, Some(Phase::Connecting)) => 10,
        (Trouble::TimedOut, _) => 6,
        (Trouble::Connect(errno::EAGAIN), _) => 8,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    hung(case).map(|(_, opinion)| opinion).unwrap_or_default()
}

fn hung(case: &Case) -> Option<(&PeerSight, Opinion)> {
    if queue::waited(case).is_empty() {
        return None;
    }
    case.peers.iter().find_map(|peer| {
        let evidence = stuck(case, peer).or_else(|| undrained(case, peer))?;
        let subject = service::subject(peer);
        let says = format!(
            "{subject} is alive and listens on {}, but does nothing",
            peer.endpoint
        );
        let mut evidence = vec![evidence];
        evidence.extend(queue(case, peer));
        Some((
            peer,
            Opinion {
                subject,
                evidence,
                says,
            },
        ))
    })
}

/// Every worker is stopped, or every worker is stuck in the kernel.
fn stuck(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let workers = service::workers(case, peer);
    let what = [
        (
            ProcessState::Stopped,
            "stopped by a signal or a debugger (state T)",
        ),
        (ProcessState::Uninterruptible, "stuck in the kernel (state D)"),
    ];
    let (_, what) = what.into_iter().find(|(state, _)| are_all(&workers, *state))?;
    Some(Evidence::supports(
        Rank::Decisive,
        format!("all its workers ({}) are {what}", count(workers.len(), "process")),
        Source::command(format!("ps -o pid,stat,wchan:24,cmd -p {}", pids(&workers))),
    ))
}

fn are_all(workers: &[&Process], state: ProcessState) -> bool {
    !workers.is_empty() && workers.iter().all(|worker| worker.state == state)
}

/// A server that should take connections at any time leaves its queue as it is.
fn undrained(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let progress = peer.progress.as_ref().filter(|_| !queue::is_worker_pool(peer))?;
    let left = progress.queue.0 > 0 && progress.queue.1 >= progress.queue.0;
    let busy = progress.idle.0 == 0;
    let processes: Vec<&Process> = case.processes_of(peer).collect();
    (left && busy).then(|| {
        Evidence::supports(
            Rank::Strong,
            format!(
                "it took none of the {} that wait, {}",
                count(progress.queue.0 as usize, "connection"),
                meanwhile(progress)
            ),
            Source::command(format!(
                "ps -o pid,stat,wchan:24,pcpu,cmd -p {}",
                pids(&processes)
            )),
        )
    })
}

fn meanwhile(progress: &Progress) -> String {
    let apart = progress.apart.as_millis();
    match progress.cpu_ticks {
        0 => format!("and used no CPU for {apart} ms"),
        ticks => format!("and computed meanwhile: {} ms of CPU in {apart} ms", ticks * 10),
    }
}

fn queue(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let waiting = queue::waiting(case, peer);
    (waiting > 0).then(|| {
        Evidence::supports(
            Rank::Strong,
            format!(
                "{} in the accept queue of {}",
                count(waiting as usize, "connection"),
                peer.endpoint
            ),
            Source::listeners(&peer.endpoint),
        )
    })
}

fn advise(case: &Case) -> String {
    let Some((peer, _)) = hung(case) else {
        return String::new();
    };
    let workers = service::workers(case, peer);
    let keep = format!(
        "keep the evidence: ps -o pid,stat,wchan:24,cmd -p {}",
        pids(&workers)
    );
    let unit = quote(&service::subject(peer));
    if are_all(&workers, ProcessState::Stopped) {
        return format!("{keep}; find who stopped them; then: systemctl kill -s CONT {unit}");
    }
    if are_all(&workers, ProcessState::Uninterruptible) {
        return format!(
            "{keep}; cat /proc/{}/stack; see the device or file system they wait for (dmesg -T | tail -50): neither kill nor restart ends state D",
            workers.first().map(|worker| worker.pid).unwrap_or_default()
        );
    }
    format!(
        "{keep}; take a stack (gdb -p PID, py-spy dump --pid PID, jstack PID); then, as a relief: systemctl restart {unit}"
    )
}

/// How many stuck processes are looked at before they are gone.
const FORENSICS: usize = 5;

/// Nothing ends state D but the device it waits for.
fn remedies(case: &Case) -> Vec<Remedy> {
    let found = hung(case).and_then(|(peer, _)| Some((peer, case.unit_of(peer)?)));
    let Some((peer, unit)) = found else {
        return Vec::new();
    };
    let workers = service::workers(case, peer);
    if workers
        .iter()
        .any(|worker| worker.state == ProcessState::Uninterruptible)
    {
        return Vec::new();
    }
    let restart = Measure::Restart {
        unit: unit.name.clone(),
        forensics: workers.iter().take(FORENSICS).map(|worker| worker.pid).collect(),
    };
    let title = format!("restart {} after its processes were looked at", unit.name);
    vec![Remedy::ask(title, vec![restart]).unattended_if(true).relief()]
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use host::looks::ProcessState;
    use logscan::{Phase, Trouble};

    fn timed_out(fixture: Fixture) -> Fixture {
        fixture.complains(Trouble::TimedOut, Phase::ReadingHeader)
    }

    #[test]
    fn fires_where_all_workers_are_stopped() {
        for fixture in [Fixture::php_fpm(), Fixture::apache(), Fixture::node()] {
            timed_out(fixture)
                .workers_are(ProcessState::Stopped)
                .queue(3, 511)
                .second_look((0, 2), 0)
                .check("found backend-hung");
        }
    }

    #[test]
    fn fires_where_all_workers_are_in_the_kernel() {
        timed_out(Fixture::php_fpm())
            .workers_are(ProcessState::Uninterruptible)
            .check("found backend-hung");
    }

    #[test]
    fn fires_on_an_event_loop_that_does_not_turn() {
        timed_out(Fixture::node())
            .queue(1, 511)
            .second_look((0, 1), 40)
            .check("found backend-hung");
        timed_out(Fixture::node())
            .queue(1, 511)
            .second_look((0, 1), 0)
            .check("found backend-hung");
    }

    #[test]
    fn a_full_queue_is_its_effect() {
        Fixture::php_fpm()
            .connect_fails(11)
            .workers_are(ProcessState::Stopped)
            .queue(512, 511)
            .check("found backend-hung <- listen-backlog-full");
    }

    #[test]
    fn stays_quiet_where_all_workers_are_busy() {
        timed_out(Fixture::php_fpm())
            .queue(2, 511)
            .second_look((0, 2), 0)
            .check("found pool-exhausted");
    }

    #[test]
    fn stays_quiet_where_one_of_two_is_stopped() {
        timed_out(Fixture::php_fpm())
            .with(|it| {
                let processes = it.world.processes.as_mut().expect("seen");
                processes[2].state = ProcessState::Stopped;
            })
            .second_look((1, 2), 0)
            .others_succeed()
            .check("found slow-backend");
    }

    #[test]
    fn restarts_it_unless_it_is_in_the_kernel() {
        timed_out(Fixture::php_fpm())
            .workers_are(ProcessState::Stopped)
            .offers(&["auto relief: restart php8.2-fpm.service after [501, 502]"]);
        timed_out(Fixture::node())
            .queue(1, 511)
            .second_look((0, 1), 40)
            .offers(&["auto relief: restart web.service after [500]"]);
        timed_out(Fixture::php_fpm())
            .workers_are(ProcessState::Uninterruptible)
            .offers(&[]);
    }
}
