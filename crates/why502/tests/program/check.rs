//! `why502 check` on a machine of its own: real nginx, dnsmasq and browser databases, and servers that misbehave.

use crate::stage::{PAGE, PROGRAM, Run, Stage, run, site};
use rusqlite::Connection;
use std::{fs, path::Path};

/// The machine's own names, in place of those of the machine that runs the tests.
pub fn hosts(stage: &Stage, text: &str) {
    stage.write("/opt/hosts", text);
    stage.sh("mount --bind /opt/hosts /etc/hosts");
}

pub fn resolver(stage: &Stage, address: &str) {
    stage.write(
        "/opt/resolv.conf",
        format!("nameserver {address}\noptions timeout:1 attempts:1\n"),
    );
    stage.sh("mount --bind /opt/resolv.conf $(readlink -f /etc/resolv.conf)");
}

/// A machine with an empty home, whose names come from this file.
pub fn visitor(servers: &str, names: &str) -> Stage {
    let stage = Stage::serving(servers);
    hosts(&stage, names);
    resolver(&stage, "127.0.0.1");
    stage
}

pub fn check(stage: &Stage, args: &[&str]) -> Run {
    at_home(stage, &[&["check"], args].concat())
}

/// The program as the owner of that home runs it.
pub fn at_home(stage: &Stage, args: &[&str]) -> Run {
    let mut command = stage.command("env");
    run(command.args(["HOME=/opt/home", PROGRAM]).args(args), b"")
}

pub const SHOP: &str = "127.0.0.1 shop.example\n";

#[test]
fn a_502_of_the_first_server_is_told_with_a_line_that_the_server_finds_again() {
    let stage = visitor(&site("shop.example", 8000), SHOP);
    let run = check(&stage, &["--requests", "3", "http://shop.example/cart"]);
    run.ends(
        1,
        &[
            "nginx 1.",
            "the first server of shop.example, answers 502 Bad Gateway",
            "all 3 requests failed",
            "this browser: the page fails without it",
        ],
    )
    .is_harmless();
    let first = run.out.lines().next().unwrap_or_default();
    assert!(first.starts_with("Checking http://shop.example/cart"), "{first}");
    let lines = run.out.lines().count();
    assert!(
        lines <= 45 && run.out.lines().all(|line| line.chars().count() <= 80),
        "{}",
        run.out
    );

    stage.write("/opt/report.txt", &run.out);
    let found = stage.why502(&["diagnose", "--like", "/opt/report.txt"]);
    // no service is behind this site: why is another question
    found
        .ends(
            2,
            &["3 requests of the visitor came to this nginx, and its error log complains 3 times"],
        )
        .is_harmless();
    let json = check(&stage, &["--requests", "2", "--json", "http://shop.example/cart"]);
    stage.write("/opt/report.json", &json.out);
    let found = stage.why502(&["--json", "--like", "/opt/report.json"]).json();
    assert_eq!(
        found["like"]["requests"].as_array().map(Vec::len),
        Some(2),
        "{found}"
    );
    // those of the check a moment before may be among them
    let complaints = found["like"]["complaints"].as_array().map_or(0, Vec::len);
    assert!(complaints >= 2, "{found}");

    rotated_meanwhile(&stage, "/opt/report.txt", complaints);

    stage.write("/opt/empty.txt", "nothing");
    stage
        .why502(&["--like", "/opt/empty.txt"])
        .ends(3, &["why502-check"]);
}

/// The report comes in late: logrotate has moved both logs on, twice, and nginx has logged since.
fn rotated_meanwhile(stage: &Stage, report: &str, complaints: usize) {
    stage.sh(
        "cd /var/log/nginx
         for log in access error; do gzip -c $log.log >$log.log.2.gz; touch -r $log.log $log.log.2.gz; : >$log.log.1; : >$log.log; done
         kill -USR1 $(cat /run/nginx.pid); sleep 0.5",
    );
    stage.get("shop.example", "/later");
    let found = stage.why502(&["--json", "--like", report]).json();
    let count = |field: &str| found["like"][field].as_array().map_or(0, Vec::len);
    assert_eq!(count("requests"), 3, "{}", found["like"]);
    assert_eq!(count("complaints"), complaints.min(20), "{}", found["like"]);
    let logs = found["like"]["requests"][0]["log"].as_str().unwrap_or_default();
    assert!(logs.ends_with("access.log.2.gz"), "{logs}");
}

