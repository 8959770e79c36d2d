//! What the host is busy with.

use super::{limits, peers, progress, targets, traffic};
use crate::{
    World,
    case::{Backend, PeerSight},
    discover::backend_of,
    load::{Busy, BusyUnit, Connections, Cpu, Load, Pool, Ports},
    queue,
};
use host::{
    Endpoint, Host, Looks, Query, Unseen,
    answer::{Answer, SocketState},
    looks::Process,
    query::Part,
};
use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    path::Path,
    time::Duration,
};

/// Time between the looks, milliseconds.
const APART_MS: u64 = 1000;
/// Processes and units kept.
const MOST: usize = 20;
/// Bytes read of /proc/stat.
const STAT: u64 = 64 << 10;
/// What nginx takes where `worker_connections` is not written.
const CONNECTIONS: u64 = 512;

/// Looks at a host that was discovered, and at its access logs of so much time.
pub fn look(host: &dyn Host, mut world: World, logs: Duration) -> Load {
    let span = (world.now.before(logs), world.now);
    let (cpu, later, demand) = std::thread::scope(|scope| {
        let world = &mut world;
        let cpu = scope.spawn(|| cpu(host));
        // the same moment from which the second look counts
        if let Ok(processes) = host.processes() {
            world.processes = Ok(processes);
        }
        let world = &*world;
        let demand = scope.spawn(move || demand(host, world, span));
        let later = progress::Later::look(host, world, APART_MS);
        (cpu.join().ok().flatten(), later, demand.join().ok().flatten())
    });
    let pools = later
        .as_ref()
        .map(|later| pools(&world, later))
        .unwrap_or_default();
    let backends: Vec<Backend> = pools
        .iter()
        .filter_map(|it| backend_of(&world, &it.endpoint))
        .collect();
    let backends: Vec<&Backend> = backends.iter().collect();
    let limits = limits::look(host, &world, &backends);
    let processes = later
        .as_ref()
        .map(|later| busy(&world, later))
        .unwrap_or_default();
    Load {
        cpu,
        memory_available: world.memory_available.clone().ok().or_else(|| available(host)),
        ports: limits.local_ports.and_then(|range| ports(&world, range)),
        limits,
        units: units(&processes),
        processes: processes.into_iter().filter(|it| it.cpu > 0).take(MOST).collect(),
        pools,
        nginx: connections(&world),
        demand,
    }
}

/// Of the nginx with most sites, as most hosts have but one.
fn demand(host: &dyn Host, world: &World, span: traffic::Span) -> Option<crate::traffic::Demand> {
    traffic::Logs::read(host, world, 0).demand(None, span)
}

/// `MemAvailable` of proc_meminfo(5).
fn available(host: &dyn Host) -> Option<u64> {
    let file = host.file(Path::new("/proc/meminfo")).ok()??;
    let text = String::from_utf8_lossy(&file).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib << 10)
}

/// Every process with what it used between the looks, busiest first.
fn busy(world: &World, later: &progress::Later) -> Vec<Busy> {
    let before: HashMap<u32, &Process> = world
        .processes
        .iter()
        .flatten()
        .map(|process| (process.pid, process))
        .collect();
    let used = |after: &Process| {
        let known = before
            .get(&after.pid)
            .filter(|it| it.started_ticks == after.started_ticks);
        let ticks = after.cpu_ticks.saturating_sub(known.map_or(0, |it| it.cpu_ticks));
        ticks.saturating_mul(1000) / APART_MS
    };
    let mut all: Vec<Busy> = later
        .processes()
        .iter()
        .map(|process| Busy {
            pid: process.pid,
            unit: process.unit.clone(),
            command: crate::words::clip(&process.command()),
            cpu: used(process),
            rss: process.rss,
        })
        .collect();
    all.sort_by_key(|it| (std::cmp::Reverse((it.cpu, it.rss)), it.pid));
    all
}

fn units(processes: &[Busy]) -> Vec<BusyUnit> {
    let mut all: BTreeMap<&str, BusyUnit> = BTreeMap::new();
    for process in processes {
        let Some(name) = &process.unit else { continue };
        let unit = all.entry(name).or_insert_with(|| BusyUnit {
            unit: name.clone(),
            processes: 0,
            cpu: 0,
            rss: 0,
        });
        unit.processes += 1;
        unit.cpu += process.cpu;
        unit.rss += process.rss;
    }
    let mut all: Vec<BusyUnit> = all.into_values().collect();
    all.sort_by_key(|it| (std::cmp::Reverse((it.cpu, it.rss)), it.unit.clone()));
    all.truncate(MOST);
    all
}

/// Each address that a route asks and somebody listens on.
fn pools(world: &World, later: &progress::Later) -> Vec<Pool> {
    let mut asked: BTreeMap<Endpoint, Vec<String>> = BTreeMap::new();
    for route in &world.routes {
        for target in targets::of_route(route, &[], &[]) {
            let sites = asked.entry(target.endpoint).or_default();
            if !sites.contains(&route.site) {
                sites.push(route.site.clone());
            }
        }
    }
    let pool = |(endpoint, sites): (Endpoint, Vec<String>)| {
        let peer = peers::unasked(endpoint.clone(), backend_of(world, &endpoint));
        let progress = progress::of_peer(world, later, &peer)?;
        let backlog = listener(world, &endpoint)?;
        Some(Pool {
            busy: busy_workers(&peer, &progress),
            waiting: progress.queue.0.min(progress.queue.1),
            kind: peer.backend.as_ref().and_then(|it| it.kind),
            unit: peer.backend.and_then(|it| it.unit),
            backlog,
            endpoint,
            sites,
        })
    };
    asked.into_iter().filter_map(pool).collect()
}

