//! What changed on the host around the failures: what a trigger is chosen from.

mod files;
pub(super) mod jobs;
mod names;

use crate::{
    World,
    case::{Backend, PeerSight},
    topology::Route,
    world::{Change, ChangeKind},
};
use host::{
    Host, Looks, Timestamp,
    looks::{JournalLine, PackageAct, PackageChange},
};
use std::time::Duration;

/// Changes kept: the last ones.
const MOST: usize = 500;
/// Lines read of the whole journal: the last ones.
const LINES: u32 = 4000;
/// Who may act on units: the programs whose journal lines tell of a person or a job.
const ACTORS: &[&str] = &[
    "sudo",
    "systemctl",
    "su",
    "CRON",
    "crond",
    "cron",
    "ansible-ansible.legacy.systemd",
    "python3",
];

/// Everything that changed since then, oldest first.
pub(super) fn look(
    host: &dyn Host,
    world: &World,
    concerned: &[(&Route, &[PeerSight])],
    packages: Vec<PackageChange>,
    since: Timestamp,
) -> Vec<Change> {
    let of_nginx = world.nginx.iter().filter_map(|nginx| nginx.unit.as_deref());
    let of_backends = backends(concerned).filter_map(|backend| backend.unit.as_deref());
    let units: Vec<&str> = of_backends.chain(of_nginx).collect();
    let mut all = of_boot(world);
    all.extend(packages.into_iter().map(package));
    let journal = world.journal.as_ref().map_or(&[][..], Vec::as_slice);
    let of_units: Vec<Change> = journal.iter().filter_map(of_unit).collect();
    let ours = |change: &&Change| units.contains(&change.about.as_str()) && change.at >= since;
    let ours: Vec<&Change> = of_units.iter().filter(ours).collect();
    let lines = around(host, &ours);
    all.extend(jobs::look(host, &lines, &ours));
    all.extend(of_units.iter().map(|change| with_actor(change, &lines)));
    all.extend(files::edits(host, world, concerned));
    all.extend(files::deploys(host, world, concerned));
    all.extend(names::look(host, concerned, since));
    all.retain(|change| change.at >= since && change.at <= world.now);
    all.sort_by_key(|change| change.at);
    all.drain(..all.len().saturating_sub(MOST));
    all
}

fn backends<'a>(concerned: &'a [(&'a Route, &'a [PeerSight])]) -> impl Iterator<Item = &'a Backend> {
    concerned
        .iter()
        .flat_map(|(_, peers)| peers.iter())
        .filter_map(|peer| peer.backend.as_ref())
}

fn of_boot(world: &World) -> Vec<Change> {
    let change = |at: Timestamp| Change {
        at,
        kind: ChangeKind::Reboot,
        says: "the host booted".to_owned(),
        about: "the host".to_owned(),
    };
    world.booted().into_iter().map(change).collect()
}

fn package(change: PackageChange) -> Change {
    let name = &change.package;
    let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "another version".to_owned());
    let says = match change.what {
        PackageAct::Installed => format!("package {name} {} installed", version(&change.to)),
        PackageAct::Upgraded => {
            format!(
                "package {name} upgraded from {} to {}",
                version(&change.from),
                version(&change.to)
            )
        }
        PackageAct::Removed => format!("package {name} removed"),
    };
    let says = change
        .by
        .as_ref()
        .map_or(says.clone(), |by| format!("{says} by {by}"));
    Change {
        at: change.at,
        kind: ChangeKind::PackageUpgrade,
        says,
        about: change.package,
    }
}

/// systemd's own lines about a unit.
fn of_unit(line: &JournalLine) -> Option<Change> {
    if line.by != "systemd" || line.unit.is_empty() {
        return None;
    }
    let verbs: &[(&str, ChangeKind, &str)] = &[
        ("Stopping ", ChangeKind::UnitStop, "stopped"),
        ("Stopped ", ChangeKind::UnitStop, "stopped"),
        ("Started ", ChangeKind::UnitStart, "started"),
        ("Reloaded ", ChangeKind::UnitStart, "reloaded"),
    ];
    let verb = verbs.iter().find(|(start, ..)| line.text.starts_with(start));
    let told = verb.map(|(_, kind, done)| (*kind, format!("{} was {done}", line.unit)));
    // the main process's own line says by which signal
    let failed = line.text.contains(": Failed with result") && !line.text.contains("'signal'");
    let ended = failed || line.text.contains(": Main process exited");
    let (kind, says) = told.or_else(|| ended.then(|| (ChangeKind::UnitEnd, line.text.clone())))?;
    Some(Change {
        at: line.at,
        kind,
        says,
        about: line.unit.clone(),
    })
}

/// What the whole journal has since shortly before the first change of a concerned unit.
fn around(host: &dyn Host, ours: &[&Change]) -> Vec<JournalLine> {
    let Some(first) = ours.iter().map(|change| change.at).min() else {
        return Vec::new();
    };
    let from = first.before(jobs::LONGEST);
    let mut lines = host.journal(&[], from, LINES).unwrap_or_default();
    lines.retain(|line| line.at >= from);
    lines
}

/// Who did it, where a line tells.
fn with_actor(change: &Change, lines: &[JournalLine]) -> Change {
    let Some(line) = actor(change, lines) else {
        return change.clone();
    };
    let text: Vec<&str> = line.text.split_whitespace().collect();
    let text: String = text.join(" ").chars().take(200).collect();
    Change {
        says: format!("{} ({}: {text})", change.says, line.by),
        ..change.clone()
    }
}

/// A command that names the unit, at most a few seconds before.
fn actor<'a>(change: &Change, lines: &'a [JournalLine]) -> Option<&'a JournalLine> {
    let stem = stem(&change.about);
    let near = |line: &&JournalLine| line.at <= change.at.after(SOON) && change.at.since(line.at) <= SOON;
    let acts = |line: &&JournalLine| ACTORS.contains(&line.by.as_str()) && line.text.contains(stem);
    lines.iter().rev().filter(near).find(acts)
}

/// A command takes a moment to act.
const SOON: Duration = Duration::from_secs(3);

/// `php8.2-fpm` of `php8.2-fpm.service`: how people name it.
fn stem(unit: &str) -> &str {
    unit.rsplit_once('.').map_or(unit, |(stem, _)| stem)
}
