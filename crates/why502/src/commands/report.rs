//! `why502 report`: an outage told in one page, from logs, and on a host with what it shows of it.

use super::reading::{self, Reading};
use crate::{
    cli::{self, ReportFormat},
    exit::Exit,
    report::{
        account::{Account, Now},
        audit as audit_report,
        history::{Fix, Incident, of_bundle as of_history},
        html,
        json::Frame,
        logs::{Cause, Story},
        outage,
    },
    scan::Depth,
    screen::safe,
};
use ::bundle::Part;
use anyhow::{Context, ensure};
use diagnose::{Diagnosis, Verdict};
use host::{Host, live::Live};
use remedy::{Store, memory};
use std::{ffi::OsString, io::Write, path::Path, time::Instant};

/// Runs the command.
#[expect(clippy::disallowed_methods, reason = "how long we took is no look at a host")]
pub fn run(options: &cli::Report) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let live = Live::new();
    if let Some(file) = &options.bundle {
        return of_bundle(file, options, started);
    }
    let read = reading::read(&options.reading, (Depth::Flow, &[]), &live, started)?;
    if !options.reading.paths.is_empty() {
        let read = read.of_some()?;
        let account = account(&read, &[], options, started);
        write(options, &account)?;
        return Ok(super::logs::exit(&account.story));
    }
    let seen = super::diagnose::look(&live, &scope(options), Some(&options.state), started);
    let audit = foresight(&live, &seen.1.looked.host);
    tell(options, &read, (&seen, audit, past(&options.state)), started)
}

/// Of another host, as it was when it was recorded.
fn of_bundle(file: &Path, options: &cli::Report, started: Instant) -> anyhow::Result<Exit> {
    let bundle = super::bundle::read(file)?;
    let host = super::bundle::looks(&bundle, file)?;
    let seen = super::diagnose::look(&host, &scope(options), None, started);
    let world = (&host as &dyn Host, &*seen.0.world);
    let read = reading::held(&options.reading, world, started)?;
    let past = bundle.part(Part::History).map(of_history).unwrap_or_default();
    // a diagnosis does not look at all that an audit asks about: such rules are told as blind
    let audit = foresight(&host, &seen.1.looked.host);
    tell(options, &read, (&seen, audit, past), started)
}

fn scope(options: &cli::Report) -> cli::Scope {
    cli::Scope::of_site(options.reading.site.clone())
}

/// Fixes and incidents.
type Past = (Vec<Fix>, Vec<Incident>);

fn tell(
    options: &cli::Report,
    read: &Reading<'_>,
    ((diagnosis, frame), audit, past): (&(Diagnosis, Frame), Option<audit_report::Report>, Past),
    started: Instant,
) -> anyhow::Result<Exit> {
    let causes = reading::causes(&diagnosis.verdict, &read.bursts, read.now);
    let mut account = account(read, &causes, options, started);
    account.host = frame.looked.host.clone();
    (account.fixes, account.incidents) = past;
    account.now = Some(Now {
        verdict: &diagnosis.verdict,
        frame,
        audit,
    });
    write(options, &account)?;
    Ok(exit(read, &diagnosis.verdict))
}

/// What is not all is no answer.
fn exit(read: &Reading<'_>, verdict: &Verdict) -> Exit {
    if read.scanned.partial {
        Exit::Blind
    } else {
        Exit::of(verdict)
    }
}

fn account<'a>(
    read: &'a Reading<'_>,
    causes: &'a [Cause],
    options: &cli::Report,
    started: Instant,
) -> Account<'a> {
    Account {
        host: String::new(),
        at: read.now,
        story: Story {
            logs: &read.logs,
            scanned: &read.scanned,
            bursts: &read.bursts,
            causes,
            trouble: &read.trouble,
            zone: &*read.zone,
            by: &[],
            top: options.reading.top,
            bucket: None,
            took: started.elapsed(),
        },
        now: None,
        fixes: Vec::new(),
        incidents: Vec::new(),
    }
}

/// What was done to this host and what failed on it, newest first; nothing where we may not see it, which the verdict says.
fn past(state: &cli::State) -> Past {
    let store = Store::at(&state.dir());
    let ids = store.ids().unwrap_or_default();
    let fixes = ids.iter().rev().filter_map(|id| store.load(id).ok());
    let incidents = memory::incidents(&store).unwrap_or_default();
    (
        fixes.map(|fix| Fix::of(&fix)).collect(),
        incidents.iter().rev().map(Incident::of).collect(),
    )
}

fn foresight(host: &dyn Host, name: &str) -> Option<audit_report::Report> {
    super::audit::report(host, name)
}

fn write(options: &cli::Report, account: &Account<'_>) -> anyhow::Result<()> {
    if let Some(file) = &options.html {
        let page = html::render(account);
        if file == Path::new("-") {
            std::io::stdout().write_all(page.as_bytes())?;
        } else {
            keep(file, page.as_bytes())?;
            let (name, says) = (file.display().to_string(), account.answer());
            writeln!(anstream::stdout(), "{}\n{}", safe(&name), safe(&says))?;
        }
    }
    match (options.format, &options.html) {
        (Some(ReportFormat::Markdown), _) | (None, None) => {
            anstream::stdout().write_all(outage::render(account).as_bytes())?;
        }
        (None, Some(_)) => {}
    }
    Ok(())
}

/// Whole or not at all: it is made beside an older one and takes its place. Only its owner may read it.
#[expect(
    clippy::disallowed_methods,
    reason = "a file named on the command line is no look at this host"
)]
fn keep(file: &Path, page: &[u8]) -> anyhow::Result<()> {
    let writing = || format!("writing {}", file.display());
    if let Ok(about) = std::fs::symlink_metadata(file) {
        ensure!(
            about.is_file(),
            "{}: it is there and no plain file; --html - writes to standard output",
            file.display()
        );
    }
    let name = file.file_name().with_context(writing)?;
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}", std::process::id()));
    let beside = file.with_file_name(beside);
    super::bundle::keep(&beside, page)?;
    let renamed = std::fs::rename(&beside, file);
    if renamed.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    renamed.with_context(writing)
}
