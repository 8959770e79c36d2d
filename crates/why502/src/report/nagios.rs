//! One line by the monitoring-plugins convention: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.

use super::{json::HalfDone, words};
use crate::{exit::Exit, screen::safe};
use diagnose::{Verdict, verdict::Outcome};

/// The line and its exit code.
pub fn render(verdict: &Verdict, half_done: Option<&HalfDone>) -> (String, Exit) {
    let (word, code) = match verdict.outcome {
        Outcome::Healthy if half_done.is_some() => ("WARNING", 1),
        Outcome::Healthy => ("OK", 0),
        Outcome::Recovered => ("WARNING", 1),
        Outcome::Unexplained if verdict.symptoms.is_empty() => ("UNKNOWN", 3),
        Outcome::Found | Outcome::Torn | Outcome::Unexplained => ("CRITICAL", 2),
    };
    let cause = verdict
        .root()
        .map(|root| format!(" ({})", root.cause))
        .unwrap_or_default();
    let half_done = half_done.map(|it| words::half_done(it) + " ").unwrap_or_default();
    // A bar would start the performance data.
    let says = safe(&(half_done + &words::headline(verdict) + &cause)).replace('|', "/");
    let failing = verdict.symptoms.iter().filter(|it| !it.over);
    let count: u64 = failing.map(|it| it.symptom.count).sum();
    (
        format!("WHY502 {word} - {says} | failures={count}"),
        Exit::Nagios(code),
    )
}
