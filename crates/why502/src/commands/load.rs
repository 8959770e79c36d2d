//! `why502 load`: what is saturated, and who is behind it.

use crate::{
    cli,
    exit::Exit,
    report::{
        head::Looked,
        load::{self as report, Frame, Report},
    },
};
use anyhow::bail;
use diagnose::{causes, diagnose, discover::discover, load::full, observe};
use host::{Host, live::Live};
use std::{io::Write, time::Instant};

/// Runs the command.
#[expect(clippy::disallowed_methods, reason = "how long we took is no look at a host")]
pub fn run(options: &cli::Load) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let live = Live::new();
    let asked = diagnose::Options::default();
    let world = discover(&live as &dyn Host, &asked);
    if world.processes.is_err() {
        bail!("processes could not be seen; run why502 as root: sudo why502 load");
    }
    let at = world.now;
    let load = observe::look_at_load(&live, world, options.since);
    let full = full(&load);
    let verdict = (!full.is_empty()).then(|| diagnose(&live, &asked, causes::ALL).verdict);
    let frame = Frame {
        looked: Looked::since(started, super::diagnose::hostname(&live), at),
        top: options.top,
        verdict: verdict.as_ref(),
    };
    let report = Report::of(&load, &full, &frame);
    let page = if options.json {
        report.render()?
    } else {
        report::draw(&report)
    };
    anstream::stdout().write_all(page.as_bytes())?;
    Ok(if full.is_empty() {
        Exit::Good
    } else {
        Exit::CauseFound
    })
}
