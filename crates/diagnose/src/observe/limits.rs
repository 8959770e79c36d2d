//! How near the host is to its limits. Only where something fails.

use super::{parallel, room};
use crate::{
    World,
    case::Backend,
    limits::{ControlGroup, FileSystem, Limits, Throttled, Use},
};
use host::{
    Host, Looks, Query,
    answer::Answer,
    looks::{Mount, Resource, Unit},
    query::Part,
};
use std::path::{Path, PathBuf};

/// File systems looked at.
const MOUNTS: usize = 40;
/// Units looked at.
const UNITS: usize = 12;
/// Bytes read of a counter's file.
const COUNTER: u64 = 4096;
/// Time between two looks at counters, milliseconds.
const APART_MS: u64 = 200;
/// What the kernel makes up, and images that are full by nature.
const NO_ROOM_TO_SPEAK_OF: &[&str] = &[
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "ramfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
];
/// Servers that applications depend on have these words in the names of their units.
const SERVERS: &[&str] = &[
    "mysql",
    "mariadb",
    "postgres",
    "redis",
    "valkey",
    "memcached",
    "rabbitmq",
    "elasticsearch",
    "opensearch",
    "nats",
];

/// Looks at all of it.
pub(super) fn look(host: &dyn Host, world: &World, backends: &[&Backend]) -> Limits {
    let (filesystems, groups) = std::thread::scope(|scope| {
        let filesystems = scope.spawn(|| filesystems(host));
        let groups = groups(host, &concerned(world, backends));
        (filesystems.join().unwrap_or_default(), groups)
    });
    let pressure = |of| host.pressure(of).ok().flatten();
    Limits {
        groups: groups.into_iter().collect(),
        cpu: pressure(Resource::Cpu),
        memory: pressure(Resource::Memory),
        io: pressure(Resource::Io),
        local_ports: local_ports(host),
        conntrack: conntrack(host),
        deleted: room::deleted(host, &filesystems),
        spare: room::spare(host, &filesystems),
        filesystems,
    }
}

/// Nothing of another machine: a dead server would hang the look.
fn filesystems(host: &dyn Host) -> Vec<FileSystem> {
    let mut mounts = host.mounts(None).unwrap_or_default();
    let holds = |mount: &Mount| {
        let inner = mount.kind == "overlay" && mount.point != Path::new("/");
        !NO_ROOM_TO_SPEAK_OF.contains(&mount.kind.as_str()) && !inner && !mount.is_remote()
    };
    // what lies over a mount point hides what was there
    let hidden = |index: usize, mounts: &[Mount]| {
        let later = mounts.get(index + 1..).unwrap_or_default();
        later.iter().any(|it| it.point == mounts[index].point)
    };
    let seen: Vec<Mount> = (0..mounts.len())
        .filter(|index| holds(&mounts[*index]) && !hidden(*index, &mounts))
        .map(|index| mounts[index].clone())
        .collect();
    mounts = seen;
    mounts.truncate(MOUNTS);
    let spaces = parallel::map(&mounts, |mount| host.space(&mount.point).ok().flatten());
    let both = mounts.into_iter().zip(spaces);
    both.filter_map(|(mount, space)| Some(FileSystem { mount, space: space? }))
        .collect()
}

/// Units of nginx and of the backends, and of servers that applications depend on.
fn concerned<'a>(world: &'a World, backends: &[&Backend]) -> Vec<&'a Unit> {
    let known = world.units.as_ref().map_or(&[][..], Vec::as_slice);
    let is_backend = |unit: &Unit| backends.iter().any(|it| it.unit.as_deref() == Some(&unit.name));
    let is_nginx = |unit: &Unit| {
        world
            .nginx
            .iter()
            .any(|it| it.unit.as_deref() == Some(&unit.name))
    };
    let mut units: Vec<&Unit> = known
        .iter()
        .filter(|unit| unit.is_up() && unit.property("ControlGroup").len() > 1)
        .filter(|unit| is_backend(unit) || is_nginx(unit) || is_server(unit))
        .collect();
    units.sort_by_key(|unit| !is_backend(unit));
    units.truncate(UNITS);
    units
}

/// It serves data to applications.
pub(super) fn is_server(unit: &Unit) -> bool {
    SERVERS.iter().any(|word| unit.name.contains(word))
}

fn groups(host: &dyn Host, units: &[&Unit]) -> Vec<(String, ControlGroup)> {
    if units.is_empty() {
        return Vec::new();
    }
    let unified = matches!(
        host.stat(Path::new("/sys/fs/cgroup/cgroup.controllers")),
        Ok(Some(_))
    );
    let groups = parallel::map(units, |unit| {
        let group = Group {
            host,
            unified,
            path: unit.property("ControlGroup"),
        };
        group.read()
    });
    let names = units.iter().map(|unit| unit.name.clone());
    names.zip(groups).collect()
}

