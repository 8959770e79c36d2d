//! Who serves an address, or should.

use super::kinds;
use crate::{
    World,
    case::{Backend, listens_on},
    topology::{BackendKind, Claim, FpmPool, ListenAddress},
};
use host::{
    Endpoint,
    answer::{Socket, SocketState},
    looks::Process,
};

/// Who listens on `endpoint`; where nobody does, who is configured to. `None` where neither is known.
///
/// `unit` and `pids` are those of the process that listens, if it can be seen; `claim` is whoever is configured to:
/// the two differ where another program took the port.
pub fn backend_of(world: &World, endpoint: &Endpoint) -> Option<Backend> {
    let listener = listener(world, endpoint);
    let holders = listener.map(|socket| holders(world, socket)).unwrap_or_default();
    let owner = owner(&holders);
    let claim = claim_for(world, endpoint, owner);
    if listener.is_none() && claim.is_none() {
        return None;
    }
    let unit = owner.map_or_else(|| claim.and_then(|claim| claim.unit.clone()), service_of);
    let kind = owner.map(kinds::of_process).or(claim.map(|claim| claim.kind));
    let own_claim = claim.filter(|claim| owner.is_none() || claim.unit == unit);
    let pool = own_claim.and_then(|claim| pool_of(world, claim));
    let pids = pids(world, &holders, unit.as_deref(), pool);
    Some(Backend {
        kind,
        unit,
        pids,
        claim: claim.cloned(),
        pool: pool.cloned(),
    })
}

/// The listener a connection would reach: one bound to just this address goes before a wildcard.
fn listener<'w>(world: &'w World, endpoint: &Endpoint) -> Option<&'w Socket> {
    let sockets = world.sockets.as_ref().ok()?;
    let listeners = sockets
        .iter()
        .filter(|socket| socket.state == SocketState::Listen);
    listeners
        .filter(|socket| listens_on(socket, endpoint))
        .max_by_key(|socket| socket.local == *endpoint)
}

fn holders<'w>(world: &'w World, socket: &Socket) -> Vec<&'w Process> {
    let pids = socket.pids.as_deref().unwrap_or_default();
    pids.iter().filter_map(|pid| world.process(*pid)).collect()
}

/// The process that answers; systemd only holds a socket for its service.
fn owner<'w>(holders: &[&'w Process]) -> Option<&'w Process> {
    holders.iter().copied().find(|process| process.pid != 1)
}

fn service_of(process: &Process) -> Option<String> {
    process.unit.clone().filter(|unit| unit.ends_with(".service"))
}

/// Of several, the one whose unit listens; else one that is enabled or failed rather than one nobody starts.
fn claim_for<'w>(world: &'w World, endpoint: &Endpoint, owner: Option<&Process>) -> Option<&'w Claim> {
    let unit = owner.and_then(service_of);
    let weight = |claim: &&Claim| {
        let known = claim.unit.as_deref().and_then(|unit| world.unit(unit));
        let meant = known.is_some_and(|unit| {
            unit.file_state == "enabled" || unit.active_state == "failed" || unit.is_up()
        });
        let exact = !matches!(claim.address, ListenAddress::Tcp { ip: None, .. });
        (
            unit.is_some() && claim.unit == unit,
            meant,
            exact,
            claim.unit.is_some(),
        )
    };
    world
        .claims
        .iter()
        .rev()
        .filter(|claim| claim.address.covers(endpoint))
        .max_by_key(weight)
}

fn pool_of<'w>(world: &'w World, claim: &Claim) -> Option<&'w FpmPool> {
    let is_pool =
        |pool: &&FpmPool| claim.kind == BackendKind::PhpFpm && pool.listen.as_ref() == Some(&claim.address);
    world
        .pools
        .iter()
        .filter(is_pool)
        .find(|pool| Some(&pool.unit) == claim.unit.as_ref() || claim.unit.is_none())
}

