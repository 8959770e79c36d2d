//! Which logs there are: those that nginx's config names, with what was rotated away, or those that the command line names.

use super::files::{LogFile, open};
use diagnose::{World, observe::Kept, world::AccessLog};
use logscan::{
    access::Format,
    scan::{Kind, guess, well_known},
};
use std::{
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Files of one directory at most.
const FILES: usize = 10_000;

/// A log with its files, oldest first.
#[derive(Clone, Debug)]
pub struct Log {
    /// As a person calls it: the path of the file that is written to now.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The site, where all that is logged is of one.
    pub site: String,
    /// Its files.
    pub files: Vec<LogFile>,
}

/// The logs of every nginx of this host with what was rotated away since then, and what could not be read.
pub fn configured(world: &World, since: Option<SystemTime>) -> (Vec<Log>, Vec<String>) {
    let (mut logs, mut trouble) = (Vec::new(), Vec::new());
    for nginx in &world.nginx {
        for log in &nginx.access_logs {
            let (kind, site) = of(log);
            add(&mut logs, &mut trouble, &log.path, kind, site, since);
        }
        for path in &nginx.error_logs {
            add(&mut logs, &mut trouble, path, Kind::Error, String::new(), since);
        }
    }
    (logs, trouble)
}

/// The logs of a recorded host, as far as its looks hold them.
pub fn held(kept: Vec<Kept>) -> Vec<Log> {
    let log = |it: Kept| {
        let (kind, site) = it.log.as_ref().map_or((Kind::Error, String::new()), of);
        Log {
            name: it.path.display().to_string(),
            kind,
            site,
            files: vec![LogFile::held(&it.path, it.text)],
        }
    };
    kept.into_iter().map(log).collect()
}

/// How its lines are written, and the site where all of them are of one.
fn of(log: &AccessLog) -> (Kind, String) {
    let format = log.format.as_deref();
    let format = format.map_or_else(Format::combined, Format::compile);
    let site = match &log.sites[..] {
        [site] => site.clone(),
        _ => String::new(),
    };
    (Kind::Access(Box::new(format)), site)
}

fn add(
    logs: &mut Vec<Log>,
    trouble: &mut Vec<String>,
    path: &Path,
    kind: Kind,
    site: String,
    since: Option<SystemTime>,
) {
    let name = path.display().to_string();
    if !path.is_absolute() || path.starts_with("/dev") || logs.iter().any(|log| log.name == name) {
        return;
    }
    match rotated(path, since) {
        Ok(files) => logs.push(Log {
            name,
            kind,
            site,
            files,
        }),
        Err(error) => trouble.push(format!("{name}: {error}")),
    }
}

/// A log and the files it was rotated to (logrotate: `.1`, `.2.gz`, `-20261122.xz`), oldest first, without those that were
/// last written to before.
#[expect(
    clippy::disallowed_methods,
    reason = "the directory of a log that nginx's config names; see the module"
)]
fn rotated(path: &Path, since: Option<SystemTime>) -> io::Result<Vec<LogFile>> {
    let mut files = vec![LogFile::find(path)?];
    let name = path.file_name().unwrap_or_default();
    let others = path.parent().map(std::fs::read_dir);
    for entry in others.into_iter().flatten().flatten().flatten().take(FILES) {
        if is_rotated(&name.to_string_lossy(), &entry.file_name().to_string_lossy()) {
            // one that is rotated away just now is read under its next name by whoever runs us next
            files.extend(LogFile::find(&entry.path()));
        }
    }
    files.retain(|file| since.is_none_or(|since| file.modified.is_none_or(|at| at >= since)));
    files.sort_by_key(|file| file.modified);
    Ok(files)
}

fn is_rotated(log: &str, name: &str) -> bool {
    let Some(rest) = name.strip_prefix(log) else {
        return false;
    };
    let rest = [".gz", ".zst", ".xz"]
        .iter()
        .find_map(|packed| rest.strip_suffix(packed))
        .unwrap_or(rest);
    let number = rest.strip_prefix(['.', '-']).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_digit() || b"-_.".contains(&byte);
    number.starts_with(|first: char| first.is_ascii_digit()) && number.bytes().all(plain)
}

/// The logs at these paths: files, all files of directories, `-`. `formats` are tried where a log is of no kind that
/// everybody uses, and asked for only then.
pub fn named(
    paths: &[PathBuf],
    given: Option<&Format>,
    formats: impl Fn() -> Vec<Format>,
) -> (Vec<Log>, Vec<String>) {
    let (mut logs, mut trouble) = (Vec::new(), Vec::new());
    for path in paths {
        for file in expanded(path, &mut trouble) {
            let name = file.path.display().to_string();
            match kind(&file, given, &formats) {
                Some(kind) => logs.push(Log {
                    site: String::new(),
                    name,
                    kind,
                    files: vec![file],
                }),
                None if file.size == 0 => {}
                None => trouble.push(format!(
                    "{name}: it is no log of a kind that is known; --log-format says how nginx wrote it"
                )),
            }
        }
    }
    (logs, trouble)
}

fn kind(file: &LogFile, given: Option<&Format>, formats: &impl Fn() -> Vec<Format>) -> Option<Kind> {
    if let Some(format) = given {
        return Some(Kind::Access(Box::new(format.clone())));
    }
    let beginning = file.beginning();
    well_known(&beginning).or_else(|| guess(&beginning, &formats()))
}

#[expect(clippy::disallowed_methods, reason = "a directory named on the command line")]
fn expanded(path: &Path, trouble: &mut Vec<String>) -> Vec<LogFile> {
    let mut found = Vec::new();
    let mut look = |path: &Path| match LogFile::find(path) {
        Ok(file) => found.push(file),
        Err(error) => trouble.push(format!("{}: {error}", path.display())),
    };
    match open(path).and_then(|file| file.metadata()) {
        Ok(about) if about.is_dir() => {
            let entries = std::fs::read_dir(path)
                .into_iter()
                .flatten()
                .flatten()
                .take(FILES);
            let files = entries.filter(|entry| entry.file_type().is_ok_and(|it| it.is_file()));
            files.for_each(|entry| look(&entry.path()));
        }
        _ => look(path),
    }
    found.sort_by(|a, b| (a.modified, &a.path).cmp(&(b.modified, &b.path)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_are_told_by_their_names() {
        for (name, expect) in [
            ("access.log.1", true),
            ("access.log.2.gz", true),
            ("access.log.3.zst", true),
            ("access.log-20261122.xz", true),
            ("access.log", false),
            ("access.log.gz", false),
            ("access.log.old", false),
            ("shop.access.log.1", false),
        ] {
            assert_eq!(is_rotated("access.log", name), expect, "{name}");
        }
    }
}
