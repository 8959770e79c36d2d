//! From a host to the world a diagnosis is made in: nginx instances, routes, backends, and who is configured to serve
//! what. Works with whatever rights there are: what is refused is a blind spot in [`World::unseen`], never an absence.

mod address;
mod backend;
mod boot;
mod claims;
mod config;
mod http;
mod ini;
mod instance;
mod kinds;
mod masters;
mod routes;
mod scout;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod units;

pub use backend::backend_of;
pub(crate) use claims::environment::Variable;
pub(crate) use kinds::of_process as kind_of;
pub use masters::{command_of_process, command_of_unit};

use crate::{
    Options, World,
    topology::{Claim, Route, Target},
    world::Nginx,
};
use host::{
    Endpoint, Host, Look, Looks, Unseen,
    answer::SocketState,
    looks::{Process, Unit},
};
use instance::Known;
use masters::{Command, Master};
use scout::Scout;
use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    thread::{Scope, ScopedJoinHandle},
};

/// Everything but logs: `World::{now, since, boot, nginx, routes, processes, sockets, accounts, units, claims, pools,
/// somaxconn, unseen}`. Looks that do not need one another are made at the same time.
pub fn discover(host: &dyn Host, options: &Options) -> World {
    let scout = Scout::new(host);
    let now = scout.seen(host.now()).unwrap_or_default();
    let mut world = World::unseen(now, now.before(options.since));
    look(&scout, &mut world);
    world
        .routes
        .retain(|route| options.site.as_deref().is_none_or(|site| is_site(route, site)));
    units::add_claimants(&scout, &mut world.units, &world.claims);
    claims::spoken::add(&scout, &mut world);
    world.user_services = claims::user::find(&scout, &world);
    let matters = units_that_matter(&world);
    world.units = world.units.map(|units| units::keep(units, &matters));
    world.unseen = scout.into_unseen();
    world
}

/// What a configuration alone tells, its main file and all that this includes: nothing of the host it would run on.
pub fn of_config(host: &dyn Host, main: &Path) -> World {
    let scout = Scout::new(host);
    let now = scout.seen(host.now()).unwrap_or_default();
    let mut world = World::unseen(now, now);
    let (nginx, routes) = instance::of_config(&scout, main);
    world.nginx.push(nginx);
    world.routes = routes;
    world.unseen = scout.into_unseen();
    world
}

/// The variables that a unit's files set, each with its place.
pub(crate) fn environment(host: &dyn Host, unit: &Unit) -> Vec<Variable> {
    let scout = Scout::new(host);
    let settings = claims::unit_file::settings(&scout, unit);
    claims::environment::read(&scout, &settings)
}

/// Units take longest and need no other look; all the rest is done meanwhile.
fn look(scout: &Scout, world: &mut World) {
    std::thread::scope(|scope| {
        let units = scope.spawn(|| units_with_claims(scout));
        look_around(scout, world);
        let processes = world.processes.clone().unwrap_or_default();
        let mut masters = masters::running(&processes);
        let seen = masters.len();
        leave_other_networks(scout, &mut masters, network_of(1, &processes));
        let instances = look_closer(scout, world, &masters, &processes);
        let broke_off = |_| (Err(broken_off("units")), Vec::new());
        let (units, claims) = units.join().unwrap_or_else(broke_off);
        world.claims.splice(0..0, claims);
        world.units = units;
        let stopped = stopped_instance(scout, world, &masters, seen > masters.len());
        for (nginx, routes) in instances.into_iter().chain(stopped) {
            world.nginx.push(nginx);
            world.routes.extend(routes);
        }
    });
}

fn is_site(route: &Route, site: &str) -> bool {
    let names = route.names.iter().chain([&route.site]);
    names.into_iter().any(|name| name.eq_ignore_ascii_case(site))
}

fn units_with_claims(scout: &Scout) -> (Look<Vec<Unit>>, Vec<Claim>) {
    let units = scout.noted(units::look(scout));
    let claims = units
        .iter()
        .flatten()
        .flat_map(|unit| claims::service::claims(scout, unit))
        .collect();
    (units, claims)
}

