//! What is offered on recorded hosts: each has its plans beside its verdict, as a person reads them.
//!
//! After a change that is meant: `WRITE_PLANS=1 cargo test -p remedy --test plans`, and read what git says.

#![expect(clippy::disallowed_methods, reason = "reads our own recordings, not a host")]

use diagnose::{Diagnosis, Finding, Options, Remedy, Role, causes, diagnose};
use host::{memory::Memory, recorded};
use remedy::{Plan, draft, show};
use std::{fs, path::Path};

#[test]
fn every_recorded_host_has_the_plans_that_stand_beside_it() {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts");
    let writes = std::env::var_os("WRITE_PLANS").is_some();
    let (mut plans, mut stale) = (0, Vec::new());
    for entry in fs::read_dir(&hosts).expect("the recordings") {
        let dir = entry.expect("a folder").path();
        let looks = fs::read(dir.join("looks.jsonl")).expect("looks.jsonl");
        let host = recorded::read(&looks).expect("a recording");
        let now = offers(&host);
        plans += now.matches("\n  plan ").count();
        let golden = dir.join("plan.txt");
        if writes {
            fs::write(&golden, &now).expect("written");
        }
        let was = fs::read_to_string(&golden).unwrap_or_default();
        if was != now {
            stale.push(format!("{}:\n{now}\nwas\n{was}", golden.display()));
        }
    }
    assert!(stale.is_empty(), "{}", stale.join("\n"));
    assert!(plans >= 8, "only {plans} plans under {}", hosts.display());
}

/// Every way to mend every root of a host.
fn offers(host: &Memory) -> String {
    let diagnosis = diagnose(host, &Options::default(), causes::ALL);
    let roots = diagnosis
        .verdict
        .findings
        .iter()
        .filter(|it| it.role == Role::Root && !it.over);
    let offers: Vec<String> = roots.map(|root| root_offers(host, &diagnosis, root)).collect();
    match offers.is_empty() {
        true => "nothing to mend\n".to_owned(),
        false => offers.concat(),
    }
}

fn root_offers(host: &Memory, diagnosis: &Diagnosis, root: &Finding) -> String {
    let head = format!("{} {}\n", root.cause, root.subject);
    let ways = root.remedies.iter().map(|it| way(host, diagnosis, root, it));
    let ways: String = ways.collect();
    match ways.is_empty() {
        true => format!("{head}  a person: {}\n", root.advice.replace('\n', "\n    ")),
        false => head + &ways,
    }
}

fn way(host: &Memory, diagnosis: &Diagnosis, root: &Finding, remedy: &Remedy) -> String {
    match draft(host, diagnosis, root, remedy) {
        Ok(plan) => shown(&plan),
        Err(cannot) => format!("  no plan to {}: {cannot}\n", remedy.title),
    }
}

fn shown(plan: &Plan) -> String {
    let relief = if plan.relief { ", only relief" } else { "" };
    let mut text = format!("  plan to {} ({:?}{relief})\n", plan.title, plan.class);
    for step in &plan.steps {
        let does = show::diff(step)
            .or_else(|| show::command(step))
            .unwrap_or_default();
        let lines: Vec<String> = does.lines().map(|line| format!("    {line}\n")).collect();
        text += &lines.concat();
        let undo = show::undone_by(step);
        text += &format!("      undo: {undo}\n");
    }
    let proof = plan.proof.must_answer.iter();
    text += &proof
        .map(|it| format!("    proof: {} {} of {}\n", it.method, it.target, it.host))
        .collect::<String>();
    text + &plan
        .notes
        .iter()
        .map(|note| format!("    note: {note}\n"))
        .collect::<String>()
}
