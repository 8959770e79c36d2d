//! Reloading a server without ending what it serves, and seeing that it took the new config.
//!
//! nginx answers a reload it can't do with a line in its error log and goes on with the old config: neither the signal
//! nor `systemctl reload` tells. What tells is workers that were not there before.

use super::{
    process::{self, Held},
    run::failed,
    units, wait,
};
use crate::{ProcessId, StepFailed};
use rustix::process::Signal;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

/// nginx opens its files and sockets, and forks: far less than this.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a log got since the reload is read up to here, bytes.
const MAX_NEWS: u64 = 256 << 10;

/// `systemctl reload`, or the signal that means the same to a master without a unit.
pub(super) fn reload(unit: Option<&str>, master: ProcessId) -> Result<(), StepFailed> {
    let Some(unit) = unit else {
        let master = process::held(master)?;
        let comm = comm(master.id);
        return watched(master.id, &comm, || signal(&master, &comm));
    };
    // the unit's own master, also where it is another since the plan was made
    let main = units::now(unit)?.main_pid.and_then(process::look);
    let main = main.as_ref().map_or(master, process::id);
    watched(main, &comm(main), || units::reload(unit))
}

fn comm(master: ProcessId) -> String {
    let alive = process::look(master.pid).filter(|_| process::is_alive(master));
    alive.map(|process| process.comm).unwrap_or_default()
}

fn watched(
    master: ProcessId,
    comm: &str,
    reload: impl FnOnce() -> Result<(), StepFailed>,
) -> Result<(), StepFailed> {
    let before = comm.starts_with("nginx").then(|| Before::look(master));
    reload()?;
    before.map_or(Ok(()), |before| before.compare())
}

fn signal(master: &Held, comm: &str) -> Result<(), StepFailed> {
    let signal = meaning_reload(comm);
    if !process::catches(master.id.pid, signal) {
        let why = format!(
            "process {} ({comm}) has no handler for the signal that reloads: it would die",
            master.id.pid
        );
        return Err(failed(why));
    }
    master.signal(signal)
}

/// What each server's manual says.
fn meaning_reload(comm: &str) -> Signal {
    match comm {
        _ if comm.starts_with("php-fpm") => Signal::USR2,
        "apache2" | "httpd" => Signal::USR1,
        _ => Signal::HUP,
    }
}

/// A running nginx right before its reload.
struct Before {
    master: ProcessId,
    workers: Vec<ProcessId>,
    logs: BTreeMap<PathBuf, u64>,
}

impl Before {
    fn look(master: ProcessId) -> Self {
        Self {
            master,
            workers: process::children(master.pid),
            logs: logs(master.pid),
        }
    }

    /// Waits for new workers.
    fn compare(&self) -> Result<(), StepFailed> {
        if self.workers.is_empty() {
            // `master_process off`: nothing to compare with
            return Ok(());
        }
        let outcome = wait::until(PATIENCE, || self.outcome());
        let late = || {
            failed(format!(
                "nginx ({}) made no new workers within {PATIENCE:?}",
                self.master.pid
            ))
        };
        outcome.unwrap_or_else(|| self.has_new().then_some(()).ok_or_else(late))
    }

    fn outcome(&self) -> Option<Result<(), StepFailed>> {
        if !process::is_alive(self.master) {
            return Some(Err(failed(format!("nginx ({}) has ended", self.master.pid))));
        }
        if let Some(why) = self.refusal() {
            return Some(Err(failed(format!("nginx goes on with its old config: {why}"))));
        }
        // the master lets the new workers settle for 100 ms (ngx_master_process_cycle) before the old ones stop accepting
        (self.has_new() && !self.workers.iter().any(still_accepts)).then_some(Ok(()))
    }

    fn has_new(&self) -> bool {
        let is_new = |worker: &ProcessId| !self.workers.contains(worker);
        process::children(self.master.pid).iter().any(is_new)
    }

    /// What the master wrote since: `… [emerg] PID#TID: …`.
    fn refusal(&self) -> Option<String> {
        let mark = format!("[emerg] {}#", self.master.pid);
        self.logs.iter().find_map(|(log, size)| {
            let news = news(log, *size)?;
            news.lines().find(|line| line.contains(&mark)).map(str::to_owned)
        })
    }
}

/// A worker says in its title when it stops: `nginx: worker process is shutting down`.
fn still_accepts(worker: &ProcessId) -> bool {
    let title = fs::read_to_string(format!("/proc/{}/cmdline", worker.pid)).unwrap_or_default();
    title.contains("worker process") && !title.contains("shutting down") && process::is_alive(*worker)
}

/// The files that a process writes at their end, and their sizes.
fn logs(pid: u32) -> BTreeMap<PathBuf, u64> {
    let fds = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten();
    let logs = fds.filter(|fd| appends(pid, &fd.file_name().to_string_lossy()));
    // through the descriptor: the path may be of another mount namespace, or rotated away
    let sized = logs.filter_map(|fd| {
        Some((
            fd.path(),
            fs::metadata(fd.path()).ok().filter(|it| it.is_file())?.len(),
        ))
    });
    sized.collect()
}

/// Octal flags of /proc/PID/fdinfo: O_APPEND is 02000.
fn appends(pid: u32, fd: &str) -> bool {
    let info = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    flags
        .and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok())
        .is_some_and(|flags| flags & 0o2000 != 0)
}

fn news(log: &Path, from: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut news = Vec::new();
    file.take(MAX_NEWS).read_to_end(&mut news).ok()?;
    Some(String::from_utf8_lossy(&news).into_owned())
}