#[test]
fn what_works_is_said_to_work_without_root_too() {
    let stage = visitor(&site("shop.example", 8000), SHOP);
    stage.backend(8000, PAGE);
    let mut command = stage.command("setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "env",
        "HOME=/nonexistent",
        PROGRAM,
    ]);
    run(command.args(["check", "http://shop.example/"]), b"")
        .ends(0, &["works from here: 200 OK"])
        .is_harmless();
}

/// A DNS server of that machine; what it does not know does not exist.
pub fn dnsmasq(stage: &Stage, address: &str, options: &str) {
    stage.sh(&format!(
        "/usr/sbin/dnsmasq --no-resolv --no-hosts --user=root --pid-file= --bind-interfaces --listen-address={address} \
         --local=/#/ {options}"
    ));
}

#[test]
fn two_resolvers_that_disagree_are_told_apart_by_the_zones_own_server() {
    let stage = visitor(
        &format!(
            "server {{ listen 127.0.0.3:80; server_name shop.example; return 200 hi; }} {}",
            site("shop.example", 8000).replace("listen 80", "listen 127.0.0.2:80")
        ),
        "",
    );
    // NS of example is ns.example
    let zone = "--dns-rr=example,2,026e73076578616d706c6500 --host-record=ns.example,127.0.0.54";
    dnsmasq(
        &stage,
        "127.0.0.1",
        &format!("{zone} --host-record=shop.example,127.0.0.2"),
    );
    dnsmasq(&stage, "127.0.0.54", "--host-record=shop.example,127.0.0.3");
    check(&stage, &["http://shop.example/"])
        .ends(
            1,
            &[
                "client-dns",
                "at 127.0.0.2 it fails, at 127.0.0.3 it works",
                "the zone's own server 127.0.0.54 says 127.0.0.3",
            ],
        )
        .is_harmless();
    // a name that this resolver lacks and another has
    dnsmasq(&stage, "127.0.0.55", "--host-record=new.example,127.0.0.3");
    check(&stage, &["--resolver", "127.0.0.55", "http://new.example/"])
        .ends(1, &["client-dns", "which exists: 127.0.0.3"]);
    check(&stage, &["http://none.example/"]).ends(1, &["here is no none.example"]);
}

#[test]
fn a_line_of_the_hosts_file_is_this_machines() {
    let stage = visitor(
        &format!(
            "server {{ listen 127.0.0.3:80; server_name shop.example; return 200 hi; }} {}",
            site("shop.example", 8000).replace("listen 80", "listen 127.0.0.2:80")
        ),
        "# old\n127.0.0.2 shop.example\n",
    );
    dnsmasq(&stage, "127.0.0.1", "--host-record=shop.example,127.0.0.3");
    check(&stage, &["http://shop.example/"]).ends(1, &["client-network", "Remove line 2 from /etc/hosts"]);
}

#[test]
fn a_machine_without_a_network_says_so() {
    let stage = visitor(&site("shop.example", 8000), "");
    resolver(&stage, "192.0.2.53");
    check(&stage, &["https://shop.example/"])
        .ends(1, &["client-network", "in no network"])
        .is_harmless();
}

#[test]
fn a_machine_with_ipv6_alone_is_served() {
    let stage = visitor(
        "server { listen [::]:80; server_name shop.example; return 200 hi; }",
        "2001:db8::7 shop.example\n",
    );
    stage.sh("ip address del 127.0.0.1/8 dev lo; ip address add 2001:db8::7/128 dev lo");
    check(&stage, &["http://shop.example/"]).ends(0, &["works from here", "[2001:db8::7]:80"]);
    check(&stage, &["http://[2001:db8::7]/"]).ends(0, &["works from here"]);
}

