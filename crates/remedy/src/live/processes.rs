//! Ending processes: asked first, and only then killed.

use super::{
    process::{self, Held},
    run::failed,
    wait,
};
use crate::{ProcessId, StepFailed};
use host::looks::ProcessState;
use rustix::process::Signal;
use std::time::Duration;

/// For finishing what is under way.
const ASKED: Duration = Duration::from_secs(10);
/// The kernel needs a moment to take down a large process.
const KILLED: Duration = Duration::from_secs(3);

/// Ends those of them that still run. Never another process that got one of their numbers.
pub(super) fn end(processes: &[ProcessId]) -> Result<(), StepFailed> {
    end_after(processes, ASKED)
}

/// Asks an nginx master to end when its workers have served what they serve. It takes no more connections at once, so one
/// that still serves a long request need not be waited for.
pub(super) fn quit(master: ProcessId) -> Result<(), StepFailed> {
    let Some(held) = Held::hold(master)? else {
        return Ok(());
    };
    held.signal(Signal::QUIT)?;
    wait::until(ASKED, || (!process::is_alive(master)).then_some(()));
    Ok(())
}

/// With this much time between asking and killing.
pub(super) fn end_after(processes: &[ProcessId], asked: Duration) -> Result<(), StepFailed> {
    let ours = ourselves();
    if let Some(forbidden) = processes.iter().find(|it| it.pid <= 1 || ours.contains(&it.pid)) {
        return Err(failed(format!(
            "process {} is not to be ended: why502 runs under it",
            forbidden.pid
        )));
    }
    let held: Vec<Held> = processes
        .iter()
        .filter_map(|id| Held::hold(*id).transpose())
        .collect::<Result<_, _>>()?;
    for process in &held {
        process.signal(Signal::TERM)?;
        // one that was stopped hears nothing until it goes on
        process.signal(Signal::CONT)?;
    }
    if all_gone(&held, asked) {
        return Ok(());
    }
    // what they started meanwhile would be left without a master
    let born = held
        .iter()
        .filter(|it| process::is_alive(it.id))
        .flat_map(|it| process::children(it.id.pid));
    let born: Vec<Held> = born
        .filter_map(|id| Held::hold(id).transpose())
        .collect::<Result<_, _>>()?;
    for process in held.iter().chain(&born) {
        process.signal(Signal::KILL)?;
    }
    if all_gone(&held, KILLED) {
        return Ok(());
    }
    Err(failed(survivors(&held)))
}

fn all_gone(held: &[Held], limit: Duration) -> bool {
    let gone = || held.iter().all(|process| !process::is_alive(process.id));
    wait::until(limit, || gone().then_some(())).is_some()
}

fn survivors(held: &[Held]) -> String {
    let alive = held.iter().filter(|process| process::is_alive(process.id));
    let said = alive
        .filter_map(|process| process::look(process.id.pid))
        .map(|process| match process.state {
            ProcessState::Uninterruptible => {
                format!(
                    "process {} waits in the kernel (state D): it ends when that returns, or at a reboot",
                    process.pid
                )
            }
            _ => format!("process {} does not end", process.pid),
        });
    said.collect::<Vec<_>>().join("; ")
}

/// This process and all above it: the shell, the session, the daemon.
fn ourselves() -> Vec<u32> {
    let mut line = vec![std::process::id()];
    while let Some(parent) = line
        .last()
        .and_then(|pid| process::look(*pid))
        .map(|process| process.ppid)
    {
        if parent == 0 || line.contains(&parent) {
            break;
        }
        line.push(parent);
    }
    line
}