fn busy_workers(peer: &PeerSight, progress: &crate::case::Progress) -> Option<(usize, usize)> {
    let (idle, all) = progress.idle;
    (queue::is_worker_pool(peer) && all > 0).then_some((all - idle.min(all), all))
}

/// The backlog of who listens there.
fn listener(world: &World, endpoint: &Endpoint) -> Option<u32> {
    let mut all = world.listeners().ok()?;
    let socket = all.find(|socket| crate::case::listens_on(socket, endpoint))?;
    Some(socket.send_q)
}

/// Connections of clients to its ports. Whose request is passed on takes another one, which can't be counted where the
/// backend listens on a unix socket.
fn connections(world: &World) -> Vec<Connections> {
    let Ok(sockets) = &world.sockets else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (index, nginx) in world.nginx.iter().enumerate() {
        let Some(master) = nginx.master else { continue };
        let listens = world
            .routes
            .iter()
            .filter(|route| route.nginx == index)
            .flat_map(|route| &route.listen);
        let ports: Vec<u16> = listens.filter_map(|it| Some(it.endpoint.tcp()?.port())).collect();
        let open = sockets.iter().filter(|it| it.state == SocketState::Established);
        let ours = open.filter(|it| it.local.tcp().is_some_and(|at| ports.contains(&at.port())));
        let each = nginx.worker_connections.as_ref().map_or(CONNECTIONS, |it| it.0);
        all.push(Connections {
            master,
            open: ours.count() as u64,
            most: each.saturating_mul(nginx.workers.len() as u64),
        });
    }
    all
}

fn ports(world: &World, (first, last): (u16, u16)) -> Option<Ports> {
    let mut towards: HashMap<SocketAddr, u64> = HashMap::new();
    let local = |port: u16| (first..=last).contains(&port);
    for socket in world.sockets.as_ref().ok()? {
        if let (Some(remote), Some(at)) = (socket.remote, socket.local.tcp())
            && local(at.port())
        {
            *towards.entry(remote).or_default() += 1;
        }
    }
    let (to, used) = towards.into_iter().max_by_key(|(to, used)| (*used, *to))?;
    let most = u64::from(last.saturating_sub(first)) + 1;
    Some(Ports { to, used, most })
}

/// `/proc/stat` at two looks.
fn cpu(host: &dyn Host) -> Option<Cpu> {
    let path = Path::new("/proc/stat").to_owned();
    let part = Part::Head(STAT);
    let before = host.blob(&path, part).ok()??;
    let look = Box::new(Query::File { path, part });
    let later: Result<Answer, Unseen> = host.ask(&Query::Later { ms: APART_MS, look });
    let Ok(Answer::File(Some(after))) = later else {
        return None;
    };
    between(&before.bytes.0, &after.bytes.0)
}

fn between(before: &[u8], after: &[u8]) -> Option<Cpu> {
    let (before, after) = (String::from_utf8_lossy(before), String::from_utf8_lossy(after));
    let times = |text: &str| -> Option<Vec<u64>> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        Some(
            line.split_whitespace()
                .take(8)
                .filter_map(|it| it.parse().ok())
                .collect(),
        )
    };
    let (old, new) = (times(&before)?, times(&after)?);
    let moved: Vec<u64> = new
        .iter()
        .zip(&old)
        .map(|(new, old)| new.saturating_sub(*old))
        .collect();
    // user nice system idle iowait irq softirq steal: proc_stat(5)
    let [user, nice, system, _, waiting, irq, softirq, stolen] = moved[..] else {
        return None;
    };
    let all: u64 = moved.iter().sum();
    let percent = |part: u64| part.saturating_mul(100).checked_div(all);
    let is_one = |line: &&str| {
        let rest = line.strip_prefix("cpu").unwrap_or_default();
        rest.starts_with(|first: char| first.is_ascii_digit())
    };
    Some(Cpu {
        processors: after.lines().filter(is_one).count() as u64,
        busy: percent(user + nice + system + irq + softirq)?,
        waiting: percent(waiting)?,
        stolen: percent(stolen)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_processors_between_two_looks() {
        let before = b"cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 50 0 50 400 0 0 0 0 0 0\ncpu1 50 0 50 400 0 0 0 0 0 0\nbtime 1\n";
        let after = b"cpu  150 0 110 820 10 0 0 10 0 0\ncpu0 50 0 50 400 0 0 0 0 0 0\ncpu1 50 0 50 400 0 0 0 0 0 0\nbtime 1\n";
        let cpu = between(before, after).expect("read");
        let expected = Cpu {
            processors: 2,
            busy: 60,
            waiting: 10,
            stolen: 10,
        };
        assert_eq!(cpu, expected);
        assert_eq!(between(b"btime 1\n", after), None);
    }
}
