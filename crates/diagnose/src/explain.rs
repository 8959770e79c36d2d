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
    let text = text.to_lowercase();
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
