//! Files and directories that are one site's alone, moved aside and back.

use super::{cannot, unfinished};
use crate::StepFailed;
use rustix::io::Errno;
use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

pub(super) fn take(paths: &[PathBuf], at: &Path) -> Result<(), StepFailed> {
    match fs::DirBuilder::new().mode(0o700).create(at) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(cannot(at, &error)),
        _ => {}
    }
    for (number, path) in paths.iter().enumerate() {
        relocate(path, &at.join(number.to_string())).map_err(|error| cannot(path, &error))?;
    }
    Ok(())
}

/// What the browser has made anew since is kept in the place of what goes back: nothing is thrown away.
pub(super) fn give_back(paths: &[PathBuf], at: &Path) -> Result<(), StepFailed> {
    for (number, path) in paths.iter().enumerate() {
        let kept = at.join(number.to_string());
        if kept.symlink_metadata().is_err() {
            continue;
        }
        if path.symlink_metadata().is_ok() {
            relocate(path, &at.join(format!("{number}.newer"))).map_err(|error| cannot(path, &error))?;
        }
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir).map_err(|error| cannot(dir, &error))?;
        }
        relocate(&kept, path).map_err(|error| cannot(path, &error))?;
    }
    match fs::remove_dir(at) {
        // what was newer stays there
        Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty => Err(cannot(at, &error)),
        _ => Ok(()),
    }
}

/// Whole or not at all; what is gone already stays so.
fn relocate(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::NotFound && from.symlink_metadata().is_err() => Ok(()),
        Err(error) if Errno::from_io_error(&error) == Some(Errno::XDEV) => {
            let new = unfinished(to);
            remove(&new)?;
            copy(from, &new)?;
            fs::rename(&new, to)?;
            remove(from)
        }
        other => other,
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let meta = from.symlink_metadata()?;
    if meta.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(from)?, to);
    }
    if !meta.is_dir() {
        fs::copy(from, to)?;
        return fs::File::open(to)?.sync_all();
    }
    fs::create_dir(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(meta.permissions().mode()))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

fn remove(path: &Path) -> io::Result<()> {
    match path.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_and_come_back_and_newer_ones_are_kept() {
        let dir = tempfile::tempdir().expect("makes a directory");
        let (tree, file, at) = (
            dir.path().join("storage/a"),
            dir.path().join("entry"),
            dir.path().join("0"),
        );
        fs::create_dir_all(tree.join("ls")).expect("made");
        fs::write(tree.join("ls/data"), "old").expect("written");
        fs::write(&file, "cached").expect("written");
        let paths = [tree.clone(), file.clone(), dir.path().join("gone")];
        for _ in 0..2 {
            take(&paths, &at).expect("taken");
            assert!(!tree.exists() && !file.exists());
        }
        fs::create_dir_all(tree.join("ls")).expect("made");
        fs::write(tree.join("ls/data"), "new").expect("written");
        for _ in 0..2 {
            give_back(&paths, &at).expect("back");
            assert_eq!(fs::read_to_string(tree.join("ls/data")).expect("there"), "old");
            assert_eq!(fs::read_to_string(&file).expect("there"), "cached");
        }
        assert_eq!(
            fs::read_to_string(at.join("0.newer/ls/data")).expect("kept"),
            "new"
        );
    }

    #[test]
    fn a_copy_is_whole() {
        let dir = tempfile::tempdir().expect("makes a directory");
        let from = dir.path().join("a");
        fs::create_dir_all(from.join("b")).expect("made");
        fs::write(from.join("b/c"), "x").expect("written");
        std::os::unix::fs::symlink("b/c", from.join("d")).expect("linked");
        copy(&from, &dir.path().join("e")).expect("copied");
        remove(&from).expect("removed");
        assert_eq!(fs::read_to_string(dir.path().join("e/d")).expect("there"), "x");
    }
}
