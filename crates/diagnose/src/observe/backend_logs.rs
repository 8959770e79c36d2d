//! The backends' own log files: where they are, and what they said of late.

use super::{log_files::after_first_line, parallel, stamps};
use crate::{
    World,
    case::Backend,
    topology::{BackendKind, FpmPool},
    world::BackendLine,
};
use host::{Host, Looks, Timestamp, Unseen, looks::Unit};
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};

/// Bytes read of the end of each.
const TAIL: u64 = 256 << 10;
/// Lines kept of each, and characters of each line.
const LINES: usize = 300;
const LONGEST: usize = 2000;
/// Files at most.
const FILES: usize = 24;

/// A log of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Log {
    path: PathBuf,
    kind: BackendKind,
    unit: Option<String>,
}

/// The young lines of every log of these backends, oldest first, and what could not be read.
pub(super) fn read(
    host: &dyn Host,
    world: &World,
    backends: &[&Backend],
    zone: &TimeZone,
    since: Timestamp,
) -> (Vec<BackendLine>, Vec<Unseen>) {
    let mut logs: Vec<Log> = Vec::new();
    let servers = world.units.iter().flatten().flat_map(of_server);
    for log in backends
        .iter()
        .flat_map(|backend| of_backend(host, world, backend))
        .chain(servers)
    {
        if !logs.iter().any(|known| known.path == log.path) && logs.len() < FILES {
            logs.push(log);
        }
    }
    let (mut lines, mut unseen) = (Vec::new(), Vec::new());
    for read in parallel::map(&logs, |log| lines_of(host, log, zone, since)) {
        match read {
            Ok(read) => lines.extend(read),
            Err(why) => unseen.push(why),
        }
    }
    lines.sort_by_key(|line: &BackendLine| line.at);
    (lines, unseen)
}

fn of_backend(host: &dyn Host, world: &World, backend: &Backend) -> Vec<Log> {
    let kind = backend.kind.unwrap_or(BackendKind::Other);
    let unit = backend.unit.as_deref().and_then(|unit| world.unit(unit));
    let mut paths: Vec<PathBuf> = unit.map(redirected).unwrap_or_default();
    paths.extend(
        unit.map(|unit| named_in(unit.exec_start.split(' ')))
            .unwrap_or_default(),
    );
    for process in backend.pids.iter().take(4).filter_map(|pid| world.process(*pid)) {
        paths.extend(named_in(process.argv.iter().map(String::as_str)));
    }
    match kind {
        BackendKind::PhpFpm => paths.extend(of_fpm(host, backend.pool.as_ref())),
        BackendKind::Apache => {
            paths.extend(["/var/log/apache2/error.log", "/var/log/httpd/error_log"].map(PathBuf::from))
        }
        BackendKind::Uwsgi => paths.extend(of_uwsgi(host, backend)),
        _ => {}
    }
    paths.retain(|path| path.is_absolute() && !path.starts_with("/dev") && !path.starts_with("/proc"));
    let unit = backend.unit.clone();
    paths
        .into_iter()
        .map(|path| Log {
            path,
            kind,
            unit: unit.clone(),
        })
        .collect()
}

/// Where packages have a server that applications depend on write its log.
fn of_server(unit: &Unit) -> Vec<Log> {
    const LOGS: &[(&str, &[&str])] = &[
        (
            "redis",
            &["/var/log/redis/redis-server.log", "/var/log/redis/redis.log"],
        ),
        ("mysql", &["/var/log/mysql/error.log", "/var/log/mysqld.log"]),
        (
            "mariadb",
            &["/var/log/mysql/error.log", "/var/log/mariadb/mariadb.log"],
        ),
    ];
    let usual = LOGS
        .iter()
        .find(|(word, _)| unit.name.contains(word))
        .map_or(&[][..], |(_, paths)| *paths);
    let cluster = unit
        .name
        .strip_prefix("postgresql@")
        .and_then(|it| it.strip_suffix(".service"));
    let of_cluster = cluster.map(|it| format!("/var/log/postgresql/postgresql-{it}.log"));
    let paths = usual
        .iter()
        .map(PathBuf::from)
        .chain(of_cluster.map(PathBuf::from));
    let log = |path| Log {
        path,
        kind: BackendKind::Other,
        unit: Some(unit.name.clone()),
    };
    paths.map(log).collect()
}

