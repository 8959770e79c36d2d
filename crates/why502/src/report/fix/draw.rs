//! A plan for people: why, what exactly, whom it disturbs, how it is proved, how it is taken back.

use super::{Fix, Outcome, Shown, Step, does};
use crate::{
    report::words,
    screen::{BAD, COLUMN, GOOD, QUIET, STRONG, exact, paragraph, safe, wrap},
};
use anstyle::Style;
use diagnose::Verdict;
use remedy::Progress;
use std::{fmt::Write, time::Duration};

/// Requests to other sites named on a screen.
const SITES: usize = 3;
/// Where what belongs to a step begins.
const INDENT: &str = "      ";

/// The whole plan, or why there is none. What is agreed to is on this page: no step is ever left out or cut.
pub fn plan(fix: &Fix) -> String {
    let mut page = String::new();
    let title = fix.ways.get(fix.way.saturating_sub(1)).unwrap_or(&fix.cause);
    paragraph(&mut page, STRONG, "Fix", &capital(title));
    paragraph(&mut page, STRONG, "Why", &format!("{} ({})", fix.why, fix.cause));
    if let Some(plan) = &fix.plan {
        steps(&mut page, &plan.steps);
        about(&mut page, plan);
        paragraph(&mut page, STRONG, "Plan", &plan.id);
    }
    ways(&mut page, fix);
    for objection in &fix.objections {
        paragraph(&mut page, BAD, "Refused", objection);
    }
    page
}

/// What it is all about, before the first plan; where there is no root, why nothing is mended.
pub fn verdict(of: &Verdict) -> String {
    use diagnose::verdict::Outcome;
    let style = match of.outcome {
        Outcome::Healthy | Outcome::Recovered => GOOD,
        Outcome::Found | Outcome::Torn | Outcome::Unexplained => BAD,
    };
    let mut page = format!("{style}{}{style:#}\n", wrap(&exact(&words::headline(of)), "", ""));
    let why = match of.outcome {
        Outcome::Found => return page + "\n",
        Outcome::Healthy | Outcome::Recovered => "There is nothing to mend.",
        Outcome::Torn => "Nothing is changed on a guess. What would settle it:",
        Outcome::Unexplained => {
            "Nothing is changed without a cause; why502 shows what was seen, and what was not."
        }
    };
    let _ = writeln!(page, "\n{why}");
    for (says, command) in &of.settled_by {
        let _ = writeln!(
            page,
            "{}\n{INDENT}{QUIET}{}{QUIET:#}",
            wrap(&safe(says), "  - ", "    "),
            exact(command)
        );
    }
    page
}

/// How it ended.
pub fn end(outcome: Outcome, says: &str) -> String {
    let (style, label) = match outcome {
        Outcome::Fixed => (GOOD, "Fixed"),
        Outcome::Relieved => (GOOD, "Relief"),
        Outcome::Restarts => (STRONG, "Restarts"),
        Outcome::Undone => (BAD, "Undone"),
        Outcome::HalfDone => (BAD, "Half done"),
        Outcome::Planned => (STRONG, "Not done"),
        Outcome::Refused | Outcome::NoPlan | Outcome::Moved => (BAD, "Not done"),
    };
    lines(style, label, says)
}

/// The first line beside the label, the others under it; what is indented is a command, and stays whole.
pub fn lines(style: Style, label: &str, says: &str) -> String {
    let mut page = String::new();
    let mut lines = says.lines();
    paragraph(&mut page, style, label, lines.next().unwrap_or_default());
    for line in lines {
        match line.strip_prefix("    ") {
            Some(command) => _ = writeln!(page, "{COLUMN}    {}", exact(command)),
            None => _ = writeln!(page, "{}", wrap(&exact(line), COLUMN, COLUMN)),
        }
    }
    page
}

/// What happens while it happens: a line for each step, whose end comes with the step's.
pub fn progress(of: &Progress<'_>) -> String {
    match of {
        Progress::Looking => "\n".to_owned(),
        Progress::Opened(_) | Progress::Answered { .. } => String::new(),
        Progress::Doing { step, what } => doing(*step, &does(what)),
        Progress::Done { .. } => "done\n".to_owned(),
        Progress::Failed { .. } => format!("{BAD}failed{BAD:#}\n"),
        Progress::Proving(proof) => {
            let how = match proof.holds.is_empty() {
                true => "asking nginx again and again, watching its error log",
                false => "looking again and again whether it holds",
            };
            format!("      {QUIET}{how}{QUIET:#}\n")
        }
        Progress::TakingBack(why) => wrap(&exact(&format!("Taking it back: {why}")), "", COLUMN) + "\n",
        Progress::Undoing { step, what } => doing(*step, &does(what)),
        Progress::Undone { trouble: None, .. } => "taken back\n".to_owned(),
        Progress::Undone {
            trouble: Some(trouble),
            ..
        } => format!("{BAD}{}{BAD:#}\n", safe(trouble)),
    }
}

