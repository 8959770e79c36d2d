//! `why502 logs`: packed, hostile, growing and interrupted logs.

use crate::stage::{Run, run};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use std::{
    fmt::Write as _,
    io::Write,
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

fn logs(args: &[&str], dir: &Path) -> Run {
    piped(args, dir, b"")
}

fn piped(args: &[&str], dir: &Path, input: &[u8]) -> Run {
    run(
        Command::new(env!("CARGO_BIN_EXE_why502"))
            .arg("logs")
            .args(args)
            .current_dir(dir),
        input,
    )
}

/// An hour, a request a second, an outage of five minutes.
fn hour() -> String {
    let mut log = String::new();
    for second in 0..3600 {
        let status = if (1200..1500).contains(&second) { 502 } else { 200 };
        let (minute, second) = (second / 60, second % 60);
        let _ = writeln!(
            log,
            "192.0.2.{} - - [22/Nov/2026:12:{minute:02}:{second:02} +0000] \"GET /item/{second} HTTP/1.1\" {status} 157 \"-\" \"curl/8\"",
            second % 7
        );
    }
    log
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

#[test]
fn an_outage_is_told_however_the_log_is_packed() {
    let dir = tempfile::tempdir().unwrap();
    let log = hour();
    let (first, second) = log.split_at(log.len() / 2 + log[log.len() / 2..].find('\n').unwrap() + 1);
    std::fs::write(dir.path().join("access.log"), &log).unwrap();
    std::fs::write(dir.path().join("packed.gz"), gzip(&log)).unwrap();
    std::fs::write(
        dir.path().join("members.gz"),
        [gzip(first), gzip(second)].concat(),
    )
    .unwrap();
    std::fs::create_dir(dir.path().join("set")).unwrap();
    std::fs::write(dir.path().join("set/access.log"), second).unwrap();
    std::fs::write(dir.path().join("set/access.log.1.gz"), gzip(first)).unwrap();
    // a hole, as copytruncate leaves it under a writer that does not append
    std::fs::write(
        dir.path().join("holey.log"),
        format!("{}{log}", "\0".repeat(1 << 20)),
    )
    .unwrap();
    for packer in ["xz", "zstd"] {
        let packed = Command::new(packer)
            .args(["--quiet", "--keep", "access.log"])
            .current_dir(&dir)
            .status();
        assert!(packed.unwrap().success(), "{packer}");
    }
    let paths = [
        "access.log",
        "access.log.xz",
        "access.log.zst",
        "packed.gz",
        "members.gz",
        "set",
        "holey.log",
    ];
    for path in paths {
        let json = logs(&["--json", "--by", "route", path], dir.path())
            .ends(2, &[])
            .json();
        assert_eq!(json["lost"], 300, "{path}: {json}");
        let lines: u64 = json["logs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|log| log["lines"].as_u64().unwrap())
            .sum();
        assert_eq!(
            (lines, &json["total"]["requests"]),
            (3600, &serde_json::json!(3600)),
            "{path}"
        );
        assert_eq!(json["load"][0]["top"][0]["key"], "/item/*", "{path}");
    }
    let burst = logs(&["--json", "access.log"], dir.path()).json()["bursts"].clone();
    assert_eq!(
        (burst[0]["start"].as_str(), burst[0]["end"].as_str()),
        (Some("2026-11-22T12:20:00Z"), Some("2026-11-22T12:24:59Z"))
    );
    let packed = ["access.log", "access.log.xz", "access.log.zst", "packed.gz"];
    for input in packed.map(|name| std::fs::read(dir.path().join(name)).unwrap()) {
        piped(&["-"], dir.path(), &input)
            .ends(2, &["300 requests lost in 1 burst"])
            .is_harmless();
    }
    piped(&["-"], dir.path(), b"words\n").ends(3, &["-: it is no log of a kind that is known"]);
    logs(&["--until", "2026-11-22T12:10", "access.log"], dir.path()).ends(0, &["No request failed"]);
}

/// Request number `at` of a log without end; every seventh fails.
fn endless(at: u64) -> String {
    let (second, status) = (at / 50, if at.is_multiple_of(7) { 502 } else { 200 });
    let (hour, minute, second) = (second / 3600 % 24, second / 60 % 60, second % 60);
    format!(
        "192.0.2.{} - - [22/Nov/2026:{hour:02}:{minute:02}:{second:02} +0000] \"GET /item/{at} HTTP/1.1\" {status} 157 \"-\" \"x\"\n",
        at % 200
    )
}

#[test]
fn a_log_that_grows_is_counted_up_to_a_whole_line() {
    const BEFORE: u64 = 60_000;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    std::fs::write(&path, (0..BEFORE).map(endless).collect::<String>()).unwrap();
    let (written, stop) = (AtomicU64::new(BEFORE), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut log = std::fs::File::options().append(true).open(&path).unwrap();
            let mut at = BEFORE;
            while !stop.load(Ordering::SeqCst) {
                // a reader may come between the halves of a line
                let line = endless(at);
                let (first, rest) = line.split_at(line.len() / 2);
                log.write_all(first.as_bytes()).unwrap();
                std::thread::yield_now();
                log.write_all(rest.as_bytes()).unwrap();
                at += 1;
                written.store(at, Ordering::SeqCst);
            }
        });
        for _ in 0..5 {
            let least = written.load(Ordering::SeqCst);
            let json = logs(&["--json", "--by", "status", "access.log"], dir.path()).json();
            let most = written.load(Ordering::SeqCst) + 1;
            let requests = json["total"]["requests"].as_u64().unwrap();
            // the last line may have been half there
            let unfit = json["logs"][0]["unfit"].as_u64().unwrap();
            assert!(
                (least..=most).contains(&requests) && unfit <= 1,
                "{least} {requests} {most} {unfit}"
            );
            assert_eq!(json["lost"], requests.div_ceil(7), "of {requests}");
        }
        stop.store(true, Ordering::SeqCst);
    });
}

