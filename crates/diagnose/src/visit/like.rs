//! A visitor's report, found again in the logs of the server: `why502 check` puts its id into the User-Agent of every
//! request, so the access log tells these very requests, and they tell what to look for in the error log.

use super::operator::Line;
use crate::{
    World,
    observe::{LOG_BYTES, access_logs, error_logs, log_files::Log},
    world::Nginx,
};
use host::{Host, Look, Looks, Unseen};
use std::{path::PathBuf, time::Duration};

/// Read of a log on a busy host, bytes.
const MUCH: u64 = 64 << 20;
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

/// Looks for a report, in the logs and in those they were rotated to since.
pub fn find(host: &dyn Host, world: &World, report: &Line) -> Like {
    let mut like = Like::default();
    let since = report.at.before(SKEW);
    let mark = format!("(check {})", report.id);
    for (nginx, log) in all(world, |it| &it.access_logs) {
        let read = whole(|bytes| {
            let read = access_logs::read_since(host, world, (nginx, log), since, bytes)?;
            Ok(read.map(|(_, read)| read))
        });
        let found = like.lines(read, |line| line.contains(&mark));
        like.requests.extend(found);
    }
    like.requests.truncate(MOST);
    let clients = clients(&like.requests);
    let window = window(host, report);
    let zone = host.time_zone().unwrap_or(jiff::tz::TimeZone::UTC);
    let target = report.place().map(|place| place.target).unwrap_or_default();
    // what stands behind it may be a secret, which the report does not tell
    let path = format!(" {}", target.split('?').next().unwrap_or_default());
    for (nginx, log) in all(world, |it| &it.error_logs) {
        let read =
            whole(|bytes| error_logs::read_since(host, world, (nginx, log.as_path()), (since, bytes), &zone));
        let found = like.lines(read, |line| {
            let within = line
                .get(..19)
                .is_some_and(|at| *window.0 <= *at && *at <= *window.1);
            within && is_of(line, &path) && clients.iter().any(|client| line.contains(client))
        });
        like.complaints.extend(found);
    }
    like.complaints.truncate(MOST);
    like
}

/// As much as a diagnosis reads, which a recording holds; where more was logged since, as much as fits into memory.
fn whole(read: impl Fn(u64) -> Look<Option<Log>>) -> Look<Option<Log>> {
    let usual = read(LOG_BYTES)?;
    match &usual {
        Some(log) if log.gap.is_some() => Ok(read(MUCH).unwrap_or(usual)),
        _ => Ok(usual),
    }
}

/// Every log of every nginx, each once.
fn all<T: PartialEq>(world: &World, of: impl Fn(&Nginx) -> &Vec<T>) -> Vec<(usize, &T)> {
    let mut found: Vec<(usize, &T)> = Vec::new();
    for (nginx, instance) in world.nginx.iter().enumerate() {
        for log in of(instance) {
            if !found.iter().any(|(_, known)| *known == log) {
                found.push((nginx, log));
            }
        }
    }
    found
}

/// The line is of a request for that path, whatever stands behind it.
fn is_of(line: &str, path: &str) -> bool {
    let mut places = line.match_indices(path);
    places.any(|(at, _)| line[at + path.len()..].starts_with([' ', '?']))
}

impl Like {
    fn lines(&mut self, read: Look<Option<Log>>, wanted: impl Fn(&str) -> bool) -> Vec<LogLine> {
        let log = match read {
            Ok(Some(log)) => log,
            Ok(None) => return Vec::new(),
            Err(unseen) => {
                self.unseen.push(unseen);
                return Vec::new();
            }
        };
        self.unseen.extend(log.gap.map(|(_, unseen)| unseen));
        let mut found = Vec::new();
        for piece in &log.pieces {
            self.read.push(piece.path.clone());
            let text = String::from_utf8_lossy(piece.young());
            let lines = text.lines().filter(|line| wanted(line));
            found.extend(lines.take(MOST).map(|line| LogLine {
                log: piece.path.clone(),
                text: line.to_owned(),
            }));
        }
        found
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
