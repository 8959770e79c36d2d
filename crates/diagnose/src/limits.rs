//! What the host's kernel holds to be enough: room on file systems, the limits of control groups, pressure, ports and
//! tracked connections. As they are in force, not as a file says. Facts only.

use crate::{Case, Source, World, evidence::quote};
use host::{
    answer::{DeletedFile, SocketState, Space},
    looks::{Mount, Pressure, Unit, mount_of},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// A file system with less than this free has no room for what a server writes next, bytes: InnoDB grows its files by
/// this much.
const NEXT_WRITE: u64 = 1 << 20;
/// And it is that little only where it is less than this part of the whole.
const LITTLE: u64 = 20;
/// A limit is reached from this many hundredths of it on.
const REACHED: u64 = 97;
/// Where less than so many hundredths of the local ports are in use, ports are not what lacks.
const FAR: usize = 40;

/// All of it, looked at where something fails. What could not be seen is missing, and speaks neither for nor against.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits {
    /// File systems that programs of this host write to.
    pub filesystems: Vec<FileSystem>,
    /// Control groups, by unit.
    pub groups: BTreeMap<String, ControlGroup>,
    /// Time lost in waiting for processors.
    pub cpu: Option<Pressure>,
    /// Time lost in waiting for memory.
    pub memory: Option<Pressure>,
    /// Time lost in waiting for disks.
    pub io: Option<Pressure>,
    /// First and last port that connections may leave from: `net.ipv4.ip_local_port_range` of nginx's network.
    pub local_ports: Option<(u16, u16)>,
    /// Tracked connections.
    pub conntrack: Option<Use>,
    /// Deleted files that processes hold open, largest first.
    pub deleted: Vec<DeletedFile>,
    /// What may be removed to make room: package caches, the journal, rotated logs. Largest first.
    pub spare: Vec<Spare>,
}

/// Local ports in use towards one address, and how many there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalPorts {
    /// In use, closed ones that may not be used again yet included.
    pub used: usize,
    /// In TIME_WAIT.
    pub closed: usize,
    /// All there are.
    pub most: usize,
}

impl LocalPorts {
    /// Towards `to`, where that can be seen.
    pub fn towards(world: &World, to: SocketAddr) -> Option<Self> {
        let sockets = world.sockets.as_deref().ok()?;
        let towards = sockets.iter().filter(|it| it.remote == Some(to));
        let (used, closed) = towards.fold((0, 0), |(used, closed), it| {
            (used + 1, closed + usize::from(it.state == SocketState::TimeWait))
        });
        Some(Self {
            used,
            closed,
            most: world.limits.ports()?,
        })
    }

    /// Hundredths of all that are in use.
    pub fn share(&self) -> usize {
        self.used * 100 / self.most
    }

    /// Ports are not what lacks.
    pub fn are_free(&self) -> bool {
        self.share() < FAR
    }
}

impl Limits {
    /// Ports that connections may leave from; never none.
    pub fn ports(&self) -> Option<usize> {
        let (first, last) = self.local_ports?;
        Some(usize::from(last.saturating_sub(first)) + 1)
    }
}

/// A mounted file system and its room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    /// Where and what.
    pub mount: Mount,
    /// Its room.
    pub space: Space,
}

impl FileSystem {
    /// A server's next write fails.
    pub fn is_full(&self) -> bool {
        let free = self.space.bytes_available;
        self.space.is_full() || free < NEXT_WRITE && free.saturating_mul(LITTLE) < self.space.bytes
    }

    /// `/var/lib/mysql (/dev/loop6, ext4)`
    pub fn name(&self) -> String {
        let Mount {
            point, source, kind, ..
        } = &self.mount;
        match source == kind {
            true => format!("{} ({kind})", point.display()),
            false => format!("{} ({source}, {kind})", point.display()),
        }
    }

    /// `df` of it.
    pub fn source(&self, option: &str) -> Source {
        Source::command(format!(
            "df {option} {}",
            quote(&self.mount.point.to_string_lossy())
        ))
    }
}

/// How much of how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// Now.
    pub now: u64,
    /// At most; `None` is no limit.
    pub most: Option<u64>,
}

impl Use {
    /// So near the limit that the next one is refused.
    pub fn is_reached(&self) -> bool {
        self.most
            .is_some_and(|most| self.now.saturating_mul(100) >= most.saturating_mul(REACHED))
    }
}

/// A unit's control group, of either version of the hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ControlGroup {
    /// Its directory of the memory controller: `/sys/fs/cgroup/system.slice/x.service`.
    pub dir: PathBuf,
    /// Bytes of memory.
    pub memory: Option<Use>,
    /// Above this it is slowed down and made to give memory back, bytes: `memory.high`.
    pub memory_high: Option<u64>,
    /// How often that happened, since the unit was started.
    pub slowed: Option<u64>,
    /// Processes killed for want of memory, since the unit was started.
    pub oom_kills: Option<u64>,
    /// Tasks: processes and threads.
    pub tasks: Option<Use>,
    /// Forks refused for want of tasks, since the unit was started.
    pub forks_refused: Option<u64>,
    /// Processor time it may use, hundredths of one processor; `None` is no limit.
    pub cpu_percent: Option<u64>,
    /// Processor time at two looks.
    pub cpu: Option<Throttled>,
}

/// Periods in which a group used up its processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Throttled {
    /// Periods between two looks.
    pub periods: u64,
    /// Of these, the ones in which it had to wait for the next.
    pub throttled: u64,
    /// The same since the unit was started.
    pub ever: u64,
}

/// What may go without harm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spare {
    /// File or directory.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Whose it is; `None` is a rotated log, of which a person says whether it is wanted.
    pub of: Option<Reclaimable>,
}

