//! Known secrets in every place that a look reaches, and none of them in anything that why502 prints, writes or keeps.

use crate::stage::{STATE, Stage, UWSGI, run, until};
use serde_json::Value;
use std::net::TcpStream;

/// Each stands in one place of that host.
const SECRETS: &[&str] = &[
    "canaryHeader1",
    "canaryKey2",
    "canaryParam3",
    "canaryQuery4",
    "canaryReferrer5",
    "canaryUrl6",
    "canaryDsn7",
    "canaryCookie8",
    "canaryBearer9",
    "canaryEnvFile10",
    "canaryYaml11",
    "canaryPython12",
    "canaryPem13",
    "canaryArgument14",
    "canaryEnviron15",
    "canaryTrace16",
    "AKIACANARYCANARY1234",
];
/// Of visitors: on the host itself they tell whose load it was, and they never leave.
const VISITORS: &[&str] = &["203.0.113.77", "canaryMail17"];

const SITE: &str = "server { listen 80; server_name shop.example;
        location / {
            uwsgi_param HTTP_AUTHORIZATION \"Basic canaryHeader1==\";
            uwsgi_param X-Api-Key canaryKey2;
            uwsgi_param APP_SECRET canaryParam3;
            uwsgi_pass 127.0.0.1:8000;
        } }\n";

const ERRORS: &str = "DAY TIME [info] 7#7: told: mysql://shop:canaryDsn7@db.example/shop, Cookie: sid=canaryCookie8; path=/
DAY TIME [error] 7#7: *1 FastCGI sent in stderr: \"PHP Fatal error: key AKIACANARYCANARY1234 password=canaryTrace16\" while reading response header from upstream, client: 203.0.113.77, server: shop.example, request: \"GET /a?api_key=canaryQuery4 HTTP/1.1\", upstream: \"uwsgi://127.0.0.1:8000\", host: \"shop.example\", referrer: \"https://shop.example/?access_token=canaryReferrer5\"
";
const ACCESS: &str = "203.0.113.77 - - [STAMP] \"GET /?access_token=canaryQuery4 HTTP/1.1\" 502 157 \"https://jo:canaryUrl6@shop.example/\" \"Authorization: Bearer canaryBearer9\"\n";
const ENV: &str = "DB_HOST=127.0.0.1\nDB_USERNAME=shop\nDB_PASSWORD=canaryEnvFile10\nMAIL_FROM=canaryMail17@mail.example.org\n";
const YAML: &str = "production:\n  host: 127.0.0.1\n  username: shop\n  password: canaryYaml11\n";
const PYTHON: &str = "DATABASES = {'default': {'HOST': '127.0.0.1', 'USER': 'shop', 'PASSWORD': 'canaryPython12'}}\n\
                      KEY = '''-----BEGIN PRIVATE KEY-----\ncanaryPem13\n-----END PRIVATE KEY-----'''\n";

/// A shop whose application listens elsewhere, and that tells its secrets wherever it can.
fn shop() -> Stage {
    let stage = Stage::serving(SITE);
    stage.sh("mkdir -p /opt/shop/config; cp /usr/bin/python3 /opt/uwsgi");
    for (path, text) in [
        ("/opt/shop/.env", ENV),
        ("/opt/shop/config/database.yml", YAML),
        ("/opt/shop/settings.py", PYTHON),
        ("/opt/shop/server.py", UWSGI),
    ] {
        stage.write(path, text);
    }
    stage.sh(
        "cd /opt/shop; SECRET_KEY=canaryEnviron15 REDIS_URL=redis://:canaryEnviron15@127.0.0.1/0 \
         setsid /opt/uwsgi server.py 8001 --password=canaryArgument14 >/dev/null 2>&1 &",
    );
    until(|| stage.inside(|| TcpStream::connect(("127.0.0.1", 8001)).ok())).expect("the application listens");
    let now = |format: &str| stage.sh(&format!("date +'{format}'")).trim().to_owned();
    let errors = ERRORS.replace("DAY TIME", &now("%Y/%m/%d %H:%M:%S"));
    stage.append("/var/log/nginx/error.log", errors);
    stage.append(
        "/var/log/nginx/access.log",
        ACCESS.replace("STAMP", &now("%d/%b/%Y:%H:%M:%S %z")),
    );
    for path in [
        "/pay?order=7&token=canaryQuery4",
        "/mail?to=canaryMail17@mail.example.org&password=canaryQuery4",
    ] {
        assert_eq!(stage.get("shop.example", path), 502);
    }
    stage
}

