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
    wait_for("the tool to be gone", || running(dir.path()) == 0);
}

/// How many processes name the tool in this directory.
fn running(dir: &Path) -> usize {
    let tool = dir.join("nginx");
    let all = std::fs::read_dir("/proc").expect("/proc").flatten();
    let arguments = all.filter_map(|it| std::fs::read(it.path().join("cmdline")).ok());
    let names = |line: &Vec<u8>| {
        line.split(|byte| *byte == 0)
            .any(|arg| arg == tool.as_os_str().as_encoded_bytes())
    };
    arguments.filter(names).count()
}

#[test]
fn a_program_can_end_while_its_look_hangs_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("temp dir");
    let tool = dir.path().join("nginx");
    let query = serde_json::to_string(&Query::Run(hanging(dir.path()))).expect("is JSON");
    let program = env!("CARGO_BIN_EXE_host-looker");
    let (status, took) = timed(|| std::process::Command::new(program).arg(query).arg(&tool).status());
    assert!(status.expect("ran").success());
    assert!(took < Duration::from_millis(2000), "took {took:?}");
    wait_for("the tool to be gone", || running(dir.path()) == 0);
}

#[test]
fn others_look_on_while_one_hangs() {
    let (live, dir) = (Arc::new(live()), tempfile::tempdir().expect("temp dir"));
    let stuck = {
        let (live, query) = (Arc::clone(&live), Query::Run(hanging(dir.path())));
        thread::spawn(move || live.ask(&query))
    };
    wait_for("the tool and what it starts", || running(dir.path()) == 2);
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
