//! Which logs there are: those that nginx's config names, with what was rotated away, or those that the command line names.

use super::files::{LogFile, open};
use diagnose::{World, observe::Kept, world::AccessLog};
use logscan::{
    access::Format,
    scan::{Kind, Trusted, guess, well_known},
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
    /// Whose `X-Forwarded-For` the nginx that writes it believes.
    pub trusted: Trusted,
    /// Its files.
    pub files: Vec<LogFile>,
}

impl Log {
    /// An error log of nginx, until more is known of it.
    fn unread(path: &Path) -> Self {
        Self {
            name: path.display().to_string(),
            kind: Kind::Error,
            site: String::new(),
            trusted: Trusted::default(),
            files: Vec::new(),
        }
    }

    /// An access log of an nginx that believes these, no file of it yet.
    fn of_requests(log: &AccessLog, trusted: Trusted) -> Self {
        let format = log.format.as_deref();
        let format = format.map_or_else(Format::combined, Format::compile);
        let site = match &log.sites[..] {
            [site] => site.clone(),
            _ => String::new(),
        };
        Self {
            kind: Kind::Access(Box::new(format)),
            site,
            trusted,
            ..Self::unread(&log.path)
        }
    }
}

/// The logs of every nginx of this host with what was rotated away since then, and what could not be read.
pub fn configured(world: &World, since: Option<SystemTime>) -> (Vec<Log>, Vec<String>) {
    let (mut logs, mut trouble) = (Vec::new(), Vec::new());
    let mut add = |log: Log, path: &Path| {
        if !path.is_absolute() || path.starts_with("/dev") || logs.iter().any(|it: &Log| it.name == log.name)
        {
            return;
        }
        match rotated(path, since) {
            // what is read under another name already is not counted twice
            Ok(files) if files.iter().any(|file| holds(&logs, file)) => {}
            Ok(files) => logs.push(Log { files, ..log }),
            Err(error) => trouble.push(format!("{}: {error}", log.name)),
        }
    };
    for nginx in &world.nginx {
        for log in &nginx.access_logs {
            add(Log::of_requests(log, nginx.trusted()), &log.path);
        }
        for path in &nginx.error_logs {
            add(Log::unread(path), path);
        }
    }
    (logs, trouble)
}

/// The logs of a recorded host, as far as its looks hold them.
pub fn held(kept: Vec<Kept>) -> Vec<Log> {
    let log = |it: Kept| Log {
        files: vec![LogFile::held(&it.path, it.text)],
        ..match &it.log {
            Some(log) => Log::of_requests(log, it.trusted),
            None => Log::unread(&it.path),
        }
    };
    kept.into_iter().map(log).collect()
}

/// That file is one of those already, under whatever name.
fn holds(logs: &[Log], file: &LogFile) -> bool {
    logs.iter().flat_map(|log| &log.files).any(|it| it.is(file))
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
            // the log itself has such a name by now where it was rotated away just now
            let found = LogFile::find(&entry.path()).ok();
            files.extend(found.filter(|found| !files.iter().any(|it| it.is(found))));
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
            if holds(&logs, &file) {
                continue;
            }
            match kind(&file, given, &formats) {
                Some(kind) => logs.push(Log {
                    kind,
                    files: vec![file.clone()],
                    ..Log::unread(&file.path)
                }),
                None if file.is_empty() => {}
                None => trouble.push(format!(
                    "{}: it is no log of a kind that is known; --log-format says how nginx wrote it",
                    file.path.display()
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
    #[expect(clippy::disallowed_methods, reason = "logs of a test's own")]
    fn a_file_with_two_names_is_one() {
        let line = "192.0.2.7 - - [22/Nov/2026:12:17:46 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"x\"\n";
        let dir = tempfile::tempdir().unwrap();
        let [log, moved] = ["access.log", "access.log.1"].map(|name| dir.path().join(name));
        std::fs::write(&log, line).unwrap();
        std::fs::hard_link(&log, &moved).unwrap();
        assert_eq!(rotated(&log, None).unwrap().len(), 1);
        let (logs, trouble) = named(&[log, dir.path().to_owned()], None, Vec::new);
        assert_eq!((logs.len(), trouble.len()), (1, 0));
    }

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
