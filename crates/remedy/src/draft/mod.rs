//! From what a cause asks for to exact steps: looks at the host again, so that each step holds the state it expects.

mod apache;
mod backup;
mod ban;
mod browser;
mod check;
mod comment;
mod desk;
mod files;
mod firewalld;
mod flow;
mod ini_edit;
mod interface;
mod kernel;
mod listen;
mod nginx;
mod nginx_cache;
mod nginx_edit;
mod nginx_limit;
mod resolver;
mod rights;
mod room;
mod route;
mod ruleset_file;
mod selinux;
mod settings;
mod temp;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod units;
mod wish;

pub use wish::{Wish, grant};

use crate::{Plan, Proof, Step};
use desk::Desk;
use diagnose::{Class, Diagnosis, Finding, Measure, Question, Remedy};
use host::{Host, Unseen};
use std::path::PathBuf;

/// How long a repaired site is watched, in milliseconds.
const SETTLE_MS: u64 = 2000;
/// How long the services of a host may take to come up behind a restart, in milliseconds.
const BOOT_MS: u64 = 90_000;

/// Why a remedy can't become a plan on this host as it is now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}; {instead}")]
pub struct CannotDraft {
    /// Why no step can be made. May quote files: escape before printing.
    pub why: String,
    /// What a person would do instead.
    pub instead: String,
}

impl CannotDraft {
    fn new(why: impl Into<String>, instead: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            instead: instead.into(),
        }
    }
}

impl From<Unseen> for CannotDraft {
    fn from(unseen: Unseen) -> Self {
        let instead = match &unseen {
            Unseen::Forbidden { need, .. } => format!("run why502 fix with {need}"),
            Unseen::NotRecorded { .. } => "run why502 fix on the host itself".to_owned(),
            _ => "look yourself, then run why502 fix again".to_owned(),
        };
        Self::new(unseen.to_string(), instead)
    }
}

/// Turns a remedy into exact steps. Looks only; a remedy that is half possible is not drafted at all.
///
/// # Errors
/// Where a measure can't be made into steps, or nothing is left to do: in plain words, with what a person would do.
pub fn draft(
    host: &dyn Host,
    diagnosis: &Diagnosis,
    finding: &Finding,
    remedy: &Remedy,
) -> Result<Plan, CannotDraft> {
    let class = stricter(finding.class, remedy.class);
    if matches!(class, Class::Never | Class::Inform) {
        let why = format!("why502 does not act on {} by itself", finding.cause);
        return Err(CannotDraft::new(why, finding.advice.clone()));
    }
    let mut desk = Desk::new(host, diagnosis);
    finish(&mut desk, &remedy.measures)?;
    let proof = proof(diagnosis, finding, &desk.steps);
    Ok(Plan {
        schema: Plan::SCHEMA.to_owned(),
        cause: finding.cause.to_owned(),
        subject: finding.subject.clone(),
        why: finding.says.clone(),
        title: remedy.title.clone(),
        class,
        relief: remedy.relief,
        steps: desk.steps,
        proof,
        notes: desk.notes,
    })
}

/// All of them; a remedy that is half possible is not drafted at all.
fn finish(desk: &mut Desk, measures: &[Measure]) -> Result<(), CannotDraft> {
    for measure in measures {
        take(desk, measure)?;
    }
    close(desk)?;
    if desk.steps.is_empty() {
        let why = "nothing is left to do: the host is already as this remedy would leave it";
        return Err(CannotDraft::new(why, "run why502 again to see what holds now"));
    }
    Ok(())
}

