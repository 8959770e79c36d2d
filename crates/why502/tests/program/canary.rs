//! Known secrets in every place that a look reaches, and none of them in anything that why502 prints, writes or keeps.

use crate::{
    check::{at_home, cached_failure, firefox, hosts, resolver},
    stage::{PROGRAM, STATE, Stage, UWSGI, run, until},
};
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
    "canaryQuoted18",
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
DAY TIME [error] 7#7: *1 FastCGI sent in stderr: \"PHP Fatal error: key AKIACANARYCANARY1234 password=canaryTrace16 token: 'canaryQuoted18' secret=\"canaryQuoted18\"\" while reading response header from upstream, client: 203.0.113.77, server: shop.example, request: \"GET /a?api_key=canaryQuery4 HTTP/1.1\", upstream: \"uwsgi://127.0.0.1:8000\", host: \"shop.example\", referrer: \"https://shop.example/?access_token=canaryReferrer5\"
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

/// Of a visitor: in the profile, in the URL, in the environment, and in what the site answers.
const OF_A_VISITOR: &[&str] = &[
    "canaryStored1",
    "canaryLogin2",
    "canaryCached3",
    "canaryProxy4",
    "canarySet5",
    "canaryLeads6",
    "canaryBody7",
];

/// A visitor whose cookie makes the page fail, and a site that tells what it was told.
fn visitor() -> Stage {
    let stage = Stage::serving(
        "server { listen 80; server_name shop.example;
            add_header Set-Cookie \"sid=canarySet5; HttpOnly\" always; add_header X-Request-Id \"$http_cookie\" always;
            location /away { return 302 /in?token=canaryLeads6; }
            location / { if ($http_cookie ~ canary) { return 502 \"Cookie: $http_cookie password=canaryBody7\"; }
                return 200 \"<title>token=canaryBody7</title>\"; } }",
    );
    hosts(&stage, "127.0.0.1 shop.example\n");
    resolver(&stage, "127.0.0.1");
    firefox(
        &stage,
        "('sid', 'canaryStored1', 'shop.example', '/', 1900000000, 0), ('token', 'canaryStored1', '.shop.example', '/', 1900000000, 0)",
    );
    stage
        .write(
            "/opt/home/.mozilla/firefox/x.default/prefs.js",
            "user_pref(\"network.proxy.type\", 1);\nuser_pref(\"network.proxy.http\", \"me:canaryProxy4@proxy.example\");\nuser_pref(\"network.proxy.http_port\", 3128);\n",
        );
    cached_failure(&stage, "http://shop.example/?token=canaryCached3");
    stage
}

/// Every file of that machine below a directory tells none; what was taken out of a browser is kept as it was.
#[track_caller]
fn files_tell_none(stage: &Stage, below: &str) -> usize {
    let kept = stage.sh(&format!(
        "find {below} -type f -not -path '*/before/*' -not -path '*/kept/*'"
    ));
    for file in kept.lines() {
        let text = String::from_utf8_lossy(&stage.read(file)).into_owned();
        let told: Vec<_> = OF_A_VISITOR.iter().filter(|it| text.contains(**it)).collect();
        assert!(told.is_empty(), "{file} tells {told:?}");
    }
    kept.lines().count()
}

#[test]
fn nothing_that_a_check_prints_or_writes_tells_what_the_visitor_keeps() {
    let stage = visitor();
    let page = "http://shop.example/?token=canaryLogin2";
    let proxy = "http_proxy=http://me:canaryProxy4@127.0.0.1:1";
    for (args, code) in [
        (&["check", page][..], 1),
        (&["check", "--json", page], 1),
        (&["check", "--record", "/opt/files/looks", page], 1),
        (&["check", "--recorded", "/opt/files/looks", page], 1),
        (&["check", "--no-browser", "http://shop.example/away"], 1),
        (
            &["check", "--no-browser", "http://jo:canaryLogin2@shop.example/"],
            64,
        ),
    ] {
        stage.sh("mkdir -p /opt/files");
        let mut command = stage.command("env");
        let said = run(command.args(["HOME=/opt/home", proxy, PROGRAM]).args(args), b"");
        said.ends(code, &["shop.example"]);
        tells_none(&format!("{args:?}"), said.out.as_bytes(), OF_A_VISITOR);
        tells_none(&format!("{args:?}"), said.err.as_bytes(), OF_A_VISITOR);
    }
    let blames = at_home(&stage, &["check", page]);
    blames.ends(1, &["client-cookie", "sid (13 bytes)"]);
    // what goes to the operator comes back by `diagnose --like`, in a report and in a ticket's desk
    stage.write("/opt/files/report.txt", &blames.out);
    let like = stage.why502(&["diagnose", "--like", "/opt/files/report.txt"]);
    tells_none(
        "--like",
        format!("{}{}", like.out, like.err).as_bytes(),
        OF_A_VISITOR,
    );
    assert_eq!(files_tell_none(&stage, "/opt/files"), 2);
}

#[test]
fn nothing_kept_of_a_visitors_machine_tells_what_it_keeps() {
    let stage = visitor();
    let page = "http://shop.example/?token=canaryLogin2";
    for (args, code) in [
        (&["client", "clear", page, "--plan"][..], 1),
        (&["client", "clear", page, "--json"], 1),
        (&["client", "clear", page, "--yes"], 0),
        (&["history"], 0),
        (&["history", "--json"], 0),
        (&["undo", "--json"], 1),
        (&["undo", "--yes"], 0),
        (&["client", "clear", page, "--json", "--yes"], 0),
        (
            &["client", "dns", "shop.example", "--server", "127.0.0.9", "--json"],
            1,
        ),
        (&["client", "reset", page, "--json"], 1),
    ] {
        let said = at_home(&stage, args);
        assert_eq!(said.code, Some(code), "{args:?}: {}{}", said.out, said.err);
        tells_none(&format!("{args:?}"), said.out.as_bytes(), OF_A_VISITOR);
        tells_none(&format!("{args:?}"), said.err.as_bytes(), OF_A_VISITOR);
    }
    assert!(files_tell_none(&stage, STATE) > 1);
    // the cookies are kept to be put back, for nobody but their owner
    let kept = stage.sh(&format!("grep -rl canaryStored1 {STATE}"));
    assert!(
        !kept.is_empty() && kept.lines().all(|it| it.contains("/kept/")),
        "{kept}"
    );
    for file in kept.lines() {
        let modes = stage.sh(&format!("stat -c %a {file}; stat -c %a $(dirname {file})"));
        assert!(modes.lines().all(|mode| mode.ends_with("00")), "{file}: {modes}");
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
