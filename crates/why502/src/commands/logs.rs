//! `why502 logs`: what failed when, and whose load it was, from logs of any size.

use crate::{
    cli::{self, LogsBy},
    commands::reading::{self, Reading},
    exit::Exit,
    report::logs::{self as report, Cause, Story},
    scan::Depth,
};
use diagnose::causes;
use host::live::Live;
use logscan::scan::By;
use remedy::{Store, memory};
use std::{io::Write, time::Instant};

/// Runs the command.
#[expect(clippy::disallowed_methods, reason = "how long we took is no look at a host")]
pub fn run(options: &cli::Logs) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let live = Live::new();
    let database = options.reading.as_database.is_some();
    let by = by(&options.by, database);
    let depth = if by.is_empty() {
        Depth::Failures
    } else {
        Depth::Everyone
    };
    let read = reading::read(&options.reading, (depth, &counted(&by)), &live, started)?.of_some()?;
    let causes = if options.reading.paths.is_empty() && !read.scanned.partial {
        causes(&live, &read, options)
    } else {
        Vec::new()
    };
    let story = Story {
        logs: &read.logs,
        scanned: &read.scanned,
        bursts: &read.bursts,
        causes: &causes,
        trouble: &read.trouble,
        zone: &*read.zone,
        by: &by,
        top: options.reading.top,
        bucket: options.bucket,
        took: started.elapsed(),
    };
    match (options.json, options.csv) {
        (true, _) => report::json(&story, std::io::stdout().lock())?,
        (_, true) => anstream::stdout().write_all(report::csv(&story).as_bytes())?,
        _ => anstream::stdout().write_all(report::text(&story).as_bytes())?,
    }
    Ok(exit(&story))
}

/// What this host still shows of them, asked only where it can; else what was written down then.
fn causes(live: &Live, read: &Reading<'_>, options: &cli::Logs) -> Vec<Cause> {
    let is_recent = |burst| reading::is_recent(burst, read.now);
    let mut causes = match read.bursts.iter().any(is_recent) {
        true => {
            let verdict = diagnose::diagnose(live, &diagnose::Options::default(), causes::ALL).verdict;
            reading::causes(&verdict, &read.bursts, read.now)
        }
        false => Vec::new(),
    };
    let incidents = memory::incidents(&Store::at(&options.state.dir())).unwrap_or_default();
    causes.extend(reading::written_down(&incidents, &read.bursts, &causes));
    causes
}

/// What a story comes to.
pub fn exit(story: &Story<'_>) -> Exit {
    if story.scanned.partial {
        Exit::Blind
    } else if !story.causes.is_empty() {
        Exit::CauseFound
    } else if story.bursts.is_empty() {
        Exit::Good
    } else {
        Exit::NoCause
    }
}

/// Systems are told by addresses.
fn counted(by: &[By]) -> Vec<By> {
    let addresses = by.contains(&By::System).then_some(By::Client);
    by.iter().copied().chain(addresses).collect()
}

/// A database that was named is used.
fn by(asked: &[LogsBy], database: bool) -> Vec<By> {
    let known = database.then_some(By::System);
    let one = |by: &LogsBy| match by {
        LogsBy::All => By::ALL.into_iter().chain(known).collect(),
        LogsBy::As => vec![By::System],
        LogsBy::Client => vec![By::Client],
        LogsBy::Network => vec![By::Network],
        LogsBy::Agent => vec![By::Agent],
        LogsBy::Route => vec![By::Route],
        LogsBy::Referrer => vec![By::Referrer],
        LogsBy::Method => vec![By::Method],
        LogsBy::Status => vec![By::Status],
        LogsBy::Site => vec![By::Site],
        LogsBy::Upstream => vec![By::Upstream],
    };
    match asked {
        [] => known.into_iter().collect(),
        asked => asked.iter().flat_map(one).collect(),
    }
}
