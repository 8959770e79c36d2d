//! A check, for people and for machines. Pure.

pub mod text;

use diagnose::{
    Evidence,
    visit::{
        Check, Judgement, Outcome,
        case::{Asked, Why},
        hop,
        operator::Line as OperatorLine,
        steps::{State, Step},
    },
};
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Duration;

/// What `why502 check --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// `why502/check/1`
    pub schema: &'static str,
    /// Of the program.
    pub version: &'static str,
    /// The page.
    pub url: String,
    /// When the check began, RFC 3339, by this machine's clock.
    pub at: String,
    /// Milliseconds it took.
    pub took_ms: u64,
    /// It stands in the User-Agent of every request, and so in the site's access log.
    pub id: String,
    /// `works`, `found`, `unclear` or `blind`.
    pub outcome: &'static str,
    /// `browser`, `machine`, `network`, `resolver`, `zone`, `route`, `cdn`, `edge`, `inner-proxy`, `application` or
    /// `site`; null where nothing fails.
    pub whose: Option<&'static str>,
    /// The same in words.
    #[serde(skip)]
    pub whose_name: Option<&'static str>,
    /// A cause that `why502 explain` knows.
    pub cause: Option<&'static str>,
    /// The answer, one sentence.
    pub says: String,
    /// What speaks for it, strongest first.
    pub evidence: Vec<Seen>,
    /// What it is not.
    pub ruled_out: Vec<String>,
    /// What the visitor can do.
    pub visitor: Vec<String>,
    /// The line for the site's operator; `why502 diagnose --like FILE` reads it.
    pub operator: String,
    /// Every step, as it was told.
    pub steps: Vec<Timed>,
    /// Every request.
    pub requests: Vec<Request>,
    /// What could not be seen.
    pub unseen: Vec<String>,
}

/// One piece of evidence.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Seen {
    /// What was seen.
    pub says: String,
    /// A command that shows it.
    pub command: String,
    /// `decisive`, `strong` or `hint`.
    pub rank: &'static str,
}

/// One step.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Timed {
    /// `Machine`, `Names`, `Connect`, `TLS`, `HTTP`, `Again`, `Browser`.
    pub name: &'static str,
    /// Milliseconds it took.
    pub took_ms: u64,
    /// What it saw.
    pub lines: Vec<StepLine>,
}

/// One thing that a step saw.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct StepLine {
    /// `good`, `bad` or `note`.
    pub state: &'static str,
    /// In words.
    pub says: String,
}

/// One request.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Request {
    /// `address`, `http2`, `redirect`, `again`, `proxy`, `cookies`, `https` or `portal`.
    pub why: &'static str,
    /// The page.
    pub url: String,
    /// To which address.
    pub to: String,
    /// What came of it: `502 Bad Gateway`, `Connection refused`.
    pub outcome: String,
    /// The status, if HTTP was heard.
    pub status: Option<u16>,
    /// Milliseconds until it was connected, or refused.
    pub connect_ms: Option<u64>,
    /// Milliseconds from then to the first byte.
    pub first_byte_ms: Option<u64>,
    /// The Server header.
    pub server: Option<String>,
    /// A CDN on the way.
    pub cdn: Option<&'static str>,
    /// Whose own error page it was.
    pub page_of: Option<String>,
}

impl Timed {
    /// A step and how long it took.
    pub fn of(step: &Step, took: Duration) -> Self {
        let line = |line: &diagnose::visit::steps::Line| StepLine {
            state: match line.state {
                State::Good => "good",
                State::Bad => "bad",
                State::Note => "note",
            },
            says: line.says.clone(),
        };
        Self {
            name: step.name,
            took_ms: ms(took),
            lines: step.lines.iter().map(line).collect(),
        }
    }
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Report {
    /// From a check and what came of judging it.
    pub fn of(check: &Check, judgement: &Judgement, steps: Vec<Timed>, took: Duration) -> Self {
        Self {
            schema: "why502/check/1",
            version: env!("CARGO_PKG_VERSION"),
            url: check.place.to_string(),
            at: check.at.to_string(),
            took_ms: ms(took),
            id: check.id.clone(),
            outcome: match judgement.outcome {
                Outcome::Works => "works",
                Outcome::Found => "found",
                Outcome::Unclear => "unclear",
                Outcome::Blind => "blind",
            },
            whose: judgement.whose.map(|whose| whose.word()),
            whose_name: judgement.whose.map(|whose| whose.name()),
            cause: judgement.cause,
            says: judgement.says.clone(),
            evidence: judgement.evidence.iter().map(seen).collect(),
            ruled_out: judgement.ruled_out.clone(),
            visitor: judgement.visitor.clone(),
            operator: OperatorLine::of(check).text(),
            steps,
            requests: check.asked.iter().map(request).collect(),
            unseen: check.unseen.iter().map(ToString::to_string).collect(),
        }
    }
}

fn seen(evidence: &Evidence) -> Seen {
    Seen {
        says: evidence.says.clone(),
        command: evidence.source.command.clone(),
        rank: match evidence.rank {
            diagnose::Rank::Decisive => "decisive",
            diagnose::Rank::Strong => "strong",
            diagnose::Rank::Hint => "hint",
        },
    }
}

fn request(asked: &Asked) -> Request {
    let talk = asked.talk.as_ref().ok();
    let hops = asked.page.as_ref().map(hop::read).unwrap_or_default();
    Request {
        why: match asked.why {
            Why::Address => "address",
            Why::Http2 => "http2",
            Why::Redirect => "redirect",
            Why::Again => "again",
            Why::Proxy => "proxy",
            Why::Cookies(_) => "cookies",
            Why::Promise => "https",
            Why::Portal => "portal",
        },
        url: asked.place.to_string(),
        to: asked.visit.to.to_string(),
        outcome: asked.outcome(),
        status: asked.page.as_ref().map(|page| page.status),
        connect_ms: talk.map(|talk| talk.connect_us / 1000),
        first_byte_ms: talk.and_then(|talk| talk.first_byte_ms),
        server: hops.server,
        cdn: hops.cdn,
        page_of: hops.page_of.map(|maker| maker.name()),
    }
}