impl Spare {
    /// The command that removes it.
    pub fn command(&self) -> String {
        match self.of {
            Some(of) => {
                let (program, args) = of.command();
                format!("{program} {}", args.join(" "))
            }
            None => format!("rm {}", quote(&self.path.to_string_lossy())),
        }
    }
}

/// Room that the tool which took it gives back when asked, and nothing else with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reclaimable {
    /// Package files that apt downloaded.
    AptCache,
    /// Those of dnf.
    DnfCache,
    /// Those of yum.
    YumCache,
    /// Closed files of systemd's journal, but for the newest.
    Journal,
}

impl Reclaimable {
    /// Each, what can be had again first.
    pub const ALL: [Self; 4] = [Self::AptCache, Self::DnfCache, Self::YumCache, Self::Journal];
    /// So much of the journal stays, bytes: enough to tell what happened.
    pub const JOURNAL_KEPT: u64 = 100 << 20;

    /// Where it lies.
    pub fn path(self) -> &'static Path {
        Path::new(match self {
            Self::AptCache => "/var/cache/apt/archives",
            Self::DnfCache => "/var/cache/dnf",
            Self::YumCache => "/var/cache/yum",
            Self::Journal => "/var/log/journal",
        })
    }

    /// What gives it back.
    pub fn command(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::AptCache => ("apt-get", &["clean"]),
            Self::DnfCache => ("dnf", &["clean", "packages"]),
            Self::YumCache => ("yum", &["clean", "packages"]),
            // JOURNAL_KEPT
            Self::Journal => ("journalctl", &["--vacuum-size=100M"]),
        }
    }

    /// Whether the tool would take that file with the rest though it is none of its own. apt empties its directory of
    /// whatever lies there, but for its lock and what a file system keeps for itself.
    pub fn is_strange(self, file: &Path) -> bool {
        let Ok(below) = file.strip_prefix(self.path()) else {
            return true;
        };
        let is_package = below.extension().is_some_and(|it| it == "deb");
        let is_own = ["lock", "partial", "lost+found"]
            .iter()
            .any(|it| below.starts_with(it));
        self == Self::AptCache && !is_package && !is_own
    }
}

impl Limits {
    /// The file system that a path lies on.
    pub fn under(&self, path: &Path) -> Option<&FileSystem> {
        let mounts: Vec<Mount> = self.filesystems.iter().map(|it| it.mount.clone()).collect();
        let mount = mount_of(&mounts, path)?;
        self.filesystems.iter().rfind(|it| it.mount == *mount)
    }

    /// The control group of a unit.
    pub fn group(&self, unit: &str) -> Option<&ControlGroup> {
        self.groups.get(unit)
    }
}

/// Units whose end or standstill fails the requests of this case: of its backends, and of what these depend on.
pub fn units(case: &Case) -> Vec<&Unit> {
    let needed = case.dependencies.iter().filter_map(|it| it.unit.as_ref());
    let mut units: Vec<&Unit> = case.units().into_iter().chain(needed).collect();
    let mut known: Vec<&str> = Vec::new();
    units.retain(|unit| {
        let fresh = !known.contains(&unit.name.as_str());
        known.push(&unit.name);
        fresh
    });
    units
}

/// `40.5 MiB`, `3 GiB`, as people read sizes.
pub fn size(bytes: u64) -> String {
    const UNITS: &[(u64, &str)] = &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = UNITS.iter().find(|(unit, _)| bytes >= *unit);
    unit.map_or_else(
        || format!("{bytes} bytes"),
        |(unit, name)| {
            let tenths = bytes.saturating_mul(10) / unit;
            match (tenths / 10, tenths % 10) {
                (whole, 0) => format!("{whole} {name}"),
                (whole, tenth) if whole < 100 => format!("{whole}.{tenth} {name}"),
                (whole, _) => format!("{whole} {name}"),
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filesystem(point: &str, bytes: u64, free: u64) -> FileSystem {
        FileSystem {
            mount: Mount {
                point: point.into(),
                root: "/".into(),
                kind: "tmpfs".into(),
                source: "tmpfs".into(),
                options: vec!["rw".into()],
            },
            space: Space {
                bytes,
                bytes_free: free,
                bytes_available: free,
                ..Space::default()
            },
        }
    }

    #[test]
    fn full_is_no_room_for_the_next_write() {
        for (bytes, free, full) in [
            (245 << 20, 0, true),
            (245 << 20, 300 << 10, true),
            (16 << 10, 8 << 10, false),
            (100 << 30, 5 << 20, false),
            (0, 0, false),
        ] {
            assert_eq!(filesystem("/x", bytes, free).is_full(), full, "{bytes} {free}");
        }
    }

    #[test]
    fn a_path_lies_on_the_nearest_mount() {
        let limits = Limits {
            filesystems: vec![filesystem("/", 1, 1), filesystem("/var/lib/mysql", 1, 1)],
            ..Limits::default()
        };
        let point = |path: &str| limits.under(Path::new(path)).map(|it| it.mount.point.clone());
        assert_eq!(point("/var/lib/mysql/shop"), Some("/var/lib/mysql".into()));
        assert_eq!(point("/var/lib/mysqlx"), Some("/".into()));
    }

    #[test]
    fn sizes() {
        for (bytes, says) in [
            (0, "0 bytes"),
            (42_467_328, "40.5 MiB"),
            (3 << 30, "3 GiB"),
            (150 << 10, "150 KiB"),
        ] {
            assert_eq!(size(bytes), says);
        }
        assert!(
            Use {
                now: 4,
                most: Some(4)
            }
            .is_reached()
                && !Use { now: 4, most: None }.is_reached()
        );
    }
}
