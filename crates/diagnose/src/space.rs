//! Writes that found no room: who complained, on which file system, and whether bytes or inodes are gone. Facts only.

use crate::{
    Case, Evidence, Rank, Source, Symptom,
    dependencies::DependencySight,
    limits::{FileSystem, units},
    needs, service,
    words::{nginx_said, said},
};
use host::{consult::Service, looks::Unit};
use logscan::Trouble;
use std::path::{Path, PathBuf};

/// What programs say of it (lower case).
pub const WORDS: &[&str] = &[
    "no space left on device",
    "enospc",
    "disk full",
    "disk is full",
    "' is full",
    "errcode: 28",
    "failed with error 28",
    "write error saving db on disk",
    "could not extend file",
];
/// The same errno for want of something else: watches, semaphores.
const OTHERWISE: &[&str] = &[
    "file watchers",
    "inotify",
    "semaphore",
    "mutex",
    "semget",
    "shmget",
];

/// Where servers keep their data unless told otherwise, and told so in their working directory.
const DATA: &[(Service, &str)] = &[
    (Service::Mysql, "/var/lib/mysql"),
    (Service::Postgres, "/var/lib/postgresql"),
    (Service::Redis, "/var/lib/redis"),
    (Service::Amqp, "/var/lib/rabbitmq"),
    (Service::Elasticsearch, "/var/lib/elasticsearch"),
];

/// A complaint that something could not be written.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The words.
    pub evidence: Evidence,
    /// What was to be written, or the directory it would be in.
    pub path: Option<PathBuf>,
    /// What it complains of lasts after there is room again: Redis takes no writes until a snapshot succeeds.
    pub outlasts: bool,
}

impl Refusal {
    /// What it says where there is room by now, on that file system if it is known.
    pub fn before_room(&self, on: Option<&FileSystem>) -> Evidence {
        let mut told = self.evidence.clone();
        if self.outlasts && on.is_some() {
            told.rank = Rank::Hint;
        }
        told
    }
}

/// A program says that a write found no room.
pub fn is_refusal(text: &str) -> bool {
    let text = text.to_lowercase();
    WORDS.iter().any(|word| text.contains(word)) && !OTHERWISE.iter().any(|word| text.contains(word))
}

/// Complaints in the time of the failures: of nginx, of the application, and of what it depends on.
pub fn refusals(case: &Case) -> Vec<Refusal> {
    let own = case.symptoms.iter().filter_map(of_nginx);
    let told = needs::complaint(case, WORDS)
        .filter(|it| is_refusal(&it.says))
        .map(|mut evidence| {
            evidence.rank = Rank::Strong;
            Refusal {
                path: named_path(&evidence.says),
                evidence,
                outlasts: false,
            }
        });
    let needed = case
        .dependencies
        .iter()
        .filter_map(|sight| of_server(case, sight));
    own.chain(told).chain(needed).chain(of_units(case)).collect()
}

fn of_nginx(symptom: &Symptom) -> Option<Refusal> {
    let Trouble::TempFile { errno: 28, path } = symptom.trouble()? else {
        return None;
    };
    let says = nginx_said(symptom);
    Some(Refusal {
        evidence: Evidence::supports(
            Rank::Strong,
            says,
            Source::log(&symptom.log, "No space left on device"),
        ),
        path: Some(path.clone()),
        outlasts: false,
    })
}

/// A server that the application depends on said so.
fn of_server(case: &Case, sight: &DependencySight) -> Option<Refusal> {
    let is_past = sight.answers() == Some(true) && needs::gave_up(case);
    let unit = sight.unit.as_ref().filter(|_| needs::is_felt(case) && !is_past)?;
    let mut refusal = of_unit(case, unit)?;
    refusal.path = data_dir(case, sight).or(refusal.path);
    refusal.outlasts = sight.dependency.service == Service::Redis && sight.answers() == Some(true);
    Some(refusal)
}

/// A backend that is down for it said so at its last start or before its end.
fn of_units(case: &Case) -> Option<Refusal> {
    case.units()
        .into_iter()
        .filter(|unit| !unit.is_up())
        .find_map(|unit| of_unit(case, unit))
}

