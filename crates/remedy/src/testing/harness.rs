//! What every plan must survive, written once: a failure at any step, a crash before and after any journal record and any
//! effect, being taken back twice, a host that moved on. Always the host is as it was, or a person is told the exact
//! commands.

use super::{FakeHands, FakeHost, Fault, Stage};
use crate::{
    Content, End, FixError, FixId, Hands, Journal, Outcome, Plan, Proof, Step, Undo,
    journal::{Record, StepEvent, What},
};
use std::collections::BTreeMap;

/// Bytes of a journal record.
const SLOT: usize = 512;
const FAULTS: [Fault; 3] = [Fault::Before, Fault::After, Fault::Moved];

/// Plays a plan on a host that is as it expects, through all that can go wrong. Its proof is left out: the sites are not
/// in the fake host.
///
/// # Panics
/// Where something is left behind and nobody is told.
pub(crate) fn survives(plan: &Plan) {
    let plan = Plan {
        proof: Proof::default(),
        ..plan.clone()
    };
    let before = FakeHost::before(&plan);
    comes_and_goes(&plan, &before);
    fails_at_every_step(&plan, &before);
    fails_while_taken_back(&plan, &before);
    crashes_anywhere(&plan, &before);
    moved_on_before(&plan, &before);
    edited_afterwards(&plan, &before);
}

fn comes_and_goes(plan: &Plan, before: &FakeHost) {
    let mut stage = Stage::new(before.clone());
    let kept = stage.fix_to_the_end(plan).expect("begun");
    assert_eq!(kept.end, End::Kept { answers: 0 }, "{plan:?}");
    for round in ["taken back", "taken back twice"] {
        let back = stage.undo(Some(&kept.id)).expect("there");
        is_back(&back, &stage, before, round);
    }
}

fn fails_at_every_step(plan: &Plan, before: &FakeHost) {
    for (at, fault) in faults(plan.steps.len()) {
        let mut stage = Stage::new(before.clone());
        stage.hands.fault = Some((at, fault));
        let outcome = stage.fix(plan).expect("begun");
        is_back(&outcome, &stage, before, &format!("{fault:?} at step {at}"));
        let again = stage.undo(Some(&outcome.id)).expect("there");
        is_back(&again, &stage, before, "asked again");
    }
}

/// Whatever taking back runs into, it waits for a person with commands, and asked again it comes to its end.
fn fails_while_taken_back(plan: &Plan, before: &FakeHost) {
    for (at, fault) in faults(plan.steps.len()) {
        let mut stage = Stage::new(before.clone());
        let kept = stage.fix_to_the_end(plan).expect("begun");
        stage.hands.fault = Some((at, fault));
        let outcome = stage.undo(Some(&kept.id)).expect("there");
        if let End::Stuck(stuck) = &outcome.end {
            assert!(stuck.iter().all(|it| !it.command.is_empty()), "{stuck:?}");
            assert!(!stuck[0].why.is_empty());
        }
        stage.hands.fault = None;
        let again = stage.undo(Some(&kept.id)).expect("there");
        is_back(
            &again,
            &stage,
            before,
            &format!("{fault:?} at move {at} of taking back"),
        );
    }
}

/// Cuts the journal of a fix that was done and taken back behind each record and within it, with the effect that was
/// about to come there or not.
fn crashes_anywhere(plan: &Plan, before: &FakeHost) {
    let (journal, records) = whole_story(plan, before);
    for kept in 0..=records.len() {
        for (torn, reached) in [(0, true), (0, false), (1, false), (SLOT - 1, true)] {
            let mut stage = Stage::new(before.clone());
            let id = stage.fix(plan).expect("begun").id;
            stage.hands.host = replay(plan, before, &records[..kept], reached);
            let mut bytes = journal.clone();
            bytes[kept * SLOT + torn..].fill(0);
            rewrite(&stage, &id, &bytes);
            for round in 0..2 {
                let back = stage.undo(Some(&id)).expect("there");
                let what = format!("crash behind {kept} records and {torn} bytes, {reached}, round {round}");
                is_back(&back, &stage, before, &what);
            }
        }
    }
}

fn whole_story(plan: &Plan, before: &FakeHost) -> (Vec<u8>, Vec<Record>) {
    let mut stage = Stage::new(before.clone());
    let id = stage.fix_to_the_end(plan).expect("begun").id;
    stage.undo(Some(&id)).expect("there");
    let path = stage.journal(&id);
    let journal = Journal::load(&path, &id, plan.steps.len()).expect("whole");
    let bytes = std::fs::read(&path).expect("there");
    assert!(
        bytes.len() >= journal.records().len() * SLOT,
        "the space was reserved"
    );
    (bytes, journal.records().to_vec())
}

