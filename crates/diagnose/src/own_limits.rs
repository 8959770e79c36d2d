//! nginx's own limits: connections and files of its workers, as they are now, and what eats them needlessly. Facts only.

use crate::{Case, Evidence, Rank, Source, case::listens_on, topology::Target, words::pids};
use host::{answer::SocketState, looks::Process};

/// The running workers.
pub fn workers(case: &Case) -> Vec<&Process> {
    let pids = case.nginx().map_or(&[][..], |nginx| nginx.workers.as_slice());
    pids.iter().filter_map(|pid| case.world.process(*pid)).collect()
}

/// The worker with most open files: how many, and how many it may.
pub fn open_files(processes: &[&Process]) -> Option<(u32, u64)> {
    let both = processes
        .iter()
        .filter_map(|it| it.open_files.zip(it.max_open_files));
    both.max_by_key(|(open, _)| *open)
}

/// Where a person sees that.
pub fn files_source(processes: &[&Process]) -> Source {
    let all = pids(processes).replace(',', " ");
    Source::command(format!(
        "for p in {all}; do ls /proc/$p/fd | wc -l; grep 'open files' /proc/$p/limits; done"
    ))
}

/// A site that asks nginx itself at an address it listens on: requests go round until connections and files are gone.
pub fn is_loop(case: &Case) -> Option<Evidence> {
    let nginx = case.nginx()?;
    let ours = |pid: &u32| nginx.master == Some(*pid) || nginx.workers.contains(pid);
    let route = case.world.routes.iter().find(|route| {
        let Target::Endpoint(peer) = &route.target else {
            return false;
        };
        let mut listeners = case
            .world
            .sockets
            .iter()
            .flatten()
            .filter(|it| it.state == SocketState::Listen);
        let nginx_listens = listeners.any(|it| listens_on(it, peer) && it.pids.iter().flatten().any(ours));
        let port = peer.tcp().map(|at| at.port());
        nginx_listens
            && route
                .listen
                .iter()
                .any(|it| it.endpoint.tcp().map(|at| at.port()) == port)
    })?;
    let says = format!(
        "{} sends requests of {} to nginx itself, and each takes more",
        route.written, route.site
    );
    let source = Source::file(&route.written.file, Some(route.written.line));
    Some(Evidence::refutes(Rank::Decisive, says, source))
}
