//! What a host says of itself when all is well, and when a backend is gone.

use crate::stage::{PAGE, Run, Stage, site};
use serde_json::Value;

#[test]
fn a_healthy_site_is_called_healthy() {
    let stage = Stage::serving(&site("shop.example", 8000));
    stage.backend(8000, PAGE);
    assert_eq!(stage.get("shop.example", "/"), 200);
    stage.why502(&[]).ends(0, &["Healthy"]).is_harmless();
    stage.why502(&["--format", "nagios"]).ends(0, &["WHY502 OK"]);
    stage
        .why502(&["--format", "markdown"])
        .ends(0, &["Healthy: nothing fails now"]);
    assert_eq!(
        stage.why502(&["--json"]).ends(0, &[]).json()["verdict"],
        "healthy"
    );
}

#[test]
fn a_backend_that_nobody_started_is_named() {
    let stage = Stage::serving(&site("shop.example", 8000));
    for _ in 0..3 {
        assert_eq!(stage.get("shop.example", "/cart"), 502);
    }
    let text = stage.why502(&[]);
    assert!(matches!(text.code, Some(1 | 2)), "{}", text.out);
    let first = text.out.lines().next().unwrap();
    assert!(first.contains("shop.example") && first.contains("502"), "{first}");
    let json = stage.why502(&["--json"]);
    assert_eq!(json.code, text.code, "text and JSON judge alike");
    is_a_verdict(&json);
}

/// The contract that programs read.
#[track_caller]
fn is_a_verdict(run: &Run) {
    let json = run.json();
    let keys: Vec<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = [
        "schema",
        "version",
        "host",
        "at",
        "took_ms",
        "half_done",
        "verdict",
        "symptoms",
        "findings",
        "ruled_out",
        "unseen",
        "settled_by",
    ];
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert_eq!(json["schema"], "why502/verdict/1");
    assert_eq!(json["host"], "stage");
    let symptom = &json["symptoms"][0];
    assert_eq!(symptom["site"], "shop.example");
    assert_eq!(symptom["status"], 502);
    assert!(
        symptom["count"].as_u64().is_some_and(|count| count >= 3),
        "{symptom}"
    );
    let ids: Vec<&Value> = json["symptoms"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["id"])
        .collect();
    for finding in json["findings"].as_array().unwrap() {
        let explains = finding["explains"].as_array().unwrap();
        assert!(explains.iter().all(|id| ids.contains(&id)), "{finding}");
    }
}
