//! Two nginx masters at once: who serves beside the case's own.

use crate::{Case, stale::is_written, world::Nginx};
use host::{
    Endpoint,
    answer::{Socket, SocketState},
    looks::Process,
};

/// Two masters on one port.
#[derive(Clone, Copy, Debug)]
pub struct Pair<'a> {
    /// The one that should go.
    pub stray: &'a Process,
    /// The one that stays.
    pub kept: &'a Process,
    /// Where both listen.
    pub at: &'a Endpoint,
}

/// The case's own master and another one that takes connections to the same address.
pub fn pair(case: &Case) -> Option<Pair<'_>> {
    let own = case.nginx()?;
    let others = case.world.nginx.iter().filter(|other| other.master != own.master);
    others.into_iter().find_map(|other| {
        let at = shared(case, own, other)?;
        let (stray, kept) = stray_first(case, own, other)?;
        Some(Pair { stray, kept, at })
    })
}

/// An address both listen on: one inherited socket, or one each (`reuseport`).
fn shared<'a>(case: &'a Case, a: &Nginx, b: &Nginx) -> Option<&'a Endpoint> {
    let sockets = case.world.sockets.as_ref().ok()?;
    let held_by = |socket: &Socket, nginx: &Nginx| {
        let mut pids = socket.pids.iter().flatten();
        pids.any(|pid| nginx.master == Some(*pid) || nginx.workers.contains(pid))
    };
    let listens = |nginx: &'_ Nginx| {
        let nginx = nginx.clone();
        sockets
            .iter()
            .filter(move |it| it.state == SocketState::Listen && held_by(it, &nginx))
    };
    let twin = |socket: &&Socket| listens(b).any(|other| other.local == socket.local);
    listens(a).find(twin).map(|socket| &socket.local)
}

/// The one that should go, then the one that stays: after an upgrade the parent goes; else the one that no unit owns; else
/// the older one.
fn stray_first<'a>(case: &'a Case, a: &Nginx, b: &Nginx) -> Option<(&'a Process, &'a Process)> {
    let (a_process, b_process) = (case.world.process(a.master?)?, case.world.process(b.master?)?);
    let a_goes = match () {
        () if b_process.ppid == a_process.pid => true,
        () if a_process.ppid == b_process.pid => false,
        () if a.unit.is_some() != b.unit.is_some() => a.unit.is_none(),
        () => a_process.started_ticks <= b_process.started_ticks,
    };
    Some(if a_goes {
        (a_process, b_process)
    } else {
        (b_process, a_process)
    })
}

/// What failed is asked by one of two masters only, and fails still: it is luck which of them a request meets.
pub fn half_fail(case: &Case) -> bool {
    let outlived = |peer: &Endpoint| {
        let target = case.route.as_ref().map(|route| &route.target);
        target.is_some_and(|target| !is_written(target, peer))
    };
    let failed = |peer: &Endpoint| {
        case.symptoms
            .iter()
            .any(|symptom| symptom.peer.as_ref() == Some(peer))
    };
    pair(case).is_some()
        && case
            .failing_peers()
            .any(|peer| failed(&peer.endpoint) && outlived(&peer.endpoint))
}
