//! `why502 explain`: what a cause is, or what pasted log lines can mean. No host needed.

use crate::{
    cli,
    exit::Exit,
    screen::{QUIET, STRONG, safe, wrap},
};
use anyhow::{Context, bail};
use diagnose::{
    Cause, causes,
    explain::{Candidate, candidates, complaints},
};
use logscan::Complaint;
use serde::Serialize;
use std::{
    fmt::Write as _,
    io::{IsTerminal, Read, Write},
};

/// More than anyone pastes, bytes.
const LONGEST_PASTE: u64 = 4 << 20;
/// Candidates on a screen.
const SHOWN: usize = 6;

/// Runs the command.
pub fn run(options: &cli::Explain) -> anyhow::Result<Exit> {
    let page = match options.what.as_deref() {
        _ if options.list => causes::ALL
            .iter()
            .map(|cause| format!("{}\n", cause.id))
            .collect(),
        Some(id) if causes::by_id(id).is_some() => causes::by_id(id).map(cause_page).unwrap_or_default(),
        what => return pasted(&paste(what)?, options.json),
    };
    anstream::stdout().write_all(page.as_bytes())?;
    Ok(Exit::Good)
}

/// Standard input, unless a file is named. A terminal is told what is waited for.
#[expect(
    clippy::disallowed_methods,
    reason = "what a person pastes is no look at a host"
)]
fn paste(what: Option<&str>) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    let mut bytes = Vec::new();
    match what {
        None | Some("-") => {
            if stdin.is_terminal() {
                writeln!(anstream::stderr(), "Paste log lines, then press Ctrl-D:")?;
            }
            stdin.lock().take(LONGEST_PASTE).read_to_end(&mut bytes)?;
        }
        Some(path) => {
            let file = std::fs::File::open(path).with_context(|| no_such(path))?;
            file.take(LONGEST_PASTE)
                .read_to_end(&mut bytes)
                .with_context(|| format!("reading {}", safe(path)))?;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn no_such(path: &str) -> String {
    let near: Vec<&str> = causes::ALL
        .iter()
        .map(|cause| cause.id)
        .filter(|id| id.contains(path) || path.contains(id))
        .collect();
    match near.as_slice() {
        [] => format!(
            "'{}' is no cause (see why502 explain --list) and no file that opens",
            safe(path)
        ),
        near => format!(
            "'{}' is no cause and no file that opens; did you mean {}",
            safe(path),
            near.join(", ")
        ),
    }
}

#[derive(Serialize)]
struct Explained<'a> {
    schema: &'static str,
    candidates: Vec<&'static str>,
    details: Vec<Detail<'a>>,
}

#[derive(Serialize)]
struct Detail<'a> {
    cause: &'static str,
    title: &'a str,
    share: u8,
    settled_by: &'a str,
    command: &'a str,
}

fn pasted(text: &str, json: bool) -> anyhow::Result<Exit> {
    if text.trim().is_empty() {
        bail!("nothing was pasted; give error-log lines on standard input or in a file");
    }
    let complaints = complaints(text);
    let found = candidates(text, &complaints, causes::ALL);
    let page = if json {
        as_json(&found)?
    } else {
        as_text(&complaints, &found)
    };
    anstream::stdout().write_all(page.as_bytes())?;
    Ok(if found.is_empty() {
        Exit::NoCause
    } else {
        Exit::Good
    })
}

fn as_json(found: &[Candidate]) -> anyhow::Result<String> {
    let details = found.iter().map(|it| Detail {
        cause: it.cause.id,
        title: it.cause.title,
        share: it.share,
        settled_by: it.cause.settled_by.0,
        command: it.cause.settled_by.1,
    });
    let explained = Explained {
        schema: "why502/explain/1",
        candidates: found.iter().map(|it| it.cause.id).collect(),
        details: details.collect(),
    };
    Ok(crate::report::json::page(&explained)? + "\n")
}

fn as_text(complaints: &[Complaint], found: &[Candidate]) -> String {
    let mut page = String::new();
    for complaint in complaints.iter().take(SHOWN) {
        let _ = writeln!(
            page,
            "{}",
            wrap(&safe(&complaint.to_string()), "nginx says: ", "            ")
        );
    }
    if found.is_empty() {
        page.push_str(
            "Nothing here stands behind a 502 that we know. Paste the line of nginx's error log that\n",
        );
        page.push_str("belongs to the failing request, or run why502 on the host.\n");
        return page;
    }
    let _ = writeln!(
        page,
        "\n{STRONG}Likeliest first; the look that decides under each{STRONG:#}"
    );
    for it in found.iter().take(SHOWN) {
        let _ = writeln!(
            page,
            "{}",
            wrap(it.cause.title, &format!("  {:<24} ", it.cause.id), "    ")
        );
        let _ = writeln!(page, "{}", wrap(it.cause.settled_by.0, "      ", "      "));
        let _ = writeln!(page, "      {QUIET}{}{QUIET:#}", it.cause.settled_by.1);
    }
    let _ = writeln!(
        page,
        "\nwhy502 explain CAUSE tells more; why502 on the host tells which it is."
    );
    page
}

fn cause_page(cause: &'static Cause) -> String {
    let mut page = format!("{STRONG}{}{STRONG:#}: {}\n\n", cause.id, cause.title);
    let mut paragraph = String::new();
    for line in cause.doc.lines().map(str::trim).chain([""]) {
        match line.strip_prefix("# ") {
            Some(heading) => {
                flush(&mut page, &mut paragraph);
                let _ = writeln!(page, "{STRONG}{heading}{STRONG:#}");
            }
            None if line.is_empty() => flush(&mut page, &mut paragraph),
            None => {
                paragraph.push_str(line);
                paragraph.push(' ');
            }
        }
    }
    let (says, command) = cause.settled_by;
    let _ = writeln!(
        page,
        "{STRONG}The look that decides{STRONG:#}\n{}\n    {command}",
        wrap(says, "  ", "  ")
    );
    page
}

fn flush(page: &mut String, paragraph: &mut String) {
    if !paragraph.trim().is_empty() {
        let _ = writeln!(page, "{}\n", wrap(paragraph.trim(), "  ", "  "));
    }
    paragraph.clear();
}
