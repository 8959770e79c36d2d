//! The directory that nginx makes for a cache which a fix declared.

use super::{place::moved, process, run::failed, wait};
use crate::StepFailed;
use std::{fs, io::ErrorKind, path::Path, time::Duration};

/// Workers that end after a reload still write into it: requests that they serve take seconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// What their title ends in meanwhile (ngx_worker_process_cycle).
const ENDING: &str = "worker process is shutting down";

/// Removes it, unless the file that declares it is there. All in it is nginx's: the plan found nothing in its place.
pub(super) fn drop_unless(declared: &Path, dir: &Path) -> Result<(), StepFailed> {
    if fs::symlink_metadata(declared).is_ok() {
        return Ok(());
    }
    let what = |error: std::io::Error| failed(format!("{}: {error}", dir.display()));
    match fs::symlink_metadata(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(what(error)),
        Ok(found) if !found.is_dir() => return Err(moved(format!("{} is no directory", dir.display()))),
        Ok(_) => {}
    }
    let ended = || (!process::is_titled(ENDING)).then_some(());
    let _ = wait::until(PATIENCE, ended);
    // what is no directory inside is removed, never followed (std's own is safe against that)
    fs::remove_dir_all(dir).map_err(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_with_its_declaration_and_not_before() {
        let place = tempfile::tempdir().expect("a directory");
        let (dir, declared) = (place.path().join("micro-cache"), place.path().join("cache.conf"));
        let outside = place.path().join("kept");
        for path in [dir.join("a/bc"), outside.clone()] {
            fs::create_dir_all(path).expect("a directory");
        }
        fs::write(dir.join("a/bc/0123"), "answer").expect("a file");
        std::os::unix::fs::symlink(&outside, dir.join("out")).expect("a link");
        fs::write(&declared, "proxy_cache_path").expect("a file");
        drop_unless(&declared, &dir).expect("nothing to do");
        assert!(dir.join("a/bc/0123").exists());
        fs::remove_file(&declared).expect("a file");
        for _ in 0..2 {
            drop_unless(&declared, &dir).expect("removed, or not there");
            assert!(!dir.exists() && outside.exists());
        }
    }
}
