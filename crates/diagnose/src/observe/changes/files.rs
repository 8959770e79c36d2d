//! Files that changed: configuration and applications.

use super::{super::parallel, MOST, backends};
use crate::{
    World,
    case::PeerSight,
    topology::Route,
    world::{Change, ChangeKind},
};
use host::{Host, Looks, Timestamp};
use std::path::{Path, PathBuf};

/// Entries of a web root looked at.
const TOP_LEVEL: usize = 40;

/// Files in which the failing routes and their backends are configured.
pub(super) fn edits(host: &dyn Host, world: &World, concerned: &[(&Route, &[PeerSight])]) -> Vec<Change> {
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
    files.extend(refused(world));
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

/// The file in which an nginx that is down finds its mistake; about its unit, which does not start for it.
fn refused(world: &World) -> impl Iterator<Item = (PathBuf, String)> {
    let down = world.nginx.iter().filter(|nginx| nginx.master.is_none());
    down.filter_map(|nginx| {
        let test = nginx.test.as_ref().ok().filter(|test| !test.passed)?;
        Some((test.place.as_ref()?.file.clone(), nginx.unit.clone()?))
    })
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
pub(super) fn deploys(host: &dyn Host, world: &World, concerned: &[(&Route, &[PeerSight])]) -> Vec<Change> {
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
