//! Recorded hosts, judged again: tomorrow's parser and tomorrow's cause on yesterday's raw answers.

#![expect(clippy::disallowed_methods, reason = "reads our own recordings, not a host")]

use diagnose::{Options, Role, Verdict, causes, diagnose, verdict::Outcome};
use host::{recorded, redact::Redactor};
use proptest::prelude::*;
use std::{fs, path::Path};

#[derive(serde::Deserialize)]
struct Expected {
    expected: String,
}

#[test]
fn every_recorded_host_is_judged_as_its_truth_says() {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts");
    let mut judged = 0;
    for entry in fs::read_dir(&hosts).expect("the recordings") {
        let dir = entry.expect("a folder").path();
        let truth = fs::read(dir.join("expected.json")).expect("expected.json");
        let truth: Expected = serde_json::from_slice(&truth).expect("the truth");
        let looks = fs::read(dir.join("looks.jsonl")).expect("looks.jsonl");
        let host = recorded::read(&looks).expect("a recording");
        let verdict = diagnose(&host, &Options::default(), causes::ALL).verdict;
        let said = said(&verdict);
        let right = match truth.expected.as_str() {
            "unexplained or torn" => said == "unexplained" || said == "torn",
            expected => said == expected,
        };
        assert!(
            right,
            "{}: {said}, not {}: {:#?}",
            dir.display(),
            truth.expected,
            verdict.findings
        );
        let redacted = Redactor::new(Vec::new()).memory(&host);
        let again = diagnose(&redacted, &Options::default(), causes::ALL).verdict;
        assert_eq!(
            essence(&again),
            essence(&verdict),
            "{}: redacted, it is judged otherwise",
            dir.display()
        );
        judged += 1;
    }
    assert!(judged >= 10, "only {judged} recordings under {}", hosts.display());
}

/// What the lab's shops log in with stands in their files, and in nothing that leaves a host.
#[test]
fn no_recording_holds_a_password() {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts");
    let mut logins = 0;
    for entry in fs::read_dir(&hosts).expect("the recordings") {
        let path = entry.expect("a folder").path().join("looks.jsonl");
        let looks = String::from_utf8_lossy(&fs::read(&path).expect("looks.jsonl")).into_owned();
        assert!(!looks.contains("Ruhig-Blut_7"), "{}", path.display());
        logins += usize::from(looks.contains("\"secret\":{\"file\""));
    }
    assert!(logins >= 3, "only {logins} recordings log in anywhere");
}

/// All of a verdict but its sentences.
fn essence(verdict: &Verdict) -> Vec<String> {
    let of = |it: &diagnose::Finding| {
        format!(
            "{:?} {} {:?} {:?} {}",
            it.role,
            it.cause,
            it.rank,
            it.over,
            it.evidence.len()
        )
    };
    let outcome = format!("{:?}", verdict.outcome);
    std::iter::once(outcome)
        .chain(verdict.findings.iter().map(of))
        .collect()
}

/// As the lab writes it: roots joined by `+`, else the outcome, with the roots of what is over behind it.
fn said(verdict: &Verdict) -> String {
    let roots = verdict.findings.iter().filter(|it| it.role == Role::Root);
    let roots = roots.map(|it| it.cause).collect::<Vec<_>>().join("+");
    let outcome = format!("{:?}", verdict.outcome).to_lowercase();
    match (verdict.outcome, roots.as_str()) {
        (Outcome::Found, roots) => roots.to_owned(),
        (_, "") => outcome,
        (_, roots) => format!("{outcome}:{roots}"),
    }
}

/// A recording is a stranger's file: whatever somebody wrote over it, it is refused or judged.
#[expect(clippy::expect_used, reason = "a test without its recordings must fail")]
fn judge_whatever(at: &[(prop::sample::Index, u8)], which: prop::sample::Index) {
    let hosts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../hosts");
    let hosts: Vec<_> = fs::read_dir(&hosts).expect("the recordings").flatten().collect();
    let mut looks = fs::read(which.get(&hosts).path().join("looks.jsonl")).expect("looks.jsonl");
    for (at, byte) in at {
        let at = at.index(looks.len());
        // what holds JSON together stays, so that most of it is read
        if !matches!(looks[at], b'"' | b'\\' | b'{' | b'}' | b'[' | b']' | b'\n') {
            looks[at] = *byte;
        }
    }
    let lines: Vec<&[u8]> = looks.split(|byte| *byte == b'\n').collect();
    let whole = lines.into_iter().filter(|line| recorded::read(line).is_ok());
    let whole: Vec<&[u8]> = whole.collect();
    if let Ok(host) = recorded::read(&whole.join(&b'\n')) {
        diagnose(&host, &Options::default(), causes::ALL);
        Redactor::new(Vec::new()).memory(&host);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn no_recording_panics(
        at in prop::collection::vec((any::<prop::sample::Index>(), b' '..b'~'), 1..2000),
        which in any::<prop::sample::Index>(),
    ) {
        judge_whatever(&at, which);
    }
}
