//! Where a chain of causes ends because nobody could look further.

use super::deeper;
use crate::{
    Case, Cause, Evidence, Source,
    case::PeerSight,
    cause::Group,
    causes,
    dependencies::{Credential, DependencySight},
    needs, queue, service,
    words::pids,
};
use host::{
    Endpoint, Unseen,
    answer::{Socket, SocketState},
    consult::Admission,
    looks::{Process, ProcessState},
};

/// What may lie behind this root and could not be seen.
pub(super) fn behind(case: &Case, root: &Cause, evidence: &[Evidence]) -> Option<Evidence> {
    let told = evidence.iter().find(|it| it.is_gap).cloned();
    told.or_else(|| waits_on_what(root).then(|| untold(case)).flatten())
}

/// What this root may be only an effect of: its workers wait, perhaps for a server that they hold a connection to, and the
/// look at that server ran out of time; or they wait for the network, and for whom was not seen. As long as that is open
/// the root is not found.
pub(super) fn question(case: &Case, root: &Cause) -> Option<Evidence> {
    let waits = root.group != Group::Dependency
        && waits_on_what(root)
        && !queue::waited(case).is_empty()
        && !waits_for_nobody(case);
    let mut needed = needs::of(case, needs::DATABASES).chain(needs::of(case, needs::CACHES));
    let sight = needed.find(|sight| is_late(sight) && may_hold_workers(sight));
    let late = sight.filter(|_| waits).and_then(gap);
    late.or_else(|| waits.then(|| unknown_server(case)).flatten())
}

/// Every worker waits for TCP and none holds a connection of its own making: processes and sockets are read one after the
/// other, and what is tried again and again may be missed between two tries.
fn unknown_server(case: &Case) -> Option<Evidence> {
    const TCP: &[&str] = &["wait_woken", "inet_stream_connect", "inet_wait_for_connect"];
    let peer = case.peers.iter().find(|peer| {
        let workers = service::workers(case, peer);
        let on_tcp = |it: &&Process| TCP.iter().any(|sleep| it.wchan.contains(sleep));
        !workers.is_empty() && workers.iter().all(on_tcp) && !have_called(case, peer, &workers)
    })?;
    let workers = pids(&service::workers(case, peer));
    Some(Evidence::gap(
        format!(
            "whom the workers of {} wait for on the network was not seen",
            service::subject(peer)
        ),
        Source::command(format!("ss -tnp | grep -E 'pid=({})'", workers.replace(',', "|"))),
    ))
}

/// One of them holds a TCP connection that did not come in over the listener.
fn have_called(case: &Case, peer: &PeerSight, workers: &[&Process]) -> bool {
    let accepted = peer.endpoint.tcp().map(|at| at.port());
    let theirs = |socket: &Socket| {
        let held = socket
            .pids
            .iter()
            .flatten()
            .any(|pid| workers.iter().any(|it| it.pid == *pid));
        held && matches!(socket.state, SocketState::Established | SocketState::SynSent)
    };
    let sockets = case.world.sockets.as_deref().unwrap_or_default();
    sockets
        .iter()
        .filter(|socket| socket.local.tcp().is_some() && theirs(socket))
        .any(|socket| socket.local.tcp().map(|at| at.port()) != accepted)
}

fn is_late(sight: &DependencySight) -> bool {
    matches!(sight.heard, Err(Unseen::TimedOut { .. }))
}

/// Who is at the other end of a unix socket is not told.
fn may_hold_workers(sight: &DependencySight) -> bool {
    sight.held.open + sight.held.asking > 0 || matches!(sight.endpoint, Some(Endpoint::Unix(_)))
}

/// Every worker computes, or sleeps of its own accord.
fn waits_for_nobody(case: &Case) -> bool {
    let mut workers = case
        .peers
        .iter()
        .flat_map(|peer| service::workers(case, peer))
        .peekable();
    workers.peek().is_some()
        && workers.all(|it| it.state == ProcessState::Running || it.wchan.contains("nanosleep"))
}

/// It comes from something that the application needs, where that is not well.
fn waits_on_what(root: &Cause) -> bool {
    let deeper = deeper(root, causes::ALL);
    let dependency = |it: &&Cause| it.group == Group::Dependency && deeper.contains(it.id);
    causes::ALL.iter().any(dependency)
}

