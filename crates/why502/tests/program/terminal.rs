//! What the program does to a terminal, a pipe and an impatient person.

use crate::stage::{PROGRAM, Stage, child_of, site, until};
use std::{
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, Stdio},
    time::Duration,
};

fn failing() -> Stage {
    let stage = Stage::serving(&site("shop.example", 8000));
    assert_eq!(stage.get("shop.example", "/"), 502);
    stage
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let stage = failing();
    let rows = [
        ("/opt/why502 | cat", false),
        ("NO_COLOR=1 script -qec /opt/why502 /dev/null || true", false),
        ("TERM=dumb script -qec /opt/why502 /dev/null || true", false),
        ("TERM=xterm script -qec /opt/why502 /dev/null || true", true),
        (
            "TERM=xterm script -qec '/opt/why502 --json' /dev/null || true",
            false,
        ),
    ];
    for (act, coloured) in rows {
        let out = stage.sh(act);
        assert!(out.contains("shop.example"), "{act}: {out}");
        assert_eq!(out.contains('\x1b'), coloured, "{act}: {out:?}");
    }
}

#[test]
fn a_screen_is_eighty_columns_and_not_much_more_than_forty_lines() {
    let stage = failing();
    for args in [
        &["--site", "shop.example"][..],
        &["ports"],
        &["--help"],
        &["explain", "oom-kill"],
    ] {
        let run = stage.why502(args);
        let is_quote = |line: &&str| line.starts_with("      ") && !line.starts_with("          ");
        for line in run.out.lines().filter(|line| !is_quote(line)) {
            assert!(line.chars().count() <= 80, "{args:?}: {line}");
        }
    }
    let lines = stage.why502(&[]).out.lines().count();
    assert!(lines <= 40, "{lines}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let stage = failing();
    for args in [
        "",
        "explain --list",
        "man",
        "--json",
        "schema",
        "--help",
        "completions bash",
    ] {
        let out = stage.sh(&format!(
            "{{ /opt/why502 {args}; }} 2>&1 | head -c 1; /opt/why502 {args} 2>&1 >/dev/full || true"
        ));
        assert!(!out.contains("panicked"), "{args}: {out}");
    }
}

#[test]
fn ctrl_c_ends_it_at_once_and_leaves_nobody() {
    let stage = failing();
    // a backend that accepts and never answers: asking it takes long
    stage.backend_that_hangs(8000);
    let mut nsenter = stage.command(PROGRAM);
    nsenter
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut running = nsenter.spawn().unwrap();
    child_of(running.id()).unwrap();
    std::thread::sleep(Duration::from_millis(150));
    let group = format!("-{}", running.id());
    assert!(
        Command::new("kill")
            .args(["-INT", "--", &group])
            .status()
            .unwrap()
            .success()
    );
    // a run that was not interrupted ends with a code of its own
    let ended = running.wait().unwrap();
    assert_eq!(ended.signal(), Some(2), "{ended}");
    let left = || {
        stage
            .processes()
            .into_iter()
            .filter(|it| it == PROGRAM)
            .collect::<Vec<_>>()
    };
    until(|| left().is_empty().then_some(())).unwrap_or_else(|| panic!("left behind: {:?}", left()));
}
