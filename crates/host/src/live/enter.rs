//! Taking on another process's view, or another user's rights. For good: only lookers that are used once do it.

use super::refusal::refused;
use crate::{
    Look, Unseen,
    query::{Identity, Stance},
};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Gid, Mode, OFlags, Uid, fstat, open},
    io::Errno,
    process::{chroot, fchdir, getegid, geteuid, getgroups},
    thread::{
        LinkNameSpaceType as Kind, move_into_link_name_space, set_thread_groups, set_thread_res_gid,
        set_thread_res_uid,
    },
};

/// Enters the network namespace of a process.
pub(super) fn network(pid: u32) -> Look<()> {
    let net = handle(pid, "ns/net", OFlags::RDONLY)?;
    join(&net, "net", Kind::Network).map_err(|error| failed(pid, error))
}

/// Takes on a stance, for good: first where, then as whom, since only root may go elsewhere.
pub(super) fn stance(stance: &Stance) -> Look<()> {
    stance.inside.map_or(Ok(()), inside)?;
    stance.identity.as_ref().map_or(Ok(()), become_user)
}

/// Enters the network and the mount namespace of a process, and its root.
fn inside(pid: u32) -> Look<()> {
    let net = handle(pid, "ns/net", OFlags::RDONLY)?;
    let mounts = handle(pid, "ns/mnt", OFlags::RDONLY)?;
    let root = handle(pid, "root", OFlags::PATH | OFlags::DIRECTORY)?;
    let enter = || {
        join(&net, "net", Kind::Network)?;
        join(&mounts, "mnt", Kind::Mount)?;
        let here = open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        if is_same(&root, &here)? {
            Ok(())
        } else {
            fchdir(&root).and_then(|()| chroot("."))
        }
    };
    enter().map_err(|error| failed(pid, error))
}

/// Everything is opened before anything is entered: afterwards /proc may be another.
fn handle(pid: u32, name: &str, flags: OFlags) -> Look<OwnedFd> {
    open(
        format!("/proc/{pid}/{name}"),
        flags | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|error| failed(pid, error))
}

/// Being there already needs no rights.
fn join(namespace: &OwnedFd, name: &str, kind: Kind) -> rustix::io::Result<()> {
    let ours = open(
        format!("/proc/self/ns/{name}"),
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    if is_same(namespace, &ours)? {
        return Ok(());
    }
    move_into_link_name_space(namespace.as_fd(), Some(kind))
}

fn is_same(a: &OwnedFd, b: &OwnedFd) -> rustix::io::Result<bool> {
    let (a, b) = (fstat(a)?, fstat(b)?);
    Ok((a.st_dev, a.st_ino) == (b.st_dev, b.st_ino))
}

fn failed(pid: u32, error: Errno) -> Unseen {
    let what = format!("the view of process {pid}");
    match error {
        Errno::NOENT | Errno::SRCH => Unseen::Unusable {
            what,
            why: "the process is gone".into(),
        },
        error => refused(what, error),
    }
}

/// Becomes this user, for good. Groups first: afterwards we may no longer change them.
fn become_user(identity: &Identity) -> Look<()> {
    let (uid, gid) = (Uid::from_raw(identity.uid), Gid::from_raw(identity.gid));
    let groups: Vec<Gid> = identity.groups.iter().copied().map(Gid::from_raw).collect();
    if is_user(uid, gid, &groups) {
        return Ok(());
    }
    let change = || {
        set_thread_groups(&groups)?;
        set_thread_res_gid(gid, gid, gid)?;
        set_thread_res_uid(uid, uid, uid)
    };
    change().map_err(|error| refused(format!("the view of user {}", identity.uid), error))
}

/// Being that user already needs no rights.
fn is_user(uid: Uid, gid: Gid, groups: &[Gid]) -> bool {
    let ours = getgroups().unwrap_or_default();
    let same_groups =
        groups.iter().all(|group| ours.contains(group)) && ours.iter().all(|own| groups.contains(own));
    geteuid() == uid && getegid() == gid && same_groups
}
