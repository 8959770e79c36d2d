//! `why502 undo`: a fix taken back, shown first.

use crate::{
    ask, cli,
    commands::{
        fix::{
            doing::{Doer, by_hand},
            needs_root,
        },
        history::{find, hinted},
    },
    exit::Exit,
    interrupt::Interrupt,
    report::{
        json::page,
        undo::{Conflict, Outcome, Report},
    },
};
use anyhow::Context;
use host::{Looks, live::Live};
use remedy::{Access, Content, End, FixError, FixId, Phase, Step, Store, history, show};
use std::io::Write;

/// Runs the command.
pub fn run(options: &cli::Undo) -> anyhow::Result<Exit> {
    if !rustix::process::geteuid().is_root() && !is_own(options) {
        return needs_root("undo");
    }
    let interrupt = Interrupt::listen().context("listening for Ctrl-C")?;
    let (live, store) = (Live::new(), Store::at(&options.state.dir()));
    let doer = Doer {
        live: &live,
        store: &store,
        interrupt: &interrupt,
        quiet: options.json,
    };
    let report = take_back(options, &doer)?;
    let page = match options.json {
        true => page(&report)? + "\n",
        false => report.draw_end(),
    };
    anstream::stdout().write_all(page.as_bytes())?;
    Ok(match report.outcome {
        Outcome::Undone | Outcome::Nothing => Exit::Good,
        Outcome::Planned | Outcome::Refused | Outcome::HalfDone => Exit::CauseFound,
    })
}

/// What somebody did without root is taken back without.
fn is_own(options: &cli::Undo) -> bool {
    let store = Store::at(&options.state.dir());
    store.ids().is_ok_and(|ids| !ids.is_empty())
}

fn take_back(options: &cli::Undo, doer: &Doer<'_>) -> anyhow::Result<Report> {
    let named = options.id.as_ref().map(|id| find(doer.store, id)).transpose()?;
    let last = || hinted(history::last_undoable(doer.store));
    let Some(id) = named.map_or_else(last, |id| Ok(Some(id)))? else {
        return Ok(Report::nothing(
            "there is no fix to take back; why502 history lists what was done.".to_owned(),
        ));
    };
    let fix = hinted(doer.store.load(&id))?;
    if matches!(fix.journal.phase(), Phase::Planned | Phase::Undone) {
        return Ok(Report::nothing(format!(
            "of fix {id} there is nothing left to take back."
        )));
    }
    let mut report = Report::of(&fix, &fix.way_back());
    if !options.json {
        anstream::stdout().write_all(report.draw().as_bytes())?;
    }
    if let Some(no) = refusal(options)? {
        report.outcome_says = no.to_owned();
        return Ok(report);
    }
    done(doer, &id, &mut report);
    Ok(report)
}

/// Why nothing is done with what was just shown; `None` is a yes.
fn refusal(options: &cli::Undo) -> anyhow::Result<Option<&'static str>> {
    if options.yes {
        return Ok(None);
    }
    if options.json || !ask::is_somebody_there() {
        return Ok(Some(
            "nobody is there to ask; why502 undo --yes does it without asking.",
        ));
    }
    let agreed = ask::agrees("Take it back?")?;
    Ok((!agreed).then_some("nothing was done."))
}

fn done(doer: &Doer<'_>, id: &FixId, report: &mut Report) {
    (report.outcome, report.outcome_says) = match doer.with(|fixer| fixer.undo(Some(id))) {
        Ok(outcome) => match &outcome.end {
            End::Stuck(stuck) => (Outcome::HalfDone, by_hand(stuck, id.as_str())),
            End::Kept { .. } | End::Restarts | End::TakenBack => (Outcome::Undone, undone(&outcome.notes)),
        },
        Err(error) => {
            if let FixError::Edited { conflict, .. } = &error {
                report.conflict = Some(conflict_of(doer.live, conflict));
            }
            (Outcome::Refused, format!("{error}.\n{}", error.hint()))
        }
    };
}

fn undone(notes: &[String]) -> String {
    let notes: String = notes.iter().map(|note| format!("\n{note}")).collect();
    format!("the host is as it was before the fix; why502 says what fails.{notes}")
}

/// Both versions: as the fix left it, and as it is.
fn conflict_of(live: &Live, of: &remedy::Conflict) -> Conflict {
    let now = of.path.as_ref().and_then(|path| live.file(path).ok().flatten());
    let diff = of.path.as_ref().zip(now.as_ref()).and_then(|(path, now)| {
        show::diff(&Step::Write {
            path: path.clone(),
            from: Some(content(of.left.as_bytes())),
            to: Some(content(now)),
        })
    });
    Conflict {
        path: of.path.as_ref().map(|path| path.display().to_string()),
        left: of.left.clone(),
        found: now.map_or_else(
            || of.found.clone(),
            |now| String::from_utf8_lossy(&now).into_owned(),
        ),
        diff,
    }
}

/// Only its bytes matter to a diff.
fn content(bytes: &[u8]) -> Content {
    Content {
        bytes: bytes.to_vec(),
        access: Access {
            mode: 0,
            uid: 0,
            gid: 0,
        },
        attributes: std::collections::BTreeMap::new(),
    }
}
