//! Files that take room: what is deleted and still open, and what lies below a directory.

use super::{processes, refusal::refused};
use crate::{
    Look,
    answer::{DeletedFile, FileSize},
};
use std::{
    cmp::Reverse,
    collections::BTreeSet,
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Descriptors looked at, of all processes.
const MAX_OPEN: usize = 50_000;
/// Directory entries looked at.
const MAX_ENTRIES: usize = 20_000;
/// Levels below the directory asked for.
const MAX_DEPTH: usize = 4;
/// Files told of, the largest.
const TOLD: usize = 60;
/// Less is not worth a word, bytes.
const LITTLE: u64 = 64 << 10;
/// What is deleted by design while it is used, and takes memory instead of room on a disk.
const BY_DESIGN: &[&str] = &["/memfd:", "/dev/", "/SYSV", "/proc/", "/sys/"];

/// Deleted files that processes hold open. What can't be read, as it is another account's, is left out.
pub(super) fn deleted() -> Look<Vec<DeletedFile>> {
    let pids = processes::pids().map_err(|error| refused("/proc", error))?;
    let open = pids.into_iter().flat_map(|pid| {
        let dir = PathBuf::from(format!("/proc/{pid}/fd"));
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(move |entry| (pid, entry.path()))
    });
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for (pid, fd) in open.take(MAX_OPEN) {
        let Some(path) = deleted_name(&fd) else { continue };
        let Ok(meta) = fs::metadata(&fd) else { continue };
        let gone = meta.is_file() && meta.nlink() == 0 && room(&meta) >= LITTLE;
        if gone && seen.insert((meta.dev(), meta.ino())) {
            let bytes = room(&meta);
            found.push(DeletedFile { path, bytes, pid });
        }
    }
    found.sort_by_key(|it| Reverse(it.bytes));
    found.truncate(TOLD);
    Ok(found)
}

/// `/var/log/app.log (deleted)`, as the kernel writes it.
fn deleted_name(fd: &Path) -> Option<PathBuf> {
    let target = fs::read_link(fd).ok()?;
    let name = target.to_str()?.strip_suffix(" (deleted)")?;
    let on_disk = name.starts_with('/') && !BY_DESIGN.iter().any(|prefix| name.starts_with(prefix));
    on_disk.then(|| PathBuf::from(name))
}

/// Regular files below a directory, on its file system.
pub(super) fn sizes(dir: &Path) -> Vec<FileSize> {
    let Ok(top) = fs::symlink_metadata(dir) else {
        return Vec::new();
    };
    let (mut open, mut left, mut found) = (vec![(dir.to_owned(), 0)], MAX_ENTRIES, Vec::new());
    while let Some((dir, depth)) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten().take(left) {
            left -= 1;
            // of the entry itself: links are not followed
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() && meta.dev() == top.dev() && depth < MAX_DEPTH {
                open.push((entry.path(), depth + 1));
            } else if meta.is_file() && meta.nlink() == 1 && room(&meta) > 0 {
                let (path, bytes) = (entry.path(), room(&meta));
                found.push(FileSize { path, bytes });
            }
        }
    }
    found.sort_by_key(|it| Reverse(it.bytes));
    found.truncate(TOLD);
    found
}

/// What comes back when it goes: its blocks, which are fewer than its bytes where it has holes.
fn room(meta: &Metadata) -> u64 {
    meta.blocks().saturating_mul(512)
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Write};

    #[test]
    fn a_deleted_file_is_told_with_its_holder_as_long_as_it_is_open() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("access.log");
        let mut file = fs::File::create(&path).expect("a file");
        file.write_all(&vec![b'x'; 300 << 10]).expect("written");
        file.sync_all().expect("on disk");
        fs::remove_file(&path).expect("removed");
        let ours = || {
            let all = super::deleted().expect("seen");
            all.into_iter().find(|it| it.path == path)
        };
        let found = ours().expect("told");
        assert_eq!(found.pid, std::process::id());
        assert!(found.bytes >= 300 << 10, "{found:?}");
        drop(file);
        assert_eq!(ours(), None);
    }

    #[test]
    fn files_are_told_by_size_and_links_are_not_followed() {
        let dir = tempfile::tempdir().expect("a directory");
        let below = dir.path().join("apt");
        fs::create_dir(&below).expect("made");
        fs::write(below.join("big.deb"), vec![1; 40 << 10]).expect("written");
        fs::write(dir.path().join("small.gz"), vec![1; 5 << 10]).expect("written");
        std::os::unix::fs::symlink("/usr", dir.path().join("usr")).expect("linked");
        let names: Vec<_> = super::sizes(dir.path()).into_iter().map(|it| it.path).collect();
        assert_eq!(names, [below.join("big.deb"), dir.path().join("small.gz")]);
        assert!(super::sizes(&dir.path().join("nowhere")).is_empty());
    }
}
