//! What changed on the host around the failures: what a trigger is chosen from.

use super::parallel;
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
use std::path::{Path, PathBuf};

/// Changes kept: the last ones.
const MOST: usize = 500;
/// Entries of a web root looked at.
const TOP_LEVEL: usize = 40;
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
    let units: Vec<&str> = backends(concerned)
        .filter_map(|backend| backend.unit.as_deref())
        .collect();
    let mut all = of_boot(world);
    all.extend(packages.into_iter().map(package));
    let journal = world.journal.as_ref().map_or(&[][..], Vec::as_slice);
    let of_units: Vec<Change> = journal.iter().filter_map(of_unit).collect();
    let acted = actions(host, &units, &of_units, since);
    all.extend(of_units.into_iter().map(|change| with_actor(change, &acted)));
    all.extend(acted.iter().filter_map(|line| job(line, &units)));
    all.extend(edits(host, world, concerned));
    all.extend(deploys(host, world, concerned));
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
    let kinds: &[(&str, ChangeKind)] = &[
        ("Stopping ", ChangeKind::UnitStop),
        ("Stopped ", ChangeKind::UnitStop),
        ("Started ", ChangeKind::UnitStart),
        ("Reloaded ", ChangeKind::UnitStart),
    ];
    let started = kinds
        .iter()
        .find(|(start, _)| line.text.starts_with(start))
        .map(|(_, kind)| *kind);
    let ended = line.text.contains(": Main process exited") || line.text.contains(": Failed with result");
    let kind = started.or(ended.then_some(ChangeKind::UnitEnd))?;
    let job = matches!(line.unit.as_str(), "logrotate.service").then_some(ChangeKind::LogRotation);
    Some(Change {
        at: line.at,
        kind: job.unwrap_or(kind),
        says: line.text.clone(),
        about: line.unit.clone(),
    })
}

/// Lines of people and jobs since shortly before the first change of a concerned unit.
fn actions(host: &dyn Host, units: &[&str], changes: &[Change], since: Timestamp) -> Vec<JournalLine> {
    let ours = changes
        .iter()
        .filter(|change| units.contains(&change.about.as_str()) && change.at >= since);
    let Some(first) = ours.map(|change| change.at).min() else {
        return Vec::new();
    };
    let from = first.before(std::time::Duration::from_secs(5));
    let lines = host.journal(&[], from, 2000).unwrap_or_default();
    lines
        .into_iter()
        .filter(|line| ACTORS.contains(&line.by.as_str()) && line.at >= from)
        .collect()
}

/// Who did it: a command that names the unit, at most a few seconds before.
fn with_actor(mut change: Change, acted: &[JournalLine]) -> Change {
    let stem = stem(&change.about);
    let near = |line: &&JournalLine| line.at <= change.at.after(SOON) && change.at.since(line.at) <= SOON;
    let actor = acted
        .iter()
        .rev()
        .filter(near)
        .find(|line| line.text.contains(stem));
    if let Some(line) = actor {
        let text: String = line.text.split_whitespace().collect::<Vec<_>>().join(" ");
        change.says = format!(
            "{} ({}: {})",
            change.says,
            line.by,
            text.chars().take(200).collect::<String>()
        );
    }
    change
}

/// A command takes a moment to act.
const SOON: std::time::Duration = std::time::Duration::from_secs(3);

/// `php8.2-fpm` of `php8.2-fpm.service`: how people name it.
fn stem(unit: &str) -> &str {
    unit.rsplit_once('.').map_or(unit, |(stem, _)| stem)
}

/// A job of cron; about the unit that its command names, if it does.
fn job(line: &JournalLine, units: &[&str]) -> Option<Change> {
    let is_cron = matches!(line.by.as_str(), "CRON" | "crond" | "cron") && line.text.contains("CMD (");
    let about = units.iter().find(|unit| line.text.contains(stem(unit)));
    let about = about.map_or_else(|| line.text.clone(), |unit| (*unit).to_owned());
    let says = format!("cron ran {}", line.text.chars().take(200).collect::<String>());
    is_cron.then_some(Change {
        at: line.at,
        kind: ChangeKind::ScheduledJob,
        says,
        about,
    })
}

