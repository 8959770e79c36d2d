//! Processes by number and start time: a number alone may be another's by now.

use super::{place::moved, run::failed};
use crate::{ProcessId, StepFailed};
use host::{
    answer::RawProcess,
    looks::{Process, ProcessState},
};
use rustix::{
    fd::OwnedFd,
    io::Errno,
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal},
};
use std::{fs, path::Path};

/// What never blocks: who it is, its parent, its state, when it started.
pub(super) fn look(pid: u32) -> Option<Process> {
    let text = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let text = |name: &str| String::from_utf8_lossy(&text(name)).into_owned();
    Process::parse(&RawProcess {
        pid,
        stat: text("stat"),
        status: text("status"),
        cgroup: text("cgroup"),
        ..RawProcess::default()
    })
}

/// All processes there are.
pub(super) fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Some process calls itself so: a server says in its title what it does.
pub(super) fn is_titled(part: &str) -> bool {
    let title = |pid: u32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids().into_iter().any(|pid| title(pid).contains(part))
}

/// Children of a process.
pub(super) fn children(parent: u32) -> Vec<ProcessId> {
    let all = pids().into_iter().filter_map(look);
    let ours = all.filter(|process| process.ppid == parent && process.state != ProcessState::Zombie);
    ours.map(|process| id(&process)).collect()
}

pub(super) fn id(process: &Process) -> ProcessId {
    ProcessId {
        pid: process.pid,
        started: process.started_ticks,
    }
}

/// It still runs; one that has ended and was not yet waited for does not.
pub(super) fn is_alive(process: ProcessId) -> bool {
    look(process.pid)
        .is_some_and(|now| now.started_ticks == process.started && now.state != ProcessState::Zombie)
}

/// A process held so that a signal can't reach another one that got its number.
pub(super) struct Held {
    pub id: ProcessId,
    /// Kernels before 5.3 have none: then the start time is compared right before each signal.
    handle: Option<OwnedFd>,
}

impl Held {
    /// `None` where it has ended.
    pub(super) fn hold(id: ProcessId) -> Result<Option<Self>, StepFailed> {
        let Some(pid) = raw(id) else { return Ok(None) };
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => Some(handle),
            Err(Errno::NOSYS) => None,
            Err(Errno::SRCH) => return Ok(None),
            Err(error) => {
                return Err(failed(format!(
                    "process {}: {}",
                    id.pid,
                    std::io::Error::from(error)
                )));
            }
        };
        // compared after it was opened: so it is this one that is held
        Ok(is_alive(id).then_some(Self { id, handle }))
    }

    /// One that has ended meanwhile is no error.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), StepFailed> {
        let sent = match (&self.handle, raw(self.id)) {
            (Some(handle), _) => pidfd_send_signal(handle, signal),
            (None, Some(pid)) if is_alive(self.id) => kill_process(pid, signal),
            (None, _) => Ok(()),
        };
        match sent {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(failed(format!(
                "process {}: {}",
                self.id.pid,
                std::io::Error::from(error)
            ))),
        }
    }
}

fn raw(id: ProcessId) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id.pid).ok()?)
}

/// The process must be there still.
pub(super) fn held(id: ProcessId) -> Result<Held, StepFailed> {
    Held::hold(id)?.ok_or_else(|| moved(format!("process {} has ended", id.pid)))
}

/// It has a handler for this signal: for most signals having none means death.
pub(super) fn catches(pid: u32, signal: Signal) -> bool {
    let status =
        fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    mask & (1 << (signal.as_raw() - 1)) != 0
}
