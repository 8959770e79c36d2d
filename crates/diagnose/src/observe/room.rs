//! What takes the room of a full file system and may go: only where one is full.

use crate::limits::{FileSystem, Reclaimable, Spare};
use host::{Host, Looks, answer::DeletedFile};
use std::path::Path;

const LOGS: &str = "/var/log";
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
    let reclaimable = Reclaimable::ALL.into_iter().map(|of| Spare {
        path: of.path().to_owned(),
        size: reclaimable(host, of),
        of: Some(of),
    });
    let logs = host.file_sizes(Path::new(LOGS)).unwrap_or_default();
    let rotated = logs.iter().filter(|it| is_rotated(&it.path)).take(NAMED);
    let rotated = rotated.map(|it| Spare {
        path: it.path.clone(),
        size: it.bytes,
        of: None,
    });
    let mut all: Vec<Spare> = reclaimable.chain(rotated).filter(|it| it.size > 0).collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.size));
    all
}

/// Bytes that its tool would give back; 0 also where something lies there that is not the tool's own.
pub fn reclaimable(host: &dyn Host, of: Reclaimable) -> u64 {
    let files = host.file_sizes(of.path()).unwrap_or_default();
    let sum = |counts: &dyn Fn(&Path) -> bool| -> u64 {
        let counted = files.iter().filter(|it| counts(&it.path));
        counted.map(|it| it.bytes).sum()
    };
    match of {
        _ if files.iter().any(|it| of.is_strange(&it.path)) => 0,
        // what the journal has closed is `system@….journal`; the newest part of it stays
        Reclaimable::Journal => {
            let closed = sum(&|path| path.to_string_lossy().contains('@'));
            closed.min(sum(&|_| true).saturating_sub(Reclaimable::JOURNAL_KEPT))
        }
        _ => sum(&|path| path.extension().is_some_and(|it| it == "deb" || it == "rpm")),
    }
}

/// `access.log.2.gz`, `error.log.1`, `app.log-20261101`: renamed by a rotation, and nobody writes to it any more.
fn is_rotated(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let packed = PACKED.iter().any(|end| name.ends_with(end));
    let numbered = name.rsplit_once(['.', '-']).is_some_and(|(before, number)| {
        before.contains("log") && !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    });
    (packed || numbered) && !path.starts_with(Reclaimable::Journal.path())
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::{
        Query,
        answer::{Answer, FileSize, Space},
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
        holds(
            "/var/log/journal",
            &[("5f3a/system@1.journal", 700), ("5f3a/system.journal", 64)],
        );
        host
    }

    #[test]
    fn what_may_go_is_named_with_what_removes_it() {
        let found = spare(&host(), &full(0));
        let said: Vec<String> = found
            .iter()
            .map(|it| format!("{} {}", it.size >> 20, it.command()))
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
    fn a_cache_that_holds_a_persons_file_is_not_emptied() {
        let mut host = host();
        let file = |name: &str| FileSize {
            path: Reclaimable::AptCache.path().join(name),
            bytes: 1 << 20,
        };
        let mut holds = |name: &str| {
            let sizes = vec![file("nginx_1.22.deb"), file(name)];
            let dir = Reclaimable::AptCache.path().to_owned();
            host.set(Query::FileSizes { dir }, Ok(Answer::FileSizes(sizes)));
            reclaimable(&host, Reclaimable::AptCache) >> 20
        };
        assert_eq!(["partial/php_8.2.deb", "lock"].map(&mut holds), [2, 1]);
        assert_eq!(["before-upgrade.tar", "kept/shop.sql"].map(&mut holds), [0, 0]);
    }

    #[test]
    fn nobody_looks_where_there_is_room() {
        assert_eq!(spare(&host(), &full(5 << 30)), []);
    }
}