/// A control group's files, of the one hierarchy or of the several of old.
struct Group<'a> {
    host: &'a dyn Host,
    unified: bool,
    path: &'a str,
}

impl Group<'_> {
    fn read(&self) -> ControlGroup {
        let memory = |new, old| self.number("memory", if self.unified { new } else { old });
        let events = |key| match self.unified {
            true => self.key("memory", "memory.events", key),
            false => None,
        };
        let old_kills = || self.key("memory", "memory.oom_control", "oom_kill");
        ControlGroup {
            dir: self.file("memory", ""),
            memory: memory("memory.current", "memory.usage_in_bytes").map(|now| Use {
                now,
                most: memory("memory.max", "memory.limit_in_bytes").filter(|most| *most < 1 << 60),
            }),
            memory_high: self.number("memory", "memory.high").filter(|_| self.unified),
            slowed: events("high"),
            oom_kills: if self.unified {
                events("oom_kill")
            } else {
                old_kills()
            },
            tasks: self.number("pids", "pids.current").map(|now| Use {
                now,
                most: self.number("pids", "pids.max"),
            }),
            forks_refused: self.key("pids", "pids.events", "max"),
            cpu_percent: self.quota(),
            cpu: self.throttled(),
        }
    }

    fn file(&self, controller: &str, name: &str) -> PathBuf {
        let root = match self.unified {
            true => PathBuf::from("/sys/fs/cgroup"),
            false => Path::new("/sys/fs/cgroup").join(controller),
        };
        let dir = root.join(self.path.trim_start_matches('/'));
        if name.is_empty() { dir } else { dir.join(name) }
    }

    fn text(&self, controller: &str, name: &str) -> Option<String> {
        text(self.host, &self.file(controller, name))
    }

    /// `max` is no number.
    fn number(&self, controller: &str, name: &str) -> Option<u64> {
        self.text(controller, name)?.trim().parse().ok()
    }

    fn key(&self, controller: &str, name: &str, key: &str) -> Option<u64> {
        value(&self.text(controller, name)?, key)
    }

    /// `max 100000`, `20000 100000`: microseconds of each period.
    fn quota(&self) -> Option<u64> {
        let (quota, period) = match self.unified {
            true => {
                let text = self.text("cpu", "cpu.max")?;
                let (quota, period) = text.trim().split_once(' ')?;
                (quota.parse::<u64>().ok()?, period.parse::<u64>().ok()?)
            }
            false => (
                self.number("cpu", "cpu.cfs_quota_us")?,
                self.number("cpu", "cpu.cfs_period_us")?,
            ),
        };
        quota.saturating_mul(100).checked_div(period)
    }

    /// Two looks, where there is a limit at all.
    fn throttled(&self) -> Option<Throttled> {
        self.quota()?;
        let path = self.file("cpu", "cpu.stat");
        let before = text(self.host, &path)?;
        let part = Part::Head(COUNTER);
        let look = Box::new(Query::File { path, part });
        let Ok(Answer::File(Some(after))) = self.host.ask(&Query::Later { ms: APART_MS, look }) else {
            return None;
        };
        let after = String::from_utf8_lossy(&after.bytes.0).into_owned();
        let moved = |key| Some(value(&after, key)?.saturating_sub(value(&before, key)?));
        Some(Throttled {
            periods: moved("nr_periods")?,
            throttled: moved("nr_throttled")?,
            ever: value(&after, "nr_throttled")?,
        })
    }
}

fn text(host: &dyn Host, path: &Path) -> Option<String> {
    let blob = host.blob(path, Part::Head(COUNTER)).ok()??;
    Some(String::from_utf8_lossy(&blob.bytes.0).into_owned())
}

/// `key 7` on a line of its own.
fn value(text: &str, key: &str) -> Option<u64> {
    let rest = text
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))?;
    rest.trim().parse().ok()
}

fn local_ports(host: &dyn Host) -> Option<(u16, u16)> {
    let text = text(host, Path::new("/proc/sys/net/ipv4/ip_local_port_range"))?;
    let mut ends = text.split_whitespace().map(|end| end.parse().ok());
    Some((ends.next()??, ends.next()??))
}

fn conntrack(host: &dyn Host) -> Option<Use> {
    let number = |name: &str| {
        let path = Path::new("/proc/sys/net/netfilter").join(name);
        text(host, &path)?.trim().parse().ok()
    };
    Some(Use {
        now: number("nf_conntrack_count")?,
        most: number("nf_conntrack_max"),
    })
}
