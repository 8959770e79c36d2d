//! A host in memory, and hands that change it as [`Hands`] demands.

use crate::{Content, FlowRule, Hands, Network, Plan, ProcessId, Route, Step, StepFailed, UnitState};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

type Files = BTreeMap<PathBuf, Content>;

/// What a plan can change.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct FakeHost {
    pub files: Files,
    pub units: BTreeMap<String, FakeUnit>,
    pub unit_files: BTreeMap<String, String>,
    /// Masters without a unit, with the files they read last.
    pub masters: BTreeMap<u32, Files>,
    pub sysctls: BTreeMap<String, String>,
    pub selinux: BTreeMap<String, bool>,
    pub ports: BTreeMap<u16, Option<String>>,
    pub routes: BTreeMap<String, Option<Box<Route>>>,
    /// Interfaces, and users who linger.
    pub switches: BTreeMap<String, bool>,
    pub flows: Vec<FlowRule>,
    /// What browsers keep of sites, by where.
    pub shelves: BTreeSet<PathBuf>,
    pub networks: BTreeMap<String, Network>,
    /// The files that caches of names filled themselves by.
    pub names: Files,
    /// What systemd read last.
    pub daemon: Files,
    pub processes: BTreeSet<u32>,
    pub boots: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FakeUnit {
    pub active: String,
    pub main_pid: Option<u32>,
    /// The files it read last; empty where it does not run.
    pub loaded: Files,
    /// It does not run with these.
    pub broken_with: Option<Files>,
}

impl FakeHost {
    /// A host that is as a plan found it: each step's `from` holds when its turn comes.
    pub(crate) fn before(plan: &Plan) -> Self {
        let mut host = Self::default();
        let mut made = BTreeSet::new();
        for step in &plan.steps {
            host.add(step, &mut made);
        }
        let files = host.files.clone();
        let edits = plan.steps.iter().any(|step| matches!(step, Step::Write { .. }));
        host.daemon.clone_from(&files);
        host.names.clone_from(&files);
        host.masters
            .values_mut()
            .for_each(|loaded| loaded.clone_from(&files));
        for unit in host.units.values_mut() {
            match unit.active.as_str() {
                "active" => unit.loaded.clone_from(&files),
                "failed" if edits => unit.broken_with = Some(files.clone()),
                _ => (),
            }
        }
        host
    }

    /// `made` are files that an earlier step has touched: what a later one finds of them is not the beginning.
    fn add(&mut self, step: &Step, made: &mut BTreeSet<PathBuf>) {
        match step.clone() {
            Step::Write { path, from, .. } => {
                if let (true, Some(from)) = (made.insert(path.clone()), from) {
                    self.files.insert(path, from);
                }
            }
            Step::SetAccess { path, from, .. } if made.insert(path.clone()) => {
                let access = from;
                self.files.insert(path, Content { access, ..empty() });
            }
            Step::Start { unit, from } | Step::Stop { unit, from } | Step::Restart { unit, from, .. } => {
                self.units.entry(unit).or_insert(FakeUnit::new(&from));
            }
            Step::Reload {
                unit: Some(unit),
                master,
            } => {
                let from = UnitState {
                    active: "active".into(),
                    main_pid: Some(master.pid),
                };
                self.units.entry(unit).or_insert(FakeUnit::new(&from));
            }
            Step::Reload { unit: None, master } => {
                self.masters.insert(master.pid, Files::new());
            }
            Step::SetUnitFile { unit, from, .. } => {
                self.unit_files.entry(unit).or_insert(from);
            }
            Step::Sysctl { key, from, .. } => {
                self.sysctls.entry(key).or_insert(from);
            }
            Step::SelinuxBoolean { name, on } => {
                self.selinux.entry(name).or_insert(!on);
            }
            Step::SelinuxPort { port, from, .. } => {
                self.ports.entry(port).or_insert(from);
            }
            Step::SetRoute { from, to, .. } => {
                self.routes.entry(place(&from, &to)).or_insert(from);
            }
            Step::SetInterface { name, up }
            | Step::SetLinger {
                user: name, on: up, ..
            } => {
                self.switches.entry(name).or_insert(!up);
            }
            Step::RefuseFlow { rule } => self.flows.push(rule),
            Step::ResetInterface { name, found, .. } => {
                self.networks.insert(name, found);
            }
            Step::TakeOut { shelf } => _ = self.shelves.insert(shelf.place().to_owned()),
            Step::QuitNginx { master } => {
                self.processes.insert(master.pid);
            }
            Step::EndProcesses { processes } => self.processes.extend(processes.iter().map(|it| it.pid)),
            _ => (),
        }
    }

