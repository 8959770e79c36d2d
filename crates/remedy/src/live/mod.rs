//! This machine, changed. The only place that does, and only by a [`Step`].
//!
//! Each step first compares the host with what the plan found there, as late as it can, and then acts on the very thing
//! it compared: by descriptor, by process id and start time, by the handle of a rule.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that changes the host"
)]

mod access;
mod attributes;
mod ban;
mod browser;
mod cache;
mod complaint;
mod config_tests;
mod files;
mod firewall;
mod forensics;
mod kernel;
mod network;
mod nft;
mod place;
mod process;
mod processes;
mod reclaim;
mod reload;
mod run;
mod selinux;
#[cfg(test)]
mod tests;
mod unit_state;
mod units;
mod wait;

use crate::{Hands, Patience, ProcessId, Step, StepFailed, UnitState};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

/// The hands that change this machine.
pub struct LiveHands {
    roots: Vec<PathBuf>,
    patience: Patience,
    stop: Arc<AtomicBool>,
    forensics: Option<PathBuf>,
}

impl LiveHands {
    /// Below these directories a file may be written, or its mode and owner be set; nowhere else.
    pub fn new(roots: Vec<PathBuf>) -> Self {
        Self {
            roots,
            patience: Patience::Full,
            stop: Arc::default(),
            forensics: None,
        }
    }

    /// Somebody asks to stop by setting this: steps that [`Patience`] lets give up do so.
    pub fn stopped_by(self, stop: Arc<AtomicBool>) -> Self {
        Self { stop, ..self }
    }

    fn restart(&self, unit: &str, from: &UnitState, stuck: &[ProcessId]) -> Result<(), StepFailed> {
        let now = units::check_restart(unit, from)?;
        self.look_first(stuck, Some(unit));
        units::restart(unit, &now)
    }

    fn end(&self, processes: &[ProcessId]) -> Result<(), StepFailed> {
        self.look_first(processes, None);
        processes::end(processes)
    }

    /// Where a fix keeps what it took out: a folder beside the forensics.
    fn kept(&self) -> Option<PathBuf> {
        self.forensics
            .as_ref()
            .map(|forensics| forensics.with_file_name("kept"))
    }

    fn look_first(&self, processes: &[ProcessId], unit: Option<&str>) {
        if let Some(dir) = &self.forensics {
            forensics::keep(dir, processes, unit);
        }
    }
}

impl Hands for LiveHands {
    fn apply(&mut self, step: &Step) -> Result<(), StepFailed> {
        wait::with(self.patience, &self.stop, || self.act(step))
    }

    fn again(&mut self, step: &Step) -> Result<(), StepFailed> {
        wait::with(self.patience, &self.stop, || self.act_again(step))
    }

    fn check(&mut self, step: &Step) -> Result<(), StepFailed> {
        match step {
            Step::Write { path, from, to } => files::check(path, from.as_ref(), to.as_ref(), &self.roots),
            _ => Ok(()),
        }
    }

    fn wait(&mut self, patience: Patience) {
        self.patience = patience;
    }

    fn keep(&mut self, forensics: &Path) {
        self.forensics = Some(forensics.to_owned());
    }
}

impl LiveHands {
    fn act(&self, step: &Step) -> Result<(), StepFailed> {
        match step {
            Step::Test { test } => config_tests::pass(test),
            Step::Write { path, from, to } => files::write(path, from.as_ref(), to.as_ref(), &self.roots),
            Step::SetAccess { path, from, to } => access::set(path, *from, *to, &self.roots),
            Step::DaemonReload => units::daemon_reload(),
            Step::Start { unit, .. } => units::start(unit),
            Step::Stop { unit, from } => units::stop(unit, from),
            Step::Restart {
                unit,
                from,
                forensics,
                ..
            } => self.restart(unit, from, forensics),
            Step::Reload { unit, master } => reload::reload(unit.as_deref(), *master),
            Step::SetUnitFile { unit, from, to } => units::set_unit_file(unit, from, to),
            Step::SetLinger { user, uid, on } => units::set_linger(user, *uid, *on),
            Step::EndProcesses { processes } => self.end(processes),
            Step::QuitNginx { master } => processes::quit(*master),
            Step::AcceptFlow { rule } => firewall::accept(rule),
            Step::RefuseFlow { rule } => firewall::refuse(rule),
            Step::Sysctl { key, from, to } => kernel::sysctl(key, from, to),
            Step::SelinuxBoolean { name, on } => selinux::boolean(name, *on),
            Step::SelinuxPort { port, from, to } => selinux::port(*port, from.as_deref(), to.as_deref()),
            Step::TakeOut { shelf } => browser::take(shelf, self.kept().as_deref()),
            Step::PutBack { shelf } => browser::give_back(shelf, self.kept().as_deref()),
            Step::FlushNames { cache } => network::flush_names(*cache),
            Step::RebuildResolvConf => network::rebuild_resolv_conf(),
            Step::ResetInterface { name, by, .. } => network::reset(name, *by),
            Step::RestoreInterface { name, found, .. } => network::restore(name, found),
            Step::FlushRoutes => network::flush_routes(),
            Step::SetRoute { device, from, to } => network::set_route(device, from.as_deref(), to.as_deref()),
            Step::FlushNeighbour { address, device } => kernel::flush_neighbour(*address, device),
            Step::FlushConntrack { to, udp } => kernel::flush_conntrack(to, *udp),
            Step::SetInterface { name, up } => kernel::set_interface(name, *up),
            Step::DropCache { dir, declared } => cache::drop_unless(declared, dir),
            Step::Reclaim { of, .. } => reclaim::reclaim(*of),
            Step::Reboot => kernel::reboot(),
        }
    }

    fn act_again(&self, step: &Step) -> Result<(), StepFailed> {
        match step {
            Step::Restart { unit, .. } => units::restart(unit, &units::now(unit)?),
            // nobody is there to read anything
            Step::Reload { unit: None, master } if !process::is_alive(*master) => Ok(()),
            step => self.act(step),
        }
    }
}
