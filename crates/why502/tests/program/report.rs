//! `why502 report` on a host that fails, and from logs that are none.

use crate::stage::{PAGE, Stage, run, site, with_servers};
use std::{os::unix::fs::PermissionsExt, process::Stdio, time::Duration};

/// A log format that tells where time goes.
const TIMED: &str = "log_format timed '$remote_addr - - [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \
    \"$http_user_agent\" $host \"$upstream_addr\" $upstream_connect_time $upstream_header_time $upstream_response_time';";

/// A host with one site that fails and one that does not.
fn failing() -> Stage {
    let stage = Stage::new();
    let servers = format!("{}{}", site("shop.example", 8000), site("blog.example", 8001));
    let log = "access_log /var/log/nginx/access.log;";
    let timed = format!("{TIMED}\n    access_log /var/log/nginx/access.log timed;");
    stage.write(
        "/etc/nginx/nginx.conf",
        with_servers(&servers).replace(log, &timed),
    );
    stage.start_nginx();
    stage.backend(8001, PAGE);
    for _ in 0..7 {
        assert_eq!(stage.get("shop.example", "/cart/4711"), 502);
        assert_eq!(stage.get("blog.example", "/<b>"), 200);
    }
    stage
}

#[test]
fn an_outage_is_told_with_what_the_host_shows_of_it() {
    let stage = failing();
    let run = stage.why502(&["report", "--html", "/opt/out.html"]);
    run.ends(2, &["/opt/out.html", "shop.example answers 502"])
        .is_harmless();
    let page = String::from_utf8(stage.read("/opt/out.html")).unwrap();
    for says in [
        "shop.example answers 502",
        "Fails now, the cause was not found",
        "7 requests failed of 14",
        "connection refused (111)",
        "127.0.0.1:8000",
        "/cart/*",
        "/&lt;b&gt;",
        "connecting to the upstream",
        "What will make a 502 tomorrow",
        "why502 has changed nothing on this host",
    ] {
        assert!(page.contains(says), "the page does not tell {says:?}");
    }
    assert!(!page.contains("is written without"), "all times are there");
    let mode = std::fs::metadata(stage.path("/opt/out.html"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let ticket = stage.why502(&["report"]);
    ticket.ends(
        2,
        &[
            "# shop.example answers 502",
            "| **fails** |",
            "## Burst 1: shop.example",
            "## Load by route",
        ],
    );
    ticket.is_harmless();
    // without root it tells what it may see
    stage
        .why502_as_nobody(&["report"])
        .ends(2, &["shop.example"])
        .is_harmless();
}

#[test]
fn what_was_written_down_while_it_failed_is_told_of_its_burst() {
    let stage = failing();
    stage.why502(&["logs"]).ends(2, &["requests lost in 1 burst"]);
    stage.sh(
        r#"mkdir -p -m 700 /opt/state
        echo "{\"cause\":\"backend-died\",\"subject\":\"app\",\"says\":\"app.service died\",\"first\":$(date +%s000),\"last\":$(date +%s000)}" \
            >/opt/state/incidents"#,
    );
    let told = "written down while it failed: app.service died (why502 explain backend-died)";
    stage.why502(&["logs"]).ends(1, &[told]).is_harmless();
    let cause = stage.why502(&["logs", "--json"]).json()["bursts"][0]["cause"].clone();
    assert_eq!(
        (&cause["id"], &cause["written_down"]),
        (&"backend-died".into(), &true.into())
    );
    stage
        .why502(&["report"])
        .ends(2, &["Written down while it failed: app.service died"]);
    // of two it is not known which it was
    stage.sh("cd /opt/state && sed 's/backend-died/oom-kill/' incidents >other && cat other >>incidents");
    stage.why502(&["logs"]).ends(2, &["requests lost in 1 burst"]);
}

#[test]
fn a_bundle_is_told_where_the_host_is_not() {
    let stage = failing();
    stage.why502(&["bundle", "/opt/host.tar.zst"]).ends(0, &[]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("host.tar.zst"), stage.read("/opt/host.tar.zst")).unwrap();
    drop(stage);
    let report = |args: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_why502"));
        program.args(["report", "--bundle", "host.tar.zst"]).args(args);
        run(program.current_dir(dir.path()), b"")
    };
    let page = report(&["--html", "-"]);
    page.ends(
        2,
        &[
            "shop.example answers 502",
            "7 requests failed of 14",
            "connection refused (111)",
            "/cart/*",
            "What will make a 502 tomorrow",
            // a diagnosis does not ask for all that an audit does
            "Rules that could not look",
        ],
    )
    .is_harmless();
    report(&[]).ends(
        2,
        &[
            "# shop.example answers 502",
            "## Burst 1: shop.example",
            "## Load by route",
            "## What will make a 502 tomorrow",
            "rules that could not look: ",
        ],
    );
    report(&["access.log"]).ends(64, &["--bundle"]);
}

#[test]
fn it_takes_the_place_of_an_older_page_and_of_nothing_else() {
    let stage = failing();
    stage.write("/opt/out.html", "old");
    stage.sh("ln -s /etc/nginx/nginx.conf /opt/link; mkfifo /opt/pipe");
    stage.why502(&["report", "--html", "/opt/out.html"]).ends(2, &[]);
    assert!(stage.read("/opt/out.html").starts_with(b"<!DOCTYPE html>"));
    for target in ["/opt/link", "/opt/pipe", "/opt", "/dev/null"] {
        stage
            .why502(&["report", "--html", target])
            .ends(3, &["no plain file"]);
    }
    stage
        .why502(&["report", "--html", "/nowhere/out.html"])
        .ends(3, &["/nowhere", "No such file"]);
    assert!(stage.read("/etc/nginx/nginx.conf").starts_with(b"user"));
    assert_eq!(stage.sh("ls -A /opt | grep -c html"), "1\n");
    let page = stage.why502(&["report", "--html", "-"]);
    assert!(page.out.ends_with("</html>"), "{}", page.err);
}

#[test]
fn what_nginx_logs_by_default_does_not_name_its_error_log_does() {
    let dir = tempfile::tempdir().unwrap();
    let line = |status| {
        format!("192.0.2.1 - - [22/Nov/2026:12:17:46 +0000] \"GET / HTTP/1.1\" {status} 157 \"-\" \"x\"\n")
    };
    let complaint = "2026/11/22 12:17:46 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, \
        client: 192.0.2.1, server: shop.example, request: \"GET / HTTP/1.1\", upstream: \"http://127.0.0.1:8000/\", host: \
        \"shop.example\"\n";
    let served = line(200).repeat(9) + &line(502).repeat(7);
    std::fs::write(dir.path().join("access.log"), served).unwrap();
    std::fs::write(dir.path().join("error.log"), complaint.repeat(7)).unwrap();
    let said = |args: &[&str]| {
        let mut program = std::process::Command::new("env");
        program.args(["TZ=UTC", env!("CARGO_BIN_EXE_why502")]).args(args);
        run(
            program.args(["access.log", "error.log"]).current_dir(dir.path()),
            b"",
        )
    };
    said(&["report", "--html", "-"]).ends(
        2,
        &[
            "shop.example failed for 1 s",
            "127.0.0.1:8000: 7 failed",
            "$upstream_addr",
        ],
    );
    said(&["logs"]).ends(2, &["shop.example", "7 requests lost in 1 burst"]);
    said(&["logs", "--by", "route"]).ends(2, &["These logs have no times"]);
    said(&["report"]).ends(2, &["- 7 times: nginx said: connection refused (111)"]);
    std::fs::write(dir.path().join("error.log"), complaint).unwrap();
    said(&["report", "--html", "-"]).ends(
        2,
        &[
            "a site that the log does not name failed",
            "no upstream named: 7 failed",
        ],
    );
}

#[test]
fn ctrl_c_gives_what_was_read_so_far_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let line = "192.0.2.1 - - [22/Nov/2026:12:17:46 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl/8\"\n";
    std::fs::write(dir.path().join("access.log"), line.repeat(3_000_000)).unwrap();
    for (args, says) in [
        (
            &["logs", "--by", "all", "access.log"][..],
            "Partial, reading was interrupted",
        ),
        (&["report", "access.log"], "Partial, reading was interrupted"),
        (
            &["report", "--html", "-", "access.log"],
            "reading was interrupted, so there may be more",
        ),
    ] {
        // started in the background of a script, a process is born deaf to SIGINT
        let running = std::process::Command::new("env")
            .args(["--default-signal=INT", env!("CARGO_BIN_EXE_why502")])
            .args(args)
            .current_dir(dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(700));
        let pid = rustix::process::Pid::from_child(&running);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let run = crate::stage::Run::of(running.wait_with_output().unwrap(), Duration::ZERO);
        run.ends(3, &[says]).is_harmless();
    }
}

