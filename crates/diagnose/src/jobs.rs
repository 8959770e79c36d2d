//! Runs of jobs that cron or a timer started, and what one that runs now is busy with. What they mean is a cause's own
//! business.

use crate::{Case, Source, dependencies::DependencySight, needs, words::clip};
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

/// As `cpu-saturated` has it: hundredths of the last seconds in which programs waited for a processor.
const PRESSED: f64 = 60.0;
/// And this job takes so many hundredths of one.
const BUSY: u64 = 50;

impl JobRun {
    /// For sentences: its service, or what cron said.
    pub fn name(&self) -> String {
        self.unit.clone().unwrap_or_else(|| clip(&self.says))
    }

    /// What shows its runs.
    pub fn source(&self) -> Source {
        match &self.unit {
            Some(unit) => Source::journal(unit),
            None => Source::command("journalctl -t CRON -n 20 --no-pager"),
        }
    }

    /// Processors are short, and it takes so many hundredths of one.
    pub fn takes_the_cpu(&self, case: &Case) -> Option<u64> {
        let pressure = case.world.limits.cpu?.some;
        let short = pressure.avg10 >= PRESSED && pressure.avg60 >= PRESSED;
        self.cpu(case).filter(|cpu| short && *cpu >= BUSY)
    }

    /// It runs now.
    pub fn is_under_way(&self, case: &Case) -> bool {
        self.to >= case.world.now && self.to.since(self.from) >= MOMENT
    }

    /// What part of one processor its programs took since its start, hundredths; `None` where it has no unit of its own.
    fn cpu(&self, case: &Case) -> Option<u64> {
        let unit = self.unit.as_deref()?;
        let ticks: u64 = case.world.processes_of(unit).map(|it| it.cpu_ticks).sum();
        let millis = u64::try_from(case.world.now.since(self.from).as_millis()).ok()?;
        // a tick is ten milliseconds
        (ticks * 1000).checked_div(millis)
    }

    /// The database on which the application waits for a lock that this job may hold: it is connected to that server too,
    /// and the server names no other session.
    pub fn database<'a>(&self, case: &'a Case) -> Option<&'a DependencySight> {
        let unit = self.unit.as_deref()?;
        let programs: Vec<u32> = case.world.processes_of(unit).map(|it| it.pid).collect();
        let sockets = case.world.sockets.as_deref().unwrap_or_default();
        let theirs = |socket: &&Socket| {
            let mut holders = socket.pids.iter().flatten();
            socket.state == SocketState::Established && holders.any(|pid| programs.contains(pid))
        };
        let ports_to = |at: SocketAddr| -> Vec<u16> {
            let there = sockets.iter().filter(theirs).filter(|it| it.remote == Some(at));
            there.filter_map(|it| Some(it.local.tcp()?.port())).collect()
        };
        needs::of(case, needs::DATABASES).find(|it| {
            let at = it.endpoint.as_ref().and_then(Endpoint::tcp);
            let ports = at.map(ports_to).unwrap_or_default();
            !ports.is_empty() && needs::may_hold_the_lock(it, &ports)
        })
    }
}
