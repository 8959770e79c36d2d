//! What is at its limit.

use super::{Load, Pool};
use crate::{evidence::quote, limits};

/// Hundredths of the last ten seconds in which something waited, from which on a resource is short.
const CPU_WAITED: f64 = 60.0;
const IO_WAITED: f64 = 40.0;
const MEMORY_WAITED: f64 = 20.0;
/// And processors are not short while they have so many hundredths to spare.
const CPU_BUSY: u64 = 90;
/// Hundredths of a number from which on it is nearly used up.
const NEAR: u64 = 90;
/// Memory is short where less is left, bytes.
const LITTLE_MEMORY: u64 = 64 << 20;

/// Kinds of limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Processors.
    Cpu,
    /// Memory.
    Memory,
    /// Disks.
    Io,
    /// Workers of a backend.
    Pool,
    /// An accept queue.
    AcceptQueue,
    /// Connections of nginx.
    Connections,
    /// Local ports.
    Ports,
    /// Tracked connections.
    Conntrack,
    /// Limits of a unit's control group.
    Unit,
}

impl Resource {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::Memory => "memory",
            Self::Io => "disk",
            Self::Pool => "pool",
            Self::AcceptQueue => "accept queue",
            Self::Connections => "connections",
            Self::Ports => "ports",
            Self::Conntrack => "conntrack",
            Self::Unit => "unit",
        }
    }
}

/// Something at its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// What.
    pub resource: Resource,
    /// In one sentence.
    pub says: String,
    /// The command that shows it.
    pub command: String,
}

/// All that is at its limit.
pub fn full(load: &Load) -> Vec<Full> {
    let mut all: Vec<Full> = host(load).into_iter().flatten().collect();
    all.extend(
        load.pools
            .iter()
            .flat_map(|pool| [workers(pool), queue(pool)])
            .flatten(),
    );
    all.extend(kernel(load).into_iter().flatten());
    all.extend(units(load));
    all
}

fn full_of(resource: Resource, says: String, command: impl Into<String>) -> Full {
    let command = command.into();
    Full {
        resource,
        says,
        command,
    }
}

/// Processors, memory, disks.
fn host(load: &Load) -> [Option<Full>; 3] {
    let limits = &load.limits;
    let waited = |what: &str, stall: f64| {
        format!("some program waited for {what} in {stall:.0} % of the last ten seconds")
    };
    let short = load.cpu.is_none_or(|cpu| cpu.busy + cpu.stolen >= CPU_BUSY);
    let cpu = limits
        .cpu
        .map(|it| it.some.avg10)
        .filter(|it| *it >= CPU_WAITED && short);
    let io = limits.io.map(|it| it.some.avg10).filter(|it| *it >= IO_WAITED);
    let memory = limits
        .memory
        .map(|it| it.some.avg10)
        .filter(|it| *it >= MEMORY_WAITED);
    let stolen = load.cpu.map_or(0, |it| it.stolen);
    let by_others = match stolen {
        10.. => format!("; the hypervisor gave {stolen} % of the time to other machines"),
        _ => String::new(),
    };
    let little = load.memory_available.filter(|left| *left < LITTLE_MEMORY);
    [
        cpu.map(|it| {
            full_of(
                Resource::Cpu,
                waited("a processor", it) + &by_others,
                "cat /proc/pressure/cpu",
            )
        }),
        memory
            .map(|it| {
                full_of(
                    Resource::Memory,
                    waited("memory", it),
                    "cat /proc/pressure/memory",
                )
            })
            .or_else(|| {
                let says = format!("{} of memory are left for programs", limits::size(little?));
                Some(full_of(Resource::Memory, says, "free -m"))
            }),
        io.map(|it| full_of(Resource::Io, waited("a disk", it), "cat /proc/pressure/io")),
    ]
}

/// All busy, and somebody waits: workers that are merely all at work lack nothing.
fn workers(pool: &Pool) -> Option<Full> {
    let (busy, all) = pool.busy?;
    (all > 0 && busy == all && pool.waiting > 0).then(|| {
        let says = format!(
            "all {all} workers of {} are busy, and {} wait",
            pool.name(),
            pool.waiting
        );
        full_of(
            Resource::Pool,
            says,
            crate::Source::listeners(&pool.endpoint).command,
        )
    })
}

fn queue(pool: &Pool) -> Option<Full> {
    let (waiting, most) = (u64::from(pool.waiting), u64::from(pool.backlog));
    (most > 0 && waiting * 100 >= most * NEAR).then(|| {
        let says = format!(
            "{waiting} of {most} connections wait to be accepted at {}",
            pool.endpoint
        );
        full_of(
            Resource::AcceptQueue,
            says,
            crate::Source::listeners(&pool.endpoint).command,
        )
    })
}

