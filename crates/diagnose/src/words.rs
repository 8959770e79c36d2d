//! Small sentences that several causes say alike.

use crate::{Symptom, world::Said};
use host::looks::Process;
use std::time::Duration;

/// The longest quotation of a log line in a sentence, characters.
const QUOTE: usize = 220;

/// A time span as a person says it: `3 s`, `5 min`, `2 h`, `4 days`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{:.1} s", time.as_secs_f64()),
        1..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `1 worker`, `3 workers`, `2 processes`.
pub fn count(number: usize, thing: &str) -> String {
    let plural = match (number, thing.ends_with('s')) {
        (1, _) => "",
        (_, false) => "s",
        (_, true) => "es",
    };
    format!("{number} {thing}{plural}")
}

/// What nginx complains of, how often, and when last.
pub fn nginx_said(symptom: &Symptom) -> String {
    let (count, last) = (symptom.count, symptom.last);
    format!(
        "nginx said {count} times, last at {last}: {}",
        symptom.signature()
    )
}

/// Process ids as `ps -p` takes them: `12,13`.
pub fn pids(processes: &[&Process]) -> String {
    let pids: Vec<String> = processes.iter().map(|process| process.pid.to_string()).collect();
    pids.join(",")
}

/// A log line, cut where it is long.
pub fn clip(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A line a backend wrote, with its time.
pub fn said(line: &Said<'_>) -> String {
    match line.at {
        Some(at) => format!("it said at {at}: {}", clip(line.text)),
        None => format!("it said: {}", clip(line.text)),
    }
}

/// `python3 of files.service (process 812)`
pub fn program(process: &Process) -> String {
    let unit = process.unit.as_deref().map(|unit| format!(" of {unit}"));
    let pid = process.pid;
    format!("{}{} (process {pid})", process.comm, unit.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_cuts() {
        for (seconds, says) in [(1, "1 s"), (300, "5 min"), (10_000, "2 h"), (400_000, "4 days")] {
            assert_eq!(span(Duration::from_secs(seconds)), says);
        }
        assert_eq!(clip(&"ü".repeat(500)).chars().count(), QUOTE + 1);
        assert_eq!(
            [count(1, "worker"), count(2, "worker"), count(0, "process")],
            ["1 worker", "2 workers", "0 processes"]
        );
    }
}