/// A database in MaxMind's format (https://maxmind.github.io/MaxMind-DB/) that knows 192.0.2.0/24.
fn database() -> Vec<u8> {
    const DEPTH: u32 = 24;
    let network = u32::from_be_bytes([192, 0, 2, 0]);
    let mut file = Vec::new();
    for bit in 0..DEPTH {
        // no node and the data begin behind the tree, the latter sixteen bytes later
        let on = if bit + 1 == DEPTH { DEPTH + 16 } else { bit + 1 };
        let right = network >> (31 - bit) & 1 == 1;
        for record in if right { [DEPTH, on] } else { [on, DEPTH] } {
            file.extend(&record.to_be_bytes()[1..]);
        }
    }
    let text = |it: &str| {
        [
            &[0x40 | u8::try_from(it.len().min(29)).unwrap()],
            &it.len()
                .checked_sub(29)
                .map_or(vec![], |more| vec![u8::try_from(more).unwrap()])[..],
            it.as_bytes(),
        ]
        .concat()
    };
    let number = |it: u32| [&[0xc4][..], &it.to_be_bytes()].concat();
    let short = |it: u16| [&[0xa2][..], &it.to_be_bytes()].concat();
    let map = |fields: &[(&str, Vec<u8>)]| {
        let body = fields
            .iter()
            .flat_map(|(key, value)| [text(key), value.clone()].concat());
        std::iter::once(0xe0 | u8::try_from(fields.len()).unwrap())
            .chain(body)
            .collect::<Vec<u8>>()
    };
    file.extend([0; 16]);
    file.extend(map(&[
        ("autonomous_system_number", number(64500)),
        ("autonomous_system_organization", text("Example \x1b[31mNetworks")),
    ]));
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(map(&[
        ("node_count", number(DEPTH)),
        ("record_size", short(24)),
        ("ip_version", short(4)),
        ("database_type", text("Test-ASN")),
        ("binary_format_major_version", short(2)),
        ("binary_format_minor_version", short(0)),
        (
            "build_epoch",
            [&[0x08, 0x02][..], &1_700_000_000u64.to_be_bytes()].concat(),
        ),
        ("languages", vec![0x00, 0x04]),
        ("description", vec![0xe0]),
    ]));
    file
}