/// Firefox's, in its real schema.
pub fn firefox(stage: &Stage, cookies: &str) {
    stage.sh("mkdir -p /opt/home/.mozilla/firefox/x.default");
    stage.write(
        "/opt/home/.mozilla/firefox/profiles.ini",
        "[Profile0]\nName=default\nIsRelative=1\nPath=x.default\n",
    );
    let file = stage.path("/opt/home/.mozilla/firefox/x.default/cookies.sqlite");
    let scratch = tempfile::tempdir().unwrap();
    let made = scratch.path().join("cookies.sqlite");
    database(&made, cookies);
    fs::copy(&made, file).unwrap();
}

fn database(file: &Path, cookies: &str) {
    let db = Connection::open(file).unwrap();
    db.execute_batch(&format!(
        "PRAGMA user_version=16; CREATE TABLE moz_cookies (id INTEGER PRIMARY KEY, originAttributes TEXT NOT NULL DEFAULT '',
         name TEXT, value TEXT, host TEXT, path TEXT, expiry INTEGER, lastAccessed INTEGER, creationTime INTEGER, isSecure INTEGER,
         isHttpOnly INTEGER, inBrowserElement INTEGER DEFAULT 0, sameSite INTEGER DEFAULT 0, schemeMap INTEGER DEFAULT 0,
         isPartitionedAttributeSet INTEGER DEFAULT 0, updateTime INTEGER,
         CONSTRAINT moz_uniqueid UNIQUE (name, host, path, originAttributes));
         INSERT INTO moz_cookies (name, value, host, path, expiry, isSecure) VALUES {cookies};"
    ))
    .unwrap();
}

#[test]
fn a_cookie_that_makes_it_fail_is_told_and_its_value_is_not() {
    let echo = "server { listen 80; server_name shop.example; add_header X-Echo $http_cookie always; add_header Set-Cookie \"sid=CANARY-NEW\" always; \
                if ($http_cookie ~ CANARY) { return 502 $http_cookie; } return 200 hi; }";
    let stage = visitor(echo, SHOP);
    firefox(
        &stage,
        "('sid', 'CANARY-0815', 'shop.example', '/', 1900000000, 0), ('o', 'CANARY-9', 'other.example', '/', 1900000000, 0)",
    );
    let run = check(&stage, &["--record", "/opt/looks", "http://shop.example/"]);
    run.ends(
        1,
        &[
            "client-cookie",
            "Firefox, profile default",
            "sid (11 bytes)",
            "Clear this site's cookies only",
        ],
    )
    .is_harmless();
    let json = check(&stage, &["--json", "http://shop.example/"]);
    assert_eq!(json.json()["whose"], "browser", "{}", json.out);
    let looks = String::from_utf8_lossy(&stage.read("/opt/looks")).into_owned();
    for text in [&run.out, &json.out, &looks] {
        assert!(!text.contains("CANARY"), "{text}");
    }
    let again = check(&stage, &["--recorded", "/opt/looks", "http://shop.example/"]);
    again.ends(1, &["client-cookie", "Firefox, profile default"]);
    // a site that fails for all is not blamed on the browser
    stage.write(
        "/etc/nginx/nginx.conf",
        crate::stage::with_servers(&site("shop.example", 8000)),
    );
    stage.sh("/usr/sbin/nginx -s reload; sleep 0.3");
    check(&stage, &["http://shop.example/"]).ends(1, &["the first server of shop.example"]);
}

#[test]
fn a_stored_failure_that_the_browser_asks_anew_for_is_nobodys_fault() {
    let stage = visitor(
        "server { listen 80; server_name shop.example; return 200 hi; }",
        SHOP,
    );
    firefox(&stage, "('lang', 'de', 'shop.example', '/', 1900000000, 0)");
    cached_failure(&stage, "http://shop.example/");
    check(&stage, &["http://shop.example/"]).ends(0, &["works from here", "gets the page with its own"]);
}

/// A 502 of that page in Firefox's cache, as it writes an entry: metadata, key, elements.
pub fn cached_failure(stage: &Stage, page: &str) {
    stage.sh("mkdir -p /opt/home/.cache/mozilla/firefox/x.default/cache2/entries");
    let key = format!(":{page}");
    let mut entry = vec![0; 4];
    for number in [3, 1, 0, 0, 0, 0, u32::try_from(key.len()).unwrap(), 0] {
        entry.extend(u32::to_be_bytes(number));
    }
    entry.extend(key.as_bytes());
    entry.extend(b"\0response-head\0HTTP/1.1 502 Bad Gateway\r\nCache-Control: max-age=600\r\n\0");
    entry.extend(0u32.to_be_bytes());
    stage.write(
        "/opt/home/.cache/mozilla/firefox/x.default/cache2/entries/4F",
        entry,
    );
}

