//! `why502 check URL`: whose failure is it, seen from a visitor's machine.

use crate::{
    cli,
    exit::Exit,
    report::{
        check::{self, Timed},
        json::page,
    },
};
use anyhow::Context;
use diagnose::visit::{self, Outcome, Place, Question};
use host::{Host, Looks, Query, live::Live, memory::Memory, recorded, redact::without_secrets_and_mail};
use std::{
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

/// Runs the command.
pub fn run(options: &cli::Check) -> anyhow::Result<Exit> {
    match (&options.recorded, &options.record) {
        (Some(recording), _) => {
            let memory = super::diagnose::replay(recording)?;
            look(
                &memory,
                options,
                place_in(&memory, &options.url),
                home_in(&memory),
            )
        }
        (None, Some(to)) => {
            let live = Live::new();
            let recorder = recorded::Recorder::new(&live);
            let exit = look(&recorder, options, options.url.clone(), home(&live))?;
            super::diagnose::record(&recorder.memory(), to, options.raw)?;
            Ok(exit)
        }
        (None, None) => {
            let live = Live::new();
            look(&live, options, options.url.clone(), home(&live))
        }
    }
}

/// Looks, tells each step as it is over, and the answer at the end.
#[expect(clippy::disallowed_methods, reason = "how long we took is no look at a host")]
fn look(host: &dyn Host, options: &cli::Check, place: Place, home: Option<PathBuf>) -> anyhow::Result<Exit> {
    let question = Question {
        place,
        resolvers: options.resolver.clone(),
        requests: options.requests,
        every_ms: u64::try_from(options.every.as_millis()).unwrap_or(1000),
        home: home.filter(|_| !options.no_browser),
        profile: options.profile.clone(),
    };
    let mut out = anstream::stdout();
    if !options.json {
        out.write_all(check::text::opening(&question).as_bytes())?;
        out.flush()?;
    }
    let started = Instant::now();
    let (mut steps, mut last, mut failed) = (Vec::new(), started, None);
    let seen = visit::look(host, &question, &mut |step| {
        let timed = Timed::of(step, last.elapsed());
        last = Instant::now();
        if !options.json {
            let told = out
                .write_all(check::text::step(&timed).as_bytes())
                .and_then(|()| out.flush());
            failed = failed.take().or(told.err());
        }
        steps.push(timed);
    });
    if let Some(error) = failed {
        return Err(error).context("writing the report");
    }
    let judgement = visit::judge(&seen);
    let report = check::Report::of(&seen, &judgement, steps, started.elapsed());
    let page = match options.json {
        true => page(&report)? + "\n",
        false => check::text::answer(&report),
    };
    out.write_all(page.as_bytes())?;
    Ok(match judgement.outcome {
        Outcome::Works => Exit::Good,
        Outcome::Found => Exit::CauseFound,
        Outcome::Unclear => Exit::NoCause,
        Outcome::Blind => Exit::Blind,
    })
}

/// Whose browsers these are: under sudo the user's who typed it, never everybody's.
#[expect(
    clippy::disallowed_methods,
    reason = "whose browsers: the one thing that the session alone tells"
)]
fn home(host: &dyn Host) -> Option<PathBuf> {
    let root = rustix::process::geteuid().is_root();
    let sudo = std::env::var("SUDO_UID")
        .ok()
        .and_then(|uid| uid.parse::<u32>().ok());
    match sudo.filter(|_| root) {
        Some(uid) => {
            let accounts = host.accounts().ok()?;
            let home = accounts.homes().find(|(_, id, _)| *id == uid)?;
            Some(home.2.to_owned())
        }
        None => std::env::var_os("HOME")
            .map(PathBuf::from)
            .filter(|home| home.is_absolute()),
    }
}

/// The page as that recording has it: with its secrets, or without.
fn place_in(memory: &Memory, place: &Place) -> Place {
    let is_it = |query: &Query| matches!(query, Query::Visit(visit) if visit.target == place.target);
    let text = place.to_string();
    let clean = || Place::parse(&without_secrets_and_mail(&text)).ok();
    match memory.iter().any(|(query, _)| is_it(query)) {
        true => place.clone(),
        false => clean().unwrap_or_else(|| place.clone()),
    }
}

/// Whose they were when it was recorded.
fn home_in(memory: &Memory) -> Option<PathBuf> {
    const LIST: &str = ".mozilla/firefox/profiles.ini";
    memory.iter().find_map(|(query, _)| match query {
        Query::File { path, .. } if path.ends_with(LIST) => path
            .ancestors()
            .nth(Path::new(LIST).components().count())
            .map(Path::to_owned),
        _ => None,
    })
}