/// Files in which the failing routes and their backends are configured.
fn edits(host: &dyn Host, world: &World, concerned: &[(&Route, &[PeerSight])]) -> Vec<Change> {
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for (route, _) in concerned {
        files.push((
            route.written.file.clone(),
            route.written.file.display().to_string(),
        ));
    }
    for backend in backends(concerned) {
        let unit = backend.unit.clone();
        let name = unit.clone().unwrap_or_default();
        let written = backend.claim.iter().map(|claim| claim.written.file.clone());
        let pool = backend.pool.iter().map(|pool| pool.written.file.clone());
        let of_unit = world.unit(&name).into_iter().flat_map(|unit| {
            let names = unit
                .property("FragmentPath")
                .split(' ')
                .chain(unit.property("DropInPaths").split(' '));
            names.map(PathBuf::from).collect::<Vec<_>>()
        });
        files.extend(written.chain(pool).chain(of_unit).map(|file| {
            let about = unit.clone().unwrap_or_else(|| file.display().to_string());
            (file, about)
        }));
    }
    // a backend that moved is not the one of a failing route any more
    files.extend(world.claims.iter().map(|claim| {
        let file = claim.written.file.clone();
        let about = claim.unit.clone().unwrap_or_else(|| file.display().to_string());
        (file, about)
    }));
    files.retain(|(file, _)| file.is_absolute());
    files.sort_unstable();
    files.dedup();
    files.truncate(MOST);
    let newer = world.nginx.iter().flat_map(|nginx| &nginx.newer_files);
    let newer = newer.map(|(file, at)| edit(file, *at, file.display().to_string()));
    let times = parallel::map(&files, |(file, _)| {
        host.stat(file).ok().flatten().map(|stat| stat.modified)
    });
    let stated = files
        .iter()
        .zip(times)
        .filter_map(|((file, about), at)| Some(edit(file, at?, about.clone())));
    newer.chain(stated).collect()
}

fn edit(file: &Path, at: Timestamp, about: String) -> Change {
    Change {
        at,
        kind: ChangeKind::ConfigEdit,
        says: format!("{} was edited", file.display()),
        about,
    }
}

/// The newest entry at the top of each web root and working directory.
fn deploys(host: &dyn Host, world: &World, concerned: &[(&Route, &[PeerSight])]) -> Vec<Change> {
    let mut roots: Vec<(PathBuf, String)> = Vec::new();
    for (route, peers) in concerned {
        let unit = peers
            .iter()
            .find_map(|peer| peer.backend.as_ref()?.unit.clone())
            .unwrap_or_default();
        let directory = world
            .unit(&unit)
            .map(|unit| PathBuf::from(unit.property("WorkingDirectory")));
        let all = route.settings.root.iter().cloned().chain(directory);
        roots.extend(all.map(|root| (root, unit.clone())));
    }
    roots.retain(|(root, _)| root.components().count() > 2);
    roots.sort_unstable();
    roots.dedup();
    let newest = parallel::map(&roots, |(root, _)| newest(host, root));
    let found = roots.iter().zip(newest).filter_map(|((_, unit), newest)| {
        let (at, path) = newest?;
        let says = format!("{} changed", path.display());
        Some(Change {
            at,
            kind: ChangeKind::Deploy,
            says,
            about: unit.clone(),
        })
    });
    found.filter(|change| !change.about.is_empty()).collect()
}

fn newest(host: &dyn Host, root: &Path) -> Option<(Timestamp, PathBuf)> {
    let names = host.dir(root).ok().flatten()?;
    let entries = names.iter().take(TOP_LEVEL).map(|name| root.join(name));
    let dated = entries
        .chain([root.to_path_buf()])
        .filter_map(|path| Some((host.stat(&path).ok()??.modified, path)));
    dated.max()
}
