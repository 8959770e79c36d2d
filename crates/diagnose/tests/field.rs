//! Error lines as people posted them, with the cause their thread ended on. The stated cause must be among the first
//! three candidates for most of them; the lines are data for this check only.

use diagnose::{
    causes,
    explain::{candidates, complaints},
};

/// Of a hundred cases whose cause was stated.
const AMONG_THE_FIRST_THREE: usize = 85;

#[derive(serde::Deserialize)]
struct Field {
    source: String,
    tier: String,
    cause: String,
    line: String,
}

#[test]
fn the_stated_cause_is_among_the_first_three_candidates() {
    let cases: Vec<Field> = include_str!("field-lines.jsonl")
        .lines()
        .map(|line| serde_json::from_str(line).expect("a case a line"))
        .collect();
    let stated: Vec<&Field> = cases.iter().filter(|case| case.tier != "bronze").collect();
    let missed: Vec<String> = stated.iter().filter_map(|case| miss(case)).collect();
    let found = stated.len() - missed.len();
    assert!(
        found * 100 >= stated.len() * AMONG_THE_FIRST_THREE,
        "{found} of {}:\n{}",
        stated.len(),
        missed.join("\n")
    );
}

fn miss(case: &Field) -> Option<String> {
    let found = candidates(&case.line, &complaints(&case.line), causes::ALL);
    let first: Vec<&str> = found.iter().take(3).map(|it| it.cause.id).collect();
    let hit = first.contains(&case.cause.as_str());
    (!hit).then(|| format!("{} {}: {:?} for {}", case.source, case.cause, first, case.line))
}

#[test]
fn every_stated_cause_is_in_the_catalogue() {
    for line in include_str!("field-lines.jsonl").lines() {
        let case: Field = serde_json::from_str(line).expect("a case a line");
        assert!(causes::by_id(&case.cause).is_some(), "{}", case.cause);
    }
}
