//! From what was seen to what is printed.

use super::{Cause, Connections, Cpu, Pool, Ports, Process, Requests, Row, Saturated, Unit};
use diagnose::{
    Role, Verdict,
    load::{self, Full},
    traffic::{Crowd, Demand, Kind, Usual},
};
use logscan::scan::{Load, Ranked, Top};

/// The roots of what fails now.
pub(super) fn causes(verdict: &Verdict) -> Vec<Cause> {
    let roots = verdict
        .findings
        .iter()
        .filter(|it| it.role == Role::Root && !it.over);
    roots
        .map(|it| Cause {
            id: it.cause.to_owned(),
            says: it.says.clone(),
        })
        .collect()
}

impl Saturated {
    pub(super) fn of(full: &Full) -> Self {
        Self {
            what: full.resource.name(),
            says: full.says.clone(),
            command: full.command.clone(),
        }
    }
}

impl Cpu {
    pub(super) fn of(cpu: load::Cpu) -> Self {
        let load::Cpu {
            processors,
            busy,
            waiting,
            stolen,
        } = cpu;
        Self {
            processors,
            busy,
            waiting,
            stolen,
        }
    }
}

impl Ports {
    pub(super) fn of(ports: &load::Ports) -> Self {
        Self {
            to: ports.to.to_string(),
            now: ports.used,
            most: ports.most,
        }
    }
}

impl Connections {
    pub(super) fn of(it: &load::Connections) -> Self {
        Self {
            master: it.master,
            clients: it.open,
            most: it.most,
        }
    }
}

impl Pool {
    pub(super) fn of(pool: &load::Pool) -> Self {
        Self {
            address: pool.endpoint.to_string(),
            unit: pool.unit.clone(),
            sites: pool.sites.clone(),
            busy: pool.busy.map(|it| it.0),
            workers: pool.busy.map(|it| it.1),
            waiting: pool.waiting,
            backlog: pool.backlog,
        }
    }
}

impl Unit {
    pub(super) fn of(unit: &load::BusyUnit) -> Self {
        Self {
            unit: unit.unit.clone(),
            processes: unit.processes,
            cpu: unit.cpu,
            rss: unit.rss,
        }
    }
}

impl Process {
    pub(super) fn of(process: &load::Busy) -> Self {
        Self {
            pid: process.pid,
            unit: process.unit.clone(),
            command: process.command.clone(),
            cpu: process.cpu,
            rss: process.rss,
        }
    }
}

impl Requests {
    pub(super) fn of(demand: &Demand, top: usize) -> Self {
        let total = demand.now.total();
        let usual = demand.usual.as_ref();
        let list = |of: fn(&Crowd) -> &Top| rows(demand, of, top);
        let kinds = demand
            .now
            .crowds
            .iter()
            .map(|(kind, crowd)| (called(*kind), crowd.load));
        let mut kinds: Vec<Row> = kinds
            .map(|(key, load)| Row::of(demand, key.as_bytes(), &load))
            .collect();
        kinds.sort_by_key(|it| std::cmp::Reverse(it.share));
        Self {
            since: demand.from.to_string(),
            log: demand.log.display().to_string(),
            timed: demand.now.timed,
            requests: total.requests,
            failures: total.failures,
            worker_seconds: total.micros as f64 / 1e6,
            rate: demand.now.rate(total.requests),
            usual_rate: usual.map(|it| it.stretch.rate(it.stretch.total().requests)),
            as_usual: demand.is_as_usual(),
            usual: usual.map(Usual::when),
            kinds,
            routes: list(|crowd| &crowd.routes),
            clients: list(|crowd| &crowd.clients),
            agents: list(|crowd| &crowd.agents),
        }
    }
}

/// The heaviest of all kinds together.
fn rows(demand: &Demand, of: fn(&Crowd) -> &Top, top: usize) -> Vec<Row> {
    let mut all = Top::default();
    for crowd in demand.now.crowds.values() {
        all.merge(of(crowd));
    }
    let row = |it: &Ranked| Row::of(demand, &it.key, &it.load);
    all.ranked(demand.weight(), top).iter().map(row).collect()
}

impl Row {
    pub(super) fn of(demand: &Demand, key: &[u8], load: &Load) -> Self {
        let key = String::from_utf8_lossy(key).into_owned();
        Self {
            key: if key.is_empty() { "-".to_owned() } else { key },
            requests: load.requests,
            failures: load.failures,
            worker_seconds: load.micros as f64 / 1e6,
            share: demand.share(load),
        }
    }
}

fn called(kind: Kind) -> &'static str {
    match kind {
        Kind::Login => "login",
        Kind::Message => "message",
        Kind::Bot => "bot",
        Kind::Page => "page",
    }
}