/// The looks that need no other: processes, boot, accounts.
fn look_around(scout: &Scout, world: &mut World) {
    let now = world.now;
    std::thread::scope(|scope| {
        let processes = scope.spawn(|| scout.host.processes());
        let boot = scope.spawn(move || boot::look(scout.host, now));
        let accounts = scope.spawn(|| scout.host.accounts());
        world.somaxconn = scout.noted(somaxconn(scout.host));
        world.memory_available = memory_available(scout.host);
        world.accounts = scout.noted(joined(accounts));
        world.boot = scout.noted(joined(boot));
        world.processes = scout.noted(joined(processes));
    });
}

/// The looks that need to know what runs: sockets, pools and claims, and the instances it gives back.
fn look_closer(scout: &Scout, world: &mut World, masters: &[Master], processes: &[Process]) -> Vec<Instance> {
    let accounts = world.accounts.clone().ok();
    let known = &Known {
        boot: world.boot.as_ref().ok().copied(),
        accounts: accounts.as_ref(),
    };
    std::thread::scope(|scope| {
        let sockets = scope.spawn(|| scout.host.sockets(netns_to_enter(masters, processes)));
        let pools = scope.spawn(|| claims::fpm::pools(scout, processes));
        let apache = scope.spawn(|| claims::apache::claims(scout, processes));
        let uwsgi = scope.spawn(|| claims::uwsgi::claims(scout));
        let instances = spawn_instances(scope, scout, masters, known);
        world.pools = pools.join().unwrap_or_default();
        world
            .claims
            .extend(world.pools.iter().filter_map(claims::fpm::claim));
        let (of_apache, workers) = apache.join().unwrap_or_default();
        world.apache = workers;
        world.claims.extend(of_apache);
        world.claims.extend(uwsgi.join().unwrap_or_default());
        world.sockets = scout.noted(joined(sockets));
        instances.into_iter().filter_map(|it| it.join().ok()).collect()
    })
}

type Instance = (Nginx, Vec<Route>);

fn spawn_instances<'s, 'e: 's>(
    scope: &'s Scope<'s, 'e>,
    scout: &'s Scout<'s>,
    masters: &'s [Master<'s>],
    known: &'s Known<'s>,
) -> Vec<ScopedJoinHandle<'s, Instance>> {
    let spawn = |(index, master)| scope.spawn(move || instance::running(scout, master, known, index));
    masters.iter().enumerate().map(spawn).collect()
}

/// The nginx this host should run: the unit systemd knows, or a binary at the usual places. Where processes could not
/// be seen, nothing is said to be stopped.
fn stopped_instance(scout: &Scout, world: &World, running: &[Master], others: bool) -> Option<Instance> {
    if !running.is_empty() || world.processes.is_err() {
        return None;
    }
    let is_nginx = |unit: &&Unit| {
        let name = unit.name.strip_suffix(".service");
        name.is_some_and(masters::is_nginx) && unit.is_known()
    };
    let unit = world.units.iter().flatten().find(is_nginx);
    let command = unit.and_then(|unit| Command::of_unit(&unit.exec_start));
    let command = command.or_else(|| usual_binary(scout))?;
    let name = unit.map(|unit| unit.name.clone());
    let (nginx, routes) = instance::stopped(scout, &command, name, world.accounts.as_ref().ok());
    let idle = unit.is_none_or(|unit| is_idle(unit, others)) && (others || routes.is_empty());
    if idle {
        scout.note(Unseen::Unusable {
            what: command.exe.display().to_string(),
            why: "this nginx does not run, and nothing says that it should".to_owned(),
        });
    }
    (!idle).then_some((nginx, routes))
}

/// Nobody means it to run: a package that was installed and never started, or given up for an nginx in a container.
fn is_idle(unit: &Unit, others: bool) -> bool {
    let left = others && unit.file_state != "enabled";
    unit.active_state == "inactive" && (unit.last_started.is_none() || left)
}

fn usual_binary(scout: &Scout) -> Option<Command> {
    let usual = [
        "/usr/sbin/nginx",
        "/usr/local/nginx/sbin/nginx",
        "/usr/local/openresty/nginx/sbin/nginx",
        "/usr/sbin/angie",
    ];
    let exe = usual
        .iter()
        .find(|exe| matches!(scout.host.stat(Path::new(exe)), Ok(Some(_))))?;
    Some(Command {
        exe: PathBuf::from(exe),
        ..Command::default()
    })
}

