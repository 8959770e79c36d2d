//! The units that serve databases, caches and brokers on this host, or would.

use super::Dependency;
use crate::World;
use host::{Endpoint, Host, Looks, answer::SocketState, consult::Service, looks::Unit};
use std::path::Path;

/// Names of the packaged units of each kind of server.
const UNITS: &[(Service, &[&str])] = &[
    (
        Service::Mysql,
        &["mariadb.service", "mysql.service", "mysqld.service"],
    ),
    (Service::Postgres, &["postgresql.service"]),
    (
        Service::Redis,
        &[
            "redis-server.service",
            "redis.service",
            "valkey-server.service",
            "valkey.service",
        ],
    ),
    (Service::Memcached, &["memcached.service"]),
    (Service::Amqp, &["rabbitmq-server.service"]),
    (Service::Nats, &["nats-server.service"]),
    (
        Service::Elasticsearch,
        &["elasticsearch.service", "opensearch.service"],
    ),
];

/// The units of every kind among these dependencies, as systemd has them; those it does not know are left out.
pub(super) fn units(host: &dyn Host, world: &World, dependencies: &[&Dependency]) -> Vec<Unit> {
    let mut names: Vec<String> = Vec::new();
    for (service, usual) in UNITS {
        if dependencies.iter().any(|it| it.service == *service) {
            names.extend(usual.iter().map(|name| (*name).to_owned()));
        }
    }
    if names.iter().any(|name| name.starts_with("postgresql")) {
        names.extend(clusters(host));
    }
    names.extend(listening(world, dependencies));
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Vec::new();
    }
    let mut units = host.units(&names).unwrap_or_default();
    // an alias shows the unit it stands for
    let mut known: Vec<String> = Vec::new();
    units.retain(|unit| {
        let fresh = !known.contains(&unit.name);
        known.push(unit.name.clone());
        fresh && unit.is_known()
    });
    units
}

/// Debian has a unit for each cluster: `/etc/postgresql/15/main` is `postgresql@15-main.service`.
fn clusters(host: &dyn Host) -> Vec<String> {
    let root = Path::new("/etc/postgresql");
    let list = |dir: &Path| host.dir(dir).ok().flatten().unwrap_or_default();
    let clusters = list(root).into_iter().take(8).flat_map(|version| {
        let names = list(&root.join(&version)).into_iter().take(8);
        names
            .map(move |name| format!("postgresql@{version}-{name}.service"))
            .collect::<Vec<_>>()
    });
    clusters.collect()
}

/// Units of whoever listens where dependencies are expected.
fn listening(world: &World, dependencies: &[&Dependency]) -> Vec<String> {
    let units = dependencies.iter().filter_map(|it| match &it.at {
        super::Where::Endpoint(endpoint) => listener_unit(world, endpoint),
        super::Where::Name { .. } => None,
    });
    units.collect()
}

fn listener_unit(world: &World, endpoint: &Endpoint) -> Option<String> {
    let sockets = world.sockets.as_ref().ok()?;
    let listener = sockets
        .iter()
        .filter(|socket| socket.state == SocketState::Listen)
        .find(|socket| crate::case::listens_on(socket, endpoint))?;
    let holder = listener.pids.as_ref()?.iter().find(|pid| **pid != 1)?;
    world.process(*holder)?.unit.clone()
}

/// The unit behind a dependency at this address: whoever listens there; else, on this host, the packaged one of its kind.
pub(super) fn of(
    world: &World,
    units: &[Unit],
    service: Service,
    endpoint: Option<&Endpoint>,
) -> Option<Unit> {
    let endpoint = endpoint?;
    if let Some(name) = listener_unit(world, endpoint) {
        return units.iter().find(|unit| unit.name == name).cloned();
    }
    if !endpoint.tcp().is_none_or(|at| at.ip().is_loopback()) {
        return None;
    }
    let usual = UNITS.iter().find(|(kind, _)| *kind == service)?.1;
    let fits = |unit: &&Unit| {
        let is_cluster = service == Service::Postgres && unit.name.starts_with("postgresql@");
        is_cluster || usual.contains(&unit.name.as_str())
    };
    // the umbrella of Debian's PostgreSQL is active while its clusters are down
    let weight = |unit: &&Unit| {
        (
            unit.name.contains('@'),
            !unit.is_up(),
            unit.file_state == "enabled",
        )
    };
    units.iter().filter(fits).max_by_key(weight).cloned()
}
