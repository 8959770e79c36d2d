//! `why502/load/1`: what is saturated and who is behind it, for machines. The types are the schema, and what the screen is
//! made from.

mod of;
mod text;

pub use text::draw;

use super::{
    head::{Head, Looked},
    json::page,
};
use diagnose::{
    Verdict,
    load::{Full, Load},
};
use schemars::JsonSchema;
use serde::Serialize;

/// What `why502 load --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Of `why502/load/1`.
    #[serde(flatten)]
    pub head: Head,
    /// What is at its limit; empty where nothing is.
    pub saturated: Vec<Saturated>,
    /// Why, where requests fail and a cause was found: as `why502 diagnose` says it.
    pub causes: Vec<Cause>,
    /// Time of all processors together; null where it could not be seen.
    pub cpu: Option<Cpu>,
    /// Hundredths of the last ten seconds in which some program waited for each, by pressure stall information.
    pub pressure: Pressure,
    /// Memory that programs may still take without swapping, bytes.
    pub memory_available: Option<u64>,
    /// Tracked connections and how many there may be.
    pub conntrack: Option<Use>,
    /// Local ports in use towards the address that most connections go to.
    pub ports: Option<Ports>,
    /// Each nginx.
    pub nginx: Vec<Connections>,
    /// Backends that nginx asks.
    pub pools: Vec<Pool>,
    /// Units, busiest first.
    pub units: Vec<Unit>,
    /// Processes, busiest first.
    pub processes: Vec<Process>,
    /// Requests that reached a backend; null where no access log tells.
    pub requests: Option<Requests>,
}

/// Something at its limit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Saturated {
    /// `CPU`, `memory`, `disk`, `pool`, `accept queue`, `connections`, `ports`, `conntrack` or `unit`.
    pub what: &'static str,
    /// In one sentence.
    pub says: String,
    /// The command that shows it.
    pub command: String,
}

/// A root of what fails.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cause {
    /// Its id.
    pub id: String,
    /// In one sentence.
    pub says: String,
}

/// Time of processors, over one second.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Cpu {
    /// How many there are.
    pub processors: u64,
    /// Hundredths in which they computed.
    pub busy: u64,
    /// Hundredths in which they had nothing to do but to wait for a disk.
    pub waiting: u64,
    /// Hundredths that the hypervisor gave to others.
    pub stolen: u64,
}

/// Hundredths of time; null where the kernel does not tell.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pressure {
    /// Processors.
    pub cpu: Option<f64>,
    /// Memory.
    pub memory: Option<f64>,
    /// Disks.
    pub io: Option<f64>,
}

/// A number and its limit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Use {
    /// Now.
    pub now: u64,
    /// At most; null is no limit.
    pub most: Option<u64>,
}

/// Local ports.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ports {
    /// Towards whom.
    pub to: String,
    /// In use.
    pub now: u64,
    /// Of how many.
    pub most: u64,
}

/// Connections of one nginx.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Connections {
    /// Its master process.
    pub master: u32,
    /// Open connections of clients.
    pub clients: u64,
    /// Connections it may have, those to backends included.
    pub most: u64,
}

/// A backend.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pool {
    /// Where it listens.
    pub address: String,
    /// Its unit.
    pub unit: Option<String>,
    /// The sites that ask it.
    pub sites: Vec<String>,
    /// Workers that serve a request; null where each serves many at once.
    pub busy: Option<usize>,
    /// All its workers.
    pub workers: Option<usize>,
    /// Connections that wait to be accepted.
    pub waiting: u32,
    /// How many may.
    pub backlog: u32,
}

/// A unit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unit {
    /// Its name.
    pub unit: String,
    /// Its processes.
    pub processes: u64,
    /// Hundredths of one processor.
    pub cpu: u64,
    /// Resident memory, bytes; what processes share counts for each.
    pub rss: u64,
}

/// A process.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its unit.
    pub unit: Option<String>,
    /// Its command line.
    pub command: String,
    /// Hundredths of one processor.
    pub cpu: u64,
    /// Resident memory, bytes.
    pub rss: u64,
}

/// Requests that reached a backend.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Requests {
    /// From when on, RFC 3339 in UTC.
    pub since: String,
    /// The access log that shows most of them.
    pub log: String,
    /// The log says how long they took: lists are by worker-seconds, else by number.
    pub timed: bool,
    /// Requests.
    pub requests: u64,
    /// Those answered 5xx or 499.
    pub failures: u64,
    /// Seconds that workers were busy with them.
    pub worker_seconds: f64,
    /// Requests a second.
    pub rate: f64,
    /// Requests a second that are usual; null where too little is known.
    pub usual_rate: Option<f64>,
    /// Neither all of them nor any kind comes more often than usual, so their number is not what is new; null where too little
    /// is known.
    pub as_usual: Option<bool>,
    /// What is taken for usual.
    pub usual: Option<String>,
    /// By what they are for: `login`, `message`, `bot`, `page`.
    pub kinds: Vec<Row>,
    /// By method and path, ids folded.
    pub routes: Vec<Row>,
    /// By address.
    pub clients: Vec<Row>,
    /// By user agent.
    pub agents: Vec<Row>,
}

/// A part of the requests.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Row {
    /// Which.
    pub key: String,
    /// Requests.
    pub requests: u64,
    /// Those answered 5xx or 499.
    pub failures: u64,
    /// Seconds that workers were busy with them.
    pub worker_seconds: f64,
    /// Hundredths of all: of the time, or of the number where no time is logged.
    pub share: u64,
}

/// What the load itself does not hold.
pub struct Frame<'a> {
    /// When, and for how long.
    pub looked: Looked,
    /// Rows of each list.
    pub top: usize,
    /// What fails and why, where that was asked.
    pub verdict: Option<&'a Verdict>,
}

impl Report {
    /// Of a load.
    pub fn of(load: &Load, full: &[Full], frame: &Frame<'_>) -> Self {
        let pressure = |of: Option<host::looks::Pressure>| of.map(|it| it.some.avg10);
        let limits = &load.limits;
        Self {
            head: frame.looked.head("why502/load/1"),
            saturated: full.iter().map(Saturated::of).collect(),
            causes: frame.verdict.map(of::causes).unwrap_or_default(),
            cpu: load.cpu.map(Cpu::of),
            pressure: Pressure {
                cpu: pressure(limits.cpu),
                memory: pressure(limits.memory),
                io: pressure(limits.io),
            },
            memory_available: load.memory_available,
            conntrack: limits.conntrack.map(|it| Use {
                now: it.now,
                most: it.most,
            }),
            ports: load.ports.as_ref().map(Ports::of),
            nginx: load.nginx.iter().map(Connections::of).collect(),
            pools: load.pools.iter().map(Pool::of).collect(),
            units: load
                .units
                .iter()
                .filter(|it| it.cpu > 0)
                .take(frame.top)
                .map(Unit::of)
                .collect(),
            processes: load.processes.iter().take(frame.top).map(Process::of).collect(),
            requests: load.demand.as_ref().map(|it| Requests::of(it, frame.top)),
        }
    }

    /// As JSON.
    ///
    /// # Errors
    /// None that can happen: all of it can be written as JSON.
    pub fn render(&self) -> serde_json::Result<String> {
        Ok(page(self)? + "\n")
    }
}
