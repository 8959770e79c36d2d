//! `why502` and `why502 diagnose`.

use crate::{
    cli::{self, Format},
    commands::recurrence,
    commands::{bundle, like, site},
    exit::Exit,
    report::{
        self,
        head::Looked,
        json::{Fixes, Frame, HalfDone, Planned},
    },
};
use anyhow::Context;
use diagnose::{Diagnosis, Finding, Role, Verdict, causes, verdict::Outcome};
use host::{Host, Looks, Unseen, live::Live, memory::Memory, recorded, redact::Redactor};
use remedy::{Plan, Store, StoreError, draft, history};
use std::{io::Write, os::unix::fs::OpenOptionsExt, path::Path, time::Instant};

/// Runs the command.
#[expect(clippy::disallowed_methods, reason = "how long we took is no look at a host")]
pub fn run(options: &cli::Diagnose) -> anyhow::Result<Exit> {
    let started = Instant::now();
    if let Some(file) = &options.bundle {
        return judge(&bundle::open(file)?, options, started);
    }
    match (&options.recorded, &options.record) {
        (Some(recording), _) => judge(&replay(recording)?, options, started),
        (None, Some(to)) => {
            let live = Live::new();
            let recorder = recorded::Recorder::new(&live);
            let exit = judge(&recorder, options, started)?;
            record(&recorder.memory(), to, options.raw)?;
            Ok(exit)
        }
        (None, None) => judge(&Live::new(), options, started),
    }
}

/// Without what may not leave the host, unless that is asked for.
pub fn record(looks: &Memory, to: &Path, raw: bool) -> anyhow::Result<()> {
    let bytes = match raw {
        true => bundle::recording(looks),
        false => bundle::recording(&Redactor::new(Vec::new()).memory(looks)),
    }?;
    bundle::fits(to, bytes.len())?;
    let mut options = std::fs::OpenOptions::new();
    let private = options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = private
        .open(to)
        .with_context(|| format!("creating {}", to.display()))?;
    file.write_all(&bytes)
        .with_context(|| format!("writing {}", to.display()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "a recording named on the command line is no look at this host"
)]
pub fn replay(recording: &Path) -> anyhow::Result<Memory> {
    let bytes = std::fs::read(recording).with_context(|| format!("reading {}", recording.display()))?;
    recorded::read(&bytes).with_context(|| recording.display().to_string())
}

fn judge(host: &dyn Host, options: &cli::Diagnose, started: Instant) -> anyhow::Result<Exit> {
    let elsewhere = options.recorded.is_some() || options.bundle.is_some();
    let state = (!elsewhere).then_some(&options.state);
    let report = options.like.as_deref().map(like::read).transpose()?;
    let scope = like::scope(host, &options.scope, report.as_ref());
    let (diagnosis, mut frame) = look(host, &scope, state, started);
    site::exists(&diagnosis.world, options.scope.site.as_deref())?;
    frame.like = report.map(|report| like::find(host, &diagnosis.world, &report));
    if options.remember {
        recurrence::remember(&diagnosis.verdict, &options.state)?;
    }
    print(&diagnosis.verdict, &frame, options)
}

/// The diagnosis and all that is printed around it; `state` where fixes of this host are written down.
pub fn look(
    host: &dyn Host,
    scope: &cli::Scope,
    state: Option<&cli::State>,
    started: Instant,
) -> (Diagnosis, Frame) {
    let mut diagnosis = diagnose::diagnose(host, &diagnose_options(scope), causes::ALL);
    let plans = plans(host, &diagnosis);
    let half_done = state.and_then(|state| half_done(state, &mut diagnosis.verdict));
    let recurrences = state.map(|state| recurrence::of(&diagnosis.verdict, state));
    let frame = Frame {
        looked: Looked::since(started, hostname(host), host.now().unwrap_or_default()),
        like: None,
        zone: host.time_zone().unwrap_or(jiff::tz::TimeZone::UTC),
        fixes: Fixes {
            half_done,
            recurrences: recurrences.unwrap_or_default(),
            plans,
        },
    };
    (diagnosis, frame)
}

/// What `why502 fix` could offer for each finding: drafting only looks.
fn plans(host: &dyn Host, diagnosis: &Diagnosis) -> Vec<Vec<Planned>> {
    let planned = |(way, plan): (usize, Plan)| Planned {
        way,
        id: plan.id().to_string(),
        title: plan.title,
    };
    let of = |finding| drafts(host, diagnosis, finding).map(planned).collect();
    diagnosis.verdict.findings.iter().map(of).collect()
}

/// Each way to mend a root, counted from one, and its plan.
pub fn drafts<'d>(
    host: &'d dyn Host,
    diagnosis: &'d Diagnosis,
    finding: &'d Finding,
) -> impl Iterator<Item = (usize, Plan)> + 'd {
    let root = finding.role == Role::Root && !finding.over && diagnosis.verdict.outcome == Outcome::Found;
    let remedies = finding.remedies.iter().enumerate().filter(move |_| root);
    remedies.filter_map(|(index, remedy)| Some((index + 1, draft(host, diagnosis, finding, remedy).ok()?)))
}

/// A fix that is half done while nobody works on it.
fn half_done(state: &cli::State, verdict: &mut Verdict) -> Option<HalfDone> {
    let store = Store::at(&state.dir());
    let found = store.holder().and_then(|holder| match holder {
        Some(_) => Ok(None),
        None => history::half_done(&store),
    });
    match found {
        Ok(found) => found.map(|it| HalfDone {
            id: it.id.to_string(),
            says: it.says,
            waits_for_proof: it.waits_for_proof,
        }),
        Err(error) => {
            verdict.unseen.push(unseen(&error));
            None
        }
    }
}

fn unseen(error: &StoreError) -> Unseen {
    let what = "whether a fix is half done".to_owned();
    if rustix::process::geteuid().is_root() {
        let why = error.to_string();
        return Unseen::Unusable { what, why };
    }
    let need = "root".to_owned();
    Unseen::Forbidden { what, need }
}

/// `--url` names the site and the path in one.
fn diagnose_options(scope: &cli::Scope) -> diagnose::Options {
    let url = scope.url.as_ref();
    diagnose::Options {
        since: scope.since,
        site: url.map(|url| url.site.clone()).or_else(|| scope.site.clone()),
        ask: url.map(|url| url.path.clone()),
    }
}

/// A path as a shell takes it.
pub fn quoted(path: &Path) -> String {
    diagnose::evidence::quote(&path.to_string_lossy())
}

/// The host's name.
pub fn hostname(host: &dyn Host) -> String {
    let name = host.file(Path::new("/proc/sys/kernel/hostname"));
    let name = name.ok().flatten().unwrap_or_default();
    String::from_utf8_lossy(&name).trim().to_owned()
}

fn print(verdict: &Verdict, frame: &Frame, options: &cli::Diagnose) -> anyhow::Result<Exit> {
    let (page, exit) = match options.format() {
        Format::Text => (
            report::text::render(verdict, frame, options.all)
                + &frame.like.as_ref().map(report::like::text).unwrap_or_default(),
            Exit::of(verdict),
        ),
        Format::Json => (report::json::render(verdict, frame)? + "\n", Exit::of(verdict)),
        Format::Markdown => (report::markdown::render(verdict, frame), Exit::of(verdict)),
        Format::Nagios => {
            let (line, exit) = report::nagios::render(verdict, frame.fixes.half_done.as_ref());
            (line + "\n", exit)
        }
    };
    anstream::stdout().write_all(page.as_bytes())?;
    Ok(exit)
}
