//! What a host is busy with: facts gathered at two looks a second apart, and what of them is at its limit. Nothing need
//! fail for it.

mod full;

pub use full::{Full, Resource, full};

use crate::{limits::Limits, topology::BackendKind, traffic::Demand};
use host::Endpoint;

/// All of it. What could not be seen is missing.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Time of all processors together between the looks.
    pub cpu: Option<Cpu>,
    /// Memory that programs may still take without swapping, bytes.
    pub memory_available: Option<u64>,
    /// Pressure, control groups, ports, tracked connections.
    pub limits: Limits,
    /// Processes that worked, busiest first.
    pub processes: Vec<Busy>,
    /// The same summed by unit, busiest first; what belongs to none is missing.
    pub units: Vec<BusyUnit>,
    /// Backends with a fixed number of workers, or with an accept queue.
    pub pools: Vec<Pool>,
    /// Each nginx.
    pub nginx: Vec<Connections>,
    /// Local ports in use towards the address that most connections go to.
    pub ports: Option<Ports>,
    /// What is asked of all backends, and what is usual.
    pub demand: Option<Demand>,
}

/// Time of processors.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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

/// A process that worked between the looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    /// Its id.
    pub pid: u32,
    /// Its unit.
    pub unit: Option<String>,
    /// Its command line: hostile.
    pub command: String,
    /// Hundredths of one processor.
    pub cpu: u64,
    /// Resident memory, bytes.
    pub rss: u64,
}

/// The processes of one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusyUnit {
    /// Its name.
    pub unit: String,
    /// How many.
    pub processes: u64,
    /// Hundredths of one processor.
    pub cpu: u64,
    /// Resident memory of all, bytes; what they share counts for each.
    pub rss: u64,
}

/// A backend that nginx asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Where.
    pub endpoint: Endpoint,
    /// What.
    pub kind: Option<BackendKind>,
    /// Its unit.
    pub unit: Option<String>,
    /// The sites that ask it.
    pub sites: Vec<String>,
    /// Workers that serve a request, of all; `None` where workers serve many at once or could not be seen.
    pub busy: Option<(usize, usize)>,
    /// Connections that waited to be accepted at both looks.
    pub waiting: u32,
    /// How many may wait; 0 where there is no listener.
    pub backlog: u32,
}

/// Connections of one nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connections {
    /// Its master process.
    pub master: u32,
    /// Open connections of clients.
    pub open: u64,
    /// At most, of all workers together, those to backends included.
    pub most: u64,
}

/// Local ports towards one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Whom.
    pub to: std::net::SocketAddr,
    /// In use, closed ones that may not be used again yet included.
    pub used: u64,
    /// Of how many.
    pub most: u64,
}