    fn change_network(&mut self, step: Step) {
        match step {
            Step::TakeOut { shelf } => _ = self.shelves.remove(shelf.place()),
            Step::PutBack { shelf } => _ = self.shelves.insert(shelf.place().to_owned()),
            Step::ResetInterface { name, found, .. } => {
                let routes = Vec::new();
                self.networks.insert(name, Network { routes, ..found });
            }
            Step::RestoreInterface { name, found, .. } => {
                self.networks.insert(name, found);
            }
            Step::FlushNames { .. } | Step::RebuildResolvConf => self.names.clone_from(&self.files),
            // what was forgotten is learnt again
            _ => {}
        }
    }

    /// The same but for what can't come back: processes that ended, main processes that are others now.
    pub(crate) fn is_as(&self, before: &Self) -> bool {
        self.lasting() == before.lasting()
    }

    fn lasting(&self) -> Self {
        let mut lasting = self.clone();
        lasting.units.values_mut().for_each(|unit| unit.main_pid = None);
        lasting.processes.clear();
        lasting.boots = 0;
        lasting
    }
}

fn empty() -> Content {
    Content {
        bytes: Vec::new(),
        access: crate::Access {
            mode: 0o644,
            uid: 0,
            gid: 0,
        },
        attributes: BTreeMap::new(),
    }
}

impl FakeUnit {
    fn new(state: &UnitState) -> Self {
        Self {
            active: state.active.clone(),
            main_pid: state.main_pid,
            loaded: Files::new(),
            broken_with: None,
        }
    }

    fn is_active(&self) -> bool {
        self.active == "active"
    }

    fn start(&mut self, files: &Files) -> Result<(), StepFailed> {
        if self.broken_with.as_ref() == Some(files) {
            self.stop("failed");
            return Err(failed("it does not start"));
        }
        self.active = "active".into();
        self.main_pid = Some(self.main_pid.unwrap_or(100) + 1000);
        self.loaded.clone_from(files);
        Ok(())
    }

    fn stop(&mut self, active: &str) {
        self.active = active.into();
        self.main_pid = None;
        self.loaded.clear();
    }
}

/// What goes wrong with one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails and nothing was changed.
    Before,
    /// It fails although all of it was done.
    After,
    /// Somebody else changed it meanwhile.
    Moved,
    /// It came about, and whoever waits for it is told to stop before there is an answer.
    StopsUs,
}

/// Hands on a host in memory.
pub(crate) struct FakeHands {
    pub host: FakeHost,
    /// Which change goes wrong and how, counted from when the journal is open.
    pub fault: Option<(usize, Fault)>,
    /// What Ctrl-C sets.
    pub stop: Arc<AtomicBool>,
    changes: usize,
    open: bool,
}

impl FakeHands {
    pub(crate) fn on(host: FakeHost) -> Self {
        Self {
            host,
            fault: None,
            stop: Arc::default(),
            changes: 0,
            open: false,
        }
    }

    fn with_fault(&mut self, step: &Step, again: bool) -> Result<(), StepFailed> {
        let number = self.changes;
        self.changes += usize::from(self.open);
        match self.fault.filter(|(at, _)| self.open && *at == number) {
            None => self.change(step, again),
            Some((_, Fault::Before)) => Err(failed("injected")),
            Some((_, Fault::Moved)) => Err(moved("injected")),
            Some((_, Fault::StopsUs)) => {
                self.change(step, again)?;
                self.stop.store(true, Ordering::SeqCst);
                Err(failed("stopped"))
            }
            Some((_, Fault::After)) => {
                self.change(step, again)?;
                Err(failed("injected, behind it"))
            }
        }
    }

