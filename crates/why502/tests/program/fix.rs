//! A repair on a real host: shown, done, proved, taken back; and what can come between.

use crate::stage::{STATE, Stage, uwsgi_site};

const SITE: &str = "/etc/nginx/nginx.conf";

/// nginx asks 8000; the application listens on 8001.
fn misdirected() -> Stage {
    let stage = Stage::serving(&uwsgi_site("shop.example", 8000));
    stage.serve_uwsgi(8001);
    for _ in 0..3 {
        assert_eq!(stage.get("shop.example", "/"), 502);
    }
    stage
}

#[test]
fn a_plan_is_only_shown_where_nobody_can_be_asked() {
    let stage = misdirected();
    let before = stage.read(SITE);
    for args in [&["fix", "--plan"][..], &["fix"], &["fix", "--json"]] {
        let run = stage.why502(args);
        run.ends(1, &["uwsgi_pass 127.0.0.1:8001", "/usr/sbin/nginx -t"])
            .is_harmless();
        assert_eq!(stage.read(SITE), before);
    }
}

#[test]
fn a_fix_is_proved_and_can_be_taken_back() {
    let stage = misdirected();
    let before = stage.read(SITE);
    let run = stage.why502(&["fix", "--yes"]);
    run.ends(0, &["Fixed", "no other site broke", "why502 undo"])
        .is_harmless();
    assert_eq!(stage.get("shop.example", "/"), 200);
    stage.why502(&["fix", "--yes"]).ends(0, &["nothing to mend"]);
    stage.why502(&["history"]).ends(0, &["fixed", "by root"]);
    stage.why502(&["undo"]).ends(1, &["undo --yes"]);
    assert_eq!(stage.get("shop.example", "/"), 200);
    stage
        .why502(&["undo", "--yes"])
        .ends(0, &["Undone"])
        .is_harmless();
    assert_eq!(stage.read(SITE), before);
    assert_eq!(stage.get("shop.example", "/"), 502);
    stage.why502(&["undo", "--yes"]).ends(0, &["no fix to take back"]);
    let id = only_fix(&stage);
    stage
        .why502(&["history", &id])
        .ends(0, &["taken back", "step 3", "test nginx's config", STATE]);
    stage.why502(&["undo", &id]).ends(0, &["nothing left"]);
}

#[test]
fn the_documents_are_as_their_schemas_say() {
    let stage = misdirected();
    for (args, schema) in [
        (&["fix", "--json"][..], "fix"),
        (&["fix", "--yes", "--json"], "fix"),
        (&["history", "--json"], "history"),
        (&["undo", "--json"], "undo"),
        (&["undo", "--yes", "--json"], "undo"),
    ] {
        let (document, schema) = (
            stage.why502(args).json(),
            stage.why502(&["schema", schema]).json(),
        );
        let keys = |of: &serde_json::Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&document), keys(&schema["properties"]), "{args:?}");
    }
}

fn only_fix(stage: &Stage) -> String {
    stage.sh(&format!("ls {STATE}/fixes")).trim().to_owned()
}
