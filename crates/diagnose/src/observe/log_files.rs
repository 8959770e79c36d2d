//! A log back to a moment: the end of the file nginx writes to and, where that begins later, the files rotated away.

use super::{LOG_BYTES, window};
use host::{Host, Look, Looks, Timestamp, Unseen, query::Part};
use logscan::gzip;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Rotated files read of one log at most.
const MOST: usize = 4;
/// A gzip file that holds more is not inflated, bytes: a quarter of a second of work.
const INFLATED: u64 = 64 << 20;

/// What was read of one log.
#[derive(Default)]
pub(crate) struct Log {
    /// The young parts of its files, oldest first.
    pub pieces: Vec<Piece>,
    /// The moment before which lines are missing that are young enough, and why.
    pub gap: Option<(Timestamp, Unseen)>,
    /// Time of the first line read.
    first: Option<Timestamp>,
}

/// The young part of one file.
pub(crate) struct Piece {
    /// The file.
    pub path: PathBuf,
    bytes: Vec<u8>,
    start: usize,
}

impl Piece {
    /// Its lines, from the first that is young enough.
    pub(crate) fn young(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Of these the lines between two moments, both inclusive.
    pub(super) fn between(
        &self,
        (from, until): (Timestamp, Timestamp),
        time_of: impl Fn(&[u8]) -> Option<Timestamp>,
    ) -> &[u8] {
        let rest = window::since(self.young(), from, &time_of);
        let later = window::since(rest, until.after(Duration::from_secs(1)), &time_of);
        rest.get(..rest.len() - later.len()).unwrap_or_default()
    }
}

/// Their young parts behind one another.
pub(super) fn joined(pieces: &[Piece]) -> Vec<u8> {
    pieces.iter().map(Piece::young).collect::<Vec<_>>().concat()
}

/// The end of a file, from the start of a line.
struct Text {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Bytes of the whole file.
    size: u64,
    whole: bool,
}

impl Text {
    /// Its end of so many bytes at most, from the start of a line.
    fn within(mut self, room: usize) -> Self {
        if let Some(over) = self.bytes.len().checked_sub(room).filter(|over| *over > 0) {
            self.bytes.drain(..over);
            self.bytes
                .drain(..self.bytes.len() - after_first_line(&self.bytes).len());
            self.whole = false;
        }
        self
    }
}

/// Reads a log back to `since`, so many bytes of it at most; `None` where there is none. `time_of` is the time of a line, if
/// it has one.
pub(super) fn read(
    host: &dyn Host,
    path: &Path,
    since: Timestamp,
    bytes: u64,
    time_of: impl Fn(&[u8]) -> Option<Timestamp>,
) -> Look<Option<Log>> {
    let Some(live) = plain(host, path, bytes)? else {
        return Ok(None);
    };
    let mut log = Log::default();
    let mut room = bytes.saturating_sub(live.bytes.len() as u64);
    let mut short = log.add(live, since, &time_of);
    if short.is_none() && log.begins_after(since) {
        for (index, file) in rotated(host, path, since).into_iter().enumerate() {
            short = match text(host, file, bytes, if index < MOST { room } else { 0 }) {
                Ok(text) => {
                    room = room.saturating_sub(text.bytes.len() as u64);
                    log.add(text, since, &time_of)
                }
                Err(unseen) => Some(unseen),
            };
            if short.is_some() || !log.begins_after(since) {
                break;
            }
        }
    }
    log.gap = log.first.filter(|at| *at > since).zip(short);
    Ok(Some(log))
}

impl Log {
    /// Time of the first line that was read.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.first
    }

    /// Adds an older file; what of it was not read, if not all of it was.
    fn add(
        &mut self,
        text: Text,
        since: Timestamp,
        time_of: &impl Fn(&[u8]) -> Option<Timestamp>,
    ) -> Option<Unseen> {
        let first = text.bytes.split(|byte| *byte == b'\n').find_map(time_of);
        self.first = first.or(self.first);
        let short = (!text.whole).then(|| Unseen::TooBig {
            what: first.map_or_else(
                || text.path.display().to_string(),
                |at| format!("{} before {at}", text.path.display()),
            ),
            bytes: text.size,
        });
        let start = text.bytes.len() - window::since(&text.bytes, since, time_of).len();
        let piece = Piece {
            path: text.path,
            bytes: text.bytes,
            start,
        };
        self.pieces.insert(0, piece);
        short
    }