fn of_unit(case: &Case, unit: &Unit) -> Option<Refusal> {
    let all: Vec<&Symptom> = case.symptoms.iter().collect();
    let ended = service::last_run(unit)
        .filter(|_| !unit.is_up())
        .map(|(began, time)| began.after(time));
    let near = |at| service::among(&all, at) || ended.is_some_and(|end| end.distance(at) <= service::SHORT);
    let lines = case.world.said_by(&unit.name);
    let line = lines
        .iter()
        .rfind(|line| is_refusal(line.text) && line.at.is_none_or(near))?;
    Some(Refusal {
        evidence: Evidence::supports(
            Rank::Strong,
            format!("{}: {}", unit.name, said(line)),
            line.source.clone(),
        ),
        path: named_path(line.text),
        outlasts: false,
    })
}

/// An absolute path in the words: `open(/var/lib/php/sessions/sess_1, O_RDWR) failed`.
fn named_path(text: &str) -> Option<PathBuf> {
    let before = text.to_lowercase().find("no space left").unwrap_or(text.len());
    let text = text.get(..before)?;
    let words = text.split(|c: char| c.is_whitespace() || "()\"'`,;:[]".contains(c));
    let mut paths = words.filter(|word| word.starts_with('/') && word.len() > 4);
    paths.next_back().map(PathBuf::from)
}

/// Where a server keeps its data: the working directory of its process, else where packages put it.
pub fn data_dir(case: &Case, sight: &DependencySight) -> Option<PathBuf> {
    let main = sight
        .unit
        .as_ref()?
        .main_pid
        .and_then(|pid| case.world.process(pid));
    let cwd = main
        .and_then(|main| main.cwd.clone())
        .filter(|dir| dir != Path::new("/"));
    let usual = || {
        DATA.iter()
            .find(|(service, _)| *service == sight.dependency.service)
    };
    cwd.or_else(|| usual().map(|(_, dir)| PathBuf::from(dir)))
}

/// Servers that fail the application, each with where it keeps its data.
pub fn failing_servers(case: &Case) -> Vec<(&DependencySight, PathBuf)> {
    let felt = needs::is_felt(case);
    let failed = |sight: &&DependencySight| {
        let saved = |key| sight.told().and_then(|told| told.value("INFO", key)) == Some("err");
        felt && (sight.answers() == Some(false)
            || saved("rdb_last_bgsave_status")
            || saved("aof_last_write_status"))
    };
    let failing = case.dependencies.iter().filter(failed);
    failing
        .filter_map(|sight| Some((sight, data_dir(case, sight)?)))
        .collect()
}

/// The file systems that lack something: those the complaints and the failing servers write to; else all of them, where
/// somebody complained.
pub fn lacking<'a>(
    case: &'a Case,
    refusals: &[Refusal],
    lacks: impl Fn(&FileSystem) -> bool,
) -> Vec<(&'a FileSystem, bool)> {
    let limits = &case.world.limits;
    let named = refusals.iter().filter_map(|it| it.path.clone());
    let data = failing_servers(case).into_iter().map(|(_, dir)| dir);
    let mut found: Vec<(&FileSystem, bool)> = Vec::new();
    for path in named.chain(data) {
        let on = limits.under(&path).filter(|it| lacks(it));
        if let Some(on) = on.filter(|on| !found.iter().any(|(known, _)| known == on)) {
            found.push((on, true));
        }
    }
    if found.is_empty() && !refusals.is_empty() {
        let any = limits.filesystems.iter().filter(|it| lacks(it));
        found.extend(any.map(|it| (it, false)));
    }
    found
}

/// What a person starts once there is room.
pub fn to_start(case: &Case) -> Vec<&Unit> {
    units(case).into_iter().filter(|unit| !unit.is_up()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_paths() {
        for (text, refused, path) in [
            (
                "open(/mnt/s/sess_36, O_RDWR) failed: No space left on device (28) in /w/s.php",
                true,
                Some("/mnt/s/sess_36"),
            ),
            (
                "InnoDB: preallocating 1048576 bytes for file ./app/big.ibd failed with error 28",
                true,
                None,
            ),
            ("The table 'big' is full", true, None),
            (
                "ENOSPC: System limit for number of file watchers reached",
                false,
                None,
            ),
            (
                "(28)No space left on device: AH00023: Couldn't create the proxy mutex",
                false,
                None,
            ),
            ("the shelf is full", false, None),
        ] {
            assert_eq!(is_refusal(text), refused, "{text}");
            if refused {
                assert_eq!(named_path(text).as_deref(), path.map(Path::new), "{text}");
            }
        }
    }
}
