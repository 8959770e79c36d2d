//! What happened, one moment after another.

use super::{Account, signature};
use crate::{
    report::{history, logs::site},
    screen::age,
};
use logscan::scan::Burst;
use std::time::Duration;

/// A fix or a change so long before the first line of the logs, or behind the last, is still told, seconds.
const AROUND: i64 = 3600;

/// A moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Seconds since 1970.
    pub at: i64,
    /// What kind.
    pub kind: Kind,
    /// What happened. May quote the host: hostile.
    pub says: String,
    /// The burst it is about.
    pub burst: Option<usize>,
}

/// Kinds of moments; of those in one second, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something on the host changed just before.
    Change,
    /// A burst begins.
    Begins,
    /// why502 did something about it.
    Fix,
    /// A burst ends.
    Ends,
}

/// All of it, in order.
pub fn chronicle(account: &Account<'_>) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for (index, burst) in account.worst() {
        events.extend(of_burst(account, index, burst));
        events.extend(trigger(account, index));
    }
    let span = account.span();
    let near =
        |event: &Event| span.is_none_or(|(from, until)| (from - AROUND..=until + AROUND).contains(&event.at));
    events.extend(account.fixes.iter().flat_map(of_fix).filter(near));
    events.sort();
    events.dedup_by(|a, b| (a.at, a.kind, &a.says) == (b.at, b.kind, &b.says));
    events
}

fn trigger(account: &Account<'_>, index: usize) -> Option<Event> {
    let trigger = account.cause(index)?.trigger.as_ref()?;
    Some(Event {
        at: trigger.at.secs(),
        kind: Kind::Change,
        says: trigger.says.clone(),
        burst: Some(index),
    })
}

fn of_burst(account: &Account<'_>, index: usize, burst: &Burst) -> [Event; 2] {
    let site = site(burst);
    let most = burst.how.first().map(|it| signature(&it.series));
    let why = account.why(index, burst).map(|it| format!(": {}", it.says));
    let lasted = Duration::from_secs(u64::try_from(burst.end - burst.start).unwrap_or(0) + 1);
    let lost = account.of_burst(burst);
    let event = |at, kind, says| Event {
        at,
        kind,
        says,
        burst: Some(index),
    };
    [
        event(
            burst.start,
            Kind::Begins,
            format!(
                "{site} begins to fail ({}){}",
                most.unwrap_or_default(),
                why.unwrap_or_default()
            ),
        ),
        event(
            burst.end,
            Kind::Ends,
            format!("{site}: the last failure; {lost} in {}", age(lasted)),
        ),
    ]
}

/// When it began and what came of it.
fn of_fix(fix: &history::Fix) -> Vec<Event> {
    let of = |event: &history::Event| Event {
        at: event.at_ms.secs(),
        kind: Kind::Fix,
        says: match event.step {
            None if event.what == history::BEGINS => {
                format!("why502 begins to mend it: {} ({})", fix.title, fix.cause)
            }
            _ => format!("why502: {} ({})", event.what, fix.title),
        },
        burst: None,
    };
    let whole = fix
        .events
        .iter()
        .filter(|it| it.step.is_none() && it.what != history::APPLIED);
    whole.map(of).collect()
}
