//! Logs of every kind a disk can hold.

use crate::stage::{PAGE, Run, Stage, peak_of, site, with_servers};
use std::time::Duration;

const ERROR_LOG: &str = "/var/log/nginx/error.log";

/// A host whose site fails, and says so in the logs.
fn failing() -> Stage {
    let stage = Stage::serving(&site("shop.example", 8000));
    assert_eq!(stage.get("shop.example", "/"), 502);
    stage
}

/// The site is named, whatever is in the log.
#[track_caller]
fn names_the_site(run: &Run) {
    assert!(matches!(run.code, Some(1 | 2)), "{}\n{}", run.out, run.err);
    run.ends(run.code.unwrap(), &["shop.example answers 502"])
        .is_harmless();
}

#[test]
fn an_error_log_that_is_none_stops_nothing() {
    let stage = failing();
    let rows = [
        "rm error.log",
        "rm -f error.log; mkfifo error.log",
        "rm -f error.log; mkdir error.log",
        "rmdir error.log; : > error.log",
        "head -c 3000000 /dev/urandom > error.log",
        "head -c 20000000 /dev/zero > error.log",
        "yes '2026/11/22 99:99:99 [error] while' | head -c 9000000 > error.log",
        "head -c 9000000 /dev/zero | tr '\\0' x > error.log",
        "rm error.log; ln -s error.log error.log",
        "rm error.log; ln -s /dev/zero error.log",
    ];
    for act in rows {
        stage.sh(&format!("cd /var/log/nginx; {act}"));
        let run = stage.why502(&[]);
        assert!(run.took < Duration::from_secs(8), "{act}: {:?}", run.took);
        names_the_site(&run);
    }
}

#[test]
fn five_gigabytes_cost_no_more_than_their_end() {
    let stage = failing();
    stage.sh("cd /var/log/nginx; truncate -s 5G error.log access.log
        yes '2001/01/01 10:00:00 [info] 7#7: *1 client closed connection' | head -c 9000000 >> error.log
        yes '192.0.2.1 - - [01/Jan/2001:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"' | head -c 9000000 >> access.log");
    for _ in 0..5 {
        assert_eq!(stage.get("shop.example", "/cart"), 502);
    }
    let run = stage.why502(&["--json"]);
    assert!(run.took < Duration::from_secs(5), "{:?}", run.took);
    let json = run.json();
    let symptom = &json["symptoms"][0];
    assert!(
        symptom["count"].as_u64().is_some_and(|count| count >= 5),
        "{json:#}"
    );
    let peak = peak_of(stage.why502_command(&[]));
    assert!(peak < 60 << 10, "{peak} KiB");
}

#[test]
fn a_log_format_nobody_foresaw_stops_nothing() {
    let formats = [
        ("no status", "'$remote_addr $request'"),
        ("one constant", "'x'"),
        (
            "tabs",
            "'$time_iso8601\\t$status\\t$host\\t$request\\t$upstream_status'",
        ),
        (
            "json",
            "escape=json '{\"t\":\"$time_iso8601\",\"s\":$status,\"h\":\"$host\",\"r\":\"$request\"}'",
        ),
        ("lines", "'$remote_addr\\n$status\\n$request\\n'"),
        ("glued", "'$status$remote_addr$request$upstream_status'"),
        (
            "epoch",
            "'$msec|$status|$upstream_addr|$upstream_status|$request_time'",
        ),
        ("hostile", "'\x1b[31m$status \u{202e}$request'"),
    ];
    for (name, format) in formats {
        let server = site("shop.example", 8000)
            .replace("listen 80;", "listen 80; access_log /var/log/nginx/a.log odd;");
        let stage = Stage::serving(&format!("log_format odd {format};\n{server}"));
        assert_eq!(stage.get("shop.example", "/cart"), 502, "{name}");
        names_the_site(&stage.why502(&[]));
    }
}

#[test]
fn a_healthy_site_stays_healthy_with_odd_logs() {
    let server =
        site("shop.example", 8000).replace("listen 80;", "listen 80; access_log /var/log/nginx/a.log odd;");
    let stage = Stage::serving(&format!("log_format odd '$remote_addr 502 $request';\n{server}"));
    stage.backend(8000, PAGE);
    assert_eq!(stage.get("shop.example", "/502"), 200);
    stage.append(
        "/var/log/nginx/a.log",
        b"\xff\xfe\0\x1b[2J 502 502 502\n".repeat(1000),
    );
    stage.append(ERROR_LOG, b"\xff\xfe\0\x1b[2J [error] 502\n".repeat(1000));
    stage.why502(&[]).ends(0, &["Healthy"]).is_harmless();
}

#[test]
fn logs_to_nowhere_are_said_to_be_missing_or_replaced_by_asking() {
    let stage = Stage::new();
    let config = with_servers(&site("shop.example", 8000))
        .replace("/var/log/nginx/error.log", "/dev/null")
        .replace("access_log /var/log/nginx/access.log", "access_log off");
    stage.write("/etc/nginx/nginx.conf", config);
    stage.start_nginx();
    stage.get("shop.example", "/");
    let run = stage.why502(&["--url", "http://shop.example/"]);
    names_the_site(&run);
}

/// As logrotate does for nginx: the old file moved (and what was moved before compressed), then a new one opened.
fn rotate(stage: &Stage) {
    stage.sh("cd /var/log/nginx
        for log in access error; do
            [ ! -e $log.log.1 ] || { mv $log.log.1 $log.log.2; gzip $log.log.2; }
            mv $log.log $log.log.1
        done
        nginx -s reopen
        until [ -e access.log ] && [ -e error.log ]; do sleep 0.05; done");
}

#[test]
fn what_was_rotated_away_within_the_window_is_read() {
    let stage = failing();
    for _ in 0..4 {
        stage.get("shop.example", "/cart");
    }
    rotate(&stage);
    for _ in 0..3 {
        stage.get("shop.example", "/cart");
    }
    rotate(&stage);
    stage.get("shop.example", "/cart");
    let json = stage.why502(&["--json"]).json();
    let symptoms = json["symptoms"].as_array().unwrap();
    let count: u64 = symptoms.iter().filter_map(|it| it["count"].as_u64()).sum();
    assert_eq!(count, 9, "{json:#}");
    assert!(
        !json["unseen"].to_string().contains("nginx"),
        "{}",
        json["unseen"]
    );
}

#[test]
fn what_the_window_does_not_reach_is_said() {
    let bomb = "head -c 300000000 /dev/zero | gzip -1 >access.log.1.gz";
    let noise = "head -c 3000 /dev/urandom >error.log.1.gz";
    // more than is read of a log, of its own first line
    let long = "long() { pad=$(head -c 4000 /dev/zero | tr '\\0' x)
        yes \"$(head -1 $1 | sed \"s|GET /|GET /?$pad|\")\" | head -c 9000000; }";
    let rows = [
        (
            bomb,
            "access.log.1.gz: it is no gzip, damaged, or holds more than 64 MiB",
        ),
        (noise, "error.log.1.gz: it is no gzip"),
        ("long access.log >>access.log", "access.log before 20"),
        ("long error.log >error.log.1", "error.log.1 before 20"),
    ];
    for (act, says) in rows {
        let stage = failing();
        stage.sh(&format!("{long}; cd /var/log/nginx; {act}"));
        let run = stage.why502(&["--json"]);
        // bounded, even where a debug build shares the machine with others
        assert!(run.took < Duration::from_secs(20), "{act}: {:?}", run.took);
        let unseen = run.json()["unseen"].to_string();
        assert!(unseen.contains(says), "{act}: {unseen}");
    }
}
