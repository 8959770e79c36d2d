use crate::{
    Case, Class, Evidence, Opinion, Rank, Source,
    case::PeerSight,
    cause::{Group, Told, cause},
    elsewhere::is_ours,
    queue, service,
    words::{count, pids},
};
use host::{
    answer::{Socket, SocketState},
    looks::{Process, ProcessState},
};
use logscan::{Complaint, Phase, Trouble};
use std::{collections::BTreeMap, net::SocketAddr};

cause! {
    /// # What happens
    /// Requests wait for another service on the network: payment, mail, geocoding. Workers pile up, then nginx times
    /// out. Worst where that service does not even refuse: a connection that nobody answers is tried for two minutes
    /// (`tcp_syn_retries`), unless the application has a limit of its own.
    /// # How to tell
    /// Most busy workers hold a connection to one outside address, open or still being opened (`SYN-SENT`), and sleep in
    /// a wait for the network; idle workers hold none.
    /// # Fix
    /// Not ours to change: a time limit in the application and work in the background.
    /// # Not this if
    /// They wait on the local database (db-slow), idle workers hold such a connection as well (it is kept open and says
    /// nothing), or the workers compute.
    pub static EXTERNAL_API_SLOW = {
        id: "external-api-slow",
        title: "workers wait on an outside address",
        group: Group::Dependency,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("curl error 28", 80), ("operation timed out after", 70), ("read timed out", 60)],
        effect_of: &[],
        settled_by: ("see what busy workers are connected to", "ss -tnp state established | grep -v 127.0.0.1"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["external-api-slow"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 6,
        _ => 0,
    }
}

/// An outside address, and the workers that wait on it.
struct Waits<'a> {
    peer: &'a PeerSight,
    at: SocketAddr,
    workers: Vec<&'a Process>,
    /// Nobody has answered these connections yet.
    unanswered: usize,
    /// Workers that are not idle.
    busy: usize,
}

fn waits(case: &Case) -> Option<Waits<'_>> {
    let waited = !queue::waited(case).is_empty();
    let mut peers = case.peers.iter();
    peers.find_map(|peer| {
        if !waited && !service::ends_slow_workers(case, peer) {
            return None;
        }
        let (idle, lasting) = peer.progress.as_ref()?.idle;
        // some of those that were seen to wait may have been killed since
        let all = lasting.max(service::workers(case, peer).len());
        let busy = all.saturating_sub(idle + loading(case, peer));
        let mut held = held(case, peer).into_iter().collect::<Vec<_>>();
        held.sort_by_key(|(_, sockets)| std::cmp::Reverse(sockets.len()));
        let (at, sockets) = held.first()?;
        let workers = waiting(case, peer, sockets);
        // as many hold another one: which of the two they wait for can't be told
        let rival = held.get(1).is_some_and(|(_, other)| other.len() >= sockets.len());
        let most = workers.len() * 2 > busy && workers.len() <= busy;
        let asking = |it: &&&Socket| it.state == SocketState::SynSent;
        (most && !rival && is_outside(case, *at)).then(|| Waits {
            peer,
            at: *at,
            unanswered: sockets.iter().filter(asking).count(),
            workers,
            busy,
        })
    })
}

/// Connections that the workers of a peer opened themselves, by where they lead: to this host as well, for they may
/// wait there instead.
fn held<'a>(case: &'a Case, peer: &'a PeerSight) -> BTreeMap<SocketAddr, Vec<&'a Socket>> {
    let workers: Vec<u32> = service::workers(case, peer).iter().map(|it| it.pid).collect();
    let opened = |socket: &&Socket| {
        let theirs = socket.pids.iter().flatten().any(|pid| workers.contains(pid));
        theirs && matches!(socket.state, SocketState::Established | SocketState::SynSent)
    };
    let sockets = case.world.sockets.as_deref().unwrap_or_default();
    let mut held: BTreeMap<SocketAddr, Vec<&Socket>> = BTreeMap::new();
    for socket in sockets.iter().filter(opened) {
        if let Some(remote) = socket.remote {
            held.entry(remote).or_default().push(socket);
        }
    }
    held
}