impl Pool {
    /// Its unit, or where it listens.
    pub fn name(&self) -> String {
        self.unit.clone().unwrap_or_else(|| self.endpoint.to_string())
    }
}

/// Connections, ports, tracked connections.
fn kernel(load: &Load) -> Vec<Option<Full>> {
    let near = |now: u64, most: u64| most > 0 && now * 100 >= most * NEAR;
    let nginx = load.nginx.iter().map(|it| {
        near(it.open, it.most).then(|| {
            let says = format!(
                "clients hold {} of the {} connections that nginx (process {}) may have",
                it.open, it.most, it.master
            );
            full_of(
                Resource::Connections,
                says,
                "ss -s; grep -rn worker_connections /etc/nginx",
            )
        })
    });
    let ports = load.ports.as_ref().filter(|it| near(it.used, it.most)).map(|it| {
        let says = format!(
            "{} of {} local ports are in use towards {}",
            it.used, it.most, it.to
        );
        full_of(Resource::Ports, says, format!("ss -tan dst {} | wc -l", it.to))
    });
    let tracked = load.limits.conntrack.filter(limits::Use::is_reached).map(|it| {
        let says = format!(
            "{} of {} connections are tracked",
            it.now,
            it.most.unwrap_or_default()
        );
        full_of(
            Resource::Conntrack,
            says,
            "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max",
        )
    });
    nginx.chain([ports, tracked]).collect()
}

fn units(load: &Load) -> Vec<Full> {
    let mut all = Vec::new();
    for (unit, group) in &load.limits.groups {
        let mut add = |says: String| {
            let command = format!("systemctl status {} --no-pager", quote(unit));
            all.push(full_of(Resource::Unit, format!("{unit} {says}"), command));
        };
        if let Some(cpu) = group
            .cpu
            .filter(|it| it.periods > 0 && it.throttled * 2 >= it.periods)
        {
            let quota = group.cpu_percent.unwrap_or_default();
            let (of, all) = (cpu.throttled, cpu.periods);
            add(format!(
                "used up the {quota} % of a processor it may have in {of} of {all} periods"
            ));
        }
        if let Some(memory) = group.memory.filter(limits::Use::is_reached) {
            add(format!(
                "uses all of the {} it may have",
                limits::size(memory.most.unwrap_or_default())
            ));
        }
        if let Some(tasks) = group.tasks.filter(limits::Use::is_reached) {
            add(format!(
                "runs all of the {} tasks it may have",
                tasks.most.unwrap_or_default()
            ));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        limits::Use,
        load::{Connections, Cpu},
    };
    use host::{
        Endpoint,
        looks::{Pressure, Stall},
    };

    fn pool(busy: (usize, usize), waiting: u32) -> Pool {
        Pool {
            endpoint: Endpoint::Unix("/run/php/php8.2-fpm.sock".into()),
            kind: None,
            unit: Some("php8.2-fpm.service".into()),
            sites: vec!["shop.example".into()],
            busy: Some(busy),
            waiting,
            backlog: 511,
        }
    }

    fn resources(load: &Load) -> Vec<Resource> {
        full(load).into_iter().map(|it| it.resource).collect()
    }

    #[test]
    fn a_busy_host_lacks_nothing() {
        let load = Load {
            cpu: Some(Cpu {
                processors: 2,
                busy: 99,
                ..Cpu::default()
            }),
            memory_available: Some(1 << 30),
            pools: vec![pool((5, 5), 0), pool((3, 5), 2)],
            nginx: vec![Connections {
                master: 1,
                open: 600,
                most: 1536,
            }],
            ..Load::default()
        };
        assert_eq!(resources(&load), []);
    }

    #[test]
    fn what_is_at_its_limit_is_told() {
        let some = Stall {
            avg10: 80.0,
            ..Stall::default()
        };
        let pressed = Some(Pressure {
            some,
            full: Stall::default(),
        });
        let mut load = Load {
            pools: vec![pool((5, 5), 500)],
            nginx: vec![Connections {
                master: 1,
                open: 1500,
                most: 1536,
            }],
            ..Load::default()
        };
        (load.limits.cpu, load.limits.io) = (pressed, pressed);
        load.limits.conntrack = Some(Use {
            now: 99,
            most: Some(100),
        });
        let found = resources(&load);
        let expected = [
            Resource::Cpu,
            Resource::Io,
            Resource::Pool,
            Resource::AcceptQueue,
            Resource::Connections,
            Resource::Conntrack,
        ];
        assert_eq!(found, expected);
        load.cpu = Some(Cpu {
            busy: 40,
            ..Cpu::default()
        });
        assert!(
            !resources(&load).contains(&Resource::Cpu),
            "waited for its turn on one of many processors"
        );
    }
}
