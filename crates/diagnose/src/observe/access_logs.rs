//! nginx's access logs: what clients got.

use super::{
    LOG_BYTES, clock,
    error_logs::{as_nginx_sees, as_written},
    kept::Kept,
    log_files::{self, Log, Piece},
    parallel,
};
use crate::{World, world::AccessLog};
use host::{Host, Look, Timestamp, Unseen};
use logscan::access::{AccessLine, Format, may_be_failure};
use std::path::{Path, PathBuf};

/// Logs read at most.
const MOST: usize = 64;

/// A request that was answered.
#[derive(Clone, Debug)]
pub(super) struct Served {
    /// When its answer was sent.
    pub at: Timestamp,
    /// The nginx instance.
    pub nginx: usize,
    /// The request.
    pub line: AccessLine,
    /// The line as it stands; kept of failures.
    pub sample: String,
    /// Where.
    pub log: PathBuf,
    /// The sites that write to this log.
    pub sites: Vec<String>,
    /// We made it ourselves, in an earlier run.
    pub own: bool,
}

/// The young part of one access log, with what was rotated away.
pub(super) struct Raw<'a> {
    nginx: usize,
    log: &'a AccessLog,
    format: Format,
    /// Files, oldest first.
    pieces: Vec<Piece>,
}

/// What the access logs hold, still as bytes: a healthy host needs no more than a scan for failures.
#[derive(Default)]
pub(super) struct AccessLogs<'a> {
    raw: Vec<Raw<'a>>,
    /// What could not be read.
    pub unseen: Vec<Unseen>,
}

impl<'a> AccessLogs<'a> {
    /// Reads them all.
    pub(super) fn read(host: &dyn Host, world: &'a World) -> Self {
        let logs: Vec<(usize, &AccessLog)> = world
            .nginx
            .iter()
            .enumerate()
            .flat_map(|(index, nginx)| nginx.access_logs.iter().map(move |log| (index, log)))
            .take(MOST)
            .collect();
        let mut all = Self::default();
        for read in parallel::map(&logs, |(nginx, log)| read_one(host, world, *nginx, log)) {
            match read {
                Ok((raw, gap)) => {
                    all.raw.extend(raw);
                    all.unseen.extend(gap);
                }
                Err(unseen) => all.unseen.push(unseen),
            }
        }
        all
    }

    /// Failed requests only.
    pub(super) fn failed(&self) -> Vec<Served> {
        self.lines(may_be_failure, |line| is_failure(line.status))
    }

    /// Every request.
    pub(super) fn all(&self) -> Vec<Served> {
        self.lines(|_| true, |_| true)
    }

    /// All that was read of each.
    pub(super) fn texts(&self, world: &World) -> impl Iterator<Item = Kept> {
        self.raw.iter().map(|raw| Kept {
            log: Some(raw.log.clone()),
            trusted: world.nginx[raw.nginx].trusted(),
            path: raw.log.path.clone(),
            text: log_files::joined(&raw.pieces),
        })
    }

    fn lines(&self, worth: fn(&[u8]) -> bool, keep: fn(&AccessLine) -> bool) -> Vec<Served> {
        let parts = parallel::map(&self.raw, |raw| {
            let of_piece = |piece: &Piece| {
                let log = as_written(&raw.log.path, &piece.path);
                let lines = piece
                    .young()
                    .split(|byte| *byte == b'\n')
                    .filter(|line| worth(line));
                lines
                    .filter_map(|line| raw.served(line, &log, keep))
                    .collect::<Vec<_>>()
            };
            raw.pieces.iter().flat_map(of_piece).collect::<Vec<_>>()
        });
        let mut all: Vec<Served> = parts.into_iter().flatten().collect();
        all.sort_by_key(|it| it.at);
        all
    }
}

impl Raw<'_> {
    fn served(&self, bytes: &[u8], log: &Path, keep: fn(&AccessLine) -> bool) -> Option<Served> {
        let line = self.format.parse(bytes).filter(keep)?;
        let failed = is_failure(line.status);
        Some(Served {
            at: clock::utc(line.at?),
            nginx: self.nginx,
            line,
            sample: if failed {
                String::from_utf8_lossy(bytes).into_owned()
            } else {
                String::new()
            },
            log: log.to_owned(),
            sites: self.log.sites.clone(),
            own: is_own_line(bytes),
        })
    }
}

/// A log back to that moment, so many bytes of it at most, and how its lines are written.
pub(crate) fn read_since(
    host: &dyn Host,
    world: &World,
    (nginx, log): (usize, &AccessLog),
    since: Timestamp,
    bytes: u64,
) -> Look<Option<(Format, Log)>> {
    let format = format_of(log);
    let time_of = |line: &[u8]| Some(clock::utc(format.parse(line)?.at?));
    let path = as_nginx_sees(world, nginx, &log.path);
    let read = log_files::read(host, &path, since, bytes, time_of)?;
    Ok(read.map(|read| (format, read)))
}

fn read_one<'a>(
    host: &dyn Host,
    world: &World,
    nginx: usize,
    log: &'a AccessLog,
) -> Look<(Option<Raw<'a>>, Option<Unseen>)> {
    if !is_file(&log.path) {
        return Err(not_a_file(&log.path));
    }
    let Some((format, read)) = read_since(host, world, (nginx, log), world.since, LOG_BYTES)? else {
        return Ok((None, None));
    };
    let pieces = read.pieces;
    let raw = Raw {
        nginx,
        log,
        format,
        pieces,
    };
    Ok((Some(raw), read.gap.map(|(_, unseen)| unseen)))
}

/// It is written on this host.
pub(super) fn is_file(path: &Path) -> bool {
    path.is_absolute() && !path.starts_with("/dev")
}

/// How its lines are written.
pub(super) fn format_of(log: &AccessLog) -> Format {
    let format = log.format.as_deref();
    format.map_or_else(Format::combined, Format::compile)
}

fn not_a_file(path: &Path) -> Unseen {
    Unseen::Unusable {
        what: format!("nginx's access log at {}", path.display()),
        why: "it is not a file on this host".to_owned(),
    }
}

/// The client got an error that a server made, nothing readable (nginx logs an HTTP/0.9 answer as `009`), or gave up.
pub(super) fn is_failure(status: Option<u16>) -> bool {
    status.is_some_and(|status| status >= 500 || status == 499 || status < 100)
}

/// Our own requests of earlier runs, told by their user agent (a client's quotes are escaped in a log).
fn is_own_line(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"\"why502").is_some()
}

/// The same by the agent alone.
pub(super) fn is_own(agent: &[u8]) -> bool {
    agent.starts_with(b"why502")
}
