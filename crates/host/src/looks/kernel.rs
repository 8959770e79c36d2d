//! Counters of the kernel: when it started, what it dropped, what waits.

use crate::Timestamp;
use std::{collections::BTreeMap, time::Duration};

/// When the machine started (a container shows its host's).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boot {
    /// Boot time, to the second.
    pub at: Timestamp,
}

impl Boot {
    /// From `/proc/stat`.
    pub(super) fn parse(stat: &[u8]) -> Option<Self> {
        let stat = String::from_utf8_lossy(stat);
        let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        Some(Self {
            at: Timestamp::from_secs(seconds.trim().parse().ok()?),
        })
    }

    /// The moment of [`crate::looks::Process::started_ticks`]. Linux shows user space 100 ticks a second
    /// (`USER_HZ`) on every architecture of today.
    pub fn moment(self, ticks: u64) -> Timestamp {
        self.at.after(Duration::from_millis(ticks.saturating_mul(10)))
    }
}

/// Counters of one network namespace since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Netstat {
    /// Connections not taken because an accept queue was full.
    pub listen_overflows: u64,
    /// Connections not taken by a listener for any reason.
    pub listen_drops: u64,
    /// All counters, by group and name: `TcpExt.ListenOverflows`.
    pub all: BTreeMap<String, u64>,
}

impl Netstat {
    /// From `/proc/net/netstat`: a line of names, then a line of values, for each group.
    pub(super) fn parse(netstat: &[u8]) -> Self {
        let text = String::from_utf8_lossy(netstat);
        let lines: Vec<&str> = text.lines().collect();
        let mut all = BTreeMap::new();
        for pair in lines.chunks_exact(2) {
            if let [Some((group, names)), Some((same, values))] =
                [pair[0].split_once(':'), pair[1].split_once(':')]
                && group == same
            {
                let values = values
                    .split_whitespace()
                    .map(|value| value.parse().unwrap_or_default());
                all.extend(
                    names
                        .split_whitespace()
                        .map(|name| format!("{group}.{name}"))
                        .zip(values),
                );
            }
        }
        let value = |name: &str| all.get(name).copied().unwrap_or_default();
        Self {
            listen_overflows: value("TcpExt.ListenOverflows"),
            listen_drops: value("TcpExt.ListenDrops"),
            all,
        }
    }
}

/// A resource that tasks can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
    /// Disks.
    Io,
}

impl Resource {
    /// Its file in `/proc/pressure`.
    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Cpu => "/proc/pressure/cpu",
            Self::Memory => "/proc/pressure/memory",
            Self::Io => "/proc/pressure/io",
        }
    }
}

/// Pressure stall information (Documentation/accounting/psi.rst).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pressure {
    /// Some task waited.
    pub some: Stall,
    /// All tasks waited at once.
    pub full: Stall,
}

/// The share of time that was lost in waiting, percent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stall {
    /// Over the last ten seconds.
    pub avg10: f64,
    /// Over the last minute.
    pub avg60: f64,
    /// Over the last five minutes.
    pub avg300: f64,
}

impl Pressure {
    /// From a file of `/proc/pressure`.
    pub(super) fn parse(psi: &[u8]) -> Self {
        let psi = String::from_utf8_lossy(psi);
        let line = |kind: &str| {
            psi.lines()
                .find_map(|line| line.strip_prefix(kind))
                .map(Stall::parse)
        };
        Self {
            some: line("some ").unwrap_or_default(),
            full: line("full ").unwrap_or_default(),
        }
    }
}

impl Stall {
    /// `avg10=0.00 avg60=0.00 avg300=0.00 total=0`
    fn parse(line: &str) -> Self {
        let value = |key: &str| {
            let pairs = line.split_whitespace().filter_map(|pair| pair.split_once('='));
            pairs
                .filter(|(name, _)| *name == key)
                .find_map(|(_, value)| value.parse().ok())
                .unwrap_or_default()
        };
        Self {
            avg10: value("avg10"),
            avg60: value("avg60"),
            avg300: value("avg300"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_count_from_boot() {
        let boot = Boot::parse(b"cpu 1 2 3\nbtime 1763800000\nprocesses 5\n").expect("is there");
        assert_eq!(boot.moment(150), Timestamp(1_763_800_001_500));
        assert_eq!(Boot::parse(b"cpu 1\n"), None);
    }

    #[test]
    fn names_and_values_are_joined() {
        let netstat = Netstat::parse(
            b"TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 7 9\nIpExt: InNoRoutes\nIpExt: 3\nodd:",
        );
        assert_eq!((netstat.listen_overflows, netstat.listen_drops), (7, 9));
        assert_eq!(netstat.all.get("IpExt.InNoRoutes"), Some(&3));
        assert_eq!(Netstat::parse(b"garbage\n\n"), Netstat::default());
    }

    #[test]
    fn waiting_in_percent() {
        let psi = Pressure::parse(
            b"some avg10=41.67 avg60=52.33 avg300=49.20 total=3\nfull avg10=0.50 avg60=0.00 avg300=x total=0\n",
        );
        assert_eq!((psi.some.avg10, psi.some.avg300), (41.67, 49.2));
        assert_eq!((psi.full.avg10, psi.full.avg300), (0.5, 0.0));
    }
}