fn doing(step: usize, does: &str) -> String {
    format!("  {:>2}. {} … ", step + 1, safe(does))
}

/// Each step with its diff or its command.
pub fn steps(page: &mut String, steps: &[Step]) {
    for step in steps {
        let first = format!("  {:>2}. ", step.number);
        let _ = writeln!(page, "\n{}", wrap(&safe(&step.does), &first, INDENT));
        diff(page, step.diff.as_deref().unwrap_or_default());
        if let Some(command) = &step.command {
            let _ = writeln!(page, "{INDENT}{QUIET}{}{QUIET:#}", exact(command));
        }
    }
    page.push('\n');
}

/// A unified diff, every character of it shown.
pub fn diff(page: &mut String, diff: &str) {
    diff.lines().for_each(|line| diff_line(page, line));
}

fn diff_line(page: &mut String, line: &str) {
    let style = match line.as_bytes() {
        [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] | [b'@', ..] => QUIET,
        [b'+', ..] => GOOD,
        [b'-', ..] => BAD,
        _ => Style::new(),
    };
    let _ = writeln!(
        page,
        "{INDENT}{style}{}{style:#}",
        exact(&line.replace('\t', "    "))
    );
}

fn about(page: &mut String, plan: &Shown) {
    let disturbs: Vec<String> = plan
        .steps
        .iter()
        .filter_map(|step| Some(format!("step {}: {}", step.number, step.disturbs.as_ref()?)))
        .collect();
    let disturbs = match disturbs.is_empty() {
        true => "nobody: no request is cut off".to_owned(),
        false => disturbs.join("; "),
    };
    paragraph(page, STRONG, "Disturbs", &disturbs);
    paragraph(page, STRONG, "Proof", &proof(plan));
    paragraph(page, STRONG, "Undo", &undo(&plan.steps));
    if plan.relief {
        let says = "the site answers again; what brought it down is still there and is for a person to mend";
        paragraph(page, STRONG, "Relief", says);
    }
    for note in &plan.notes {
        paragraph(page, STRONG, "Note", note);
    }
}

/// `GET http://shop.example/ at 127.0.0.1:80 answers below 500, again and again for 2 s; …; else it is taken back`
fn proof(plan: &Shown) -> String {
    if !plan.holds.is_empty() {
        let within = Duration::from_millis(plan.warm_up_ms).as_secs();
        let holds = plan.holds.join(", and ");
        return format!("{holds}, within {within} s; else it is taken back at once");
    }
    if plan.must_answer.is_empty() && plan.settle_ms == 0 {
        return "each step looks whether nothing of it is left; else it is taken back at once".to_owned();
    }
    let settle = Duration::from_millis(plan.settle_ms).as_secs_f32();
    let asked = match plan.must_answer.as_slice() {
        [] => format!("nginx's error log stays quiet for {settle:.1} s"),
        asked => format!(
            "{} answers below 500, again and again for {settle:.1} s",
            asked.join(" and ")
        ),
    };
    let others = match plan.must_not_break.as_slice() {
        [] => String::new(),
        few if few.len() <= SITES => format!("; {} still answers", few.join(" and ")),
        many => format!("; {} other sites still answer", many.len()),
    };
    format!("{asked}{others}; else it is taken back at once")
}

fn undo(steps: &[Step]) -> String {
    let how = steps
        .iter()
        .rev()
        .filter_map(|step| Some(format!("step {}: {}", step.number, step.undo.as_ref()?)));
    let how: Vec<String> = how.collect();
    match how.is_empty() {
        true => "nothing is changed that could be taken back".to_owned(),
        false => format!("why502 undo. {}", capital(&how.join("; "))),
    }
}

fn ways(page: &mut String, fix: &Fix) {
    let others = fix
        .ways
        .iter()
        .enumerate()
        .filter(|(index, _)| index + 1 != fix.way);
    for (index, title) in others {
        paragraph(page, STRONG, "Or", &format!("{title} (--way {})", index + 1));
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