/// The workers that hold one of these and sleep until the network says something.
fn waiting<'a>(case: &'a Case, peer: &'a PeerSight, sockets: &[&Socket]) -> Vec<&'a Process> {
    let holds = |worker: &&Process| {
        let mut pids = sockets.iter().flat_map(|socket| socket.pids.iter().flatten());
        pids.any(|pid| *pid == worker.pid)
    };
    let all = service::workers(case, peer).into_iter();
    all.filter(holds).filter(|it| waits_for_network(it)).collect()
}

/// Workers that have just been started, in place of killed ones perhaps: they have no request yet.
fn loading(case: &Case, peer: &PeerSight) -> usize {
    let all = service::workers(case, peer).into_iter();
    all.filter(|it| service::is_younger(case, it, service::SLACK) && !waits_for_network(it))
        .count()
}

/// Functions of the kernel that poll, select, recv and connect sleep in (`wchan` of proc_pid_wchan(5)).
fn waits_for_network(worker: &Process) -> bool {
    const SLEEPS: &[&str] = &[
        "poll",
        "select",
        "sk_wait",
        "wait_woken",
        "connect",
        "tcp_recvmsg",
    ];
    let sleeps = SLEEPS.iter().any(|it| worker.wchan.contains(it));
    worker.state == ProcessState::Sleeping && sleeps
}

/// Neither on this host, nor a server that the application's settings name, nor one that nginx asks.
fn is_outside(case: &Case, at: SocketAddr) -> bool {
    let known = case
        .dependencies
        .iter()
        .filter_map(|it| it.endpoint.as_ref()?.tcp());
    let asked = case.peers.iter().filter_map(|peer| peer.endpoint.tcp());
    !is_ours(&case.world, at.ip()) && !known.chain(asked).any(|it| it == at)
}

fn weigh(case: &Case) -> Opinion {
    let Some(waits) = waits(case) else {
        return Opinion::none();
    };
    let (at, number) = (waits.at, waits.workers.len());
    let subject = service::subject(waits.peer);
    let how = match waits.unanswered {
        0 => "an open connection",
        _ => "a connection that nobody has answered yet",
    };
    let mut evidence = vec![
        Evidence::supports(
            Rank::Strong,
            format!(
                "{number} of the {} of {subject} hold {how} to {at}",
                count(waits.busy, "busy worker")
            ),
            Source::command(format!("ss -tnp dst {at}")),
        ),
        Evidence::supports(
            Rank::Strong,
            format!(
                "they sleep until the network says something ({})",
                sleeps(&waits.workers)
            ),
            Source::command(format!("ps -o pid,stat,wchan:24,cmd -p {}", pids(&waits.workers))),
        ),
    ];
    let idle = waits.peer.progress.as_ref().map_or(0, |progress| progress.idle.0);
    if idle > 0 {
        evidence.push(Evidence::supports(
            Rank::Strong,
            format!("its {} hold none", count(idle, "idle worker")),
            Source::command(format!("ss -tnp dst {at}")),
        ));
    }
    Opinion {
        says: format!(
            "{number} of {} wait on {at}, outside this host",
            count(waits.busy, "busy worker")
        ),
        subject: at.to_string(),
        evidence,
    }
}

fn sleeps(workers: &[&Process]) -> String {
    let mut all: Vec<&str> = workers.iter().map(|worker| worker.wchan.as_str()).collect();
    all.sort_unstable();
    all.dedup();
    all.join(", ")
}

