//! What one host recorded, any host judges alike.

use crate::stage::{PAGE, Stage, run, site};
use serde_json::Value;
use std::process::Command;

#[test]
fn a_recording_is_judged_as_its_host_was() {
    for healthy in [true, false] {
        let stage = Stage::serving(&site("shop.example", 8000));
        if healthy {
            stage.backend(8000, PAGE);
        }
        stage.get("shop.example", "/cart?a=b");
        let live = stage.why502(&["--json", "--record", "/run/host.json"]);
        let elsewhere = Stage::new();
        elsewhere.write(
            "/run/host.json",
            std::fs::read(stage.path("/run/host.json")).unwrap(),
        );
        let replayed = elsewhere.why502(&["--json", "--recorded", "/run/host.json"]);
        assert_eq!(replayed.code, live.code);
        assert_eq!(timeless(replayed.json()), timeless(live.json()));
    }
}

fn timeless(mut report: Value) -> Value {
    let fields = report.as_object_mut().unwrap();
    fields.remove("at");
    fields.remove("took_ms");
    report
}

#[test]
fn what_is_no_recording_is_refused_in_one_line() {
    let stage = Stage::new();
    let rows: [(&str, &[u8]); 4] = [
        ("/run/empty", b""),
        ("/run/text", b"hello\x1b[2J"),
        ("/run/json", b"{\"schema\": 1}"),
        ("/run/binary", &[0xff; 5000]),
    ];
    for (path, bytes) in rows {
        stage.write(path, bytes);
        let run = stage.why502(&["--recorded", path]);
        run.ends(3, &[path]).is_harmless();
        assert_eq!(run.out, "");
    }
    stage
        .why502(&["--recorded", "/run/none"])
        .ends(3, &["/run/none", "No such file"]);
    stage
        .why502(&["--record", "/nowhere/file"])
        .ends(3, &["/nowhere/file"]);
}

#[test]
fn a_recording_goes_into_a_pipe_on_a_full_disk() {
    let stage = Stage::serving(&site("shop.example", 8000));
    stage.sh("mount -t tmpfs -o size=8k none /mnt; mkfifo /mnt/pipe; cat /mnt/pipe >/run/host.json 2>&1 &");
    let code = stage.why502(&["--record", "/mnt/pipe"]).code;
    assert!(matches!(code, Some(1 | 2)), "{code:?}");
    stage
        .why502(&["--record", "/mnt/file"])
        .ends(3, &["of what is free there"]);
}

/// Every recorded host, drawn: one screen of eighty columns that begins with the site.
#[test]
fn every_recorded_host_fits_on_a_screen() {
    let hosts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../hosts");
    for host in std::fs::read_dir(hosts).unwrap() {
        let looks = host.unwrap().path().join("looks.jsonl");
        let looks = looks.to_str().unwrap();
        let why502 = |more: &[&str]| {
            run(
                Command::new(env!("CARGO_BIN_EXE_why502"))
                    .args(["--recorded", looks])
                    .args(more),
                b"",
            )
        };
        let page = why502(&[]);
        page.is_harmless();
        let lines: Vec<&str> = page.out.lines().collect();
        assert!(lines.len() <= 40, "{looks}: {}", page.out);
        let is_command = |line: &str| line.starts_with("      ") && !line.starts_with("       ");
        for line in lines.iter().filter(|line| !is_command(line)) {
            assert!(line.chars().count() <= 80, "{looks}: {line}");
        }
        let verdict = why502(&["--json"]).json();
        if let Some(site) = verdict["symptoms"][0]["site"].as_str() {
            let first = lines[..2.min(lines.len())].join(" ");
            assert!(first.contains(site), "{looks}: {first}");
        }
    }
}
