//! nginx's access logs: what clients got.

use super::{
    LOG_BYTES, clock,
    error_logs::{after_first_line, as_nginx_sees},
    parallel, window,
};
use crate::{World, world::AccessLog};
use host::{Host, Looks, Timestamp, Unseen};
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

/// The young part of one access log.
pub(super) struct Raw<'a> {
    nginx: usize,
    log: &'a AccessLog,
    format: Format,
    bytes: Vec<u8>,
    start: usize,
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
                Ok(raw) => all.raw.extend(raw),
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

    fn lines(&self, worth: fn(&[u8]) -> bool, keep: fn(&AccessLine) -> bool) -> Vec<Served> {
        let parts = parallel::map(&self.raw, |raw| {
            let lines = raw.bytes[raw.start..].split(|byte| *byte == b'\n');
            let lines = lines.filter(|line| worth(line));
            lines
                .filter_map(|line| raw.served(line, keep))
                .collect::<Vec<_>>()
        });
        let mut all: Vec<Served> = parts.into_iter().flatten().collect();
        all.sort_by_key(|it| it.at);
        all
    }
}

impl Raw<'_> {
    fn served(&self, bytes: &[u8], keep: fn(&AccessLine) -> bool) -> Option<Served> {
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
            log: self.log.path.clone(),
            sites: self.log.sites.clone(),
            own: is_own(bytes),
        })
    }
}

fn read_one<'a>(
    host: &dyn Host,
    world: &World,
    nginx: usize,
    log: &'a AccessLog,
) -> Result<Option<Raw<'a>>, Unseen> {
    if !log.path.is_absolute() || log.path.starts_with("/dev") {
        return Err(not_a_file(&log.path));
    }
    let Some(blob) = host.tail(&as_nginx_sees(world, nginx, &log.path), LOG_BYTES)? else {
        return Ok(None);
    };
    let (bytes, size) = (blob.bytes.0, blob.size);
    let format = log
        .format
        .as_deref()
        .map_or_else(Format::combined, Format::compile);
    let whole = size <= bytes.len() as u64;
    let lines = if whole {
        &bytes[..]
    } else {
        after_first_line(&bytes)
    };
    let young = window::since(lines, world.since, |line| {
        Some(clock::utc(format.parse(line)?.at?))
    });
    let start = bytes.len() - young.len();
    Ok(Some(Raw {
        nginx,
        log,
        format,
        bytes,
        start,
    }))
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
fn is_own(line: &[u8]) -> bool {
    memchr::memmem::find(line, b"\"why502").is_some()
}
