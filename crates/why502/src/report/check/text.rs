//! A check for people: the steps as they run, then the answer, on one screen.

use super::{Report, Timed};
use crate::screen::{BAD, COLUMN, GOOD, QUIET, STRONG, paragraph, safe, wrap};
use diagnose::visit::Question;
use std::fmt::Write;

/// Pieces of evidence on a screen.
const EVIDENCE: usize = 3;
/// Lines of one step on a screen.
const LINES: usize = 7;
/// A step that takes longer is told with its time, milliseconds.
const WORTH_TELLING: u64 = 1;

/// Before the first step.
pub fn opening(question: &Question) -> String {
    let says = format!(
        "Checking {} from this machine; at most {} requests.",
        question.place, question.requests
    );
    format!("{STRONG}{}{STRONG:#}\n", wrap(&safe(&says), "", ""))
}

/// One step, as soon as it is over.
pub fn step(step: &Timed) -> String {
    let mut page = String::new();
    for (at, line) in step.lines.iter().take(LINES).enumerate() {
        let (mark, style) = match line.state {
            "bad" => ("x", BAD),
            "good" => ("+", GOOD),
            _ => ("-", QUIET),
        };
        let label = if at == 0 { step.name } else { "" };
        let took = match at {
            0 if step.took_ms >= WORTH_TELLING => format!(" ({})", time(step.took_ms)),
            _ => String::new(),
        };
        let says = safe(&line.says) + &took;
        let body = wrap(&says, &format!("{COLUMN}  "), &format!("{COLUMN}  "));
        let body = body.get(COLUMN.len() + 2..).unwrap_or_default();
        let _ = writeln!(page, "{label:<10}{style}{mark}{style:#} {body}");
    }
    if step.lines.len() > LINES {
        let _ = writeln!(
            page,
            "{COLUMN}{QUIET}  and {} more; --json has them{QUIET:#}",
            step.lines.len() - LINES
        );
    }
    page
}

fn time(ms: u64) -> String {
    if ms < 1000 {
        format!("{ms} ms")
    } else {
        format!("{}.{} s", ms / 1000, ms % 1000 / 100)
    }
}

/// The answer, at the end.
pub fn answer(report: &Report) -> String {
    let style = match report.outcome {
        "works" => GOOD,
        "found" => BAD,
        _ => STRONG,
    };
    let mut page = format!(
        "\n{style}{}{style:#}\n",
        wrap(&safe(&capital(&report.says)), "", "")
    );
    if let Some(whose) = report.whose_name {
        let sure = if report.outcome == "unclear" {
            ", most likely"
        } else {
            ""
        };
        let cause = report
            .cause
            .map(|id| format!(" ({id}: why502 explain {id})"))
            .unwrap_or_default();
        paragraph(&mut page, STRONG, "Whose", &format!("{whose}{sure}{cause}"));
    }
    for (at, seen) in report.evidence.iter().take(EVIDENCE).enumerate() {
        let label = if at == 0 { "Because" } else { "" };
        paragraph(&mut page, STRONG, label, &safe(&seen.says));
        let _ = writeln!(
            page,
            "{QUIET}{}{QUIET:#}",
            wrap(
                &safe(&seen.command),
                &format!("{COLUMN}  "),
                &format!("{COLUMN}  ")
            )
        );
    }
    list(&mut page, "Not", &report.ruled_out);
    list(&mut page, "You can", &report.visitor);
    if report.outcome != "works" {
        paragraph(
            &mut page,
            STRONG,
            "Operator",
            "send this line; on the server: why502 diagnose --like FILE",
        );
        let _ = writeln!(page, "\n{}", wrap(&safe_line(&report.operator), "", ""));
    }
    unseen(&mut page, report);
    page
}

/// The line may be longer than what is quoted elsewhere.
fn safe_line(line: &str) -> String {
    crate::screen::exact(line)
}

fn list(page: &mut String, label: &str, items: &[String]) {
    for (at, item) in items.iter().enumerate() {
        paragraph(page, STRONG, if at == 0 { label } else { "" }, &safe(item));
    }
}

fn unseen(page: &mut String, report: &Report) {
    if !report.unseen.is_empty() {
        let what = report
            .unseen
            .iter()
            .take(3)
            .map(|it| safe(it))
            .collect::<Vec<_>>()
            .join("; ");
        paragraph(page, QUIET, "Unseen", &what);
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    // the name of a host, or of a program, is written as it is
    let first = text.split(' ').next().unwrap_or_default();
    let is_name = first.contains('.') || first == "nginx";
    chars.next().filter(|_| !is_name).map_or_else(
        || text.to_owned(),
        |first| first.to_uppercase().chain(chars).collect(),
    )
}
