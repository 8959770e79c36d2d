use crate::{hanging, live, processes::wait_for, timed};
use host::{Host, Looks, Query, Unseen, query::Part};
use std::{path::Path, sync::Arc, thread, time::Duration};

#[test]
fn a_look_that_hangs_is_given_up_with_all_it_started() {
    let (live, dir) = (live(), tempfile::tempdir().expect("temp dir"));
    let query = Query::Run(hanging(dir.path()));
    let (look, took) = timed(|| live.ask(&query));
    assert!(matches!(look, Err(Unseen::TimedOut { .. })), "{look:?}");
    assert!(
        took < query.deadline() + Duration::from_millis(500),
        "took {took:?}"
    );
    wait_for("the tool to be gone", || is_gone(&dir.path().join("pid")));
}

/// The process whose id stands in this file has ended.
fn is_gone(file: &Path) -> bool {
    let pid = std::fs::read_to_string(file).expect("it started");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.map_or(true, |stat| stat.contains(") Z"))
}

#[test]
fn a_program_can_end_while_its_look_hangs_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("temp dir");
    let pid = dir.path().join("pid");
    let query = serde_json::to_string(&Query::Run(hanging(dir.path()))).expect("is JSON");
    let program = env!("CARGO_BIN_EXE_host-looker");
    let (status, took) = timed(|| std::process::Command::new(program).arg(query).arg(&pid).status());
    assert!(status.expect("ran").success());
    assert!(took < Duration::from_millis(2000), "took {took:?}");
    wait_for("the tool to be gone", || is_gone(&pid));
}

#[test]
fn others_look_on_while_one_hangs() {
    let (live, dir) = (Arc::new(live()), tempfile::tempdir().expect("temp dir"));
    let stuck = {
        let (live, query) = (Arc::clone(&live), Query::Run(hanging(dir.path())));
        thread::spawn(move || live.ask(&query))
    };
    wait_for("the tool", || dir.path().join("pid").exists());
    for _ in 0..20 {
        let (look, took) = timed(|| live.file(Path::new("/etc/passwd")));
        assert!(look.expect("may look").is_some());
        assert!(took < Duration::from_millis(500), "took {took:?}");
    }
    let path = "/etc/passwd".into();
    let again = live.ask(&Query::File {
        path,
        part: Part::Head(1),
    });
    assert!(again.is_ok());
    assert!(matches!(
        stuck.join().expect("no panic"),
        Err(Unseen::TimedOut { .. })
    ));
}

#[test]
fn lookers_are_reused_and_end_with_their_host() {
    let live = live();
    for _ in 0..50 {
        live.file(Path::new("/etc/passwd")).expect("may look");
    }
    let (_, each) = timed(|| (0..50).for_each(|_| drop(live.stat(Path::new("/etc")))));
    assert!(each < Duration::from_millis(500), "50 looks took {each:?}");
}