#[test]
fn who_waits_sees_how_long_and_ctrl_c_leaves_a_clean_screen() {
    let dir = tempfile::tempdir().unwrap();
    let line = "192.0.2.1 - - [22/Nov/2026:12:17:46 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"curl/8\"\n";
    std::fs::write(dir.path().join("access.log"), line.repeat(3_000_000)).unwrap();
    let program = concat!(env!("CARGO_BIN_EXE_why502"), " logs --by all access.log");
    let mut running = std::process::Command::new("script")
        .args(["-qec", program, "/dev/null"])
        .env("TERM", "xterm")
        .current_dir(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(1500));
    // what a terminal makes a SIGINT of
    let mut keys = running.stdin.take().unwrap();
    std::io::Write::write_all(&mut keys, b"\x03").unwrap();
    let out = running.wait_with_output().unwrap();
    drop(keys);
    let out = String::from_utf8_lossy(&out.stdout);
    assert!(out.contains("MB/s, ") && out.contains("Partial"), "{out}");
    let (_, after) = out.rsplit_once(" s left").unwrap();
    let after = after.trim_start_matches("^C");
    assert!(after.starts_with("\r\x1b[K"), "{after:?}");
}

#[test]
fn what_is_no_log_is_no_report() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("words"), "words\n").unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_why502"));
    command
        .args(["report", "--html", "out.html", "words"])
        .current_dir(dir.path());
    run(&mut command, b"").ends(3, &["no log of a kind that is known"]);
    assert!(!dir.path().join("out.html").exists());
}