fn advise(case: &Case) -> String {
    let Some(waits) = waits(case) else {
        return String::new();
    };
    format!(
        "ask whoever runs {0} (whois {1}; curl -m 5 -v telnet://{0}); in the application, for its developers: a time \
         limit of a few seconds on that call, and the call in the background. More workers or a longer timeout only \
         move the queue",
        waits.at,
        waits.at.ip()
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, endpoint, listener, process};
    use host::answer::SocketState;
    use logscan::{Phase, Trouble};

    /// Two workers, each with a connection to that address, in this wait.
    fn held(to: &str, state: SocketState, wchan: &str) -> Fixture {
        Fixture::gunicorn()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .with(|it| {
                for pid in [501, 502] {
                    let mut socket = listener(&endpoint("192.0.2.10:40000"), &[pid]);
                    (socket.state, socket.remote) = (state, Some(to.parse().expect("an address")));
                    it.world.sockets.as_mut().expect("seen").push(socket);
                }
                for worker in it.world.processes.as_mut().expect("seen").iter_mut().skip(1) {
                    worker.wchan = wchan.into();
                }
            })
    }

    const API: &str = "203.0.113.9:443";

    #[test]
    fn fires_where_busy_workers_wait_outside() {
        held(API, SocketState::Established, "do_sys_poll")
            .queue(8, 511)
            .second_look((0, 2), 2)
            .check("found external-api-slow <- pool-exhausted");
        held(API, SocketState::SynSent, "wait_woken")
            .second_look((0, 2), 0)
            .check("found external-api-slow");
    }

    #[test]
    fn fires_behind_a_backend_that_kills_who_waits() {
        let held = |text: &str| {
            let mut fixture = held(API, SocketState::SynSent, "wait_woken").says(1, text);
            fixture.symptoms.clear();
            fixture
                .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
                .second_look((0, 2), 0)
        };
        held("[CRITICAL] WORKER TIMEOUT (pid:501)").check("found external-api-slow <- worker-timeout-kill");
        held("[INFO] Booting worker with pid: 501").check_not("external-api-slow");
    }

    /// Of four workers one was killed and one has just been started in its place.
    #[test]
    fn workers_that_load_their_program_are_not_busy() {
        let killed = |age: u64| {
            held(API, SocketState::SynSent, "wait_woken")
                .says(1, "[CRITICAL] WORKER TIMEOUT (pid:503)")
                .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
                .second_look((0, 4), 0)
                .with(|it| {
                    it.symptoms.remove(0);
                    for pid in [503, 504] {
                        let mut worker = process(pid, 500, "app.service");
                        worker.started_ticks = (86_400 - age) * 100;
                        it.world.processes.as_mut().expect("seen").push(worker);
                        let backend = it.peers[0].backend.as_mut().expect("a backend");
                        backend.pids.push(pid);
                    }
                })
        };
        killed(1).check("found external-api-slow <- worker-timeout-kill");
        killed(60).check("found worker-timeout-kill");
        let gone = held(API, SocketState::SynSent, "wait_woken").second_look((0, 1), 0);
        gone.check("found external-api-slow");
    }

    #[test]
    fn stays_quiet_where_idle_workers_hold_one_too_or_they_wait_for_something_else() {
        held(API, SocketState::Established, "do_sys_poll")
            .second_look((1, 2), 0)
            .check_not("external-api-slow");
        held(API, SocketState::Established, "hrtimer_nanosleep")
            .second_look((0, 2), 0)
            .check_not("external-api-slow");
        held("127.0.0.1:5432", SocketState::Established, "do_sys_poll")
            .second_look((0, 2), 0)
            .check_not("external-api-slow");
    }

    #[test]
    fn stays_quiet_where_as_many_hold_another() {
        held(API, SocketState::Established, "do_sys_poll")
            .with(|it| {
                let sockets = it.world.sockets.as_mut().expect("seen");
                let mut other = sockets[1].clone();
                other.remote = Some("127.0.0.1:5432".parse().expect("an address"));
                sockets.push(other.clone());
                other.pids = Some(vec![502]);
                sockets.push(other);
            })
            .second_look((0, 2), 0)
            .check_not("external-api-slow");
    }
}
