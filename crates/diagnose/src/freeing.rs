//! What would make room on a full file system: deleted files that somebody holds open, and what may go.

use crate::{
    Case, Evidence, Measure, Rank, Remedy, Source,
    evidence::quote,
    limits::{FileSystem, Spare, size},
    service, space,
    words::program,
};
use host::answer::DeletedFile;

/// What may go that is named.
const NAMED: usize = 4;
/// Room with which a server goes on for some time, bytes: InnoDB's logs, a few uploads.
const ENOUGH: u64 = 256 << 20;
/// Room for a server's next write, bytes: with less another repair would be due at once.
const WORTH: u64 = 2 << 20;
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
        .map(|it| format!("{} ({})", it.command(), size(it.size)))
        .collect();
    match spare.as_slice() {
        [] => {
            "nothing on it is known to be safe to remove: grow it, or move something of yours away".to_owned()
        }
        some => format!("safe to free: {}", some.join("; ")),
    }
}

/// What gives enough room back on it, none of it a person's: caches before the journal, and no more than it takes.
/// Nothing where all of it together is too little for a server's next write.
fn reclaim(case: &Case, on: &FileSystem) -> Vec<Spare> {
    let limits = &case.world.limits;
    let own = limits.spare.iter().filter(|it| it.of.is_some());
    let mut all: Vec<Spare> = own
        .filter(|it| limits.under(&it.path) == Some(on))
        .cloned()
        .collect();
    all.sort_by_key(|it| it.of);
    let mut freed = on.space.bytes_available;
    all.retain(|it| {
        let wanted = freed < ENOUGH;
        freed = freed.saturating_add(it.size);
        wanted
    });
    if freed < WORTH { Vec::new() } else { all }
}

/// Asks those who took room on it to give it back, then starts what died for want of it.
pub fn make_room(case: &Case, on: &FileSystem) -> Option<Remedy> {
    let room: Vec<Measure> = reclaim(case, on)
        .into_iter()
        .filter_map(|it| it.of.map(|of| Measure::Reclaim { of }))
        .collect();
    let died = space::to_start(case);
    let starts: Option<Vec<_>> = died.iter().map(|unit| service::start(case, unit)).collect();
    let names: Vec<&str> = died.iter().map(|unit| unit.name.as_str()).collect();
    let then = if names.is_empty() {
        String::new()
    } else {
        format!(", then start {}", names.join(" and "))
    };
    let title = format!("make room on {}{then}", on.mount.point.display());
    let measures = [room.clone(), starts?.concat()].concat();
    (!room.is_empty()).then(|| Remedy::ask(title, measures).relief())
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