/// A server that the application works with and that told us nothing of what it does.
fn untold(case: &Case) -> Option<Evidence> {
    let sights = needs::of(case, needs::DATABASES).chain(needs::of(case, needs::CACHES));
    sights.into_iter().find_map(gap)
}

fn gap(sight: &DependencySight) -> Option<Evidence> {
    let why = why(sight)?;
    let it = &sight.dependency;
    Some(Evidence::gap(
        format!("what {} at {} does could not be seen: {why}", it.service, it.at),
        needs::source(sight),
    ))
}

fn why(sight: &DependencySight) -> Option<String> {
    let heard = match &sight.heard {
        Ok(heard) => heard,
        Err(unseen) => return Some(unseen.to_string()),
    };
    match &heard.admission {
        Admission::Unclear(said) => Some(format!("it asks for what why502 does not speak ({said})")),
        Admission::Greeted if matches!(sight.dependency.credential, Credential::Elsewhere) => {
            Some("the application's login is not in its settings".to_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, answers, processes, unclear};
    use host::consult::Consultation;
    use logscan::{Phase, Trouble};

    fn check(heard: Consultation, expect: &str) {
        Fixture::php_fpm()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .queue(8, 511)
            .second_look((0, 2), 0)
            .needs("postgres 127.0.0.1:5432", "active", heard)
            .check_chain(expect);
    }

    #[test]
    fn the_chain_stops_where_nobody_could_look() {
        let columns = &["id", "state", "time", "blocked_by", "info"];
        let waits: &[&str] = &["8", "active", "3", "7", "SELECT 1"];
        let holds: &[&str] = &["7", "idle in transaction", "90", "", "LOCK TABLE t"];
        check(processes(columns, &[waits, holds]), "pool-exhausted <- db-slow");
        check(processes(columns, &[waits]), "pool-exhausted <- db-slow <- ?");
        check(unclear("a login by certificate"), "pool-exhausted <- ?");
        check(answers(&[]), "pool-exhausted");
    }

    /// Two workers in this, and a look at their database that did not come back.
    fn late(wchan: &'static str, server: &str) -> Fixture {
        Fixture::php_fpm()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .queue(8, 511)
            .second_look((0, 2), 0)
            .needs(server, "active", answers(&[]))
            .unanswered()
            .with(move |it| {
                for process in it.world.processes.as_mut().expect("seen") {
                    process.wchan = wchan.into();
                }
            })
    }

    #[test]
    fn workers_that_may_wait_for_what_was_not_seen_are_not_called_the_root() {
        let (socket, tcp) = ("mysql unix:/run/mysqld/mysqld.sock", "postgres 127.0.0.1:5432");
        late("unix_stream_data_wait", socket).check("torn pool-exhausted");
        late("sk_wait_data", tcp).holding(2).check("torn pool-exhausted");
        late("", tcp).holding(2).check("torn pool-exhausted");
        // they sleep, or nobody is connected to it
        late("hrtimer_nanosleep", socket).check("found pool-exhausted");
        late("sk_wait_data", tcp).check("found pool-exhausted");
    }

    #[test]
    fn workers_that_wait_for_the_network_and_for_nobody_seen_are_not_called_the_root() {
        let waiting = |wchan: &'static str| {
            Fixture::gunicorn()
                .complains(Trouble::TimedOut, Phase::ReadingHeader)
                .queue(8, 511)
                .second_look((0, 2), 0)
                .with(move |it| {
                    for process in it.world.processes.as_mut().expect("seen") {
                        process.wchan = wchan.into();
                    }
                })
        };
        waiting("wait_woken").check("torn pool-exhausted");
        waiting("hrtimer_nanosleep").check("found pool-exhausted");
        waiting("").check("found pool-exhausted");
    }

    #[test]
    fn a_root_that_needs_nobody_has_no_gap() {
        Fixture::php_fpm()
            .nobody_listens()
            .connect_fails(2)
            .unit_is("inactive", "success")
            .needs("postgres 127.0.0.1:5432", "active", unclear("a certificate"))
            .check_chain("backend-stopped");
    }
}
