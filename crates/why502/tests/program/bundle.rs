//! A host in one file: judged elsewhere as it was there, and without what may not leave it.

use crate::stage::{PAGE, Stage};
use serde_json::Value;
use std::{io::Read, path::Path};

/// One secret of each kind, in each place that a look reaches on this host.
const CANARIES: &[&str] = &[
    "canaryHeader1",
    "canaryUrl2",
    "canaryQuery3",
    "canaryReferrer4",
    "canaryWord5",
    "canaryDsn6",
    "canaryMail7",
    "canaryKey8",
    "canaryCookie9",
];

/// A shop with secrets in its configuration, its logs and its processes, whose backend is gone.
fn shop() -> Stage {
    let stage = Stage::serving(
        "server { listen 80; server_name shop.example;
            location / {
                proxy_set_header Authorization \"Basic canaryHeader1==\";
                proxy_set_header X-Api-Key canaryKey8;
                proxy_pass http://127.0.0.1:8000;
            } }
         server { listen 80; server_name other.example; location / { proxy_pass http://127.0.0.1:8001; } }\n",
    );
    stage.backend(8001, PAGE);
    stage.get(
        "shop.example",
        "/pay?order=7&token=canaryQuery3&mail=canaryMail7@mail.example.org",
    );
    stage.get("shop.example", "/login?password=canaryWord5");
    stage.append(
        "/var/log/nginx/error.log",
        "2026/11/22 12:00:00 [info] 7#7: told: mysql://shop:canaryDsn6@db.example/shop, Cookie: sid=canaryCookie9; path=/\n",
    );
    stage.append(
        "/var/log/nginx/access.log",
        "203.0.113.9 - - [22/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 502 157 \"https://jo:canaryUrl2@shop.example/?access_token=canaryReferrer4\" \"curl\"\n",
    );
    stage
}

#[test]
fn a_bundle_is_judged_elsewhere_as_the_host_was_and_tells_no_secret() {
    let stage = shop();
    stage
        .why502(&["bundle", "/run/shop.tar.zst"])
        .ends(0, &["/run/shop.tar.zst", "Taken out"]);
    let packed = stage.read("/run/shop.tar.zst");
    let bundle = bundle::read(packed.as_slice()).unwrap();
    for (part, bytes) in &bundle.parts {
        let text = String::from_utf8_lossy(bytes);
        for canary in CANARIES {
            assert!(!text.contains(canary), "{canary} is in {}", part.file());
        }
        assert!(!text.contains("203.0.113.9"), "a visitor is in {}", part.file());
    }
    let there: Value = serde_json::from_slice(bundle.part(bundle::Part::Verdict).unwrap()).unwrap();
    let elsewhere = Stage::new();
    elsewhere.write("/run/shop.tar.zst", &packed);
    let here = elsewhere.why502(&["diagnose", "--json", "--bundle", "/run/shop.tar.zst"]);
    here.ends(2, &[]);
    assert_eq!(essence(&here.json()), essence(&there));
    let screen = elsewhere.why502(&["--bundle", "/run/shop.tar.zst"]);
    screen.is_harmless().ends(2, &["shop.example answers 502"]);
}

/// What both say, without what time and redaction change.
fn essence(verdict: &Value) -> Value {
    let findings = verdict["findings"].as_array().unwrap().iter();
    let findings: Vec<Value> = findings
        .map(|it| {
            serde_json::json!([
                it["cause"],
                it["role"],
                it["rank"],
                it["subject"],
                it["says"],
                it["explains"]
            ])
        })
        .collect();
    serde_json::json!([
        verdict["verdict"],
        verdict["host"],
        findings,
        verdict["symptoms"].as_array().unwrap().len()
    ])
}

#[test]
fn a_recording_becomes_a_bundle_too() {
    let stage = shop();
    stage
        .why502(&["--json", "--record", "/run/shop.looks", "--raw"])
        .ends(2, &[]);
    let elsewhere = Stage::new();
    elsewhere.write("/run/shop.looks", stage.read("/run/shop.looks"));
    elsewhere
        .why502(&["bundle", "/run/shop.tar.zst", "--recorded", "/run/shop.looks"])
        .ends(0, &["Taken out"]);
    let text = unpacked(&elsewhere.path("/run/shop.tar.zst"));
    let left: Vec<&&str> = CANARIES.iter().filter(|canary| text.contains(**canary)).collect();
    assert!(left.is_empty(), "{left:?}");
    elsewhere
        .why502(&["--bundle", "/run/shop.tar.zst"])
        .ends(2, &["shop.example answers 502"]);
}

#[test]
fn what_may_not_be_written_is_not() {
    let stage = shop();
    stage.write("/run/there", "mine");
    stage
        .why502(&["bundle", "/run/there"])
        .ends(3, &["/run/there", "exists"]);
    assert_eq!(stage.read("/run/there"), b"mine");
    stage.sh("mkdir -p /opt/small && mount -t tmpfs -o size=64k none /opt/small");
    stage
        .why502(&["bundle", "/opt/small/b"])
        .ends(3, &["6 KiB it may", "--since"]);
    assert_eq!(stage.sh("ls /opt/small"), "");
    stage.write("/run/patterns", "# ours\nshop\\.[a-z]+\n");
    stage
        .why502(&["bundle", "/run/own", "--patterns", "/run/patterns"])
        .ends(0, &["own pattern"]);
    stage.write("/run/patterns", "ok\n(\n");
    stage
        .why502(&["bundle", "/run/own2", "--patterns", "/run/patterns"])
        .ends(3, &["/run/patterns:2", "expression"]);
    assert_eq!(stage.sh("stat -c %a /run/own").trim(), "600");
}

#[test]
fn a_disk_that_is_nearly_full_is_not_filled() {
    let stage = shop();
    stage
        .why502(&["--json", "--record", "/run/raw.looks", "--raw"])
        .ends(2, &[]);
    stage.sh("mkdir -p /opt/small && mount -t tmpfs -o size=64k none /opt/small");
    for args in [
        &["--record", "/opt/small/looks"][..],
        &["--record", "/opt/small/looks", "--raw"],
        &["redact", "/run/raw.looks", "--output", "/opt/small/looks"],
    ] {
        let refused = stage.why502(args);
        refused.ends(
            3,
            &[
                "/opt/small/looks",
                "6 KiB it may",
                "10 per cent",
                "nothing was written",
            ],
        );
        assert_eq!(stage.sh("ls -A /opt/small"), "", "{args:?}");
    }
}

#[test]
fn a_bundle_takes_no_longer_than_it_may() {
    let stage = shop();
    // each place that is asked keeps us waiting
    let backends: Vec<String> = (0..40)
        .map(|nth| {
            stage.backend_that_hangs(9000 + nth);
            crate::stage::site(&format!("s{nth}.example"), 9000 + nth)
                .replace("proxy_pass", "proxy_read_timeout 1s; proxy_pass")
        })
        .collect();
    stage.write(
        "/etc/nginx/nginx.conf",
        crate::stage::with_servers(&backends.concat()),
    );
    stage.sh("/usr/sbin/nginx -s reload; sleep 0.5");
    stage.sh("for n in $(seq 0 39); do curl -s -o /dev/null -H \"Host: s$n.example\" http://127.0.0.1/ & done; wait");
    let free = stage.why502(&["bundle", "/run/free"]);
    free.ends(0, &["/run/free"]);
    assert!(!free.out.contains("--max-time"), "{}", free.out);
    let bound = stage.why502(&["bundle", "/run/bound", "--max-time", "1s"]);
    bound.ends(0, &["/run/bound", "Its --max-time of 1 s was over"]);
    assert!(bound.took < free.took, "{:?} and {:?}", bound.took, free.took);
    // what was not looked at is said in it
    let bundle = bundle::read(stage.read("/run/bound").as_slice()).unwrap();
    let verdict: Value = serde_json::from_slice(bundle.part(bundle::Part::Verdict).unwrap()).unwrap();
    let unseen = verdict["unseen"].to_string();
    assert!(unseen.contains("no answer within 1s"), "{unseen}");
}

#[test]
fn what_was_kept_raw_is_redacted_after_the_fact() {
    let stage = shop();
    stage
        .why502(&["bundle", "--raw", "/run/raw.tar.zst"])
        .ends(0, &["Nothing was taken out"]);
    stage
        .why502(&["--json", "--record", "/run/raw.jsonl", "--raw"])
        .ends(2, &[]);
    for raw in ["/run/raw.tar.zst", "/run/raw.jsonl"] {
        stage.why502(&["redact", raw]).ends(0, &["redacted"]);
        let clean = raw.replace("raw.", "raw.redacted.");
        let text = unpacked(&stage.path(&clean));
        let left: Vec<&&str> = CANARIES.iter().filter(|canary| text.contains(**canary)).collect();
        assert!(left.is_empty(), "{clean} has {left:?}");
    }
}

fn unpacked(file: &Path) -> String {
    let bytes = std::fs::read(file).unwrap();
    let mut text = bytes.clone();
    if let Ok(bundle) = bundle::read(bytes.as_slice()) {
        text = bundle.parts.into_iter().flat_map(|(_, bytes)| bytes).collect();
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_bundle_can_be_sealed_for_one_reader() {
    let stage = shop();
    stage.sh("age-keygen -o /run/key 2>/run/said");
    let mut said = String::new();
    std::fs::File::open(stage.path("/run/said"))
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    let recipient = said.trim().rsplit(' ').next().unwrap().to_owned();
    stage
        .why502(&["bundle", "/run/sealed.age", "--to", &recipient])
        .ends(0, &["/run/sealed.age"]);
    stage
        .why502(&["--bundle", "/run/sealed.age"])
        .ends(3, &["encrypted", "age --decrypt"]);
    stage.sh("age --decrypt -i /run/key -o /run/open.tar.zst /run/sealed.age");
    stage
        .why502(&["--bundle", "/run/open.tar.zst"])
        .ends(2, &["shop.example answers 502"]);
    stage
        .why502(&["bundle", "/run/no", "--to", "nobody"])
        .ends(3, &["age refused"]);
}

#[test]
fn what_is_no_bundle_is_refused_in_one_line() {
    let stage = Stage::new();
    for (path, bytes) in [
        ("/run/empty", &b""[..]),
        ("/run/text", b"hello\x1b[2J"),
        ("/run/zst", b"\x28\xb5\x2f\xfd\xff\xff"),
    ] {
        stage.write(path, bytes);
        stage.why502(&["--bundle", path]).ends(3, &[path]).is_harmless();
    }
    stage
        .why502(&["--bundle", "/run/none"])
        .ends(3, &["/run/none", "No such file"]);
    stage
        .why502(&["--bundle", "/run/none", "--recorded", "x"])
        .ends(64, &[]);
}