/// One world has the sockets of one network: an nginx elsewhere is said to be out of sight, not judged by them.
/// That of a container is neither, where it is not known which network is ours.
fn leave_other_networks(scout: &Scout, masters: &mut Vec<Master>, ours: Option<u64>) {
    let is_apart = |master: &Master| ours.is_none() && master.process.contained;
    let first = masters.iter().find(|master| !is_apart(master));
    let network = first.and_then(|master| master.process.netns);
    masters.retain(|master| {
        let here = master.process.netns == network || master.process.netns.is_none();
        let place = match (is_apart(master), here) {
            (true, _) => "a container",
            (false, false) => "another network namespace",
            (false, true) => return true,
        };
        scout.note(Unseen::Unusable {
            what: format!("nginx, process {}", master.process.pid),
            why: format!("it is in {place}; run why502 inside it"),
        });
        false
    });
}

fn network_of(pid: u32, processes: &[Process]) -> Option<u64> {
    processes.iter().find(|process| process.pid == pid)?.netns
}

/// The network of the first nginx, where it is not the host's own.
fn netns_to_enter(masters: &[Master], processes: &[Process]) -> Option<u32> {
    let host_net = network_of(1, processes)?;
    let master = masters.first()?.process;
    master.netns.filter(|net| *net != host_net).map(|_| master.pid)
}

fn somaxconn(host: &dyn Host) -> Look<u32> {
    let path = Path::new("/proc/sys/net/core/somaxconn");
    let bytes = host.file(path)?.unwrap_or_default();
    let number = String::from_utf8_lossy(&bytes).trim().parse();
    number.map_err(|_| Unseen::Unusable {
        what: path.display().to_string(),
        why: "not a number".to_owned(),
    })
}

/// Asked for what would mend a host, not for the verdict: where it can't be seen, the report need not say so.
fn memory_available(host: &dyn Host) -> Look<u64> {
    let path = Path::new("/proc/meminfo");
    let bytes = host.file(path)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| Unseen::Unusable {
        what: path.display().to_string(),
        why: "no line MemAvailable".to_owned(),
    })
}

/// nginx's units, owners of listeners and of addresses that routes ask, claimants.
fn units_that_matter(world: &World) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = world
        .claims
        .iter()
        .filter_map(|claim| claim.unit.clone())
        .collect();
    names.extend(world.nginx.iter().filter_map(|nginx| nginx.unit.clone()));
    let sockets = world.sockets.as_ref().map_or(&[][..], Vec::as_slice);
    let listeners = sockets
        .iter()
        .filter(|socket| socket.state == SocketState::Listen);
    let pids = listeners.flat_map(|socket| socket.pids.iter().flatten());
    names.extend(pids.filter_map(|pid| world.process(*pid)?.unit.clone()));
    names
}

/// Addresses that routes ask for by number or path, or as `localhost`.
fn asked(world: &World) -> BTreeSet<Endpoint> {
    fn of(target: &Target, into: &mut BTreeSet<Endpoint>) {
        match target {
            Target::Endpoint(endpoint) => drop(into.insert(endpoint.clone())),
            Target::Group { servers, .. } => servers.iter().for_each(|server| of(&server.address, into)),
            Target::Name { host, port } if host == "localhost" => {
                into.insert(Endpoint::from((Ipv4Addr::LOCALHOST.into(), *port)));
            }
            Target::Name { .. } | Target::Variable { .. } => {}
        }
    }
    let mut found = BTreeSet::new();
    world
        .routes
        .iter()
        .for_each(|route| of(&route.target, &mut found));
    found
}

fn joined<T>(handle: ScopedJoinHandle<'_, Look<T>>) -> Look<T> {
    handle
        .join()
        .map_err(|_| broken_off("a look"))
        .and_then(|look| look)
}

fn broken_off(what: &str) -> Unseen {
    let why = "the look broke off".to_owned();
    Unseen::Unusable {
        what: what.to_owned(),
        why,
    }
}
