//! The brief description for a support desk: what it says, and how it gets there through real servers.

use crate::stage::{PAGE, PROGRAM, Run, Stage, run, uwsgi_site};
use serde_json::Value;
use std::{net::TcpStream, time::Duration};

const DESK: &str = include_str!("desk.py");
const PROXIES: [&str; 4] = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"];

/// nginx asks 8000, the application listens on 8001; a fix was tried and taken back.
fn misdirected() -> Stage {
    let stage = Stage::serving(&uwsgi_site("shop.example", 8000));
    stage.serve_uwsgi(8001);
    for _ in 0..3 {
        assert_eq!(stage.get("shop.example", "/?token=canaryToken"), 502);
    }
    stage
}

/// A mail server or a webhook of that host, trusted by it where it speaks TLS.
fn desk(stage: &Stage, kind: &str, port: u16, how: &str) {
    stage.write("/run/desk.py", DESK);
    stage.sh(
        "cd /run; [ -e desk.key ] || {
            openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=ours -keyout ca.key -out ca.pem
            openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout desk.key -out desk.csr
            echo subjectAltName=DNS:localhost > desk.ext
            openssl x509 -req -in desk.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile desk.ext -out desk.pem
         } 2>/dev/null",
    );
    stage.sh(&format!(
        "/usr/bin/python3 /run/desk.py {kind} {port} /run/{kind} {how} >/run/desk.log 2>&1 &"
    ));
    let listens = crate::stage::until(|| stage.inside(move || TcpStream::connect(("127.0.0.1", port)).ok()));
    assert!(
        listens.is_some(),
        "{}",
        String::from_utf8_lossy(&stage.read("/run/desk.log"))
    );
}

fn ticket(stage: &Stage, args: &[&str]) -> Run {
    let mut command = stage.why502_command(&[&["ticket"], args].concat());
    for name in PROXIES {
        command.env_remove(name);
    }
    command.env("SSL_CERT_FILE", "/run/ca.pem");
    run(&mut command, b"")
}

fn arrived(stage: &Stage, kind: &str) -> String {
    let path = stage.path(&format!("/run/{kind}"));
    let bytes = std::fs::read(path).unwrap_or_default();
    // quoted-printable breaks long lines
    String::from_utf8_lossy(&bytes).replace("=\r\n", "")
}

#[test]
fn it_says_what_a_desk_has_to_know() {
    let stage = misdirected();
    stage.why502(&["fix", "--yes"]).ends(0, &["Fixed"]);
    stage.why502(&["undo", "--yes"]).ends(0, &["Undone"]);
    assert_eq!(stage.get("shop.example", "/?token=canaryToken"), 502);
    let said = ticket(&stage, &[]);
    said.is_harmless().ends(
        0,
        &[
            "shop.example answers 502",
            "Impact",
            "times from 20",
            "Since",
            "Cause",
            "wrong-upstream-port",
            "What was tried",
            "taken back",
            "What we ask of you",
            "1. Is the cause above right",
            "token=[redacted]",
        ],
    );
    assert!(!said.out.contains("canaryToken"), "{}", said.out);
    let page = ticket(&stage, &["--format", "markdown", "--to", "developer"]);
    page.is_harmless().ends(
        0,
        &[
            "# shop.example",
            "## What we ask of you",
            "Which change of the code",
        ],
    );
    let json = ticket(&stage, &["--format", "json"]).json();
    let schema = stage.why502(&["schema", "ticket"]).json();
    let keys = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&json), keys(&schema["properties"]));
}

#[test]
fn a_bundle_tells_the_same() {
    let stage = misdirected();
    stage.why502(&["fix", "--yes"]).ends(0, &["Fixed"]);
    stage.why502(&["undo", "--yes"]).ends(0, &["Undone"]);
    stage.get("shop.example", "/");
    stage.why502(&["bundle", "/run/shop.tar.zst"]).ends(0, &[]);
    let elsewhere = Stage::new();
    elsewhere.write("/run/shop.tar.zst", stage.read("/run/shop.tar.zst"));
    let (there, here) = (
        ticket(&stage, &["--format", "json"]).json(),
        ticket(&elsewhere, &["--format", "json", "--bundle", "/run/shop.tar.zst"]).json(),
    );
    for field in ["subject", "host", "to", "since", "tried", "asked"] {
        assert_eq!(here[field], there[field], "{field}");
        assert!(!here[field].is_null(), "{field}");
    }
    assert_eq!(here["known"], there["known"]);
}

/// The mail server of these tests, and who reads what it gets.
const MAIL_SERVER: &str = "127.0.0.1:2525";
const READER: &str = "desk@host.example";

/// A ticket by mail to the reader, without a question.
fn mail(stage: &Stage, server: &str, more: &[&str]) -> Run {
    let to = ["--yes", "--smtp", server, "--mail-from", "a@shop.example"];
    let named = more.contains(&"--mail-to");
    let reader = ["--mail-to", READER];
    ticket(
        stage,
        &[&to[..], if named { &[] } else { &reader }, more].concat(),
    )
}

