//! Runs of jobs that cron or a timer started, and what one that runs now is busy with. What they mean is a cause's own
//! business.

use crate::{Case, dependencies::DependencySight, needs};
use host::{
    Endpoint, Timestamp,
    answer::{Socket, SocketState},
};
use std::{net::SocketAddr, time::Duration};

/// A run of a job that cron or a timer started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRun {
    /// `export.service, started by export.timer`, `cron ran (root) CMD (/usr/local/bin/export)`
    pub says: String,
    /// Its service; jobs of cron have none of their own.
    pub unit: Option<String>,
    /// Its start.
    pub from: Timestamp,
    /// Its end; now where it still runs.
    pub to: Timestamp,
}

/// A job shorter than this is over before it can take much.
const MOMENT: Duration = Duration::from_secs(1);

impl JobRun {
    /// It runs now.
    pub fn is_under_way(&self, case: &Case) -> bool {
        self.to >= case.world.now && self.to.since(self.from) >= MOMENT
    }

    /// What part of one processor its programs took since its start, hundredths; `None` where it has no unit of its own.
    pub fn cpu(&self, case: &Case) -> Option<u64> {
        let unit = self.unit.as_deref()?;
        let ticks: u64 = case.world.processes_of(unit).map(|it| it.cpu_ticks).sum();
        let millis = u64::try_from(case.world.now.since(self.from).as_millis()).ok()?;
        // a tick is ten milliseconds
        (ticks * 1000).checked_div(millis)
    }

    /// The database on which the application waits for a lock, where this job holds a connection to that server too.
    pub fn database<'a>(&self, case: &'a Case) -> Option<&'a DependencySight> {
        let unit = self.unit.as_deref()?;
        let programs: Vec<u32> = case.world.processes_of(unit).map(|it| it.pid).collect();
        let sockets = case.world.sockets.as_deref().unwrap_or_default();
        let theirs = |socket: &&Socket| {
            let mut holders = socket.pids.iter().flatten();
            socket.state == SocketState::Established && holders.any(|pid| programs.contains(pid))
        };
        let remotes: Vec<SocketAddr> = sockets.iter().filter(theirs).filter_map(|it| it.remote).collect();
        let mut locked = needs::of(case, needs::DATABASES).filter(|it| needs::waits_for_a_lock(it));
        locked.find(|it| {
            let at = it.endpoint.as_ref().and_then(Endpoint::tcp);
            at.is_some_and(|at| remotes.contains(&at))
        })
    }
}
