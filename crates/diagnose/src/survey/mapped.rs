//! Programs that still run files which an upgrade has replaced.

use super::text;
use crate::{World, observe::parallel};
use host::{Host, Look};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// Processes whose maps are read.
const MOST: usize = 64;
/// Where packages keep programs and libraries. What else is deleted while mapped (caches, shared memory) is so by design.
const CODE: &[&str] = &["/usr/", "/lib", "/bin/", "/sbin/", "/opt/"];

/// A process that serves.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// Its unit.
    pub unit: String,
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// Every program file and library that it runs.
    pub files: Look<Vec<PathBuf>>,
    /// Of these, the ones that are not there any more.
    pub deleted: Vec<PathBuf>,
}

/// Of the main process of each unit: its children run what it runs.
pub(super) fn look(host: &dyn Host, world: &World, units: &BTreeSet<String>) -> Vec<Mapped> {
    let mains = units.iter().filter_map(|unit| {
        let pid = world.unit(unit)?.main_pid?;
        Some((unit.clone(), world.process(pid)?))
    });
    let mains: Vec<_> = mains.take(MOST).collect();
    parallel::map(&mains, |(unit, process)| {
        let maps = text(host, &PathBuf::from(format!("/proc/{}/maps", process.pid)));
        let parsed = maps.map(|maps| parse(&maps.unwrap_or_default()));
        let deleted = parsed
            .as_ref()
            .map(|(_, deleted)| deleted.clone())
            .unwrap_or_default();
        Mapped {
            unit: unit.clone(),
            pid: process.pid,
            comm: process.comm.clone(),
            files: parsed.map(|(files, _)| files),
            deleted,
        }
    })
}

/// `55d0c0a2a000-55d0c0b00000 r-xp 00002000 08:01 131 /usr/lib/x.so (deleted)`: files that are run, and those of them that
/// are gone (proc_pid_maps(5)).
fn parse(maps: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut files, mut deleted) = (BTreeSet::new(), BTreeSet::new());
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let runs = words.nth(1).is_some_and(|rights| rights.contains('x'));
        let Some(path) = line.find('/').and_then(|at| line.get(at..)).filter(|_| runs) else {
            continue;
        };
        let gone = path.strip_suffix(" (deleted)");
        let path = gone.unwrap_or(path);
        if CODE.iter().any(|root| path.starts_with(root)) {
            files.insert(PathBuf::from(path));
            deleted.extend(gone.map(Path::new).map(Path::to_owned));
        }
    }
    (files.into_iter().collect(), deleted.into_iter().collect())
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_code_that_is_gone_counts() {
        let maps = "\
55d0-55d1 r-xp 00002000 08:01 131 /usr/sbin/nginx\n\
7f00-7f01 r-xp 00000000 08:01 9 /usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n\
7f02-7f03 r--p 00000000 08:01 9 /usr/lib/x86_64-linux-gnu/libz.so.1 (deleted)\n\
7f04-7f05 rw-s 00000000 00:01 4 /dev/zero (deleted)\n\
7f06-7f07 rwxp 00000000 00:01 5 /memfd:opcache (deleted)\n\
7f08-7f09 r-xp 00000000 00:00 0 [vdso]\n";
        let (files, deleted) = super::parse(maps);
        assert_eq!(files.len(), 2);
        assert_eq!(
            deleted,
            [std::path::Path::new("/usr/lib/x86_64-linux-gnu/libssl.so.3")]
        );
    }
}
