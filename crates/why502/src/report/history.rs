//! `why502/history/1`: what was done to this host. The types are the schema.

use crate::screen::{BAD, GOOD, QUIET, STRONG, age, exact, paragraph, safe};
use anstyle::Style;
use host::Timestamp;
use jiff::tz::TimeZone;
use remedy::{
    Phase,
    journal::{FixEvent, Record, StepEvent, StepState, What},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt::Write};

/// What `why502 history --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Always `why502/history/1`.
    pub schema: &'static str,
    /// Newest first.
    pub fixes: Vec<Fix>,
    /// What failed, as `fix` and `diagnose --remember` wrote it down; newest first.
    pub incidents: Vec<Incident>,
}

/// A root that made requests fail.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// The cause.
    pub cause: String,
    /// What it is about.
    pub subject: String,
    /// What was wrong.
    pub says: String,
    /// First failure seen, RFC 3339.
    pub first: String,
    /// Last failure seen, RFC 3339.
    pub last: String,
    /// For drawing.
    #[serde(skip)]
    pub first_ms: Timestamp,
    /// For drawing.
    #[serde(skip)]
    pub last_ms: Timestamp,
}

impl Incident {
    /// As it is remembered.
    pub fn of(it: &remedy::memory::Incident) -> Self {
        Self {
            cause: it.cause.clone(),
            subject: it.subject.clone(),
            says: it.says.clone(),
            first: it.first.to_string(),
            last: it.last.to_string(),
            first_ms: it.first,
            last_ms: it.last,
        }
    }
}

/// What a bundle holds of a host's past; nothing where it is none of ours.
pub fn of_bundle(bytes: &[u8]) -> (Vec<Fix>, Vec<Incident>) {
    #[derive(Default, Deserialize)]
    struct Past {
        fixes: Vec<Fix>,
        incidents: Vec<Incident>,
    }
    let moment = |at: &str| {
        at.parse::<jiff::Timestamp>()
            .map_or_else(|_| Timestamp::default(), |at| Timestamp(at.as_millisecond()))
    };
    let mut past: Past = serde_json::from_slice(bytes).unwrap_or_default();
    for event in past.fixes.iter_mut().flat_map(|fix| &mut fix.events) {
        event.at_ms = moment(&event.at);
    }
    for it in &mut past.incidents {
        (it.first_ms, it.last_ms) = (moment(&it.first), moment(&it.last));
    }
    (past.fixes, past.incidents)
}

/// Incidents on a screen.
const INCIDENTS: usize = 12;

/// What failed, newest first; nothing where nothing is remembered.
pub fn incidents(incidents: &[Incident], clock: &Clock) -> String {
    let mut page = String::new();
    if !incidents.is_empty() {
        let _ = writeln!(page, "\n{STRONG}What failed{STRONG:#}");
    }
    for it in incidents.iter().take(INCIDENTS) {
        let _ = writeln!(
            page,
            "  {}  {} ({})",
            clock.when(it.first_ms),
            safe(&it.says),
            safe(&it.cause)
        );
    }
    if incidents.len() > INCIDENTS {
        let _ = writeln!(
            page,
            "  {QUIET}and {} more: --json{QUIET:#}",
            incidents.len() - INCIDENTS
        );
    }
    page
}

/// A fix that was begun.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Fix {
    /// Its name, as `why502 undo` takes it.
    pub id: String,
    /// When it began, RFC 3339.
    pub at: String,
    /// Who had it done.
    pub by: String,
    /// The cause it was for.
    pub cause: String,
    /// What that was about.
    pub subject: String,
    /// What was wrong.
    pub why: String,
    /// What it does.
    pub title: String,
    /// It only made the site answer again.
    pub relief: bool,
    /// `planned`, `applying`, `applied`, `kept`, `undoing`, `undone` or `stuck`.
    #[schemars(with = "String")]
    pub phase: Phase,
    /// The same in words.
    pub outcome: String,
    /// Neither as it was nor as it was to be: `why502 undo`.
    pub half_done: bool,
    /// Its folder: the plan, what stood in edited files before, and what processes did before they were ended.
    pub dir: String,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// All that happened, oldest first.
    pub events: Vec<Event>,
}

/// A step and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// From one.
    pub number: usize,
    /// What it does.
    pub does: String,
    /// What became of it.
    pub state: Cow<'static, str>,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// When, RFC 3339.
    pub at: String,
    /// To which step, from one; null: to the fix.
    pub step: Option<usize>,
    /// What.
    pub what: Cow<'static, str>,
    /// What a tool said, or why.
    pub says: String,
    /// For drawing.
    #[serde(skip)]
    pub at_ms: Timestamp,
}

/// Clock of whoever reads it.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// The host's time zone.
    pub zone: TimeZone,
}

impl Fix {
    /// Something of it stands that `why502 undo` takes back.
    pub fn can_be_undone(&self) -> bool {
        self.half_done || self.phase == Phase::Kept
    }

    /// As it is on disk.
    pub fn of(fix: &remedy::Fix) -> Self {
        let (opened, plan, journal) = (&fix.opened, fix.plan(), &fix.journal);
        let steps = plan.steps.iter().enumerate().map(|(index, step)| Step {
            number: index + 1,
            does: super::fix::does(step),
            state: state(journal.step(index)).into(),
        });
        Self {
            id: fix.id().to_string(),
            at: opened.at.to_string(),
            by: opened.by.to_string(),
            cause: plan.cause.clone(),
            subject: plan.subject.clone(),
            why: plan.why.clone(),
            title: plan.title.clone(),
            relief: plan.relief,
            phase: journal.phase(),
            outcome: outcome(journal.phase(), plan.relief, journal.records()),
            half_done: journal.phase().is_half_done(),
            dir: fix.dir().display().to_string(),
            steps: steps.collect(),
            events: journal.records().iter().map(event).collect(),
        }
    }
}

