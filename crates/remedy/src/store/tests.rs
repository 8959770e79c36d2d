#![allow(clippy::disallowed_methods, reason = "tests write what the store reads")]

use super::*;
use crate::{
    End, FixError, Hands, StoreError,
    journal::{FixEvent, Phase, StepEvent, What},
    testing::{FakeHost, Stage, author, every_step, write},
};
use std::{fs, os::unix::fs::PermissionsExt, process::Command};

const GOLDEN: &str = include_str!("golden/fix-1.json");
const ROOM: &str = "WHY502_TEST_ROOM";

#[test]
fn a_plan_of_the_first_version_still_loads() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("ours");
    let id: FixId = "20261122-174501-3f9a0c12de".parse().expect("an id");
    let fix = dir.path().join("fixes").join(id.as_str());
    fs::create_dir(&fix).expect("made");
    fs::write(fix.join("plan.json"), GOLDEN).expect("written");
    let fix = store.load(&id).expect("it loads");
    assert_eq!(fix.plan().steps.len(), 5);
    assert_eq!(fix.journal.phase(), Phase::Planned);
    assert_eq!(store.ids().expect("there"), [id]);
    let now = serde_json::to_value(&fix.opened).expect("JSON");
    let golden: serde_json::Value = serde_json::from_str(GOLDEN).expect("JSON");
    assert_eq!(
        now["plan"]["steps"], golden["plan"]["steps"],
        "a step is written as it always was"
    );
}

#[test]
fn where_others_may_write_nothing_is_believed() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("set");
    let refused = Store::open(dir.path()).expect_err("refused");
    assert!(matches!(refused, StoreError::Unsafe { .. }), "{refused}");
}

#[test]
fn a_folder_without_a_plan_is_what_a_crash_left_before_anything_was_done() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::open(dir.path()).expect("ours");
    fs::create_dir_all(dir.path().join("fixes/20261122-174501-3f9a0c12de/before")).expect("made");
    fs::create_dir_all(dir.path().join("fixes/lost+found")).expect("made");
    assert_eq!(store.ids().expect("there"), []);
    assert_eq!(crate::history::half_done(&store).expect("there"), None);
}

#[test]
fn a_full_disk_stops_no_fix_and_no_undo() {
    let dir = tempfile::tempdir().expect("a directory");
    let us = std::env::current_exe().expect("a test binary");
    let script = format!(
        "mount -t tmpfs -o size=2m,mode=0700 room {0} && exec {1} --exact --ignored store::tests::on_a_full_disk",
        dir.path().display(),
        us.display()
    );
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script])
        .env(ROOM, dir.path())
        .output()
        .expect("util-linux is there");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
}

/// Runs in the tiny file system that the test above makes.
#[test]
#[ignore = "run by a_full_disk_stops_no_fix_and_no_undo"]
fn on_a_full_disk() {
    let room = PathBuf::from(std::env::var_os(ROOM).expect("run by the other test"));
    let plan = every_step().swap_remove(4);
    let before = FakeHost::before(&plan);
    let mut stage = Stage::within(before.clone(), &room);
    fill(&room, "a");
    let fix = begin(&stage, &plan);
    fill(&room, "b");
    let id = do_all(&mut stage, fix, &plan);
    fill(&room, "c");
    assert_eq!(stage.undo(Some(&id)).expect("there").end, End::TakenBack);
    assert!(stage.hands.host.is_as(&before));
    fill(&room, "d");
    let ids = stage.store.ids().expect("there");
    match stage.fix(&plan) {
        Err(FixError::Store(error)) => assert!(error.is_full(), "{error}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(stage.store.ids().expect("there"), ids);
    assert!(stage.hands.host.is_as(&before));
}

fn begin(stage: &Stage, plan: &Plan) -> Fix {
    let at = Timestamp::from_secs(1_795_369_501);
    let holder = Holder {
        pid: 1,
        name: "root".into(),
        since: at,
        doing: "fix".into(),
    };
    let held = stage.store.lock(&holder).expect("free");
    let opened = Opened {
        schema: Opened::SCHEMA.into(),
        id: FixId::new(at, &plan.id()),
        at,
        by: author(),
        tests_failed: Vec::new(),
        before: Default::default(),
        boot: None,
        plan: plan.clone(),
    };
    stage.store.begin(&held, opened).expect("by the spare")
}

fn do_all(stage: &mut Stage, mut fix: Fix, plan: &Plan) -> FixId {
    let mut record = |what| {
        fix.journal
            .record(Timestamp(1), what, "in the space reserved")
            .expect("room")
    };
    record(What::Fix { fix: FixEvent::Began });
    for (step, what) in plan.steps.iter().enumerate() {
        for event in [StepEvent::Started, StepEvent::Done] {
            record(What::Step { step, event });
        }
        stage.hands.apply(what).expect("done");
    }
    record(What::Fix {
        fix: FixEvent::Applied,
    });
    record(What::Fix { fix: FixEvent::Kept });
    fix.id().clone()
}

/// To the last byte.
fn fill(room: &Path, name: &str) {
    use std::io::Write;
    let mut file = fs::File::create(room.join(name)).expect("a name takes no space there");
    while file.write_all(&[1; 512]).is_ok() {}
    assert!(
        fs::write(room.join("one more"), [1; 8192]).is_err(),
        "the disk is full"
    );
}

#[test]
fn contents_that_are_no_text_come_back() {
    let step = write("/etc/a", Some("x"), None);
    let json = serde_json::to_string(&step).expect("JSON");
    assert_eq!(serde_json::from_str::<Step>(&json).expect("a step"), step);
}
