//! What takes the room of a full file system and may go: only where one is full.

use crate::limits::{FileSystem, Spare};
use host::{
    Host, Looks,
    answer::{DeletedFile, FileSize},
};
use std::path::Path;

/// Package files that were downloaded and are installed by now, and what removes them.
const PACKAGES: &[(&str, &str)] = &[
    ("/var/cache/apt/archives", "apt-get clean"),
    ("/var/cache/dnf", "dnf clean packages"),
    ("/var/cache/yum", "yum clean packages"),
];
const LOGS: &str = "/var/log";
const JOURNAL: &str = "/var/log/journal";
/// So much of the journal stays, bytes: enough to tell what happened.
const KEPT: u64 = 100 << 20;
/// Endings of files that a rotation has packed.
const PACKED: &[&str] = &[".gz", ".xz", ".zst", ".bz2"];
/// Rotated logs named, each with its command.
const NAMED: usize = 3;

/// Deleted files that are still open.
pub(super) fn deleted(host: &dyn Host, filesystems: &[FileSystem]) -> Vec<DeletedFile> {
    match filesystems.iter().any(FileSystem::is_full) {
        true => host.deleted_files().unwrap_or_default(),
        false => Vec::new(),
    }
}

/// Package caches, the journal and rotated logs, largest first.
pub(super) fn spare(host: &dyn Host, filesystems: &[FileSystem]) -> Vec<Spare> {
    if !filesystems.iter().any(FileSystem::is_full) {
        return Vec::new();
    }
    let mut all: Vec<Spare> = PACKAGES
        .iter()
        .filter_map(|(dir, command)| packages(host, Path::new(dir), command))
        .collect();
    let logs = host.file_sizes(Path::new(LOGS)).unwrap_or_default();
    all.extend(journal(&logs));
    all.extend(
        logs.iter()
            .filter(|it| is_rotated(&it.path))
            .take(NAMED)
            .map(rotated),
    );
    all.sort_by_key(|it| std::cmp::Reverse(it.size));
    all
}

fn packages(host: &dyn Host, dir: &Path, command: &str) -> Option<Spare> {
    let files = host.file_sizes(dir).ok()?;
    let is_package = |it: &&FileSize| it.path.extension().is_some_and(|it| it == "deb" || it == "rpm");
    let size: u64 = files.iter().filter(is_package).map(|it| it.bytes).sum();
    (size > 0).then(|| Spare {
        path: dir.to_owned(),
        size,
        command: command.to_owned(),
    })
}

/// What the journal has closed (`system@….journal`); the newest part of it stays.
fn journal(logs: &[FileSize]) -> Option<Spare> {
    let of_journal = || logs.iter().filter(|it| it.path.starts_with(JOURNAL));
    let is_closed = |it: &&FileSize| it.path.to_string_lossy().contains('@');
    let all: u64 = of_journal().map(|it| it.bytes).sum();
    let closed: u64 = of_journal().filter(is_closed).map(|it| it.bytes).sum();
    let size = closed.min(all.saturating_sub(KEPT));
    (size > 0).then(|| Spare {
        path: JOURNAL.into(),
        size,
        command: format!("journalctl --vacuum-size={}M", KEPT >> 20),
    })
}

/// `access.log.2.gz`, `error.log.1`, `app.log-20261101`: renamed by a rotation, and nobody writes to it any more.
fn is_rotated(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let packed = PACKED.iter().any(|end| name.ends_with(end));
    let numbered = name.rsplit_once(['.', '-']).is_some_and(|(before, number)| {
        before.contains("log") && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    });
    (packed || numbered) && !path.starts_with(JOURNAL)
}

fn rotated(it: &FileSize) -> Spare {
    let path = it.path.to_string_lossy();
    Spare {
        path: it.path.clone(),
        size: it.bytes,
        command: format!("rm {}", crate::evidence::quote(&path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::{
        Query,
        answer::{Answer, Space},
        looks::Mount,
        memory::Memory,
    };

    fn full(bytes_available: u64) -> Vec<FileSystem> {
        vec![FileSystem {
            mount: Mount {
                point: "/".into(),
                root: "/".into(),
                kind: "ext4".into(),
                source: "/dev/vda1".into(),
                options: vec!["rw".into()],
            },
            space: Space {
                bytes: 10 << 30,
                bytes_available,
                ..Space::default()
            },
        }]
    }

    fn host() -> Memory {
        let mut host = Memory::default();
        let mut holds = |dir: &str, files: &[(&str, u64)]| {
            let file = |(name, mib): &(&str, u64)| FileSize {
                path: Path::new(dir).join(name),
                bytes: mib << 20,
            };
            let sizes = files.iter().map(file).collect();
            host.set(Query::FileSizes { dir: dir.into() }, Ok(Answer::FileSizes(sizes)));
        };
        holds("/var/cache/apt/archives", &[("nginx_1.22.deb", 90), ("lock", 1)]);
        holds(
            LOGS,
            &[
                ("journal/5f3a/system@1.journal", 700),
                ("nginx/access.log", 400),
                ("journal/5f3a/system.journal", 64),
                ("nginx/access.log.2.gz", 30),
                ("app.log-20261101", 20),
                ("mysql/error.log.1", 10),
                ("btmp.1", 5),
            ],
        );
        host
    }

    #[test]
    fn what_may_go_is_named_with_what_removes_it() {
        let found = spare(&host(), &full(0));
        let said: Vec<String> = found
            .iter()
            .map(|it| format!("{} {}", it.size >> 20, it.command))
            .collect();
        assert_eq!(
            said,
            [
                "664 journalctl --vacuum-size=100M",
                "90 apt-get clean",
                "30 rm /var/log/nginx/access.log.2.gz",
                "20 rm /var/log/app.log-20261101",
                "10 rm /var/log/mysql/error.log.1",
            ]
        );
    }

    #[test]
    fn nobody_looks_where_there_is_room() {
        assert_eq!(spare(&host(), &full(5 << 30)), []);
    }
}
