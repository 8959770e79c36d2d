//! nginx's error logs: every complaint young enough, with its time and where it stands.

use super::{
    LOG_BYTES, clock,
    log_files::{self, Log, after_first_line},
    parallel,
    stance::foreign_root,
};
use crate::World;
use host::{Host, Look, Looks, Timestamp, Unseen};
use jiff::tz::TimeZone;
use logscan::{ErrorLine, Trouble, error_log};
use std::path::{Path, PathBuf};

/// Complaints kept of one log: the last ones.
const MOST: usize = 100_000;
/// Bytes of a log's end that hold what was written while we looked.
const FRESH: u64 = 64 << 10;
/// Characters kept of an entry as a sample.
const SAMPLE: usize = 4096;

/// A complaint that may stand behind a failure.
pub(super) struct Complained {
    /// When.
    pub at: Timestamp,
    /// The nginx instance.
    pub nginx: usize,
    /// What.
    pub line: ErrorLine,
    /// The entry as it stands.
    pub sample: String,
    /// Where.
    pub log: PathBuf,
}

/// The error logs of all instances.
#[derive(Default)]
pub(super) struct ErrorLogs {
    /// Oldest first.
    pub complaints: Vec<Complained>,
    /// What could not be read.
    pub unseen: Vec<Unseen>,
    /// From when on each instance's complaints are known; `None` where they are not.
    pub reach: Vec<Option<Timestamp>>,
}

/// Reads them all.
pub(super) fn read(host: &dyn Host, world: &World, zone: &TimeZone) -> ErrorLogs {
    // an instance without a log file may log to stderr
    let logs: Vec<(usize, PathBuf)> = world
        .nginx
        .iter()
        .enumerate()
        .flat_map(|(index, nginx)| {
            let none = nginx.error_logs.is_empty().then(|| PathBuf::from("stderr"));
            nginx
                .error_logs
                .iter()
                .cloned()
                .chain(none)
                .map(move |path| (index, path))
        })
        .collect();
    let read = parallel::map(&logs, |(nginx, path)| read_one(host, world, (*nginx, path), zone));
    let mut all = ErrorLogs {
        reach: vec![None; world.nginx.len()],
        ..ErrorLogs::default()
    };
    for ((nginx, _), (reach, complaints, unseen)) in logs.iter().zip(read) {
        all.reach[*nginx] = all.reach[*nginx].max(reach);
        all.complaints.extend(complaints);
        all.unseen.extend(unseen);
    }
    all.complaints.sort_by_key(|it| it.at);
    all
}

type Read = (Option<Timestamp>, Vec<Complained>, Option<Unseen>);

/// A log back to that moment, so many bytes of it at most.
pub(crate) fn read_since(
    host: &dyn Host,
    world: &World,
    (nginx, path): (usize, &Path),
    (since, bytes): (Timestamp, u64),
    zone: &TimeZone,
) -> Look<Option<Log>> {
    let time_of = |line: &[u8]| Some(clock::moment(error_log::parse(line)?.at?, zone));
    let path = as_nginx_sees(world, nginx, path);
    log_files::read(host, &path, since, bytes, time_of)
}

/// The text of one, where it is a file.
pub(super) fn text(
    host: &dyn Host,
    world: &World,
    (nginx, path): (usize, &Path),
    zone: &TimeZone,
) -> Look<Option<Vec<u8>>> {
    if !path.is_absolute() || path.starts_with("/dev") {
        return Ok(None);
    }
    let log = read_since(host, world, (nginx, path), (world.since, LOG_BYTES), zone)?;
    Ok(log.map(|log| log_files::joined(&log.pieces)))
}

fn read_one(host: &dyn Host, world: &World, (nginx, path): (usize, &Path), zone: &TimeZone) -> Read {
    if !path.is_absolute() || path.starts_with("/dev") {
        return from_journal(host, world, (nginx, path), zone);
    }
    match read_since(host, world, (nginx, path), (world.since, LOG_BYTES), zone) {
        Ok(Some(log)) => {
            let found = log.pieces.iter().flat_map(|piece| {
                let file = as_written(path, &piece.path);
                complaints(piece.young(), nginx, &file, zone)
            });
            let found = found.collect();
            let (reach, unseen) = log.gap.unzip();
            (Some(reach.unwrap_or(world.since)), found, unseen)
        }
        // nginx makes its logs at start, so none means that nothing is logged there
        Ok(None) => (None, Vec::new(), None),
        Err(unseen) => (None, Vec::new(), Some(unseen)),
    }
}

/// What an instance complained of since the world was seen: our own requests among it.
pub(super) fn fresh(host: &dyn Host, world: &World, nginx: usize, zone: &TimeZone) -> Vec<Complained> {
    let paths = world
        .nginx
        .get(nginx)
        .map_or(&[][..], |nginx| nginx.error_logs.as_slice());
    let read = |path: &PathBuf| {
        let blob = host.tail(&as_nginx_sees(world, nginx, path), FRESH).ok()??;
        Some(complaints(
            after_first_line(&[b"\n", &blob.bytes.0[..]].concat()),
            nginx,
            path,
            zone,
        ))
    };
    let mut fresh: Vec<Complained> = paths.iter().filter_map(read).flatten().collect();
    fresh.retain(|it| it.at.secs() >= world.now.secs());
    fresh
}

/// A log of an nginx with a file system of its own.
pub(super) fn as_nginx_sees(world: &World, nginx: usize, path: &Path) -> PathBuf {
    match foreign_root(world, nginx) {
        Some(pid) => Path::new("/proc")
            .join(pid.to_string())
            .join("root")
            .join(path.strip_prefix("/").unwrap_or(path)),
        None => path.to_owned(),
    }
}

/// A file beside the log, named as the log is in nginx's config.
pub(super) fn as_written(log: &Path, file: &Path) -> PathBuf {
    file.file_name()
        .map_or_else(|| log.to_owned(), |name| log.with_file_name(name))
}

/// A log to stderr goes to the journal of nginx's unit.
fn from_journal(host: &dyn Host, world: &World, (nginx, path): (usize, &Path), zone: &TimeZone) -> Read {
    let unit = world.nginx.get(nginx).and_then(|nginx| nginx.unit.clone());
    let stderr = path.as_os_str() == "stderr" || path.starts_with("/dev");
    let Some(unit) = unit.filter(|_| stderr) else {
        let what = format!("nginx's error log at {}", path.display());
        let why = "it is not a file on this host".to_owned();
        return (None, Vec::new(), Some(Unseen::Unusable { what, why }));
    };
    match host.journal(&[unit], world.since, 2000) {
        Ok(lines) => {
            let text: Vec<String> = lines.into_iter().map(|line| line.text).collect();
            let complaints = complaints(text.join("\n").as_bytes(), nginx, path, zone);
            (Some(world.since), complaints, None)
        }
        Err(unseen) => (None, Vec::new(), Some(unseen)),
    }
}

fn complaints(bytes: &[u8], nginx: usize, path: &Path, zone: &TimeZone) -> Vec<Complained> {
    let mut found: Vec<Complained> = error_log::entries(bytes)
        .filter_map(|entry| {
            let entry = &bytes[entry];
            let line = error_log::parse(entry).filter(|line| line.complaint.trouble != Trouble::Unrelated)?;
            Some(Complained {
                at: clock::moment(line.at?, zone),
                nginx,
                sample: String::from_utf8_lossy(&entry[..entry.len().min(SAMPLE)]).into_owned(),
                line,
                log: path.to_owned(),
            })
        })
        .collect();
    found.drain(..found.len().saturating_sub(MOST));
    found
}
