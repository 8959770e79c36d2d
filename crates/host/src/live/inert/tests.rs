use super::super::run::inert;
use crate::{Look, answer::Output};
use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

fn sh(script: &str) -> Look<Output> {
    inert("a test", Path::new("/bin/sh"), &["-c", script])
}

/// What stands in a directory: names, modes, owners, times and bytes.
fn state(dir: &Path) -> Vec<String> {
    let mut lines: Vec<String> = fs::read_dir(dir)
        .expect("reads")
        .map(|entry| {
            let path = entry.expect("entry").path();
            let it = fs::symlink_metadata(&path).expect("stat");
            let bytes = fs::read(&path).unwrap_or_default();
            format!(
                "{} {:o} {} {} {bytes:?}",
                path.display(),
                it.mode(),
                it.uid(),
                it.mtime_nsec()
            )
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn what_is_done_is_not_done() {
    let dir = tempfile::tempdir().expect("temp dir");
    fs::write(dir.path().join("log"), "before\n").expect("writes");
    fs::set_permissions(dir.path().join("log"), fs::Permissions::from_mode(0o640)).expect("chmod");
    let before = state(dir.path());
    // each line: a script, and whether it believes that it came about
    for (script, good) in [
        ("echo new >log", true),
        ("echo new >>log", true),
        (": >made", true),
        ("mkdir sub", true),
        ("mkdir log", false),
        ("mkdir no/such", false),
        ("echo >no/such", false),
        ("echo >.", false),
        ("chmod 777 log", true),
        ("chown 65534 log", true),
        ("rm log", true),
        ("mv log elsewhere", true),
        ("ln -s log link", true),
        ("touch -d yesterday log", true),
        ("cat log >/dev/null", true),
        ("echo said >/dev/stderr", true),
    ] {
        let output = sh(&format!("cd {} && {{ {script}; }}", dir.path().display())).expect(script);
        assert_eq!(output.status == Some(0), good, "{script}: {output:?}");
        assert_eq!(state(dir.path()), before, "{script}");
    }
}

#[test]
fn what_it_says_is_heard() {
    let output = sh("echo out; echo err >&2; echo more >/dev/stderr; exit 3").expect("runs");
    assert_eq!(output.stdout.0, b"out\n");
    assert_eq!(output.stderr.0, b"err\nmore\n");
    assert_eq!(output.status, Some(3));
}

#[test]
fn what_failed_for_lack_of_what_it_made_has_said_nothing() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("sub");
    let needs = format!("mkdir {0}; cd {0}", path.display());
    let unseen = sh(&needs).expect_err("it is not there").to_string();
    assert!(
        unseen.contains(&format!("it makes {} first", path.display())),
        "{unseen}"
    );
    assert_eq!(
        sh(&format!("mkdir {}", path.display())).expect("passes").status,
        Some(0)
    );
}

#[test]
fn a_program_that_is_not_there_is_told_as_such() {
    let unseen = inert("a test", Path::new("/no/such/program"), &[]).expect_err("is not there");
    assert!(unseen.to_string().contains("not installed"), "{unseen}");
}