/// A certificate for this name, as its own authority.
pub fn certificate(stage: &Stage, file: &str, name: &str) {
    stage.sh(&format!(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout /opt/{file}.key -out /opt/{file}.pem \
         -days 30 -subj /CN={name} -addext subjectAltName=DNS:{name} 2>/dev/null"
    ));
}

pub fn tls_site(port: u16, file: &str, does: &str) -> String {
    format!(
        "server {{ listen {port} ssl http2; server_name shop.example; ssl_certificate /opt/{file}.pem; ssl_certificate_key /opt/{file}.key; location / {{ {does} }} }}\n"
    )
}

#[test]
fn certificates_are_judged_as_browsers_judge_them() {
    let stage = Stage::new();
    for (file, name) in [
        ("good", "shop.example"),
        ("self", "shop.example"),
        ("other", "other.example"),
    ] {
        certificate(&stage, file, name);
    }
    let expired = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/tests/live/tls");
    for part in ["expired.cert.der", "expired.key.der"] {
        fs::copy(expired.join(part), stage.path(&format!("/opt/{part}"))).unwrap();
    }
    stage.sh("openssl x509 -inform der -in /opt/expired.cert.der -out /opt/expired.pem; openssl pkey -inform der -in /opt/expired.key.der -out /opt/expired.key");
    let fails = "proxy_pass http://127.0.0.1:8000;";
    let servers = [
        tls_site(443, "good", "return 200 hi;"),
        tls_site(444, "self", "return 200 hi;"),
        tls_site(445, "other", "return 200 hi;"),
        tls_site(446, "expired", "return 200 hi;"),
        tls_site(447, "good", fails),
        "server { listen 448; return 200 hi; }\n".to_owned(),
    ];
    stage.write(
        "/etc/nginx/nginx.conf",
        crate::stage::with_servers(&servers.concat()),
    );
    hosts(&stage, SHOP);
    resolver(&stage, "127.0.0.1");
    stage.sh("mount --bind /opt/good.pem /etc/ssl/certs/ca-certificates.crt");
    stage.start_nginx();
    for (port, code, says) in [
        (
            "443",
            0,
            &["works from here", "HTTP/2 from 127.0.0.1: 200 OK", "trusted"][..],
        ),
        ("444", 1, &["its certificate is not to be trusted"]),
        ("445", 1, &["its certificate is for other.example"]),
        ("446", 1, &["its certificate ended"]),
        (
            "447",
            1,
            &[
                "the first server of shop.example",
                "HTTP/2 from 127.0.0.1: 502 Bad Gateway",
            ],
        ),
        ("448", 1, &["the answer is not TLS"]),
    ] {
        check(
            &stage,
            &["--requests", "2", &format!("https://shop.example:{port}/")],
        )
        .ends(code, says)
        .is_harmless();
    }
}

#[test]
fn cookies_go_to_nobody_but_their_site() {
    let stage = Stage::new();
    certificate(&stage, "self", "shop.example");
    stage.write(
        "/etc/nginx/nginx.conf",
        crate::stage::with_servers(&format!(
            "log_format c '$http_cookie'; access_log /var/log/nginx/c.log c; {}",
            tls_site(443, "self", "return 200 hi;")
        )),
    );
    hosts(&stage, SHOP);
    resolver(&stage, "127.0.0.1");
    stage.start_nginx();
    firefox(
        &stage,
        "('sid', 'CANARY-0815', 'shop.example', '/', 1900000000, 1)",
    );
    check(&stage, &["https://shop.example/"]).ends(1, &["not to be trusted"]);
    let log = String::from_utf8_lossy(&stage.read("/var/log/nginx/c.log")).into_owned();
    assert!(!log.contains("CANARY"), "{log}");
    // once it is who it says, they do
    stage.sh("mount --bind /opt/self.pem /etc/ssl/certs/ca-certificates.crt");
    check(&stage, &["https://shop.example/"]).ends(0, &["gets the page with its own"]);
    // nginx writes its line once the connection is closed
    stage.sh("sleep 1");
    let log = String::from_utf8_lossy(&stage.read("/var/log/nginx/c.log")).into_owned();
    assert!(log.contains("CANARY-0815"), "{log}");
}