/// The host at the time of the last record; `reached` is whether what it announces had come about.
fn replay(plan: &Plan, before: &FakeHost, records: &[Record], reached: bool) -> FakeHost {
    let mut hands = FakeHands::on(before.clone());
    for (n, record) in records.iter().enumerate() {
        let last = n + 1 == records.len();
        match record.what {
            What::Step { step, event } if is_announced(event) && (!last || reached) => {
                play(&mut hands, &plan.steps[step], event);
            }
            _ => (),
        }
    }
    hands.host
}

fn is_announced(event: StepEvent) -> bool {
    matches!(event, StepEvent::Started | StepEvent::UndoStarted)
}

fn play(hands: &mut FakeHands, step: &Step, event: StepEvent) {
    let _ = match (event, step.undo()) {
        (StepEvent::Started, _) => hands.apply(step),
        (_, Undo::By(back)) => hands.apply(&back),
        (_, Undo::Again) => hands.again(step),
        (_, Undo::Nothing) => Ok(()),
    };
}

/// Stages begin at the same time, so that one's journal is another's.
fn rewrite(stage: &Stage, id: &FixId, bytes: &[u8]) {
    std::fs::write(stage.journal(id), bytes).expect("written");
}

fn moved_on_before(plan: &Plan, before: &FakeHost) {
    for path in written(plan) {
        let mut moved = before.clone();
        edit(&mut moved, &path);
        let mut stage = Stage::new(moved.clone());
        let refused = stage.fix(plan).expect_err("refused");
        assert!(matches!(refused, FixError::Moved { .. }), "{refused}");
        assert!(stage.hands.host == moved, "a host that moved on was touched");
        assert_eq!(stage.store.ids().expect("there"), []);
    }
}

fn edited_afterwards(plan: &Plan, before: &FakeHost) {
    for path in written(plan) {
        let mut stage = Stage::new(before.clone());
        let id = stage.fix(plan).expect("begun").id;
        edit(&mut stage.hands.host, &path);
        let edited = stage.hands.host.clone();
        let refused = stage.undo(Some(&id)).expect_err("refused");
        let FixError::Edited {
            conflict, commands, ..
        } = &refused
        else {
            panic!("{refused}");
        };
        assert_eq!(conflict.path.as_ref(), Some(&path));
        assert!(conflict.found.contains("edited"), "{conflict:?}");
        assert!(
            commands.iter().any(|it| it.contains(&*path.to_string_lossy())),
            "{commands:?}"
        );
        assert!(stage.hands.host == edited, "a person's edit was touched");
    }
}

fn edit(host: &mut FakeHost, path: &std::path::Path) {
    let content = Content {
        bytes: b"edited".to_vec(),
        access: crate::Access {
            mode: 0o600,
            uid: 1000,
            gid: 1000,
        },
        attributes: BTreeMap::from([("edited".into(), String::new())]),
    };
    host.files.insert(path.to_owned(), content);
}

fn written(plan: &Plan) -> std::collections::BTreeSet<std::path::PathBuf> {
    let steps = plan.steps.iter();
    steps
        .filter(|step| matches!(step, Step::Write { .. }))
        .filter_map(|step| step.path().map(ToOwned::to_owned))
        .collect()
}

fn faults(steps: usize) -> impl Iterator<Item = (usize, Fault)> {
    (0..steps).flat_map(|at| FAULTS.map(|fault| (at, fault)))
}

fn is_back(outcome: &Outcome, stage: &Stage, before: &FakeHost, what: &str) {
    assert_eq!(outcome.end, End::TakenBack, "{what}: {outcome:?}");
    assert!(
        stage.hands.host.is_as(before),
        "{what}: something is left behind\n{:#?}\nwas\n{before:#?}",
        stage.hands.host
    );
}

mod tests {
    use super::*;

    #[test]
    fn every_kind_of_step_survives() {
        for plan in crate::testing::every_step() {
            survives(&plan);
        }
    }

    #[test]
    fn no_kind_of_step_is_missing() {
        let name = |step: &Step| serde_json::to_value(step).expect("JSON")["do"].to_string();
        let plans = crate::testing::every_step();
        let kinds: std::collections::BTreeSet<String> =
            plans.iter().flat_map(|plan| &plan.steps).map(name).collect();
        assert_eq!(kinds.len(), 28, "{kinds:?}");
    }
}
