#![allow(clippy::disallowed_methods, reason = "journals are cut as a crash would")]

use crate::{
    End, FixError, Fixer, Phase, Plan, StoreError, Unproved, Why,
    history::{half_done, last_undoable, list},
    store::Holder,
    testing::{FPM, FakeHost, Fault, Site, Stage, content, every_step, plan, restart, write},
};
use std::{path::Path, sync::atomic::Ordering};

const SITE: &str = "/etc/nginx/sites-enabled/shop";
const SLOT: usize = 512;

fn edit() -> Plan {
    let mut plan = plan(vec![
        write(SITE, Some("9000;\n"), Some("9001;\n")),
        restart("active"),
    ]);
    plan.proof.must_answer = vec![Site::question("shop.example", "/")];
    plan
}

fn stage(plan: &Plan, statuses: &[Option<u16>]) -> Stage {
    let mut stage = Stage::new(FakeHost::before(plan));
    stage.site = Site::default().answers("shop.example", statuses);
    stage
}

/// Leaves the journal as a crash behind so many records would.
fn cut(stage: &Stage, id: &crate::FixId, records: usize) {
    let path = stage.journal(id);
    let mut bytes = std::fs::read(&path).expect("there");
    bytes[records * SLOT..].fill(0);
    std::fs::write(&path, bytes).expect("written");
}

#[test]
fn a_fix_is_proved_and_stands_in_the_history() {
    let plan = edit();
    let mut stage = stage(&plan, &[Some(200)]);
    let kept = stage.fix(&plan).expect("begun");
    assert!(matches!(kept.end, End::Kept { answers: 5.. }), "{kept:?}");
    let past = list(&stage.store).expect("there");
    assert_eq!(past.len(), 1);
    assert_eq!(
        (past[0].phase, past[0].by.to_string()),
        (Phase::Kept, "ada (as root)".into())
    );
    assert_eq!(past[0].restarts[0].0, FPM);
    assert_eq!(last_undoable(&stage.store).expect("there"), Some(kept.id));
    assert!(
        stage
            .told
            .starts_with(&["Looking", "Opened", "Doing", "Done", "Doing"].map(str::to_owned))
    );
}

#[test]
fn what_is_not_proved_is_taken_back() {
    let plan = edit();
    let before = FakeHost::before(&plan);
    let mut stage = stage(&plan, &[Some(502)]);
    let outcome = stage.fix(&plan).expect("begun");
    assert_eq!(outcome.end, End::TakenBack);
    assert!(matches!(
        outcome.why,
        Some(Why::Unproved(Unproved::StillFails { .. }))
    ));
    assert!(stage.hands.host.is_as(&before));
    let past = list(&stage.store).expect("there");
    assert_eq!(
        (past[0].phase, &*past[0].says),
        (Phase::Undone, "GET / of shop.example still answers 502")
    );
    assert!(matches!(stage.undo(None), Err(FixError::NothingToUndo)));
}

#[test]
fn an_interrupt_takes_back() {
    let plan = edit();
    let mut stage = stage(&plan, &[Some(200)]);
    stage.hands.stop.store(true, Ordering::SeqCst);
    let outcome = stage.fix(&plan).expect("begun");
    assert_eq!(
        (outcome.end, outcome.why),
        (End::TakenBack, Some(Why::Interrupted))
    );
    assert!(stage.hands.host.is_as(&FakeHost::before(&plan)));
}

#[test]
fn nothing_is_begun_while_another_is_half_done() {
    let plan = edit();
    let mut stage = stage(&plan, &[Some(200)]);
    let id = stage.fix(&plan).expect("begun").id;
    cut(&stage, &id, 3);
    let open = half_done(&stage.store).expect("there").expect("half done");
    assert_eq!(
        (&open.id, open.phase, open.waits_for_proof),
        (&id, Phase::Applying, false)
    );
    let refused = stage.fix(&plan).expect_err("refused");
    assert_eq!(refused.hint(), format!("why502 undo {id}"));
    assert_eq!(stage.undo(None).expect("there").end, End::TakenBack);
    assert_eq!(half_done(&stage.store).expect("there"), None);
}