/// The holders of the listener and the other processes of their unit. A pool of php-fpm is only its master and its own
/// children: other pools live in the same unit.
fn pids(world: &World, holders: &[&Process], unit: Option<&str>, pool: Option<&FpmPool>) -> Vec<u32> {
    let of_pool = |process: &&Process| {
        let title = process.argv.first().map_or("", String::as_str);
        pool.is_none_or(|pool| {
            title
                .strip_prefix("php-fpm: pool ")
                .is_none_or(|name| name.trim_end() == pool.name)
        })
    };
    let of_unit = unit
        .into_iter()
        .flat_map(|unit| world.processes_of(unit))
        .filter(of_pool);
    let holders = holders.iter().copied().filter(|process| process.pid != 1);
    let mut pids: Vec<u32> = of_unit.chain(holders).map(|process| process.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Place;
    use host::{Timestamp, looks::Unit};

    fn address(text: &str) -> ListenAddress {
        super::super::address::parse(text).expect("an address")
    }

    fn process(pid: u32, title: &str, unit: &str) -> Process {
        let unit = Some(unit.to_owned()).filter(|unit| !unit.is_empty());
        Process {
            pid,
            argv: vec![title.into()],
            unit,
            ..Process::default()
        }
    }

    fn listener(at: &str, pids: Option<Vec<u32>>) -> Socket {
        let local = match address(at) {
            ListenAddress::Tcp { ip, port } => Endpoint::from((ip.expect("an address"), port)),
            ListenAddress::Unix(path) => Endpoint::Unix(path),
        };
        Socket {
            local,
            remote: None,
            state: SocketState::Listen,
            recv_q: 0,
            send_q: 128,
            inode: 1,
            uid: 0,
            pids,
            file_inode: None,
            v6_only: None,
        }
    }

    fn claim(at: &str, unit: &str) -> Claim {
        let written = Place::default();
        Claim {
            address: address(at),
            kind: BackendKind::Gunicorn,
            unit: Some(unit.into()),
            pool: None,
            written,
        }
    }

    /// A host with these processes, listeners and claims; `app.service` is enabled, `old.service` is not.
    fn world(processes: &[Process], listeners: &[Socket], claims: &[Claim]) -> World {
        let mut world = World::unseen(Timestamp(0), Timestamp(0));
        world.processes = Ok(processes.to_vec());
        world.sockets = Ok(listeners.to_vec());
        world.claims = claims.to_vec();
        let unit = |name: &str, state: &str| Unit {
            name: name.into(),
            file_state: state.into(),
            ..Unit::default()
        };
        world.units = Ok(vec![
            unit("app.service", "enabled"),
            unit("old.service", "disabled"),
        ]);
        world
    }

    /// `kind unit pids claim`
    fn shown(world: &World) -> String {
        let endpoint = Endpoint::from(([127, 0, 0, 1].into(), 8000));
        let Some(backend) = backend_of(world, &endpoint) else {
            return "nobody".into();
        };
        let text = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let kind = text(backend.kind.map(|kind| kind.to_string()));
        let claimant = text(backend.claim.and_then(|claim| claim.unit));
        format!("{kind} {} {:?} {claimant}", text(backend.unit), backend.pids)
    }

    #[test]
    fn who_serves_an_address() {
        let at = "127.0.0.1:8000";
        let app = [
            process(5, "gunicorn: master [a]", "app.service"),
            process(6, "gunicorn: worker [a]", "app.service"),
        ];
        let systemd = process(1, "/sbin/init", "init.scope");
        let stranger = process(9, "node server.js", "");
        let listens = |pids: &[u32]| vec![listener(at, Some(pids.to_vec()))];
        let claims = [claim(at, "old.service"), claim(at, "app.service")];
        let rows = [
            (
                world(&app, &listens(&[5]), &claims),
                "gunicorn app.service [5, 6] app.service",
            ),
            (world(&app, &listens(&[5]), &[]), "gunicorn app.service [5, 6] -"),
            (world(&[], &[], &claims), "gunicorn app.service [] app.service"),
            (
                world(&[systemd], &listens(&[1]), &claims),
                "gunicorn app.service [] app.service",
            ),
            (
                world(&app, &[listener(at, None)], &claims),
                "gunicorn app.service [5, 6] app.service",
            ),
            (
                world(&[stranger], &listens(&[9]), &claims),
                "Node.js - [9] app.service",
            ),
            (
                world(&[], &[], &[claim("127.0.0.1:8001", "app.service")]),
                "nobody",
            ),
        ];
        for (row, (world, expected)) in rows.iter().enumerate() {
            assert_eq!(shown(world), *expected, "row {row}");
        }
    }

    #[test]
    fn an_exact_listener_goes_before_a_wildcard() {
        let processes = [
            process(5, "node a.js", "any.service"),
            process(6, "node b.js", "app.service"),
        ];
        let listeners = [
            listener("0.0.0.0:8000", Some(vec![5])),
            listener("127.0.0.1:8000", Some(vec![6])),
        ];
        assert_eq!(
            shown(&world(&processes, &listeners, &[])),
            "Node.js app.service [6] -"
        );
    }
}
