//! A visitor's report as the server's own logs have it. Pure.

use crate::screen::{QUIET, STRONG, paragraph, safe, wrap};
use diagnose::visit::{like, operator::Line};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;

/// What the logs hold of a report.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Like {
    /// The id in the User-Agent of the visitor's requests.
    pub id: String,
    /// The page.
    pub url: String,
    /// When, RFC 3339, by the visitor's clock.
    pub at: String,
    /// What the visitor got.
    pub got: String,
    /// In one sentence.
    pub says: String,
    /// The visitor's requests in the access logs.
    pub requests: Vec<LogLine>,
    /// What the error logs say of that client and page meanwhile.
    pub complaints: Vec<LogLine>,
    /// Logs that could not be read.
    pub unseen: Vec<String>,
}

/// A line of a log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogLine {
    /// The file.
    pub log: String,
    /// The line.
    pub text: String,
}

impl Like {
    /// From what was found.
    pub fn of(report: &Line, found: &like::Like) -> Self {
        let lines = |lines: &[like::LogLine]| {
            let line = |it: &like::LogLine| LogLine {
                log: it.log.display().to_string(),
                text: it.text.clone(),
            };
            lines.iter().map(line).collect()
        };
        Self {
            id: report.id.clone(),
            url: report.url.clone(),
            at: report.at.to_string(),
            got: report.got.clone(),
            says: says(found),
            requests: lines(&found.requests),
            complaints: lines(&found.complaints),
            unseen: found.unseen.iter().map(ToString::to_string).collect(),
        }
    }
}

fn says(found: &like::Like) -> String {
    use diagnose::words::count;
    match (found.requests.len(), found.complaints.len(), found.read.len()) {
        (0, _, 0) => "no log of nginx could be read, so the visitor's requests were not looked for".to_owned(),
        (0, ..) => "the visitor's requests are in none of these logs: they never came to this nginx (a CDN or another \
                    server answered), or its log_format leaves the User-Agent out"
            .to_owned(),
        (requests, 0, _) => format!(
            "{} of the visitor came to this nginx; its error log says nothing of them",
            count(requests, "request")
        ),
        (requests, complaints, _) => format!(
            "{} of the visitor came to this nginx, and its error log complains {complaints} times",
            count(requests, "request")
        ),
    }
}

/// Below the verdict.
pub fn text(like: &Like) -> String {
    const SHOWN: usize = 2;
    let mut page = String::from("\n");
    let asked = format!("{} at {}: {}", like.url, like.at, like.got);
    paragraph(&mut page, STRONG, "Report", &safe(&asked));
    paragraph(&mut page, STRONG, "", &safe(&like.says));
    for line in like
        .requests
        .iter()
        .take(SHOWN)
        .chain(like.complaints.iter().take(SHOWN))
    {
        let text = format!("{}: {}", line.log, line.text);
        let _ = writeln!(
            page,
            "{QUIET}{}{QUIET:#}",
            wrap(&safe(&text), "            ", "            ")
        );
    }
    page
}