#[test]
fn one_at_a_time() {
    let plan = edit();
    let mut stage = stage(&plan, &[Some(200)]);
    let holder = Holder {
        pid: 4711,
        name: "ada".into(),
        since: host::Timestamp::from_secs(1_795_369_501),
        doing: "fix".into(),
    };
    let held = stage.store.lock(&holder).expect("free");
    assert_eq!(stage.store.holder().expect("there"), Some(holder.clone()));
    match stage.fix(&plan) {
        Err(FixError::Store(StoreError::Busy(found))) => assert_eq!(found, holder),
        other => panic!("{other:?}"),
    }
    drop(held);
    assert_eq!(stage.store.holder().expect("there"), None);
    stage.fix(&plan).expect("begun");
}

#[test]
fn after_a_reboot_only_the_proof_is_missing() {
    let reboots = every_step()
        .into_iter()
        .find(|plan| plan.steps.contains(&crate::Step::Reboot));
    let plan = reboots.expect("there is one");
    let mut stage = stage(&plan, &[Some(200)]);
    let begun = stage.fix(&plan).expect("begun");
    assert_eq!(
        begun.end,
        End::Restarts,
        "nothing is proved on a host that goes down"
    );
    assert!(!stage.told.contains(&"Proving".to_owned()));
    let id = begun.id;
    let open = half_done(&stage.store).expect("there").expect("half done");
    assert!(open.waits_for_proof);
    let early = stage.with(|fixer: &mut Fixer<'_>| fixer.finish(&id));
    assert!(matches!(early, Err(FixError::NotRestarted { .. })), "{early:?}");
    stage.site.boots();
    let outcome = stage
        .with(|fixer: &mut Fixer<'_>| fixer.finish(&id))
        .expect("waits");
    assert_eq!(outcome.end, End::Kept { answers: 0 });
    assert_eq!(half_done(&stage.store).expect("there"), None);
}

/// Who asked before the restart is gone; what it heard is not.
#[test]
fn behind_a_reboot_the_other_sites_must_answer_again() {
    for (blog, end) in [(Some(200), End::Kept { answers: 0 }), (Some(502), End::TakenBack)] {
        let mut plan = plan(vec![crate::Step::Reboot]);
        plan.proof.must_not_break = vec![Site::question("blog", "/")];
        let mut stage = stage(&plan, &[Some(200)]);
        stage.site = Site::default().answers("blog", &[Some(200), Some(502), blog]);
        let id = stage.fix(&plan).expect("begun").id;
        stage.site.boots();
        let finished = stage
            .with(|fixer: &mut Fixer<'_>| fixer.finish(&id))
            .expect("waits");
        assert_eq!(finished.end, end, "{:?}", finished.why);
    }
}

/// SIGTERM of a host that goes down is no wish of a person to have it taken back.
#[test]
fn a_restart_that_ends_us_is_not_taken_back() {
    let plan = plan(vec![crate::Step::Reboot]);
    let mut stage = stage(&plan, &[Some(200)]);
    stage.hands.fault = Some((0, Fault::StopsUs));
    let begun = stage.fix(&plan).expect("begun");
    assert_eq!((begun.end, begun.why), (End::Restarts, None));
    stage.hands.stop.store(false, Ordering::SeqCst);
    stage.site.boots();
    let finished = stage.with(|fixer: &mut Fixer<'_>| fixer.finish(&begun.id));
    assert_eq!(finished.expect("waits").end, End::Kept { answers: 0 });
    let back = stage.undo(None).expect("there");
    assert_eq!(back.end, End::TakenBack);
    assert_eq!(back.notes, ["step 1 can't be taken back: systemctl reboot"]);
}

#[test]
fn a_person_finds_the_files_as_they_were() {
    let plan = edit();
    let mut stage = stage(&plan, &[Some(200)]);
    let id = stage.fix(&plan).expect("begun").id;
    let fix = stage.store.load(&id).expect("there");
    let kept = std::fs::read(fix.before(0)).expect("there");
    assert_eq!(kept, content("9000;\n").bytes);
    assert!(fix.forensics().is_dir());
    std::fs::write(stage.journal(&id), b"rubbish".repeat(512)).expect("written");
    assert_eq!(
        stage.store.load(&id).expect("an empty journal").journal.phase(),
        Phase::Planned
    );
    assert!(fix.dir().starts_with(stage.dir()) && Path::new(SITE).is_absolute());
}