    fn change(&mut self, step: &Step, again: bool) -> Result<(), StepFailed> {
        let host = &mut self.host;
        match step.clone() {
            Step::Write { path, from, to } => {
                let found = host.files.get(&path).cloned();
                same_file(found.as_ref(), &from, &to)?;
                match to {
                    Some(to) => host.files.insert(path, to),
                    None => host.files.remove(&path),
                };
            }
            Step::SetAccess { path, from, to } => {
                let Some(found) = host.files.get_mut(&path) else {
                    return Err(moved("nothing is there"));
                };
                settle(&found.access, &from, &to)?;
                found.access = to;
            }
            Step::SetUnitFile { unit, from, to } => settle_in(&mut host.unit_files, unit, &from, to)?,
            Step::Sysctl { key, from, to } => settle_in(&mut host.sysctls, key, &from, to)?,
            Step::SelinuxBoolean { name, on } => {
                host.selinux.insert(name, on);
            }
            Step::SelinuxPort { port, from, to } => settle_in(&mut host.ports, port, &from, to)?,
            Step::SetRoute { from, to, .. } => settle_in(&mut host.routes, place(&from, &to), &from, to)?,
            Step::SetInterface { name, up }
            | Step::SetLinger {
                user: name, on: up, ..
            } => {
                host.switches.insert(name, up);
            }
            Step::AcceptFlow { rule } => {
                if !host.flows.contains(&rule) {
                    host.flows.push(rule);
                }
            }
            Step::RefuseFlow { rule } => host.flows.retain(|it| *it != rule),
            Step::DaemonReload => host.daemon.clone_from(&host.files),
            Step::EndProcesses { processes } => {
                host.processes
                    .retain(|pid| !processes.iter().any(|it| it.pid == *pid));
            }
            Step::QuitNginx { master } => host.processes.retain(|pid| *pid != master.pid),
            Step::Reboot => host.boots += 1,
            Step::Reload { unit: None, master } => {
                let files = host.files.clone();
                let loaded = host
                    .masters
                    .get_mut(&master.pid)
                    .ok_or_else(|| failed("it is gone"))?;
                *loaded = files;
            }
            Step::Start { .. } | Step::Stop { .. } | Step::Restart { .. } | Step::Reload { .. } => {
                return self.change_unit(step, again);
            }
            other => host.change_network(other),
        }
        Ok(())
    }

    fn change_unit(&mut self, step: &Step, again: bool) -> Result<(), StepFailed> {
        let files = self.host.files.clone();
        let name = step.unit().expect("a unit");
        let unit = self
            .host
            .units
            .get_mut(name)
            .ok_or_else(|| failed("no such unit"))?;
        match step {
            Step::Start { .. } if unit.is_active() => Ok(()),
            Step::Start { .. } => unit.start(&files),
            Step::Stop { .. } if !unit.is_active() => Ok(()),
            Step::Stop { from, .. } if from.main_pid.is_some() && from.main_pid != unit.main_pid => {
                Err(moved("another main process"))
            }
            Step::Stop { from, .. } => {
                unit.stop(if from.active == "active" {
                    "inactive"
                } else {
                    &from.active
                });
                Ok(())
            }
            Step::Restart { from, .. }
                if !again && (&from.active, from.main_pid) != (&unit.active, unit.main_pid) =>
            {
                Err(moved("another main process"))
            }
            Step::Restart { .. } => unit.start(&files),
            Step::Reload { .. } if unit.is_active() => {
                unit.loaded = files;
                Ok(())
            }
            _ => Err(failed("it does not run")),
        }
    }
}

impl Hands for FakeHands {
    fn apply(&mut self, step: &Step) -> Result<(), StepFailed> {
        self.with_fault(step, false)
    }

    fn again(&mut self, step: &Step) -> Result<(), StepFailed> {
        self.with_fault(step, true)
    }

    fn check(&mut self, step: &Step) -> Result<(), StepFailed> {
        let Step::Write { path, from, to } = step else {
            return Ok(());
        };
        same_file(self.host.files.get(path), from, to)
    }

    fn keep(&mut self, _: &std::path::Path) {
        self.open = true;
        self.changes = 0;
    }
}

fn same_file(
    found: Option<&Content>,
    from: &Option<Content>,
    to: &Option<Content>,
) -> Result<(), StepFailed> {
    if found == from.as_ref() || found == to.as_ref() {
        return Ok(());
    }
    let text = |found: &Content| String::from_utf8_lossy(&found.bytes).into_owned();
    Err(moved(&found.map_or("no file".to_owned(), text)))
}

fn settle<T: PartialEq + std::fmt::Debug>(found: &T, from: &T, to: &T) -> Result<(), StepFailed> {
    if found == from || found == to {
        Ok(())
    } else {
        Err(moved(&format!("{found:?}")))
    }
}

fn settle_in<K: Ord, V: PartialEq + Clone + Default + std::fmt::Debug>(
    all: &mut BTreeMap<K, V>,
    key: K,
    from: &V,
    to: V,
) -> Result<(), StepFailed> {
    let found = all.get(&key).cloned().unwrap_or_default();
    settle(&found, from, &to)?;
    all.insert(key, to);
    Ok(())
}

/// Where a route leads.
fn place(from: &Option<Box<Route>>, to: &Option<Box<Route>>) -> String {
    from.as_ref()
        .or(to.as_ref())
        .map(|it| it.to.clone())
        .unwrap_or_default()
}

fn failed(why: &str) -> StepFailed {
    StepFailed::Failed { why: why.into() }
}

fn moved(found: &str) -> StepFailed {
    StepFailed::Moved { found: found.into() }
}

/// A process in a plan.
pub(crate) fn process(pid: u32) -> ProcessId {
    ProcessId { pid, started: 1 }
}
