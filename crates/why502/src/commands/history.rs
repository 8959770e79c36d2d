//! `why502 history`: what was done to this host.

use crate::{
    cli,
    exit::Exit,
    report::{
        history::{self, Clock, Fix, Incident, Report},
        json::page,
    },
};
use anyhow::Context;
use host::{Looks, live::Live};
use remedy::{FixId, Store, StoreError, memory};
use std::io::Write;

/// Runs the command.
pub fn run(options: &cli::History) -> anyhow::Result<Exit> {
    let store = Store::at(&options.state.dir());
    let ids = match &options.id {
        Some(id) => vec![find(&store, id)?],
        None => hinted(store.ids())?.into_iter().rev().collect(),
    };
    let fixes = ids
        .iter()
        .map(|id| hinted(store.load(id)).map(|fix| Fix::of(&fix)));
    let fixes: Vec<Fix> = fixes.collect::<anyhow::Result<_>>()?;
    let incidents = match &options.id {
        Some(_) => Vec::new(),
        None => hinted(memory::incidents(&store))?
            .iter()
            .rev()
            .map(Incident::of)
            .collect(),
    };
    let page = match (options.json, &options.id, fixes.as_slice()) {
        (true, _, _) => {
            let schema = "why502/history/1";
            let report = Report {
                schema,
                fixes,
                incidents,
            };
            page(&report)? + "\n"
        }
        (false, Some(_), [fix]) => history::one(fix, &clock()),
        (false, _, fixes) => history::list(fixes, &clock()) + &history::incidents(&incidents, &clock()),
    };
    anstream::stdout().write_all(page.as_bytes())?;
    Ok(Exit::Good)
}

fn clock() -> Clock {
    let live = Live::new();
    Clock {
        now: live.now().unwrap_or_default(),
        zone: live.time_zone().unwrap_or(jiff::tz::TimeZone::UTC),
    }
}

/// A fix by its whole name, or by the end of it: the id that its plan was printed with.
pub fn find(store: &Store, text: &str) -> anyhow::Result<FixId> {
    let ids = hinted(store.ids())?;
    let named = |id: &&FixId| id.as_str() == text || id.as_str().ends_with(&format!("-{text}"));
    let found = ids.iter().rev().find(named).cloned();
    found.with_context(|| format!("there is no fix {text}; why502 history lists them"))
}

/// Errors of the state directory with what to do about them.
pub fn hinted<T>(result: Result<T, StoreError>) -> anyhow::Result<T> {
    result.map_err(|error| anyhow::anyhow!("{error}; {}", error.hint()))
}
