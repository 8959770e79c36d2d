//! What pasted log lines can mean, without a host: candidates in order, from each cause's own signature.

use crate::Cause;
use logscan::{Complaint, Trouble, error_log};

/// A cause that pasted lines may stand for.
#[derive(Clone, Copy)]
pub struct Candidate {
    /// The cause.
    pub cause: &'static Cause,
    /// Of a hundred reports with such lines, about how many were this cause.
    pub share: u8,
}

/// What pasted text says, each complaint once, in order. Lines that stand behind no failure are passed over.
pub fn complaints(text: &str) -> Vec<Complaint> {
    let mut all: Vec<Complaint> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let complaint = error_log::parse_pasted(line).complaint;
        if complaint.trouble != Trouble::Unrelated && !all.contains(&complaint) {
            all.push(complaint);
        }
    }
    all
}

/// Candidates for what was pasted, likeliest first. Echoes (`no live upstreams`) are passed over where anything else
/// is there: they repeat an earlier failure.
pub fn candidates(text: &str, complaints: &[Complaint], causes: &[&'static Cause]) -> Vec<Candidate> {
    let told: Vec<&Complaint> = match complaints.iter().any(|it| !it.is_echo()) {
        true => complaints.iter().filter(|it| !it.is_echo()).collect(),
        false => complaints.iter().collect(),
    };
    let text = said_by_programs(text).to_lowercase();
    let mut found: Vec<Candidate> = causes
        .iter()
        .map(|cause| Candidate {
            cause,
            share: share(cause, &told, &text),
        })
        .filter(|candidate| candidate.share > 0)
        .collect();
    found.sort_by_key(|candidate| (std::cmp::Reverse(candidate.share), candidate.cause.id));
    found
}

/// Without what visitors wrote into nginx's error lines (request, host, referrer): a phrase there says nothing of the
/// cause.
fn said_by_programs(text: &str) -> String {
    let of_line = |line: &str| {
        let visitor = line.find(", client: ").or_else(|| line.find(", request: "));
        let (said, rest) = line.split_at(visitor.unwrap_or(line.len()));
        let upstream = rest
            .split_once(", upstream: ")
            .map_or("", |(_, upstream)| upstream);
        let upstream = upstream.split(", host: ").next().unwrap_or_default();
        format!("{said} {upstream}\n")
    };
    text.lines().map(of_line).collect()
}

fn share(cause: &Cause, complaints: &[&Complaint], text: &str) -> u8 {
    let by_complaint = complaints.iter().map(|complaint| (cause.share_of)(complaint));
    let by_phrase = cause
        .phrases
        .iter()
        .filter(|(phrase, _)| text.contains(&phrase.to_lowercase()));
    by_complaint
        .chain(by_phrase.map(|(_, share)| *share))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitors_do_not_choose_the_cause() {
        for (line, said) in [
            (
                "connect() failed (111), client: 1.2.3.4, server: a, request: \"GET /kafka\", upstream: \"http://[::1]:80/\", host: \"redis\"",
                "connect() failed (111) \"http://[::1]:80/\"\n",
            ),
            ("failed (2), request: \"GET /\"", "failed (2) \n"),
            ("segfault at 0", "segfault at 0 \n"),
        ] {
            assert_eq!(said_by_programs(line), said);
        }
    }
}
