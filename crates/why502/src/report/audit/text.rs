//! An audit for people: rule by rule, worst first, on one screen.

use super::{Finding, Report};
use crate::screen::{BAD, GOOD, QUIET, STRONG, paragraph, safe, wrap};
use anstyle::Style;
use diagnose::{audit::Rule, words::count};
use std::fmt::Write;

/// Findings of one rule on a screen.
const OF_A_RULE: usize = 3;
/// Lines after which the rest gets a line each.
const LATE: usize = 34;
/// Where what belongs to a finding begins.
const INDENT: &str = "     ";

/// The whole of it; without `all` what fits on one screen.
pub fn draw(report: &Report, all: bool) -> String {
    let mut page = headline(report);
    let mut rest = report.findings.as_slice();
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|it| it.rule == first.rule).count();
        let (group, after) = rest.split_at(same);
        rest = after;
        rule(&mut page, group, all);
    }
    blind(&mut page, report, all);
    if report.findings.iter().any(|it| it.plan.is_some()) {
        let says = "why502 audit --fix makes the changes marked +, each after you agreed to its plan; \
                    --only N picks one; why502 undo takes it back.";
        let _ = writeln!(page, "\n{}", wrap(says, "", ""));
    }
    page
}

fn headline(report: &Report) -> String {
    let of = |level: &str| report.findings.iter().filter(|it| it.level == level).count();
    let (warnings, notes) = (of("warning"), of("note"));
    let (style, says) = match (warnings, notes) {
        (0, 0) if report.blind.is_empty() => (
            GOOD,
            format!("Nothing found: {} were asked.", count(report.asked.len(), "rule")),
        ),
        (0, 0) => (
            STRONG,
            "Nothing found, by rules of which some could not look.".to_owned(),
        ),
        (0, notes) => (
            STRONG,
            format!("{}: nothing here fails today.", count(notes, "note")),
        ),
        (warnings, notes) => {
            let notes = if notes > 0 {
                format!(" and {}", count(notes, "note"))
            } else {
                String::new()
            };
            (
                BAD,
                format!(
                    "{}{notes}: what will make a 502 tomorrow.",
                    count(warnings, "warning")
                ),
            )
        }
    };
    format!("{style}{}{style:#}\n", wrap(&says, "", ""))
}

fn rule(page: &mut String, group: &[Finding], all: bool) {
    let Some(first) = group.first() else { return };
    let style = if first.level == "warning" { BAD } else { STRONG };
    let _ = writeln!(
        page,
        "\n{style}{}{style:#} {QUIET}({}){QUIET:#}",
        capital(&first.title),
        first.rule
    );
    let late = !all && page.lines().count() > LATE;
    for finding in group.iter().take(if all { usize::MAX } else { OF_A_RULE }) {
        one(page, finding, late);
    }
    if !all && group.len() > OF_A_RULE {
        let _ = writeln!(
            page,
            "{INDENT}{QUIET}and {} more; --all prints them{QUIET:#}",
            group.len() - OF_A_RULE
        );
    }
    if !late {
        line(page, QUIET, &capital(&first.why));
    }
}

fn one(page: &mut String, finding: &Finding, late: bool) {
    let mark = if finding.plan.is_some() { '+' } else { ' ' };
    let first = format!("{:>2}{mark}  ", finding.number);
    let _ = writeln!(page, "{}", wrap(&safe(&finding.says), &first, INDENT));
    if let Some(at) = &finding.at {
        let _ = writeln!(page, "{INDENT}{QUIET}{}{QUIET:#}", safe(at));
    }
    if !late {
        let _ = writeln!(
            page,
            "{}",
            wrap(
                &safe(&finding.change),
                &format!("{INDENT}-> "),
                &format!("{INDENT}   ")
            )
        );
    }
}

fn blind(page: &mut String, report: &Report, all: bool) {
    if report.blind.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n{STRONG}Could not look{STRONG:#}");
    for it in report.blind.iter().take(if all { usize::MAX } else { 4 }) {
        line(page, QUIET, &format!("{}: {}", it.rule, it.says()));
    }
}

fn line(page: &mut String, style: Style, says: &str) {
    let _ = writeln!(page, "{style}{}{style:#}", wrap(&safe(says), INDENT, INDENT));
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What a rule sees, why, and where it stays quiet.
pub fn explain(rule: &Rule) -> String {
    let mut page = format!("{STRONG}{}{STRONG:#}\n{}.\n", rule.id, capital(rule.title));
    let mut text = String::new();
    for line in rule.doc.lines().map(str::trim).chain(["# "]) {
        match line.strip_prefix("# ") {
            Some(heading) => {
                flush(&mut page, &mut text);
                if !heading.is_empty() {
                    let _ = writeln!(page, "\n{STRONG}{heading}{STRONG:#}");
                }
            }
            None => text = format!("{text} {line}"),
        }
    }
    if !rule.foresees.is_empty() {
        page.push('\n');
        paragraph(&mut page, STRONG, "Foresees", &rule.foresees.join(", "));
    }
    page
}

fn flush(page: &mut String, text: &mut String) {
    if !text.is_empty() {
        let _ = writeln!(page, "{}", wrap(text.trim(), "  ", "  "));
        text.clear();
    }
}
