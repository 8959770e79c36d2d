//! Wrong arguments, pasted lines, and the pages the program prints about itself. No host is looked at.

use crate::stage::{Run, run};
use std::{collections::HashSet, process::Command};

fn why502(args: &[&str]) -> Run {
    pasted(args, b"")
}

fn pasted(args: &[&str], input: &[u8]) -> Run {
    run(Command::new(env!("CARGO_BIN_EXE_why502")).args(args), input)
}

#[test]
fn wrong_use_is_64_and_says_how() {
    let rows: &[(&[&str], &str)] = &[
        (&["--nonsense"], "--nonsense"),
        (&["diagnoze"], "diagnoze"),
        (&["--since", "yesterday"], "2h"),
        (&["--since=-5"], "2h"),
        (&["--since", "0"], "between one second and a year"),
        (&["--since", "99999999999999999999d"], "2h"),
        (&["--since", "é"], "2h"),
        (&["--since", "5é"], "2h"),
        (&["--since", ""], "2h"),
        (&["--format", "xml"], "markdown"),
        (&["--json", "--format", "text"], "cannot be used with"),
        (&["--record", "a", "--recorded", "b"], "cannot be used with"),
        (&["explain", "--list", "oom-kill"], "cannot be used with"),
        (&["dns"], "NAME"),
        (&["completions", "tcsh"], "bash"),
        (&["--url", "shop.example"], "http://shop.example/path"),
        (&["--url", "http:///x"], "http://shop.example/path"),
        (&["--url", "ftp://shop.example/"], "http://shop.example/path"),
        (&["dns", "no name"], "no host name"),
        (&["dns", "shop.example", "--resolver", "nine"], "9.9.9.9"),
    ];
    for (args, says) in rows {
        why502(args).ends(64, &[says]).is_harmless();
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [
        &["--help"][..],
        &["-h"],
        &["explain", "--help"],
        &["help"],
        &["help", "dns"],
    ] {
        why502(args).ends(0, &["Usage"]);
    }
    why502(&["--version"]).ends(0, &[env!("CARGO_PKG_VERSION")]);
}

const REFUSED: &str = "2026/11/22 10:00:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to \
    upstream, client: 192.0.2.1, server: shop.example, request: \"GET / HTTP/1.1\", upstream: \
    \"http://127.0.0.1:8000/\", host: \"shop.example\"\n";

#[test]
fn pasted_lines_are_explained() {
    for args in [&["explain"][..], &["explain", "-"]] {
        pasted(args, REFUSED.as_bytes())
            .ends(0, &["connection refused (111)", "backend-stopped"])
            .is_harmless();
    }
    let json = pasted(&["explain", "--json"], REFUSED.as_bytes()).json();
    assert!(
        json["candidates"].as_array().is_some_and(|all| !all.is_empty()),
        "{json}"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), REFUSED).unwrap();
    why502(&["explain", file.path().to_str().unwrap()]).ends(0, &["backend-stopped"]);
}

#[test]
fn whatever_is_pasted_gets_an_answer() {
    let long = [REFUSED.trim_end().as_bytes(), &b"x".repeat(1 << 20)].concat();
    let many = REFUSED.repeat(4_000);
    let hostile = REFUSED.replace("shop.example", "\x1b[2J\u{202e}");
    let rows: [(&[u8], i32, &str); 8] = [
        (b"", 3, "nothing was pasted"),
        (b" \n\n\t", 3, "nothing was pasted"),
        (b"hello", 2, "Paste the line of nginx's error log"),
        (&[0xff, 0, 0x1b, b'[', b'2', b'J'], 2, "error log"),
        (&[0; 100_000], 2, "error log"),
        (&long, 0, "backend-stopped"),
        (many.as_bytes(), 0, "backend-stopped"),
        (hostile.as_bytes(), 0, "backend-stopped"),
    ];
    for (input, code, says) in rows {
        let run = pasted(&["explain"], input);
        run.ends(code, &[says]).is_harmless();
        assert!(run.took.as_secs() < 5, "{:?}", run.took);
        pasted(&["explain", "--json"], input)
            .ends(code, &[])
            .is_harmless();
    }
}

#[test]
fn what_cannot_be_explained_is_said_so() {
    why502(&["explain", "no-such-cause"]).ends(3, &["explain --list"]);
    why502(&["explain", "oom"]).ends(3, &["did you mean oom-kill"]);
    why502(&["explain", "/"]).ends(3, &["/"]);
    why502(&["explain", "x\x1b[2J"]).ends(3, &[]).is_harmless();
}

#[test]
fn every_cause_has_a_page() {
    let list = why502(&["explain", "--list"]);
    let ids: Vec<&str> = list.ends(0, &[]).out.lines().collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "{ids:?}");
    assert!(ids.len() > 50);
    for id in ids.iter().step_by(7) {
        why502(&["explain", id])
            .ends(0, &[id, "The look that decides"])
            .is_harmless();
    }
}

#[test]
fn its_own_pages_are_what_they_claim() {
    let man = why502(&["man"]);
    let lint = run(
        Command::new("man")
            .args(["--warnings", "-l", "-"])
            .env("MANWIDTH", "80"),
        man.ends(0, &[]).out.as_bytes(),
    );
    lint.ends(0, &["why502", "--since", "explain"]);
    assert_eq!(lint.err, "");
    let script = why502(&["completions", "bash"]);
    run(Command::new("bash").arg("-n"), script.ends(0, &[]).out.as_bytes()).ends(0, &[]);
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        why502(&["completions", shell]).ends(0, &["why502"]);
    }
    let schema = why502(&["schema"]).json();
    assert!(schema["properties"]["settled_by"].is_object(), "{schema}");
}
