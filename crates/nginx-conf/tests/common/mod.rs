//! The corpus, and configurations on disk.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot run has to fail"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "tests read their corpus and run the tools they compare with"
)]

use nginx_conf::{Mistake, Supplied, Tree, Wanted, glob_matches, load};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A configuration in a directory of its own, which is also nginx's prefix.
pub struct OnDisk {
    dir: TempDir,
}

impl OnDisk {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        Self { dir }
    }

    /// One of `tests/corpus/accepted` (a directory) or `tests/corpus/refused` (a file).
    pub fn of(corpus: &Path) -> Self {
        let disk = Self::new();
        match corpus.is_dir() {
            true => copy(corpus, disk.prefix()),
            false => drop(fs::copy(corpus, disk.main()).unwrap()),
        }
        disk
    }

    pub fn write(&self, name: &str, text: &[u8]) {
        let path = self.prefix().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn prefix(&self) -> &Path {
        self.dir.path()
    }

    pub fn main(&self) -> PathBuf {
        self.prefix().join("nginx.conf")
    }

    /// As the loader reads it.
    pub fn load(&self) -> (Tree, Vec<Mistake>) {
        let all = files(self.prefix());
        load(&self.main(), self.prefix(), &mut |wanted| match wanted {
            Wanted::File(path) => {
                fs::read(path).map_or(Supplied::Missing, |bytes| Supplied::Bytes(bytes.into()))
            }
            Wanted::Glob(pattern) => Supplied::Paths(globbed(pattern, &all)),
        })
    }

    /// As the real nginx reads it: `nginx -T`, or `nginx -t`.
    pub fn nginx(&self, test: &str) -> Output {
        let run = self.command().args([test, "-g", "pid nginx.pid;"]).output();
        run.expect(
            "these tests compare with the real nginx: \
             apt-get install nginx-light libnginx-mod-stream libnginx-mod-http-lua",
        )
    }

    /// The real nginx with this configuration, prefix, and its messages on standard error.
    pub fn command(&self) -> Command {
        let mut nginx = Command::new("nginx");
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
        nginx
            .env("PATH", path)
            .arg("-p")
            .arg(self.prefix())
            .arg("-c")
            .arg(self.main())
            .args(["-e", "stderr"]);
        nginx
    }
}

/// The entries of `tests/corpus/{part}`.
pub fn corpus(part: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(part);
    let mut found: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    assert!(found.len() > 10, "the corpus is there");
    found
}

/// Every file below a directory, in no order.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

fn globbed(pattern: &Path, all: &[PathBuf]) -> Vec<PathBuf> {
    let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
    let fits = all
        .iter()
        .filter(|path| glob_matches(&bytes(pattern), &bytes(path)));
    let mut found: Vec<PathBuf> = fits.cloned().collect();
    found.sort_by_key(|path| bytes(path));
    found
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
}
