//! A visitor's report, found again in the logs of the server: `why502 check` puts its id into the User-Agent of every
//! request, so the access log tells these very requests, and they tell what to look for in the error log.

use super::operator::Line;
use crate::World;
use host::{Host, Looks, Unseen};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Read of the end of each log, bytes.
const TAIL: u64 = 16 << 20;
/// Lines told of each kind.
const MOST: usize = 20;
/// How long after its beginning a check may still ask.
const LASTS: Duration = Duration::from_secs(300);
/// How far two clocks may be apart.
const SKEW: Duration = Duration::from_secs(120);

/// What the logs hold of a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Like {
    /// Requests of the check, as the access logs have them. Hostile.
    pub requests: Vec<LogLine>,
    /// Complaints about requests for that page by that client, while the check ran. Hostile.
    pub complaints: Vec<LogLine>,
    /// Logs that were read.
    pub read: Vec<PathBuf>,
    /// Those that were not.
    pub unseen: Vec<Unseen>,
}

/// A line and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The file.
    pub log: PathBuf,
    /// The line.
    pub text: String,
}

/// Looks for a report.
pub fn find(host: &dyn Host, world: &World, report: &Line) -> Like {
    let mut like = Like::default();
    let mark = format!("(check {})", report.id);
    let access = world
        .nginx
        .iter()
        .flat_map(|nginx| nginx.access_logs.iter().map(|log| log.path.clone()));
    for path in with_last(access) {
        let lines = lines(host, &path, &mut like, |line| line.contains(&mark));
        like.requests.extend(lines);
    }
    like.requests.truncate(MOST);
    let clients = clients(&like.requests);
    let window = window(host, report);
    let target = report
        .place()
        .map(|place| format!("{} HTTP/", place.target))
        .unwrap_or_default();
    let errors = world.nginx.iter().flat_map(|nginx| nginx.error_logs.clone());
    for path in with_last(errors) {
        let lines = lines(host, &path, &mut like, |line| {
            let within = line
                .get(..19)
                .is_some_and(|at| *window.0 <= *at && *at <= *window.1);
            within && line.contains(&target) && clients.iter().any(|client| line.contains(client))
        });
        like.complaints.extend(lines);
    }
    like.complaints.truncate(MOST);
    like
}

/// Each log, and the file it was last rotated to.
fn with_last(logs: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    for path in logs {
        let last = PathBuf::from(format!("{}.1", path.display()));
        for path in [path, last] {
            if !all.contains(&path) {
                all.push(path);
            }
        }
    }
    all
}

fn lines(host: &dyn Host, path: &Path, like: &mut Like, wanted: impl Fn(&str) -> bool) -> Vec<LogLine> {
    match host.tail(path, TAIL) {
        Ok(Some(blob)) => {
            like.read.push(path.to_owned());
            let text = String::from_utf8_lossy(&blob.bytes.0);
            let found = text.lines().filter(|line| wanted(line)).take(MOST);
            found
                .map(|line| LogLine {
                    log: path.to_owned(),
                    text: line.to_owned(),
                })
                .collect()
        }
        Ok(None) => Vec::new(),
        Err(unseen) => {
            like.unseen.push(unseen);
            Vec::new()
        }
    }
}

/// As the error log writes them: `client: 192.0.2.7,`. They stand first in the usual formats.
fn clients(requests: &[LogLine]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for line in requests {
        let addresses = line
            .text
            .split(|c: char| c.is_whitespace() || "\"[],".contains(c));
        let first = addresses
            .filter_map(|word| word.parse::<std::net::IpAddr>().ok())
            .next();
        let mark = first.map(|ip| format!("client: {ip},"));
        found.extend(mark.filter(|mark| !found.contains(mark)));
    }
    found
}

/// While the check ran, as the error log writes times, in the host's zone: such texts are in order as times are.
fn window(host: &dyn Host, report: &Line) -> (String, String) {
    let zone = host.time_zone().unwrap_or(jiff::tz::TimeZone::UTC);
    let written = |at: host::Timestamp| {
        let at = jiff::Timestamp::from_second(at.secs()).unwrap_or_default();
        at.to_zoned(zone.clone())
            .strftime("%Y/%m/%d %H:%M:%S")
            .to_string()
    };
    (
        written(report.at.before(SKEW)),
        written(report.at.after(LASTS + SKEW)),
    )
}
