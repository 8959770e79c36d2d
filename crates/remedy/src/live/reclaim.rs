//! Room that a tool gives back: never by removing files ourselves.

use super::{
    place::moved,
    run::{self, failed},
};
use crate::StepFailed;
use diagnose::limits::Reclaimable;
use std::{fs, io::ErrorKind, path::Path, time::Duration};

/// Thousands of files on a slow disk.
const LIMIT: Duration = Duration::from_secs(60);

/// Has the tool do it, unless it would take a file along that is not its own.
pub(super) fn reclaim(of: Reclaimable) -> Result<(), StepFailed> {
    only_its_own(of, of.path())?;
    let (program, args) = of.command();
    run::succeed(program, args, LIMIT).map(drop)
}

/// Of the directory itself: what lies deeper is the tool's, or below a directory that is not.
fn only_its_own(of: Reclaimable, dir: &Path) -> Result<(), StepFailed> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(format!("{}: {error}", dir.display()))),
    };
    for entry in entries {
        let entry = entry.map_err(|error| failed(format!("{}: {error}", dir.display())))?;
        let name = entry.file_name();
        if of.is_strange(&of.path().join(&name)) {
            let path = dir.join(name);
            return Err(moved(format!("{} is no package of apt's", path.display())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_persons_file_beside_the_packages_stops_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let check = || only_its_own(Reclaimable::AptCache, dir.path());
        let make = |name: &str| fs::write(dir.path().join(name), "x").expect("written");
        fs::create_dir(dir.path().join("partial")).expect("made");
        make("lock");
        make("nginx_1.22.1-9_amd64.deb");
        assert_eq!(check(), Ok(()));
        make("before-upgrade.sql");
        let Err(StepFailed::Moved { found }) = check() else {
            panic!("a person's file would go");
        };
        assert!(found.contains("before-upgrade.sql"), "{found}");
        // a journal's directory is journald's to judge
        assert_eq!(only_its_own(Reclaimable::Journal, dir.path()), Ok(()));
        assert_eq!(
            only_its_own(Reclaimable::AptCache, &dir.path().join("none")),
            Ok(())
        );
    }
}
