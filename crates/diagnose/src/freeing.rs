//! What would make room on a full file system: deleted files that somebody holds open, and what may go. Facts only.

use crate::{
    Case, Evidence, Rank, Source,
    evidence::quote,
    limits::{FileSystem, size},
    words::program,
};
use host::answer::DeletedFile;

/// What may go that is named.
const NAMED: usize = 4;
/// Deleted files named, the largest.
const HELD: usize = 3;

/// The largest deleted files of this file system, and who holds them.
pub fn held(case: &Case, on: &FileSystem) -> Vec<Evidence> {
    deleted_on(case, on)
        .take(HELD)
        .map(|it| is_held(case, it))
        .collect()
}

/// How to make room, as far as that is known to be safe.
pub fn advice(case: &Case, on: &FileSystem) -> String {
    format!("{}; {}", closing(case, on), safe(case, on))
}

fn safe(case: &Case, on: &FileSystem) -> String {
    let limits = &case.world.limits;
    let spare: Vec<String> = limits
        .spare
        .iter()
        .filter(|it| limits.under(&it.path) == Some(on))
        .take(NAMED)
        .map(|it| format!("{} ({})", it.command, size(it.size)))
        .collect();
    match spare.as_slice() {
        [] => {
            "nothing on it is known to be safe to remove: grow it, or move something of yours away".to_owned()
        }
        some => format!("safe to free: {}", some.join("; ")),
    }
}

/// Deleted files of this file system that are still open, largest first.
fn deleted_on<'a>(case: &'a Case, on: &'a FileSystem) -> impl Iterator<Item = &'a DeletedFile> {
    let limits = &case.world.limits;
    limits
        .deleted
        .iter()
        .filter(|it| limits.under(&it.path) == Some(on))
}

/// Room that comes back only when its holder closes the file.
fn is_held(case: &Case, it: &DeletedFile) -> Evidence {
    let says = format!(
        "{} holds {} of the deleted {} open",
        holder(case, it),
        size(it.bytes),
        it.path.display()
    );
    let source = Source::command(format!("ls -l /proc/{}/fd | grep deleted", it.pid));
    Evidence::supports(Rank::Hint, says, source)
}

/// `export of export.service (process 812)`
fn holder(case: &Case, it: &DeletedFile) -> String {
    let process = case.world.process(it.pid);
    process.map_or_else(|| format!("process {}", it.pid), program)
}

/// How the room of deleted files comes back.
fn closing(case: &Case, on: &FileSystem) -> String {
    match deleted_on(case, on).next() {
        Some(it) => {
            let unit = case
                .world
                .process(it.pid)
                .and_then(|process| process.unit.as_deref());
            let whom = unit.map_or_else(|| format!("process {}", it.pid), str::to_owned);
            format!(
                "{} of it come back once {whom} closes the deleted {} (it does when it is restarted)",
                size(it.bytes),
                it.path.display()
            )
        }
        None => format!(
            "deleted files that are still open: lsof +L1 {}",
            quote(&on.mount.point.to_string_lossy())
        ),
    }
}
