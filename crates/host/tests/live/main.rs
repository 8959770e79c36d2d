//! `Live` against this machine: real files, sockets and processes, each made by its test.

#![expect(clippy::disallowed_methods, reason = "tests make what they look at")]
#![allow(clippy::expect_used, clippy::print_stderr, reason = "helpers of tests, too")]

mod browser;
mod connect;
mod consult;
mod dns;
mod files;
mod hangs;
mod processes;
mod sockets;
mod system;

use host::{Live, Tool, live};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// This machine through the little looker of this crate.
fn live() -> Live {
    assert_eq!(live::LOOKER_WORD, "__look");
    Live::through(env!("CARGO_BIN_EXE_host-looker"))
}

/// `false`, and says so, where the test needs rights that we don't have.
fn is_root(why: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("NOT RUN: needs root to {why}");
    }
    root
}

/// An executable script.
fn script(dir: &Path, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(name);
    std::fs::write(&path, text).expect("writes the script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    path
}

/// A tool that never ends and starts another program that does not either; the path of it is among the arguments of both.
/// A configuration test writes nothing, so it can't leave its process id anywhere.
fn hanging(dir: &Path) -> Tool {
    let text = "#!/bin/sh\nsh -c 'sleep 1000; :' \"$0\" & wait\n";
    let exe = script(dir, "nginx", text);
    Tool::NginxVersion { exe }
}

/// What it gave, and how long it took.
fn timed<T>(act: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    (act(), start.elapsed())
}
