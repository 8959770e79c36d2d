//! A ticket as plain text and as Markdown. Every line passes through [`safe`]: a desk's reader is a terminal or a browser.

use super::Ticket;
use crate::{
    cli::Whom,
    report::markdown::{code, plain},
    screen::{exact, safe},
};
use std::fmt::Write;

/// As people wrap mail.
const WIDTH: usize = 78;

/// What stands under a heading.
struct Section<'t> {
    heading: &'static str,
    lines: Vec<Line<'t>>,
}

enum Line<'t> {
    Says(&'t str),
    /// A command or a log line: never broken.
    Exact(&'t str),
    /// One of the things that are asked.
    Asks(&'t str),
}

/// Plain text.
pub fn text(ticket: &Ticket) -> String {
    let mut page = format!("{}\n", wrapped(&ticket.subject, "", ""));
    for section in sections(ticket) {
        let _ = writeln!(page, "\n{}", section.heading);
        let mut nth = 0;
        for line in section.lines {
            let line = match line {
                Line::Says(text) => wrapped(text, "  - ", "    "),
                Line::Exact(text) => format!("      {}", safe(text)),
                Line::Asks(text) => {
                    nth += 1;
                    wrapped(text, &format!("  {nth}. "), "     ")
                }
            };
            let _ = writeln!(page, "{line}");
        }
    }
    let _ = writeln!(page, "\n{}", wrapped(&foot(ticket), "", ""));
    page
}

/// Markdown.
pub fn markdown(ticket: &Ticket) -> String {
    let mut page = format!("# {}\n", plain(&ticket.subject));
    for section in sections(ticket) {
        let _ = writeln!(page, "\n## {}\n", section.heading);
        let mut nth = 0;
        for line in section.lines {
            let _ = match line {
                Line::Says(text) => writeln!(page, "- {}", plain(text)),
                Line::Exact(text) => writeln!(page, "  `{}`", code(text)),
                Line::Asks(text) => {
                    nth += 1;
                    writeln!(page, "{nth}. {}", plain(text))
                }
            };
        }
    }
    let _ = writeln!(page, "\n{}", plain(&foot(ticket)));
    page
}

fn sections(ticket: &Ticket) -> Vec<Section<'_>> {
    let known = &ticket.known;
    let heading = match known.verdict.as_str() {
        "found" => "Cause",
        "recovered" => "It works now; what it was",
        "torn" => "What it may be",
        _ => "What is known of why",
    };
    let mut why = says(&known.says);
    if why.is_empty() {
        why.push(Line::Says("The cause was not found."));
    }
    for it in &known.evidence {
        why.extend([Line::Says(&it.says), Line::Exact(&it.command)]);
    }
    let mut tried = says(&ticket.tried);
    if tried.is_empty() {
        tried.push(Line::Says("Nothing by why502."));
    }
    let since = ticket.since.iter().chain(&ticket.changed);
    let all = [
        ("Impact", says(&ticket.impact)),
        ("Since", since.map(|it| Line::Says(it)).collect()),
        (heading, why),
        ("Ruled out", says(&known.ruled_out)),
        ("Not seen", says(&ticket.unseen)),
        ("What was tried", tried),
        (
            "What we ask of you",
            ticket.asked.iter().map(|it| Line::Asks(it)).collect(),
        ),
        (
            "Lines of our logs, to be matched with yours",
            ticket.samples.iter().map(|it| Line::Exact(it)).collect(),
        ),
    ];
    let said = all.into_iter().filter(|(_, lines)| !lines.is_empty());
    said.map(|(heading, lines)| Section { heading, lines }).collect()
}

fn says(lines: &[String]) -> Vec<Line<'_>> {
    lines.iter().map(|it| Line::Says(it)).collect()
}

fn foot(ticket: &Ticket) -> String {
    let to = match ticket.to {
        Whom::Host => "those who run the machine and its network",
        Whom::Vendor => "those who run the service that is asked",
        Whom::Developer => "those who write the application",
    };
    format!(
        "For {to}. Host {}, looked at {} with why502 {}; times are UTC. Secrets were taken out; visitors' addresses \
         have others in their place.",
        ticket.host, ticket.at, ticket.version
    )
}

fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let options = textwrap::Options::new(WIDTH)
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(&exact(text), options)
}