#[track_caller]
fn tells_none(what: &str, text: &[u8], more: &[&str]) {
    let text = String::from_utf8_lossy(text);
    let told: Vec<&str> = SECRETS
        .iter()
        .chain(more)
        .copied()
        .filter(|it| text.contains(it))
        .collect();
    assert!(told.is_empty(), "{what} tells {told:?}:\n{text}");
}

#[test]
fn nothing_printed_tells_a_secret() {
    let stage = shop();
    let log = String::from_utf8(stage.read("/var/log/nginx/error.log")).unwrap();
    for args in [
        &["--all"][..],
        &["--json"],
        &["--format", "markdown"],
        &["--format", "nagios"],
        &["audit"],
        &["audit", "--json"],
        &["audit", "--format", "sarif"],
        &["logs", "--since", "1d"],
        &["logs", "--since", "1d", "--json", "--by", "client,route"],
        &["logs", "--since", "1d", "--csv"],
        &["logs", "--since", "1d", "--by", "client,route"],
        &["ports"],
        &["ports", "--json"],
        &["explain", "-"],
        &["explain", "-", "--json"],
        &["report", "--html", "-"],
        &["report", "--format", "markdown"],
        &["load"],
        &["load", "--json"],
        &["fix", "--plan"],
        &["fix", "--json"],
    ] {
        let said = run(&mut stage.why502_command(args), log.as_bytes());
        assert!(said.out.len() > 40, "{args:?} says next to nothing: {}", said.err);
        tells_none(&format!("{args:?}"), said.out.as_bytes(), &[]);
        tells_none(&format!("{args:?}"), said.err.as_bytes(), &[]);
    }
}

#[test]
fn nothing_that_leaves_the_host_tells_a_secret_or_a_visitor() {
    let stage = shop();
    stage
        .why502(&["--json", "--record", "/run/looks"])
        .ends(1, &["wrong-upstream-port"]);
    tells_none("the recording", &stage.read("/run/looks"), VISITORS);
    stage
        .why502(&["bundle", "/run/shop.tar.zst"])
        .ends(0, &["Taken out"]);
    let bundle = bundle::read(stage.read("/run/shop.tar.zst").as_slice()).unwrap();
    for (part, bytes) in &bundle.parts {
        tells_none(part.file(), bytes, VISITORS);
    }
    for format in ["text", "markdown", "json"] {
        let ticket = stage.why502(&["ticket", "--format", format]);
        assert!(ticket.out.contains("wrong-upstream-port"), "{}", ticket.err);
        tells_none("the ticket", ticket.out.as_bytes(), VISITORS);
    }
    // they were reached: what was left raw has them
    stage
        .why502(&["--json", "--record", "/run/raw", "--raw"])
        .ends(1, &[]);
    let raw = String::from_utf8_lossy(&stage.read("/run/raw")).into_owned();
    for reached in [
        VISITORS[0],
        VISITORS[1],
        "canaryHeader1",
        "canaryQuery4",
        "canaryReferrer5",
        "canaryCookie8",
    ] {
        assert!(raw.contains(reached), "no look reached {reached}");
    }
}

#[test]
fn nothing_kept_of_a_fix_tells_a_secret() {
    let stage = shop();
    let said = stage.why502(&["fix", "--yes"]);
    said.ends(0, &["Fixed"]);
    tells_none("fix --yes", said.out.as_bytes(), &[]);
    for args in [
        &["history"][..],
        &["history", "--json"],
        &["undo", "--json"],
        &["undo", "--yes"],
    ] {
        tells_none(&format!("{args:?}"), stage.why502(args).out.as_bytes(), &[]);
    }
    let kept = stage.sh(&format!("find {STATE} -type f -not -path '*/before/*'"));
    assert!(kept.contains("journal"), "{kept}");
    for file in kept.lines() {
        let bytes = stage.read(file);
        let text = match serde_json::from_slice(&bytes) {
            Ok(plan) => without_files(plan).to_string(),
            Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
        };
        tells_none(file, text.as_bytes(), VISITORS);
    }
}

/// An edited file is kept byte for byte, for nobody but root: it is what an undo puts back.
fn without_files(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.remove("bytes");
            fields.values_mut().for_each(|it| *it = without_files(it.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|it| *it = without_files(it.take())),
        _ => {}
    }
    value
}