#[test]
fn where_nothing_fails_nothing_is_asked() {
    let stage = Stage::serving(&crate::stage::site("shop.example", 8000));
    stage.backend(8000, PAGE);
    assert_eq!(stage.get("shop.example", "/"), 200);
    desk(&stage, "smtp", 2525, "");
    mail(&stage, MAIL_SERVER, &["--smtp-tls", "none"]).ends(0, &["Nothing fails"]);
    assert_eq!(arrived(&stage, "smtp"), "");
}

#[test]
fn it_is_mailed_only_on_a_yes_and_by_starttls_with_a_login() {
    let stage = misdirected();
    desk(&stage, "smtp", 2525, "tls auth");
    stage.write("/run/password", "canaryMailbox\n");
    stage.sh("chmod 600 /run/password");
    stage.write(
        "/run/ticket.toml",
        "to = \"vendor\"\n[smtp]\nserver = \"localhost:2525\"\nfrom = \"Shop <shop@shop.example>\"\n\
         to = [\"desk@host.example\", \"second@host.example\"]\nuser = \"shop\"\npassword_file = \"/run/password\"\n",
    );
    let config = ["--config", "/run/ticket.toml"];
    ticket(&stage, &config).ends(0, &["Not sent to desk@host.example", "--yes"]);
    assert_eq!(arrived(&stage, "smtp"), "");
    ticket(&stage, &[&config[..], &["--yes"]].concat()).ends(0, &["Sent to desk@host.example"]);
    let mail = arrived(&stage, "smtp");
    for part in [
        "RCPT ['desk@host.example', 'second@host.example']",
        "FROM shop@shop.example",
        "TLS True",
        "Subject: shop.example answers 502",
        "Auto-Submitted: auto-generated",
        "wrong-upstream-port",
    ] {
        assert!(mail.contains(part), "{part} is not in\n{mail}");
    }
    assert!(!mail.contains("canary"), "{mail}");
    stage.write("/run/password", "wrong\n");
    let refused = ticket(&stage, &[&config[..], &["--yes"]].concat());
    refused.ends(3, &["not sent to desk@host.example", "535"]);
    assert!(!refused.err.contains("wrong\n"), "{}", refused.err);
    stage.sh("chmod 644 /run/password");
    ticket(&stage, &config).ends(3, &["every user may read this secret", "chmod 600"]);
}

/// Two ways to go, each asked about; keys are those pressed at each question.
fn at_a_terminal(stage: &Stage, keys: &[&str]) -> Run {
    let visits = keys
        .iter()
        .map(|keys| serde_json::json!(["true", keys]).to_string() + "\n");
    let mut command = stage.command("/usr/bin/python3");
    command.args(["/run/person.py", PROGRAM, "ticket"]);
    command.args(["--smtp", MAIL_SERVER, "--smtp-tls", "none"]);
    command.args(["--mail-from", "a@shop.example", "--mail-to", READER]);
    command.args(["--webhook", "http://127.0.0.1:8080/hook"]);
    for name in PROXIES {
        command.env_remove(name);
    }
    let visits: String = visits.collect();
    run(
        command.env("NO_COLOR", "1").env("TERM", "xterm"),
        visits.as_bytes(),
    )
}

#[test]
fn a_person_is_asked_before_it_goes_anywhere() {
    let stage = misdirected();
    stage.write("/run/person.py", include_str!("person.py"));
    desk(&stage, "smtp", 2525, "");
    desk(&stage, "http", 8080, "");
    let asks = [
        "What we ask of you",
        "Send this to desk@host.example through 127.0.0.1:2525 (no encryption)? [y/N]",
    ];
    for (what, keys, code, not_sent) in [
        ("no", &["n\n", "no\n"][..], 0, 2),
        ("nothing", &["\n", "\n"], 0, 2),
        ("half a yes", &["yeah\n", "ye\n"], 0, 2),
        ("the end of input", &["\u{4}", "\u{4}"], 0, 2),
        ("Ctrl-C at once", &["\u{3}"], 254, 0),
        ("Ctrl-C at the second", &["n\n", "\u{3}"], 254, 1),
    ] {
        let said = at_a_terminal(&stage, keys);
        said.ends(code, &asks);
        assert_eq!(arrived(&stage, "smtp"), "", "{what}: {}", said.out);
        assert_eq!(arrived(&stage, "http"), "", "{what}: {}", said.out);
        let refused = said.out.matches("Not sent to").count();
        assert_eq!(refused, not_sent, "{what}: {}", said.out);
    }
    // each is asked about by itself
    at_a_terminal(&stage, &["n\n", "y\n"]).ends(
        0,
        &[
            "Not sent to desk@host.example",
            "Sent to the webhook at 127.0.0.1",
        ],
    );
    assert_eq!(arrived(&stage, "smtp"), "");
    assert!(arrived(&stage, "http").starts_with("/hook "));
    at_a_terminal(&stage, &["YES\n", "\u{3}"]).ends(254, &["Sent to desk@host.example"]);
    assert!(arrived(&stage, "smtp").contains("RCPT ['desk@host.example']"));
    assert_eq!(arrived(&stage, "http").matches("/hook ").count(), 1);
}

