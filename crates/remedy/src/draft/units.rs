//! Units and processes.

use super::{
    CannotDraft, check,
    desk::{Desk, id, state},
};
use crate::{PoolTraces, ProcessId, Step, Test};
use diagnose::scoreboard::StatusPage;
use host::{
    Looks,
    looks::{Process, Unit},
};
use std::path::{Path, PathBuf};

/// Processes looked at before a restart.
const MOST_FORENSICS: usize = 8;
/// Pools asked before a restart.
const MOST_POOLS: usize = 3;
/// Processes ended by one plan.
const MOST_ENDED: usize = 500;

/// Where the files of packages stand, /lib first: it is a link to /usr/lib where both are one.
const PACKAGED: &[&str] = &["/lib/systemd/system", "/usr/lib/systemd/system"];
/// Where `systemctl enable` puts its links.
const TARGETS: &[&str] = &[
    "multi-user.target",
    "default.target",
    "graphical.target",
    "network-online.target",
];

/// `systemctl start`, its own config test first.
pub(super) fn start(desk: &mut Desk, name: &str) -> Result<(), CannotDraft> {
    reload_manager(desk);
    let unit = desk.unit(name)?;
    if is_masked(desk, &unit) {
        let why = format!("{name} is masked: somebody forbade to start it");
        return Err(CannotDraft::new(
            why,
            format!("find out why, then: systemctl unmask {name}"),
        ));
    }
    if unit.is_up() {
        return Ok(());
    }
    check::push(desk, &unit);
    read_its_files(desk, name);
    desk.push(Step::Start {
        unit: name.to_owned(),
        from: state(&unit),
    });
    Ok(())
}

/// `systemctl stop`, of what can be started again.
pub(super) fn stop(desk: &mut Desk, name: &str) -> Result<(), CannotDraft> {
    let unit = desk.unit(name)?;
    if !unit.is_up() {
        return Ok(());
    }
    if unit.file_state == "transient" {
        let why = format!("{name} was started by hand and is gone for good once it is stopped");
        return Err(CannotDraft::new(
            why,
            format!("ask who started it; systemctl stop {name}"),
        ));
    }
    desk.push(Step::Stop {
        unit: name.to_owned(),
        from: state(&unit),
    });
    Ok(())
}

/// `systemctl restart`, its own config test and forensics first.
pub(super) fn restart(desk: &mut Desk, name: &str, forensics: &[u32]) -> Result<(), CannotDraft> {
    reload_manager(desk);
    let unit = desk.unit(name)?;
    let forensics = desk
        .processes()?
        .iter()
        .filter(|process| forensics.contains(&process.pid));
    let forensics = forensics.take(MOST_FORENSICS).map(id).collect();
    check::push(desk, &unit);
    read_its_files(desk, name);
    desk.push(Step::Restart {
        unit: name.to_owned(),
        from: state(&unit),
        forensics,
        pools: pools(desk, &unit),
    });
    Ok(())
}

/// What its pools can tell before they end.
fn pools(desk: &Desk, unit: &Unit) -> Vec<PoolTraces> {
    let pools = desk.world().pools.iter();
    let ours = pools.filter(|pool| unit.is_up() && pool.unit == unit.name);
    let traces = ours.map(|pool| PoolTraces {
        pool: pool.name.clone(),
        status: StatusPage::of_pool(pool).map(|page| (page.at, page.path)),
        slow_log: pool.slow_log.clone(),
    });
    let tells = |it: &PoolTraces| it.status.is_some() || it.slow_log.is_some();
    traces.filter(tells).take(MOST_POOLS).collect()
}

/// `systemctl reload`, its own config test first.
pub(super) fn reload(desk: &mut Desk, name: &str) -> Result<(), CannotDraft> {
    reload_manager(desk);
    let unit = desk.unit(name)?;
    let Some(main) = unit.main_pid.filter(|_| unit.is_up()) else {
        let why = format!("{name} does not run, so it can't be told to read its configuration again");
        return Err(CannotDraft::new(why, format!("systemctl start {name}")));
    };
    let master = id(desk.process(main)?);
    check::push(desk, &unit);
    read_its_files(desk, name);
    desk.push(Step::Reload {
        unit: Some(name.to_owned()),
        master,
    });
    Ok(())
}

/// `systemctl unmask`: back to what the unit was before it was masked.
pub(super) fn unmask(desk: &mut Desk, name: &str) -> Result<(), CannotDraft> {
    let unit = desk.unit(name)?;
    if !is_masked(desk, &unit) {
        return Ok(());
    }
    desk.push(Step::SetUnitFile {
        unit: name.to_owned(),
        to: behind_the_mask(desk, name)?,
        from: unit.file_state,
    });
    Ok(())
}

/// `systemctl enable`
pub(super) fn enable(desk: &mut Desk, name: &str) -> Result<(), CannotDraft> {
    let from = file_state(desk, &desk.unit(name)?);
    match from.as_str() {
        "enabled" => Ok(()),
        "disabled" | "enabled-runtime" | "linked" | "linked-runtime" => {
            desk.push(Step::SetUnitFile {
                unit: name.to_owned(),
                from,
                to: "enabled".to_owned(),
            });
            Ok(())
        }
        other => {
            let why = format!("{name} is {other}: it can't be enabled as it is");
            let instead = format!(
                "give it an [Install] section with WantedBy=multi-user.target: systemctl edit {name}"
            );
            Err(CannotDraft::new(why, instead))
        }
    }
}

/// `loginctl enable-linger`
pub(super) fn linger(desk: &mut Desk, user: &str, uid: u32) -> Result<(), CannotDraft> {
    let mark = Path::new("/var/lib/systemd/linger").join(user);
    if desk.host.stat(&mark)?.is_none() {
        let user = user.to_owned();
        desk.push(Step::SetLinger { user, uid, on: true });
    }
    Ok(())
}