fn take(desk: &mut Desk, measure: &Measure) -> Result<(), CannotDraft> {
    match measure {
        Measure::Start { unit } => units::start(desk, unit),
        Measure::Stop { unit } => units::stop(desk, unit),
        Measure::Unmask { unit } => units::unmask(desk, unit),
        Measure::Enable { unit } => units::enable(desk, unit),
        Measure::Linger { user, uid } => units::linger(desk, user, *uid),
        Measure::Restart { unit, forensics } => units::restart(desk, unit, forensics),
        Measure::Reload { unit } => units::reload(desk, unit),
        Measure::EndProcesses { pids } => units::end_processes(desk, pids),
        Measure::QuitNginx { master } => units::quit_nginx(desk, *master),
        Measure::ReloadNginx { nginx } => nginx::reload_later(desk, *nginx),
        Measure::NginxReplace { at, old, new } => nginx::replace(desk, at, old, new),
        Measure::NginxSet { beside, name, value } => nginx::set(desk, beside, name, value),
        Measure::NginxLimit { .. } | Measure::NginxCache { .. } | Measure::Ban { .. } => ease(desk, measure),
        Measure::IniSet {
            file,
            section,
            key,
            value,
        } => settings::ini(desk, file, section, key, value),
        Measure::UnitSet {
            unit,
            section,
            key,
            values,
        } => settings::unit(desk, unit, section, key, values),
        Measure::ApacheSet { directive, value } => apache::set(desk, directive, value),
        Measure::RestoreBackup { file, unit } => backup::restore(desk, file, unit),
        Measure::CommentOut { at } => comment::out(desk, at),
        Measure::Access { path, mode, uid, gid } => rights::set(desk, path, *mode, *uid, *gid),
        Measure::Sysctl { key, value } => settings::sysctl(desk, key, value),
        Measure::NginxTemp { nginx, at } => temp::set(desk, *nginx, at),
        Measure::SelinuxBoolean { name, on } => selinux::boolean(desk, name, *on),
        Measure::SelinuxPort { port, name } => selinux::port(desk, *port, name),
        Measure::Resolver { servers } => resolver::set(desk, servers),
        Measure::ForgetSite { profile, host, whole } => browser::forget(desk, profile, host, whole),
        Measure::FlushNames => resolver::flush(desk),
        Measure::ResetInterface { name } => interface::reset(desk, name),
        Measure::FlushNeighbour { address } => kernel::flush_neighbour(desk, *address),
        Measure::FlushConntrack { to, udp } => kernel::flush_conntrack(desk, to, *udp),
        Measure::PathMtu { to, bytes } => route::path_mtu(desk, *to, *bytes),
        Measure::DefaultRoute { v6 } => route::default(desk, *v6),
        Measure::InterfaceUp { name } => kernel::interface_up(desk, name),
        Measure::Reclaim { of } => room::reclaim(desk, *of),
        Measure::Reboot => kernel::reboot(desk),
        Measure::Accept { rule, to } => flow::accept(desk, rule, to),
        Measure::Listen { claim, to } => listen::set(desk, claim, to),
    }
}

/// What is done about too many requests; nothing about any other measure.
fn ease(desk: &mut Desk, measure: &Measure) -> Result<(), CannotDraft> {
    match measure {
        Measure::NginxLimit {
            file,
            beside,
            of,
            allowed,
        } => nginx_limit::set(desk, file, beside, *allowed, of),
        Measure::NginxCache {
            file,
            beside,
            protocol,
            paths,
            seconds,
        } => {
            let cache = nginx_cache::Cache {
                file,
                beside,
                protocol: *protocol,
                paths,
                seconds: *seconds,
            };
            nginx_cache::set(desk, &cache)
        }
        Measure::Ban {
            addresses,
            ports,
            minutes,
        } => ban::set(desk, addresses, ports, *minutes),
        _ => Ok(()),
    }
}

/// What the measures left to be done once, at the end: first what serves, then nginx, which sends it requests.
fn close(desk: &mut Desk) -> Result<(), CannotDraft> {
    units::settle(desk)?;
    nginx::settle(desk)?;
    temp::foresee(desk);
    Ok(())
}

/// The class that lets fewer act.
fn stricter(a: Class, b: Class) -> Class {
    let rank = |class: Class| match class {
        Class::Auto => 0,
        Class::Ask => 1,
        Class::Never => 2,
        Class::Inform => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}

fn proof(diagnosis: &Diagnosis, finding: &Finding, steps: &[Step]) -> Proof {
    let sites = Question::of_sites(&diagnosis.world);
    Proof {
        must_answer: finding.proof.clone(),
        must_not_break: sites
            .into_iter()
            .filter(|site| !finding.proof.iter().any(|failing| failing.is_same(site)))
            .collect(),
        settle_ms: SETTLE_MS,
        warm_up_ms: if steps.contains(&Step::Reboot) { BOOT_MS } else { 0 },
        holds: Vec::new(),
        error_logs: error_logs(diagnosis),
    }
}

/// Files of ours: a log to stderr is a journal, and another root's file may not be meant.
fn error_logs(diagnosis: &Diagnosis) -> Vec<PathBuf> {
    let logs = diagnosis.world.nginx.iter().flat_map(|nginx| &nginx.error_logs);
    let files = logs.filter(|path| path.is_absolute() && !path.starts_with("/dev"));
    files.cloned().collect()
}