#[test]
fn servers_that_are_no_good_are_not_trusted_and_not_waited_for() {
    let stage = misdirected();
    desk(&stage, "smtp", 2525, "tls auth");
    let mail = |server: &str, more: &[&str]| mail(&stage, server, more);
    mail(MAIL_SERVER, &[]).ends(3, &["not sent", "certificate"]);
    mail(MAIL_SERVER, &["--smtp-tls", "none"]).ends(3, &["not sent", "STARTTLS"]);
    mail("127.0.0.1:1", &[]).ends(3, &["not sent", "refused"]);
    mail("mail.example", &["--smtp-tls", "none", "--smtp-user", "u"])
        .ends(3, &["a password is not sent without encryption"]);
    mail(MAIL_SERVER, &["--smtp-user", "shop"]).ends(3, &["WHY502_SMTP_PASSWORD"]);
    stage.backend_that_hangs(2626);
    let hung = mail("127.0.0.1:2626", &["--smtp-tls", "none"]);
    hung.ends(3, &["not sent", "silent for 10 s"]);
    assert!(hung.took < Duration::from_secs(30), "{:?}", hung.took);
    assert_eq!(arrived(&stage, "smtp"), "");
}

#[test]
fn names_of_sites_break_no_header() {
    let stage = Stage::serving(
        "server { listen 80; server_name \"shop.example\r\nBcc: thief@evil.example\r\n\r\n.\r\nMAIL FROM:<x@y>\" shop.example;
            location / { proxy_pass http://127.0.0.1:8000; } }\n",
    );
    assert_eq!(stage.get("shop.example", "/"), 502);
    desk(&stage, "smtp", 2525, "");
    let plain = ["--smtp-tls", "none"];
    mail(&stage, MAIL_SERVER, &plain)
        .is_harmless()
        .ends(0, &["Sent to"]);
    let got = arrived(&stage, "smtp");
    assert_eq!(got.matches("RCPT ").count(), 1, "{got}");
    assert!(got.contains("RCPT ['desk@host.example']"), "{got}");
    assert!(
        !got.lines()
            .any(|line| line.starts_with("Bcc:") || line.starts_with("MAIL")),
        "{got}"
    );
    let thief = ["--mail-to", "a@b.example\r\nBcc: thief@evil.example"];
    mail(&stage, MAIL_SERVER, &[plain, thief].concat()).ends(3, &["no mail address"]);
}

#[test]
fn a_webhook_gets_one_document() {
    let stage = misdirected();
    desk(&stage, "http", 8443, "tls");
    stage.write("/run/token", "canaryBearer\n");
    stage.sh("chmod 600 /run/token");
    let hook = |url: &str| {
        ticket(
            &stage,
            &["--yes", "--webhook", url, "--webhook-token-file", "/run/token"],
        )
    };
    let sent = hook("https://localhost:8443/hooks/canaryPath");
    sent.ends(0, &["Sent to the webhook at localhost"]);
    assert!(
        !sent.err.contains("canary") && !sent.out.contains("canary"),
        "{}{}",
        sent.out,
        sent.err
    );
    let got = arrived(&stage, "http");
    let (head, body) = got.split_once('\n').unwrap();
    assert_eq!(head, "/hooks/canaryPath Bearer canaryBearer");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["schema"], "why502/ticket/1");
    assert!(body["text"].as_str().unwrap().contains("What we ask of you"));
    hook("https://localhost:8443/missing").ends(3, &["not sent to the webhook", "404"]);
    hook("https://localhost:8443/away").ends(3, &["not sent to the webhook", "302"]);
    hook("https://127.0.0.1:8443/").ends(3, &["not sent to the webhook"]);
    hook("http://desk.example/").ends(3, &["https:// only"]);
    hook("https://u:p@localhost:8443/").ends(3, &["login"]);
    hook("https://").ends(3, &["URL"]);
}

#[test]
fn settings_that_are_wrong_are_refused_by_their_line() {
    let stage = misdirected();
    for (text, says) in [
        ("[smtp]\nserver = \"m\"\npasword_file = \"x\"\n", "/run/t.toml:3"),
        ("to = \"nobody\"\n", "/run/t.toml:1"),
        ("[smtp]\nserver = \"m\"\n", "nobody to write to"),
        ("[webhook]\n", "neither url nor url_file"),
    ] {
        stage.write("/run/t.toml", text);
        let run = ticket(&stage, &["--config", "/run/t.toml"]);
        run.ends(3, &[says]);
    }
    ticket(&stage, &["--config", "/run/none"]).ends(3, &["/run/none"]);
    ticket(&stage, &["--mail-to", "a@b.example"]).ends(3, &["--smtp"]);
}