    fn begins_after(&self, since: Timestamp) -> bool {
        self.first.is_none_or(|at| at > since)
    }
}

/// The end of a file as it stands.
fn plain(host: &dyn Host, path: &Path, room: u64) -> Look<Option<Text>> {
    let Some(blob) = host.tail(path, room)? else {
        return Ok(None);
    };
    let (mut bytes, size) = (blob.bytes.0, blob.size);
    let whole = size <= bytes.len() as u64;
    if !whole {
        bytes.drain(..bytes.len() - after_first_line(&bytes).len());
    }
    Ok(Some(Text {
        path: path.to_owned(),
        bytes,
        size,
        whole,
    }))
}

/// The end of a rotated file, at most `room` bytes. Asked for are `most`, in every replay the same: what was read before
/// has another length once it is redacted.
fn text(host: &dyn Host, path: PathBuf, most: u64, room: u64) -> Look<Text> {
    let what = path.display().to_string();
    let gone = || Unseen::Unusable {
        what: what.clone(),
        why: "it was rotated away meanwhile".to_owned(),
    };
    if room == 0 {
        let why = "more was logged since then than is read".to_owned();
        return Err(Unseen::Unusable { what, why });
    }
    if path.extension().is_none_or(|it| it != "gz") {
        let text = plain(host, &path, most)?.ok_or_else(gone)?;
        return Ok(text.within(room as usize));
    }
    let blob = host.blob(&path, Part::Head(LOG_BYTES))?.ok_or_else(gone)?;
    let size = blob.size;
    if size > blob.bytes.0.len() as u64 {
        return Err(Unseen::TooBig { what, bytes: size });
    }
    let Some(gzip::Tail { mut bytes, whole }) = gzip::tail(&blob.bytes.0, room as usize, INFLATED) else {
        let why = format!(
            "it is no gzip, damaged, or holds more than {} MiB",
            INFLATED >> 20
        );
        return Err(Unseen::Unusable { what, why });
    };
    if !whole {
        bytes.drain(..bytes.len() - after_first_line(&bytes).len());
    }
    Ok(Text {
        path,
        bytes,
        size,
        whole,
    })
}

/// The files a log was rotated to that were written to since then, youngest first. A directory that may not be listed
/// holds logs that may not be read either, which is said of the log itself.
fn rotated(host: &dyn Host, path: &Path, since: Timestamp) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let names = host.dir(dir).ok().flatten().unwrap_or_default();
    let ours = names
        .iter()
        .filter(|it| is_rotated(name, it))
        .map(|it| dir.join(it));
    let dated = ours.filter_map(|file| Some((host.stat(&file).ok()??.modified, file)));
    let mut young: Vec<(Timestamp, PathBuf)> = dated.filter(|(at, _)| *at >= since).collect();
    young.sort_unstable();
    young.into_iter().rev().map(|(_, file)| file).collect()
}

/// logrotate(8): `error.log.1`, `error.log.2.gz`, with `dateext` `error.log-20261122.gz`.
fn is_rotated(log: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(log) else {
        return false;
    };
    let rest = rest.strip_suffix(".gz").unwrap_or(rest);
    let number = rest.strip_prefix('.').or_else(|| rest.strip_prefix('-'));
    number.is_some_and(|it| {
        it.starts_with(|first: char| first.is_ascii_digit())
            && it
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"-_.".contains(&byte))
    })
}

/// The tail of a file begins within a line, unless it begins in a hole: truncated while it was written, a log has one.
pub(super) fn after_first_line(bytes: &[u8]) -> &[u8] {
    let hole = bytes.iter().take_while(|byte| **byte == 0).count();
    let end = if hole > 0 {
        Some(hole - 1)
    } else {
        bytes.iter().position(|byte| *byte == b'\n')
    };
    end.and_then(|end| bytes.get(end + 1..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_told_by_their_names() {
        for (name, expect) in [
            ("error.log.1", true),
            ("error.log.2.gz", true),
            ("error.log-20261122", true),
            ("error.log-2026-11-22_14.gz", true),
            ("error.log", false),
            ("error.log.gz", false),
            ("error.log.old", false),
            ("error.log.1.xz", false),
            ("shop.error.log.1", false),
            ("error.log-backup", false),
        ] {
            assert_eq!(is_rotated("error.log", name), expect, "{name}");
        }
    }
}
