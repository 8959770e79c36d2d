//! `cargo xtask lab` and `cargo xtask demo`: the command lines of the lab.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::{lab_page, shell};
use ::lab::{Mode, Options};
use anyhow::{Result, ensure};

/// Pairs of faults in the whole run.
const PAIRS: usize = 6;
/// What chooses pairs of faults where nobody says otherwise: the same in every run.
const SEED: u64 = 502;
/// Many trials wait for a time-out most of their time.
const HOSTS: usize = 5;

/// Which scenarios to play, and how.
#[derive(clap::Args)]
pub struct Args {
    /// Names or parts of names of scenarios; all when none is given
    names: Vec<String>,
    /// The program under test; built from this checkout if not given
    #[arg(long)]
    tool: Option<PathBuf>,
    /// Only show that each fault is seen and goes away: for work on the lab itself
    #[arg(long, conflicts_with = "record")]
    no_verdict: bool,
    /// Keep the tool's looks and the right verdict of each scenario under this directory
    #[arg(long)]
    record: Option<PathBuf>,
    /// Leave the noisy variants out
    #[arg(long)]
    no_noise: bool,
    /// Seconds each scenario may take
    #[arg(long, default_value_t = 240)]
    limit: u64,
    /// Hosts at a time, at most; beyond two only while the machine has CPU to spare
    #[arg(long, default_value_t = HOSTS)]
    hosts: usize,
    /// Do not run the tool: play what people do without a diagnosis (a table, a restart script)
    #[arg(long, conflicts_with_all = ["record", "no_verdict"])]
    baselines: bool,
    /// Take the screens of the last run over into the causes' pages; write docs/lab.md where it was whole
    #[arg(long)]
    docs: bool,
    /// So many pairs of faults on two sites of one host, chosen by --seed
    #[arg(long, default_value_t = 0)]
    pairs: usize,
    /// What chooses the pairs
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// List the scenarios instead
    #[arg(long)]
    list: bool,
}

/// Which broken host to show.
#[derive(clap::Args)]
pub struct DemoArgs {
    /// The scenario
    #[arg(default_value = "wrong-upstream-port-gunicorn")]
    pub scenario: String,
    /// Only break it, and leave the host up to look around on, until Enter
    #[arg(long)]
    pub hold: bool,
    /// The program to show; built from this checkout if not given
    #[arg(long)]
    tool: Option<PathBuf>,
}

impl DemoArgs {
    /// The program to show, built where none was named.
    pub fn tool(&self) -> Result<PathBuf> {
        tool(self.tool.as_deref())
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<()> {
    if args.list {
        let scenarios = ::lab::all().map(|scenario| (scenario.name, scenario.about));
        let errands = ::lab::errands().iter().map(|errand| (errand.name, errand.about));
        scenarios
            .chain(errands)
            .for_each(|(name, about)| println!("{name:36} {about}"));
        return Ok(());
    }
    if args.docs {
        return lab_page::write();
    }
    let mode = match (&args.record, args.no_verdict, args.baselines) {
        (Some(dir), ..) => Mode::Record(dir.clone()),
        (None, true, _) => Mode::NoVerdict,
        (None, false, true) => Mode::Baselines,
        (None, false, false) => Mode::Judge,
    };
    let summary = ::lab::run(&Options {
        names: args.names.clone(),
        tool: tool(args.tool.as_deref())?,
        mode,
        noise: !args.no_noise && !args.baselines,
        limit: Duration::from_secs(args.limit),
        hosts: args.hosts.max(1),
        pairs: args.pairs,
        seed: args.seed,
    })?;
    ensure!(
        summary.failed == 0,
        "{} of {} failed",
        summary.failed,
        summary.failed + summary.passed
    );
    Ok(())
}

fn tool(given: Option<&Path>) -> Result<PathBuf> {
    match given {
        Some(tool) => Ok(std::path::absolute(tool)?),
        None => shell::release_binary(),
    }
}

/// All scenarios, noise included: what `cargo xtask test` runs.
pub fn whole() -> Result<()> {
    run(&Args {
        names: Vec::new(),
        tool: None,
        no_verdict: false,
        record: None,
        no_noise: false,
        limit: 240,
        hosts: HOSTS,
        baselines: false,
        docs: false,
        pairs: PAIRS,
        seed: SEED,
        list: false,
    })
}
