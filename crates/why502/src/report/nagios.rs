//! One line by the monitoring-plugins convention: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.

use crate::{exit::Exit, screen::safe};
use diagnose::{Verdict, verdict::Outcome};

/// The line and its exit code.
pub fn render(verdict: &Verdict) -> (String, Exit) {
    let failing = || verdict.symptoms.iter().filter(|it| !it.over);
    let sites = super::sites(failing()).join(", ");
    let (word, code, says) = match verdict.outcome {
        Outcome::Healthy => ("OK", 0, "nothing fails".to_owned()),
        Outcome::Recovered => ("WARNING", 1, recovered(verdict)),
        Outcome::Found => ("CRITICAL", 2, found(verdict, &sites)),
        Outcome::Torn => ("CRITICAL", 2, format!("{sites}: several causes stand equally")),
        Outcome::Unexplained if verdict.symptoms.is_empty() => ("UNKNOWN", 3, super::BLIND.to_owned()),
        Outcome::Unexplained => (
            "CRITICAL",
            2,
            format!("{sites}: fails, and no known cause stands"),
        ),
    };
    let count: u64 = failing().map(|it| it.symptom.count).sum();
    // A bar would start the performance data.
    let says = safe(&says).replace('|', "/");
    (
        format!("WHY502 {word} - {says} | failures={count}"),
        Exit::Nagios(code),
    )
}

fn found(verdict: &Verdict, sites: &str) -> String {
    match verdict.root() {
        Some(root) => format!("{sites}: {} ({})", root.says, root.cause),
        None => sites.to_owned(),
    }
}

fn recovered(verdict: &Verdict) -> String {
    let sites = super::sites(verdict.symptoms.iter()).join(", ");
    match verdict.root() {
        Some(root) => format!("{sites} failed and works again: {} ({})", root.says, root.cause),
        None => format!("{sites} failed and works again"),
    }
}
