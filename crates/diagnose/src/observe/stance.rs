//! As whom nginx's workers call their peers, and from where.

use crate::World;
use host::{Endpoint, Host, Look, Looks, Stance, Talk, Unseen, answer::Conversation};

/// The stance of the workers of one instance.
pub(super) fn of_worker(world: &World, nginx: usize) -> Stance {
    let identity = world
        .nginx
        .get(nginx)
        .and_then(|nginx| nginx.account.as_ref())
        .map(|account| account.identity.clone());
    Stance {
        identity,
        inside: foreign_master(world, nginx),
    }
}

/// The master, where it lives in other namespaces than we do.
pub(crate) fn foreign_master(world: &World, nginx: usize) -> Option<u32> {
    let master = world.process(world.nginx.get(nginx)?.master?)?;
    // ours are those of the first process: we are started in a shell of the same host or container
    let first = world.process(1)?;
    let other = |a: Option<u64>, b: Option<u64>| matches!((a, b), (Some(a), Some(b)) if a != b);
    (other(master.netns, first.netns) || other(master.mntns, first.mntns)).then_some(master.pid)
}

/// The master, where it sees other files than we do: its root is behind `/proc/PID/root`.
pub(super) fn foreign_root(world: &World, nginx: usize) -> Option<u32> {
    let master = world.process(world.nginx.get(nginx)?.master?)?;
    let (ours, theirs) = (world.process(1)?.mntns?, master.mntns?);
    (ours != theirs).then_some(master.pid)
}

/// A conversation as the worker would have it. Where we may not take on its identity, as ourselves if that tells the
/// same: a TCP port does not care who calls, a unix socket does.
pub(super) fn talk(host: &dyn Host, to: &Endpoint, stance: &Stance, talk: &Talk) -> Look<Conversation> {
    match host.connect(to, stance, talk.clone()) {
        Err(Unseen::Forbidden { .. }) if stance.inside.is_none() && to.tcp().is_some() => {
            host.connect(to, &Stance::default(), talk.clone())
        }
        answer => answer,
    }
}