/// `taken back: the proof failed: …`
fn outcome(phase: Phase, relief: bool, records: &[Record]) -> String {
    let began = |record: &&Record| {
        matches!(
            record.what,
            What::Fix {
                fix: FixEvent::UndoBegan | FixEvent::Stuck
            }
        )
    };
    let why = records
        .iter()
        .rev()
        .filter(began)
        .map(|record| record.says.as_str());
    let why = why.into_iter().find(|says| !says.is_empty());
    match (phase, why) {
        (Phase::Kept, _) if relief => "the site answered again; the root was left to a person".to_owned(),
        (Phase::Undone | Phase::Undoing | Phase::Stuck, Some(why)) => format!("{}: {why}", phase.says()),
        _ => phase.says().to_owned(),
    }
}

fn state(of: StepState) -> &'static str {
    match of {
        StepState::Never => "not begun",
        StepState::Running => "cut off",
        StepState::Done => "done",
        StepState::Refused => "not done, the host had moved on",
        StepState::Failed => "failed",
        StepState::Undoing => "being taken back",
        StepState::Undone => "taken back",
        StepState::Stuck => "could not be taken back",
    }
}

fn event(of: &Record) -> Event {
    let (step, what) = match of.what {
        What::Step { step, event } => (Some(step + 1), of_step(event)),
        What::Fix { fix } => (None, of_fix(fix)),
    };
    Event {
        at: of.at.to_string(),
        step,
        what: what.into(),
        says: of.says.clone(),
        at_ms: of.at,
    }
}

fn of_step(event: StepEvent) -> &'static str {
    match event {
        StepEvent::Started => "begins",
        StepEvent::Done => "done",
        StepEvent::Refused => "not done, the host had moved on",
        StepEvent::Failed => "failed",
        StepEvent::UndoStarted => "is being taken back",
        StepEvent::Undone => "taken back",
        StepEvent::Stuck => "could not be taken back",
    }
}

/// What a fix begins with.
pub const BEGINS: &str = "the fix begins";
/// What is behind its last step.
pub const APPLIED: &str = "all steps are done";

fn of_fix(event: FixEvent) -> &'static str {
    match event {
        FixEvent::Began => BEGINS,
        FixEvent::Applied => APPLIED,
        FixEvent::Kept => "proved, it stays",
        FixEvent::UndoBegan => "taking it back",
        FixEvent::UndoEnded => "the host is as it was",
        FixEvent::Stuck => "waits for a person",
    }
}

/// Every fix in two lines.
pub fn list(fixes: &[Fix], clock: &Clock) -> String {
    let mut page = String::new();
    if fixes.is_empty() {
        return "why502 has changed nothing on this host.\n".to_owned();
    }
    for fix in fixes {
        let style = style(fix);
        let at = fix.events.first().map(|event| clock.when(event.at_ms));
        let at = at.unwrap_or_else(|| fix.at.clone());
        let _ = writeln!(
            page,
            "{STRONG}{}{STRONG:#}  {}, by {}",
            safe(&fix.id),
            at,
            safe(&fix.by)
        );
        let _ = writeln!(page, "    {} ({})", safe(&fix.title), safe(&fix.cause));
        let _ = writeln!(page, "    {style}{}{style:#}", safe(&fix.outcome));
    }
    page
}

/// One fix with all that happened.
pub fn one(fix: &Fix, clock: &Clock) -> String {
    let mut page = String::new();
    paragraph(&mut page, STRONG, "Fix", &format!("{}, by {}", fix.id, fix.by));
    paragraph(&mut page, STRONG, "Why", &format!("{} ({})", fix.why, fix.cause));
    paragraph(&mut page, STRONG, "Does", &fix.title);
    paragraph(&mut page, style(fix), "Outcome", &fix.outcome);
    for step in &fix.steps {
        let _ = writeln!(page, "  {:>2}. {}: {}", step.number, safe(&step.does), step.state);
    }
    paragraph(&mut page, STRONG, "Events", "");
    for event in &fix.events {
        let of = event
            .step
            .map_or_else(String::new, |number| format!("step {number} "));
        let says = if event.says.is_empty() {
            String::new()
        } else {
            format!(": {}", exact(&event.says))
        };
        let _ = writeln!(
            page,
            "  {QUIET}{}{QUIET:#}  {of}{}{says}",
            clock.time(event.at_ms),
            event.what
        );
    }
    paragraph(&mut page, STRONG, "Kept in", &fix.dir);
    if fix.can_be_undone() {
        paragraph(&mut page, STRONG, "Undo", &format!("why502 undo {}", fix.id));
    }
    page
}

fn style(fix: &Fix) -> Style {
    match fix.phase {
        Phase::Kept => GOOD,
        _ if fix.half_done => BAD,
        _ => STRONG,
    }
}

impl Clock {
    /// `Nov 22 17:45 UTC (3 min ago)`
    fn when(&self, at: Timestamp) -> String {
        let ago = age(self.now.since(at));
        match self.local(at) {
            Some(local) => format!("{} ({ago} ago)", local.strftime("%b %-d %H:%M %Z")),
            None => format!("{ago} ago"),
        }
    }

    /// `17:45:01`
    fn time(&self, at: Timestamp) -> String {
        let local = self.local(at);
        local.map_or_else(|| at.to_string(), |local| local.strftime("%H:%M:%S").to_string())
    }

    fn local(&self, at: Timestamp) -> Option<jiff::Zoned> {
        let at = jiff::Timestamp::from_second(at.secs()).ok()?;
        Some(at.to_zoned(self.zone.clone()))
    }
}
