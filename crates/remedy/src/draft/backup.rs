//! The last version of a file that was sound: what an editor, a package or a careful person left beside it.

use super::{CannotDraft, desk::Desk, files::ROOT_READABLE};
use host::{Looks, Timestamp, answer::FileKind};
use nginx_conf::parse;
use std::path::{Path, PathBuf};

/// What is put behind the name of a file, its version before a change.
const SUFFIXES: &[&str] = &[
    "~",
    ".bak",
    ".backup",
    ".orig",
    ".old",
    ".save",
    ".dpkg-old",
    ".ucf-old",
    ".rpmsave",
];
/// A package's own version, as new as the package.
const FROM_PACKAGE: &[&str] = &[".dpkg-dist", ".dpkg-new", ".ucf-dist", ".rpmnew", ".rpmorig"];

/// Puts back the newest version from before the last edit.
pub(super) fn restore(desk: &mut Desk, file: &Path, unit: &str) -> Result<(), CannotDraft> {
    let found = desk.open(file)?;
    let edited = desk
        .host
        .stat(&found.path)?
        .map(|stat| stat.modified)
        .unwrap_or_default();
    let mut candidates = candidates(desk, &found.path, edited)?;
    candidates.sort_by_key(|candidate| std::cmp::Reverse((candidate.rank, candidate.modified)));
    for candidate in candidates {
        let Some(bytes) = desk
            .host
            .file(&candidate.path)?
            .filter(|bytes| is_sound(&found.path, bytes))
        else {
            continue;
        };
        if bytes != found.bytes() {
            desk.note(format!(
                "{} is put back as {} has it",
                found.path.display(),
                candidate.path.display()
            ));
            return desk.write(found, bytes, ROOT_READABLE);
        }
    }
    let why = format!(
        "there is no earlier version beside {} that could be put back",
        found.path.display()
    );
    let instead =
        format!("mend the line that the config test of {unit} names, or take the file from your last backup");
    Err(CannotDraft::new(why, instead))
}

struct Candidate {
    path: PathBuf,
    modified: Timestamp,
    rank: Rank,
}

/// Higher is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    FromPackage,
    /// As new as the broken file, or newer.
    Late,
    BeforeTheEdit,
}

fn candidates(desk: &Desk, file: &Path, edited: Timestamp) -> Result<Vec<Candidate>, CannotDraft> {
    let (Some(dir), Some(name)) = (file.parent(), file.file_name().and_then(|name| name.to_str())) else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for sibling in desk.host.dir(dir)?.unwrap_or_default() {
        let Some(suffix) = sibling.strip_prefix(name) else {
            continue;
        };
        let path = dir.join(&sibling);
        let stat = desk.host.stat(&path)?.filter(|stat| stat.kind == FileKind::File);
        if let Some(stat) = stat.filter(|_| is_backup(suffix)) {
            let rank = match FROM_PACKAGE.contains(&suffix) {
                true => Rank::FromPackage,
                false if stat.modified > edited => Rank::Late,
                false => Rank::BeforeTheEdit,
            };
            found.push(Candidate {
                path,
                modified: stat.modified,
                rank,
            });
        }
    }
    Ok(found)
}

/// Also numbered and dated copies: `.bak2`, `.2025-11-22`, `.~1~`, `-20251122`, `.bak.20251122`.
fn is_backup(suffix: &str) -> bool {
    let bare = suffix.trim_end_matches(|c: char| c.is_ascii_digit() || "-_:~.T".contains(c));
    let known = |suffix: &str| SUFFIXES.contains(&suffix) || FROM_PACKAGE.contains(&suffix);
    known(suffix) || known(bare) || (bare.is_empty() && suffix.contains(|c: char| c.is_ascii_digit()))
}

/// Not empty, text, and, where it is nginx's, without a mistake in its grammar. What its program thinks of it is
/// tested by the program.
fn is_sound(file: &Path, bytes: &[u8]) -> bool {
    let of_nginx = file.components().any(|part| part.as_os_str() == "nginx");
    let text = !bytes.trim_ascii().is_empty() && !bytes.contains(&0);
    text && (!of_nginx || parse(file, bytes).1.is_empty())
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_of_backups() {
        for suffix in [
            "~",
            ".bak",
            ".bak2",
            ".2025-11-22",
            ".~1~",
            "-20251122",
            ".bak.20251122",
            ".dpkg-dist",
            ".old",
        ] {
            assert!(super::is_backup(suffix), "{suffix}");
        }
        for suffix in ["", ".conf", ".d", ".swp", ".disabled", "-ssl"] {
            assert!(!super::is_backup(suffix), "{suffix}");
        }
    }
}
