//! For a ticket.

use super::{explained, json::Frame, words};
use crate::screen::{age, safe};
use diagnose::{Finding, Verdict, evidence::Side, verdict::Role};
use std::fmt::Write;

/// The verdict as Markdown.
pub fn render(verdict: &Verdict, frame: &Frame) -> String {
    let mut page = format!("# {}\n\n", plain(&words::headline(verdict)));
    if let Some(half_done) = &frame.fixes.half_done {
        let _ = writeln!(page, "**{}**\n", plain(&words::half_done(half_done)));
    }
    let _ = writeln!(
        page,
        "Host `{}`, looked at {} with why502 {}.\n",
        code(&frame.looked.host),
        frame.looked.at,
        env!("CARGO_PKG_VERSION")
    );
    symptoms(&mut page, verdict, frame);
    for finding in &verdict.findings {
        section(&mut page, verdict, finding);
    }
    list(
        &mut page,
        "Ruled out",
        verdict
            .ruled_out
            .iter()
            .map(|it| format!("`{}`: {}", it.cause, plain(&it.says))),
    );
    list(
        &mut page,
        "Not seen",
        verdict.unseen.iter().map(|it| plain(&it.to_string())),
    );
    let settled = verdict
        .settled_by
        .iter()
        .map(|(says, command)| format!("{}: `{}`", plain(says), code(command)));
    list(&mut page, "What would settle it", settled);
    page
}

fn symptoms(page: &mut String, verdict: &Verdict, frame: &Frame) {
    if verdict.symptoms.is_empty() {
        return;
    }
    page.push_str("| site | location | asks | what | count | last |\n|---|---|---|---|---|---|\n");
    for it in &verdict.symptoms {
        let status = it
            .symptom
            .status
            .map(|status| format!("{status} "))
            .unwrap_or_default();
        let _ = writeln!(
            page,
            "| {} | `{}` | `{}` | {status}{} | {} | {} ago |",
            plain(&it.site),
            code_cell(&it.location),
            code_cell(&it.upstream),
            plain(&it.symptom.signature()),
            it.symptom.count,
            age(frame.looked.at.since(it.symptom.last)),
        );
    }
    page.push('\n');
}

fn section(page: &mut String, verdict: &Verdict, finding: &Finding) {
    let role = match finding.role {
        Role::Root => "Cause",
        Role::Effect => "Effect",
        Role::Contributing => "Possible cause",
    };
    let _ = writeln!(
        page,
        "## {role}: {} (`{}`)\n\n{}\n",
        finding.title,
        finding.cause,
        plain(&finding.says)
    );
    if finding.role == Role::Root {
        let links = words::chain(verdict, finding).into_iter().map(|link| {
            let shown = link.shown.map(|it| format!(" (`{}`)", code(&it.source.command)));
            format!("{}{}  \n", plain(&link.says), shown.unwrap_or_default())
        });
        let links: Vec<String> = links.collect();
        let _ = writeln!(page, "{}", links.concat());
    }
    if let Some(trigger) = &finding.trigger {
        let _ = writeln!(page, "Just before: {} ({})\n", plain(&trigger.says), trigger.at);
    }
    for it in &finding.evidence {
        let side = if it.side == Side::For { "" } else { "**against**: " };
        let _ = writeln!(
            page,
            "- {side}{}\n  `{}`",
            plain(&it.says),
            code(&it.source.command)
        );
    }
    if !finding.advice.is_empty() {
        let _ = writeln!(page, "\nWhat to do:\n\n{}", fenced(&finding.advice));
    }
    if let Some(sample) = explained(verdict, finding).find(|it| !it.symptom.sample.is_empty()) {
        let _ = writeln!(page, "\nSample:\n\n{}", fenced(&safe(&sample.symptom.sample)));
    }
    page.push('\n');
}

fn list(page: &mut String, title: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.map(|item| format!("- {item}\n")).collect();
    if !items.is_empty() {
        let _ = writeln!(page, "## {title}\n\n{}", items.concat());
    }
}

/// Strangers' text as text: no control characters, no markup, no HTML.
pub fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in safe(text).chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '*' | '`' | '[' | ']' | '|' => plain.extend(['\\', c]),
            _ => plain.push(c),
        }
    }
    plain
}

/// For inside a code span.
pub fn code(text: &str) -> String {
    safe(text).replace('`', "'")
}

/// A bar ends a cell even within a code span.
fn code_cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// A block whose fence the text can't close.
fn fenced(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("    {}", safe(line))).collect();
    lines.join("\n")
}
