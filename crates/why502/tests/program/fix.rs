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

/// What was written down of failures, made so many days older.
const AGE: &str = r#"python3 - <<'PY'
import json
file = "STATE/incidents"
lines = [json.loads(line) for line in open(file)]
for line in lines:
    line["first"] -= 2 * 86400 * 1000
    line["last"] -= 2 * 86400 * 1000
open(file, "w").write("".join(json.dumps(line) + "\n" for line in lines))
PY"#;

#[test]
fn what_failed_before_is_told_with_what_was_done_about_it() {
    let stage = misdirected();
    stage
        .why502(&["diagnose", "--remember"])
        .ends(1, &["wrong-upstream-port"]);
    stage.sh(&AGE.replace("STATE", STATE));
    let says = ["Again", "second time in 2 days", "not by why502"];
    stage.why502(&["diagnose"]).ends(1, &says).is_harmless();
    stage.why502(&["fix", "--yes"]).ends(0, &["Fixed"]);
    stage.sh("sed -i s/127.0.0.1:8001/127.0.0.1:8000/ /etc/nginx/nginx.conf && nginx -s reload && sleep 1");
    for _ in 0..3 {
        assert_eq!(stage.get("shop.example", "/"), 502);
    }
    let run = stage.why502(&["diagnose", "--json"]);
    let said = run.json()["findings"][0]["recurrence"]["says"].to_string();
    assert!(said.contains("mended once by why502"), "{said}");
    assert!(said.contains("it came back after"), "{said}");
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

#[test]
fn a_later_edit_is_not_undone_over() {
    let stage = misdirected();
    stage.why502(&["fix", "--yes"]).ends(0, &["Fixed"]);
    stage.append(SITE, "# by hand\n");
    let edited = stage.read(SITE);
    let run = stage.why502(&["undo", "--yes"]);
    run.ends(1, &["was changed after fix", "+# by hand"])
        .is_harmless();
    assert_eq!(stage.read(SITE), edited);
    assert_eq!(stage.get("shop.example", "/"), 200);
    let json = stage.why502(&["undo", "--yes", "--json"]).ends(1, &[]).json();
    assert_eq!(json["outcome"], "refused");
    assert!(
        json["conflict"]["found"].as_str().unwrap().contains("# by hand"),
        "{json}"
    );
}

/// From now on a config test of the edited config takes its time.
fn hold_up_the_test(stage: &Stage) {
    stage.write(
        "/opt/slow",
        "#!/bin/sh\n[ \"$1\" = -t ] && grep -q 8001 /etc/nginx/nginx.conf && sleep 3\nexec /opt/nginx \"$@\"\n",
    );
    stage.sh("cp /usr/sbin/nginx /opt/nginx; chmod 755 /opt/slow; mount --bind /opt/slow /usr/sbin/nginx");
}

/// Starts a fix, waits for its first step, and does something to it.
fn interrupted(stage: &Stage, act: &str) -> String {
    hold_up_the_test(stage);
    let out = stage.sh(&format!(
        "/opt/why502 fix --yes > /run/said 2>&1 & fix=$!
         for i in $(seq 200); do grep -q 8001 {SITE} && break; sleep 0.05; done
         {act}
         wait $fix || true; umount -l /usr/sbin/nginx"
    ));
    let said = out + &String::from_utf8_lossy(&stage.read("/run/said"));
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_kill_left_half_done_is_said_and_taken_back() {
    let stage = misdirected();
    let before = stage.read(SITE);
    interrupted(&stage, "kill -9 $fix");
    assert_ne!(stage.read(SITE), before);
    stage
        .why502(&[])
        .ends(1, &["A fix is half done", "why502 undo"])
        .is_harmless();
    assert!(stage.why502(&["--json"]).json()["half_done"]["id"].is_string());
    let said = stage.why502(&["--format", "nagios"]);
    assert!(said.out.contains("half done"), "{}", said.out);
    let second = stage.why502(&["fix", "--yes"]);
    assert_ne!(second.code, Some(0), "{}", second.out);
    stage.why502(&["undo", "--yes"]).ends(0, &["Undone"]);
    assert_eq!(stage.read(SITE), before);
    assert!(stage.why502(&["--json"]).json()["half_done"].is_null());
    assert_eq!(stage.get("shop.example", "/"), 502);
}

#[test]
fn ctrl_c_takes_back_what_was_done() {
    let stage = misdirected();
    let before = stage.read(SITE);
    let said = interrupted(&stage, "kill -TERM $fix");
    assert_eq!(stage.read(SITE), before, "{said}");
    assert!(said.contains("Undone"), "{said}");
    assert!(stage.why502(&["--json"]).json()["half_done"].is_null());
}

/// A person at a terminal starts a fix and presses keys, each when its condition of the shell holds. The exit code as a
/// shell has it, and the screen.
fn at_a_terminal(stage: &Stage, keys: &[(&str, &str)]) -> (i32, String) {
    let press = |(when, keys): &(&str, &str)| {
        format!("for i in $(seq 400); do {when} && break; sleep 0.05; done; printf '{keys}'; ")
    };
    let presses: String = keys.iter().map(press).collect();
    let code = stage.sh(&format!(
        "rm -f /run/said; {{ {presses} sleep 1; }} | TERM=xterm script -qefc 'exec /opt/why502 fix' /run/said >/dev/null 2>&1; echo $?"
    ));
    let said = String::from_utf8_lossy(&stage.read("/run/said")).into_owned();
    (code.trim().parse().expect("a code"), said)
}

const ASKED: &str = "grep -q 'y/N' /run/said";
const PROVING: &str = "grep -q 'again and again, watching' /run/said";
const EDITED: &str = "grep -q 8001 /etc/nginx/nginx.conf";
const CTRL_C: &str = "\\003";

/// Ended by the signal, as a shell tells it.
const BY_SIGINT: i32 = 130;

fn nothing_was_begun(stage: &Stage) {
    let fixes = stage.sh(&format!("ls {STATE}/fixes 2>/dev/null || true"));
    assert_eq!(fixes.trim(), "");
    assert!(stage.why502(&["--json"]).json()["half_done"].is_null());
}

#[test]
fn ctrl_c_while_it_looks_begins_nothing() {
    let stage = Stage::serving(&uwsgi_site("shop.example", 8000));
    assert_eq!(stage.get("shop.example", "/"), 502);
    // whoever asks it waits
    stage.backend_that_hangs(8000);
    let looks = "sleep 0.4; pgrep -f 'opt/why502 fix' >/dev/null";
    let (code, said) = at_a_terminal(&stage, &[(looks, CTRL_C)]);
    assert_eq!(code, BY_SIGINT, "{said}");
    nothing_was_begun(&stage);
}

#[test]
fn ctrl_c_at_the_question_begins_nothing() {
    let stage = misdirected();
    let before = stage.read(SITE);
    let (code, said) = at_a_terminal(&stage, &[(ASKED, CTRL_C)]);
    assert_eq!(code, BY_SIGINT, "{said}");
    assert_eq!(stage.read(SITE), before);
    nothing_was_begun(&stage);
}

#[test]
fn ctrl_c_in_a_step_or_in_the_proof_takes_all_of_it_back() {
    let stage = misdirected();
    let before = stage.read(SITE);
    for (when, slow) in [(EDITED, true), (PROVING, false)] {
        if slow {
            hold_up_the_test(&stage);
        }
        let (code, said) = at_a_terminal(&stage, &[(ASKED, "y\\n"), (when, CTRL_C)]);
        if slow {
            stage.sh("umount -l /usr/sbin/nginx");
        }
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(code, 1, "{when}: {said}");
        assert!(words.contains("Undone"), "{when}: {said}");
        assert!(words.contains("the host is as it was before"), "{when}: {said}");
        let left = said.rsplit('\x1b').next().expect("some colour");
        assert!(left.starts_with("[0m"), "a colour is left on: {said:?}");
        assert_eq!(stage.read(SITE), before, "{when}");
        assert_eq!(stage.get("shop.example", "/"), 502, "{when}");
        assert!(stage.why502(&["--json"]).json()["half_done"].is_null());
        stage.why502(&["undo", "--yes"]).ends(0, &["no fix to take back"]);
    }
}

#[test]
fn a_plan_reads_the_same_at_every_width() {
    let stage = misdirected();
    let plan = |columns: u32| {
        let act = format!(
            "NO_COLOR=1 script -qec 'stty rows 24 cols {columns}; /opt/why502 fix --plan' /dev/null || true"
        );
        let out = stage.sh(&act).replace('\r', "");
        assert!(!out.contains('\x1b'), "{out:?}");
        let at = out.find("Fix ").expect("a plan");
        out[at..].to_owned()
    };
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let wide = words(&plan(200));
    for columns in [80, 60, 40, 20] {
        let narrow = plan(columns);
        assert_eq!(words(&narrow), wide, "{columns} columns:\n{narrow}");
        let most = usize::try_from(columns).expect("small").max(40);
        // what a step writes and runs stays whole
        let indent = |line: &str| line.len() - line.trim_start().len();
        let exact = |line: &&str| !matches!(indent(line), 0..=5 | 10);
        for line in narrow.lines().filter(|line| !exact(line)) {
            let fits = line.chars().count() <= most || line.split_whitespace().count() == 1;
            assert!(fits, "{columns} columns: {line}");
        }
    }
    let piped = stage.why502(&["fix", "--plan"]);
    let at = piped.out.find("Fix ").expect("a plan");
    assert_eq!(words(&piped.out[at..]), wide);
}

#[test]
fn one_change_at_a_time() {
    let stage = misdirected();
    let said = interrupted(&stage, "/opt/why502 undo --yes || true; kill -9 $fix");
    assert!(said.contains("changes this host now"), "{said}");
}

#[test]
fn strangers_names_in_a_plan_stay_text() {
    let name = "\"\x1b]0;owned\x07\x1b[31mred.example\u{202e}gnp\"";
    let stage = Stage::serving(&uwsgi_site(name, 8000));
    stage.serve_uwsgi(8001);
    stage.get("any", "/\u{202e}evil");
    for args in [
        &["fix"][..],
        &["fix", "--json"],
        &["fix", "--yes"],
        &["undo"],
        &["history"],
    ] {
        stage.why502(args).is_harmless();
    }
}

#[test]
fn without_root_it_says_how() {
    let stage = misdirected();
    for command in ["fix", "undo"] {
        stage
            .why502_as_nobody(&[command, "--yes"])
            .ends(3, &[&format!("sudo why502 {command} --yes")]);
    }
}