#[test]
fn a_circle_ends() {
    let stage = visitor(
        "server { listen 80; server_name shop.example; location / { return 302 /a; } location /a { return 302 /; } }",
        SHOP,
    );
    check(&stage, &["http://shop.example/"]).ends(1, &["leads in a circle"]);
}

#[test]
fn a_page_that_leads_nowhere_is_told() {
    let leads = "server { listen 80; server_name shop.example; location /gone { return 302 http://gone.example/; } \
                 location /closed { return 302 http://shop.example:81/; } }";
    let stage = visitor(leads, SHOP);
    check(&stage, &["http://shop.example/gone"]).ends(1, &["a name without an address"]);
    check(&stage, &["http://shop.example/closed"]).ends(1, &["where nobody answers: Connection refused"]);
    check(&stage, &["http://shop.example/none"]).ends(0, &["answers 404 Not Found from here"]);
}

#[test]
fn the_hop_that_answers_is_named() {
    let stage = visitor(&site("shop.example", 8000), SHOP);
    stage.backend(8000, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 56\r\n\r\nThe server returned an invalid or incomplete response.\r\n");
    check(&stage, &["--requests", "2", "http://shop.example/"])
        .ends(1, &["HAProxy, a server behind the first one of shop.example"]);
    stage.backend(
        8001,
        "HTTP/1.1 521 \r\nServer: cloudflare\r\nCF-RAY: 8f1-AMS\r\nContent-Length: 0\r\n\r\n",
    );
    check(&stage, &["--requests", "2", "http://shop.example:8001/"]).ends(
        1,
        &[
            "Cloudflare, which stands before shop.example",
            "its origin refuses connections",
            "cf-ray=8f1-AMS",
        ],
    );
    check(&stage, &["--requests", "2", "http://shop.example:8002/"])
        .ends(1, &["o web server runs at 127.0.0.1:8002"]);
}

#[test]
fn hostile_answers_are_bounded_and_harmless() {
    let stage = visitor(&site("shop.example", 8000), SHOP);
    stage.backend(8001, "HTTP/1.1 502 \x1b[2J\r\nServer: \x1b]0;x\x07evil\u{202e}\r\nX-Request-Id: \x1b[31m\r\n\r\n<title>\x1b[2Joops \u{202e}</title>");
    for args in [
        &["--requests", "1", "http://shop.example:8001/"][..],
        &["--requests", "1", "--json", "http://shop.example:8001/"],
    ] {
        let run = check(&stage, args);
        assert!(!run.err.contains("panicked"), "{}", run.err);
        run.is_harmless();
    }
    // a body without an end
    stage.sh("setsid python3 -c \"import socket
s = socket.create_server(('127.0.0.1', 8003))
while True:
    c, _ = s.accept(); c.recv(9999)
    try:
        c.sendall(b'HTTP/1.1 200 OK\\r\\n\\r\\n')
        while True: c.sendall(b'x' * 65536)
    except OSError: pass\" >/dev/null 2>&1 &
    for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2; ss -ltn | grep -q :8003 && break; done");
    let run = check(&stage, &["--requests", "1", "http://shop.example:8003/"]);
    run.ends(0, &["works from here"]);
    assert!(run.took.as_secs() < 15, "{:?}", run.took);
}

#[test]
fn a_proxy_that_fails_is_this_machines() {
    let stage = visitor(
        "server { listen 80; server_name shop.example; return 200 hi; }",
        SHOP,
    );
    stage.backend(3128, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
    let mut command = stage.command("env");
    command.args([
        "HOME=/opt/home",
        "http_proxy=http://me:CANARY@127.0.0.1:3128",
        PROGRAM,
        "check",
        "http://shop.example/",
    ]);
    let run = run(&mut command, b"");
    run.ends(
        1,
        &["client-network", "proxy that programs here go through fails"],
    );
    assert!(!run.out.contains("CANARY"), "{}", run.out);
}