/// `StandardOutput=file:/x`, `append:/x`, `truncate:/x`.
fn redirected(unit: &Unit) -> Vec<PathBuf> {
    let targets = ["StandardOutput", "StandardError"].map(|key| unit.property(key));
    let file = |target: &str| {
        let (how, path) = target.split_once(':')?;
        matches!(how, "file" | "append" | "truncate").then(|| PathBuf::from(path))
    };
    targets.into_iter().filter_map(file).collect()
}

/// Options of gunicorn, uWSGI and their like that name a log: `--error-logfile X`, `--logto=X`.
fn named_in<'a>(words: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    const OPTIONS: &[&str] = &[
        "--error-logfile",
        "--log-file",
        "--logto",
        "--logto2",
        "--daemonize",
        "--logfile",
    ];
    let words: Vec<&str> = words.collect();
    let value = |(index, word): (usize, &&str)| match word.split_once('=') {
        Some((option, value)) => OPTIONS.contains(&option).then(|| value.to_owned()),
        None => OPTIONS
            .contains(word)
            .then(|| words.get(index + 1).map(|it| (*it).to_owned()))?,
    };
    words
        .iter()
        .enumerate()
        .filter_map(value)
        .map(PathBuf::from)
        .collect()
}

/// `error_log` of the daemon and of the pool, and its slow log.
fn of_fpm(host: &dyn Host, pool: Option<&FpmPool>) -> Vec<PathBuf> {
    let version = pool.and_then(|pool| pool.version.clone());
    let main = version.as_deref().map_or("/etc/php-fpm.conf".to_owned(), |it| {
        format!("/etc/php/{it}/fpm/php-fpm.conf")
    });
    let mut paths = values(host, Path::new(&main), &["error_log"]);
    if paths.is_empty() {
        paths.extend(version.map(|it| PathBuf::from(format!("/var/log/php{it}-fpm.log"))));
    }
    let keys = ["php_admin_value[error_log]", "php_value[error_log]", "slowlog"];
    let settings = pool.map_or(&[][..], |pool| pool.settings.as_slice());
    let of_pool = settings.iter().filter(|(key, ..)| keys.contains(&key.as_str()));
    let expand = |value: &str| {
        value
            .trim_matches('"')
            .replace("$pool", pool.map_or("", |pool| pool.name.as_str()))
    };
    paths.extend(of_pool.map(|(_, value, _)| PathBuf::from(expand(value))));
    paths
}

fn of_uwsgi(host: &dyn Host, backend: &Backend) -> Vec<PathBuf> {
    let Some(claim) = &backend.claim else {
        return Vec::new();
    };
    let mut paths = values(host, &claim.written.file, &["logto", "logto2", "daemonize"]);
    // as Debian's service starts each app
    paths.extend(
        claim
            .written
            .file
            .file_stem()
            .map(|app| Path::new("/var/log/uwsgi/app").join(app).with_extension("log")),
    );
    paths
}

/// Values of `key = value` lines of an ini file.
fn values(host: &dyn Host, file: &Path, keys: &[&str]) -> Vec<PathBuf> {
    let bytes = host.file(file).ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&bytes)
        .lines()
        .filter_map(|line| line.split_once('='))
        .filter(|(key, _)| keys.contains(&key.trim()))
        .map(|(_, value)| PathBuf::from(value.trim().trim_matches('"')))
        .collect()
}

fn lines_of(
    host: &dyn Host,
    log: &Log,
    zone: &TimeZone,
    since: Timestamp,
) -> Result<Vec<BackendLine>, Unseen> {
    let Some(blob) = host.tail(&log.path, TAIL)? else {
        return Ok(Vec::new());
    };
    let bytes = &blob.bytes.0;
    let whole = blob.size <= bytes.len() as u64;
    let text = String::from_utf8_lossy(if whole { bytes } else { after_first_line(bytes) });
    let mut last = None;
    let mut lines: Vec<BackendLine> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            // lines without a time continue the one before
            last = stamps::of_line(line, zone).or(last);
            let text = line.chars().take(LONGEST).collect();
            BackendLine {
                at: last,
                path: log.path.clone(),
                kind: log.kind,
                unit: log.unit.clone(),
                text,
            }
        })
        .filter(|line| line.at.map_or(blob.modified >= since, |at| at >= since))
        .collect();
    lines.drain(..lines.len().saturating_sub(LINES));
    Ok(lines)
}
