//! What a browser keeps of one site, taken out of its profile and put back. What is taken out is kept in the fix's own
//! folder, readable by nobody else. Only with the rights of the profile's owner, and only while its browser does not run.

mod cookies;
mod entries;
mod trees;
mod workers;

use super::{place::moved, run::failed};
use crate::{Belongings, Shelf, StepFailed};
use host::browser::{Family, Profile};
use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// Takes it out. What was taken out already stays so.
pub(super) fn take(shelf: &Shelf, kept: Option<&Path>) -> Result<(), StepFailed> {
    let kept = kept.ok_or_else(|| failed("there is nowhere to keep what is taken out"))?;
    is_ours(&shelf.profile)?;
    is_closed(&shelf.profile)?;
    match fs::DirBuilder::new().mode(0o700).create(kept) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(cannot(kept, &error)),
        _ => {}
    }
    let at = kept.join(shelf.kept.to_string());
    match &shelf.holds {
        Belongings::Cookies { file, hosts, count } => cookies::take(shelf, file, hosts, *count, &at),
        Belongings::Entries { store, host, .. } => {
            entries::take(&store.dir(&shelf.profile.dir), *store, host, &at)
        }
        Belongings::Files { paths, .. } => trees::take(paths, &at),
        Belongings::Workers { file, host, .. } => workers::take(file, host, &at),
    }
}

/// Puts it back. What was put back already is kept no more.
pub(super) fn give_back(shelf: &Shelf, kept: Option<&Path>) -> Result<(), StepFailed> {
    let kept = kept.ok_or_else(|| failed("there is nothing that was kept"))?;
    is_ours(&shelf.profile)?;
    is_closed(&shelf.profile)?;
    let at = kept.join(shelf.kept.to_string());
    if at.symlink_metadata().is_err() {
        return match kept.is_dir() {
            true => Ok(()),
            false => Err(failed("what was taken out has expired and is gone")),
        };
    }
    match &shelf.holds {
        Belongings::Cookies { file, .. } => cookies::give_back(shelf, file, &at),
        Belongings::Entries { store, .. } => entries::give_back(&store.dir(&shelf.profile.dir), &at),
        Belongings::Files { paths, .. } => trees::give_back(paths, &at),
        Belongings::Workers { file, .. } => workers::give_back(file, &at),
    }
}

/// Somebody else's profile is changed by somebody else: whoever owns a directory on the way could lead root elsewhere.
fn is_ours(profile: &Profile) -> Result<(), StepFailed> {
    let meta = fs::metadata(&profile.dir).map_err(|error| cannot(&profile.dir, &error))?;
    match meta.uid() == rustix::process::geteuid().as_raw() {
        true => Ok(()),
        false => Err(failed(format!(
            "{} belongs to user {}: run it as that user",
            profile.dir.display(),
            meta.uid()
        ))),
    }
}

/// The browser that has this profile open, by the link that it leaves: a process of that number that runs.
fn is_closed(profile: &Profile) -> Result<(), StepFailed> {
    let Ok(link) = fs::read_link(&profile.lock) else {
        return Ok(());
    };
    let link = link.to_string_lossy().into_owned();
    let separator = match profile.family {
        Family::Firefox => '+',
        Family::Chromium => '-',
    };
    let pid = link
        .rsplit(separator)
        .next()
        .and_then(|pid| pid.parse::<u32>().ok());
    match pid.filter(|pid| Path::new("/proc").join(pid.to_string()).exists()) {
        None => Ok(()),
        Some(pid) => Err(moved(format!(
            "{} runs (process {pid}): close it first",
            profile.browser
        ))),
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> StepFailed {
    failed(format!("{}: {error}", path.display()))
}

/// A name beside it for what is not whole yet.
fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("unfinished")
}

/// Readable by nobody else, whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), StepFailed> {
    let new = unfinished(path);
    let write = || {
        let _ = fs::remove_file(&new);
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(|error| cannot(path, &error))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(super) fn shelf(dir: &Path, file: &Path) -> Shelf {
        Shelf {
            profile: Profile {
                family: Family::Firefox,
                browser: "Firefox".into(),
                name: "default".into(),
                dir: dir.to_owned(),
                cache: dir.join("cache2"),
                lock: dir.join("lock"),
            },
            holds: Belongings::Files {
                what: "data".into(),
                paths: vec![file.to_owned()],
            },
            kept: 0,
        }
    }

    #[test]
    fn a_browser_that_runs_is_left_alone() {
        let dir = tempfile::tempdir().expect("makes a directory");
        let (file, kept) = (dir.path().join("data"), dir.path().join("kept"));
        fs::write(&file, "x").expect("written");
        let shelf = shelf(dir.path(), &file);
        std::os::unix::fs::symlink(format!("127.0.1.1:+{}", std::process::id()), &shelf.profile.lock)
            .expect("linked");
        let Err(StepFailed::Moved { found }) = take(&shelf, Some(&kept)) else {
            panic!("it runs")
        };
        assert!(found.contains("close it first") && file.exists(), "{found}");
        fs::remove_file(&shelf.profile.lock).expect("closed");
        std::os::unix::fs::symlink("127.0.1.1:+4194304", &shelf.profile.lock).expect("linked");
        take(&shelf, Some(&kept)).expect("a link that a crash left");
        assert!(!file.exists());
        give_back(&shelf, Some(&kept)).expect("back");
        give_back(&shelf, Some(&kept)).expect("twice");
        assert!(file.exists());
        take(&shelf, Some(&kept)).expect("taken");
        fs::remove_dir_all(&kept).expect("expired");
        assert!(give_back(&shelf, Some(&kept)).is_err());
    }
}