/// Ends processes and all their children.
pub(super) fn end_processes(desk: &mut Desk, pids: &[u32]) -> Result<(), CannotDraft> {
    let all = desk.processes()?;
    let ended = with_children(all, pids);
    if ended.is_empty() {
        return Ok(());
    }
    if let Some(kept) = ended.iter().find(|process| process.pid <= 2 || process.ppid == 2) {
        let why = format!("process {} ({}) belongs to the system", kept.pid, kept.comm);
        return Err(CannotDraft::new(
            why,
            "find out what holds the address with ss -ltnp",
        ));
    }
    for unit in ended.iter().filter_map(|process| process.unit.as_deref()) {
        let owner = desk.world().unit(unit).filter(|owner| owner.is_up());
        let main = owner.and_then(|owner| owner.main_pid);
        if ended.iter().any(|process| Some(process.pid) == main) {
            let why = format!("{unit} owns these processes");
            return Err(CannotDraft::new(why, format!("systemctl restart {unit}")));
        }
    }
    if ended.len() > MOST_ENDED {
        let why = format!("{} processes would have to be ended", ended.len());
        return Err(CannotDraft::new(
            why,
            "end them by hand, and find out why there are so many",
        ));
    }
    let processes: Vec<ProcessId> = ended.into_iter().map(id).collect();
    desk.push(Step::EndProcesses { processes });
    Ok(())
}

/// SIGQUIT to a master beside another one; never to the only one there is.
pub(super) fn quit_nginx(desk: &mut Desk, master: u32) -> Result<(), CannotDraft> {
    let others = desk.world().nginx.iter().filter_map(|nginx| nginx.master);
    let is_alone = !others.into_iter().any(|other| other != master);
    let stray = desk.processes()?.iter().find(|process| process.pid == master);
    let stray = stray
        .filter(|it| diagnose::discover::command_of_process(it).is_some())
        .map(id);
    match stray {
        Some(_) if is_alone => Err(CannotDraft::new(
            format!("process {master} is the only nginx that runs"),
            "systemctl status nginx",
        )),
        Some(master) => {
            desk.push(Step::QuitNginx { master });
            Ok(())
        }
        None => Err(CannotDraft::new(
            format!("process {master} is no nginx master any more"),
            "run why502 again",
        )),
    }
}

/// What edits owe to systemd and to the units whose files they changed.
pub(super) fn settle(desk: &mut Desk) -> Result<(), CannotDraft> {
    for (unit, restart_it) in std::mem::take(&mut desk.stale_units) {
        let runs = desk.unit(&unit)?.is_up();
        match (runs, restart_it) {
            (true, true) => restart(desk, &unit, &[])?,
            (true, false) => reload(desk, &unit)?,
            (false, _) => start(desk, &unit)?,
        }
    }
    reload_manager(desk);
    Ok(())
}

/// Tells systemd of edited unit files before a unit is touched, and has it check them.
fn reload_manager(desk: &mut Desk) {
    let edited = std::mem::take(&mut desk.unit_files);
    if edited.is_empty() {
        return;
    }
    for unit in edited {
        desk.push(Step::Test {
            test: Test::Unit { unit },
        });
    }
    desk.push(Step::DaemonReload);
}

/// A step that makes the unit read its files: nothing is owed to it any more.
fn read_its_files(desk: &mut Desk, name: &str) {
    desk.stale_units.retain(|(unit, _)| unit != name);
}

/// The state of its unit file as the steps so far leave it.
fn file_state(desk: &Desk, unit: &Unit) -> String {
    let staged = desk.steps.iter().rev().find_map(|step| match step {
        Step::SetUnitFile { unit: name, to, .. } if *name == unit.name => Some(to.clone()),
        _ => None,
    });
    staged.unwrap_or_else(|| unit.file_state.clone())
}

fn is_masked(desk: &Desk, unit: &Unit) -> bool {
    let staged = file_state(desk, unit);
    staged.starts_with("masked") || (staged == unit.file_state && unit.load_state == "masked")
}

/// Masking hides the unit's file and leaves the links that enable it where they are (systemctl(1)).
fn behind_the_mask(desk: &Desk, name: &str) -> Result<String, CannotDraft> {
    let mut packaged = None;
    for dir in PACKAGED {
        packaged = packaged.or(desk.host.file(&Path::new(dir).join(name))?);
    }
    let Some(text) = packaged else {
        let why = format!("{name} is masked, and no file of it is left behind the mask");
        return Err(CannotDraft::new(why, "install the package that brings it"));
    };
    for target in TARGETS {
        let link = PathBuf::from(format!("/etc/systemd/system/{target}.wants")).join(name);
        if desk.host.stat(&link)?.is_some() {
            return Ok("enabled".to_owned());
        }
    }
    let installs = text
        .split(|byte| *byte == b'\n')
        .any(|line| line.trim_ascii() == b"[Install]");
    Ok(if installs { "disabled" } else { "static" }.to_owned())
}

/// These and all below them, parents first: so that none is started anew while its children end.
fn with_children<'p>(all: &'p [Process], pids: &[u32]) -> Vec<&'p Process> {
    let mut found: Vec<&Process> = all.iter().filter(|process| pids.contains(&process.pid)).collect();
    let mut next = 0;
    while let Some(parent) = found.get(next).map(|process| process.pid) {
        let known: Vec<u32> = found.iter().map(|process| process.pid).collect();
        found.extend(
            all.iter()
                .filter(|child| child.ppid == parent && !known.contains(&child.pid)),
        );
        next += 1;
    }
    found
}