#[test]
fn load_is_told_by_autonomous_system_where_a_database_is_given() {
    let dir = tempfile::tempdir().unwrap();
    let other = hour()
        .lines()
        .next()
        .unwrap()
        .replace("192.0.2.0", "198.51.100.7");
    std::fs::write(dir.path().join("access.log"), format!("{}{other}\n", hour())).unwrap();
    std::fs::write(dir.path().join("as.mmdb"), database()).unwrap();
    let told = logs(&["--as-database", "as.mmdb", "--json", "access.log"], dir.path());
    let lists = told.json()["load"].clone();
    let rows: Vec<(&str, u64)> = lists[0]["top"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["key"].as_str().unwrap(),
                it["load"]["requests"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(lists[0]["by"], "as");
    assert!(
        rows[0].0.starts_with("AS64500 Example") && rows[0].1 == 3600,
        "{rows:?}"
    );
    assert_eq!(rows[1], ("-", 1));
    logs(&["--as-database", "as.mmdb", "access.log"], dir.path())
        .ends(2, &["AS64500"])
        .is_harmless();
    logs(&["--by", "as", "access.log"], dir.path()).ends(64, &["--as-database"]);
    logs(&["--as-database", "access.log", "access.log"], dir.path()).ends(3, &["access.log", "database"]);
}

#[test]
fn what_is_damaged_or_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let packed = gzip(&hour());
    std::fs::write(dir.path().join("cut.gz"), &packed[..packed.len() / 2]).unwrap();
    std::fs::write(dir.path().join("words"), "words\nand words\n").unwrap();
    logs(&["cut.gz"], dir.path())
        .ends(2, &["requests lost", "not read: cut.gz"])
        .is_harmless();
    logs(&["words"], dir.path()).ends(3, &["no log of a kind that is known"]);
    logs(&["absent.log"], dir.path()).ends(3, &["absent.log", "No such file"]);
    logs(&["--log-format", "$status"], dir.path()).ends(64, &["PATH"]);
    logs(&["--since", "soon", "words"], dir.path()).ends(64, &["2h"]);
}

#[test]
fn hostile_lines_stay_text() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = hour().into_bytes();
    log.extend(b"\x1b]0;owned\x07\x1b[2J\r\n\xff\xfe\0\n");
    log.extend(vec![b'A'; 1 << 20]);
    log.extend(b"\n1.2.3.4 - - [22/Nov/2026:12:59:59 +0000] \"GET /\x1b[31m HTTP/1.1\" 502 1 \"=cmd()\" \"\x1b[5m\"\n");
    std::fs::write(dir.path().join("evil\x1b[31m.log"), log).unwrap();
    for args in [
        &["--by", "all", "."][..],
        &["--csv", "."],
        &["--json", "--by", "all", "."],
        &["--bucket", "10m", "."],
    ] {
        let told = logs(args, dir.path());
        told.ends(2, &[]).is_harmless();
        assert!(!told.out.contains('\x1b'), "{args:?}");
    }
    logs(&["--by", "status", "."], dir.path()).ends(2, &["301 requests lost", "not understood: 3 lines"]);
}

#[test]
fn an_error_log_alone_is_told_too() {
    let dir = tempfile::tempdir().unwrap();
    let line = "2026/11/22 12:17:46 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, \
        client: 192.0.2.1, server: shop.example, request: \"GET / HTTP/1.1\", upstream: \"http://127.0.0.1:8000/\", host: \
        \"shop.example\"\n";
    std::fs::write(dir.path().join("error.log"), line.repeat(7)).unwrap();
    logs(&["error.log"], dir.path())
        .ends(
            2,
            &[
                "7 complaints of nginx",
                "shop.example",
                "connection refused (111)",
                "127.0.0.1:8000",
            ],
        )
        .is_harmless();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_log_breaks_it(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("log"), pieces.concat()).unwrap();
        let told = logs(&["--by", "all", "--log-format", FORMAT, "log"], dir.path());
        told.is_harmless();
        prop_assert!(matches!(told.code, Some(0 | 2)), "{:?} {}", told.code, told.err);
    }
}

const FORMAT: &str =
    "$remote_addr [$time_local] \"$request\" $status \"$upstream_addr\" $upstream_response_time";
const PIECES: &[&str] = &[
    "192.0.2.1 [22/Nov/2026:12:17:46 +0000] \"GET / HTTP/1.1\" 502 \"127.0.0.1:1, 127.0.0.1:2\" 0.001, 0.020\n",
    "::1 [22/Nov/9999:12:17:46 +0000] \"",
    "\" 502 \"",
    "\" 5",
    "\" 499 ",
    "0.001 : 0.020",
    "99999999999999999999",
    "\n",
    "\0\0\0",
    "\x1b[31m",
    "\r",
    "\u{202e}",
    "-",
    " ",
    "\"",
];
