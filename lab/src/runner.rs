//! Plays scenarios, some hosts at a time, and reports in the order of the list.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::outcome::{Mode, Outcome};
use crate::pace::Pace;
use crate::trial::play;
use crate::{Errand, Scenario, errands, host, pairs, root, scenarios};

/// What to play and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names or parts of names; empty plays all.
    pub names: Vec<String>,
    /// The program under test, bound into each host.
    pub tool: PathBuf,
    /// How far each trial goes.
    pub mode: Mode,
    /// Judge each a second time, with noise laid in.
    pub noise: bool,
    /// Hard limit of one trial.
    pub limit: Duration,
    /// Hosts at a time, at most: beyond two only while the machine has CPU to spare.
    pub hosts: usize,
    /// Beside what is named, or with all: so many pairs of faults on two sites.
    pub pairs: usize,
    /// What chooses them.
    pub seed: u64,
}

/// How a run ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct Summary {
    /// Trials that were right in every assertion.
    pub passed: usize,
    /// Trials that were not.
    pub failed: usize,
    /// Each trial, in the order of the list.
    pub outcomes: Vec<Outcome>,
    /// Each errand.
    #[serde(default)]
    pub errands: Vec<Outcome>,
}

/// What is played on a host of its own.
#[derive(Clone, Copy)]
enum Trial {
    Scenario(&'static Scenario),
    Errand(&'static Errand),
}

/// Plays what was asked for, prints a line each and the plain `N passed, N failed`, writes `results.json`.
pub fn run(options: &Options) -> Result<Summary> {
    let trials = chosen(options);
    ensure!(
        !trials.is_empty(),
        "no scenario is called {}; `--list` shows them",
        options.names.join(", ")
    );
    ensure!(
        options.tool.is_file(),
        "{}: no such program; build it first",
        options.tool.display()
    );
    root::room()?;
    root::install()?;
    root::ready()?;
    host::reap()?;
    let mut outcomes = play_all(&trials, options);
    let failed = outcomes.iter().filter(|outcome| outcome.error.is_some()).count();
    let passed = outcomes.len() - failed;
    let names: Vec<&str> = errands::all().iter().map(|errand| errand.name).collect();
    let errands = outcomes.extract_if(.., |it| names.contains(&it.scenario.as_str()));
    let errands = errands.collect();
    let summary = Summary {
        passed,
        failed,
        outcomes,
        errands,
    };
    fs::write(
        results_file(&options.mode),
        serde_json::to_string_pretty(&summary)?,
    )?;
    let again = summary
        .outcomes
        .iter()
        .filter(|it| it.error.is_none() && it.failed_first.is_some())
        .count();
    println!("{again} of those that passed were played twice");
    println!("{} passed, {} failed", summary.passed, summary.failed);
    Ok(summary)
}

fn results_file(mode: &Mode) -> PathBuf {
    let name = match mode {
        Mode::Baselines => "baselines.json",
        Mode::Judge | Mode::NoVerdict | Mode::Record(_) => "results.json",
    };
    root::lab_dir().join(name)
}

/// The last run in that mode; an error says how to make one.
pub fn last_run(mode: &Mode) -> Result<Summary> {
    let file = results_file(mode);
    let text = fs::read(&file).with_context(|| format!("{}: no such run yet", file.display()))?;
    Ok(serde_json::from_slice(&text)?)
}

/// The screen that the tool showed for that scenario when it was last judged, or for a cause when `check` last told it.
pub fn screen(name: &str) -> Option<String> {
    fs::read_to_string(root::screen(name)).ok()
}

fn chosen(options: &Options) -> Vec<Trial> {
    let is_named = |name: &str| {
        options.names.is_empty() || options.names.iter().any(|part| name.contains(part.as_str()))
    };
    let pairs = pairs::choose(options.pairs, options.seed);
    if !pairs.is_empty() {
        println!("{} pairs by --seed {}", pairs.len(), options.seed);
    }
    let scenarios = scenarios::all().filter(|it| is_named(it.name)).chain(pairs);
    // they have one verdict: done or not
    let judged = matches!(options.mode, Mode::Judge);
    let errands = errands::all().iter().filter(|it| judged && is_named(it.name));
    // the longest first: what begins last is what all wait for
    errands
        .map(Trial::Errand)
        .chain(scenarios.map(Trial::Scenario))
        .collect()
}

/// Hosts that are up whatever the machine does beside them; more only while it has CPU to spare.
const ALWAYS: usize = 2;
/// Trials that get a second host. Where more fail, it is not for the load.
const SECOND_HOSTS: usize = 24;

fn play_all(trials: &[Trial], options: &Options) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let pace = Pace::default();
    let played = std::thread::scope(|scope| {
        let (send, ended) = mpsc::channel();
        for worker in 0..options.hosts {
            let (next, pace, send) = (&next, &pace, send.clone());
            scope.spawn(move || {
                loop {
                    if worker >= ALWAYS {
                        pace.wait(|| next.load(Ordering::Relaxed) >= trials.len());
                    }
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(trial) = trials.get(at) else { return };
                    // The receiver outlives every worker: both end with the scope.
                    let _ = send.send((at, play_one(trial, options)));
                }
            });
        }
        drop(send);
        in_order(&ended)
    });
    again(trials, played, options)
}

fn play_one(trial: &Trial, options: &Options) -> Vec<Outcome> {
    match trial {
        Trial::Scenario(scenario) => play(
            scenario,
            options.noise,
            &options.mode,
            &options.tool,
            options.limit,
        ),
        Trial::Errand(errand) => vec![errand.play(&options.tool, options.limit)],
    }
}

/// Busy hosts on one machine: what fails among them is played again alone, when all are done. What fails once and not
/// again is told, and told apart from what fails always.
fn again(trials: &[Trial], mut played: Vec<Vec<Outcome>>, options: &Options) -> Vec<Outcome> {
    let has_failed = |outcomes: &Vec<Outcome>| outcomes.iter().any(|it| it.error.is_some());
    let failed = played.iter().filter(|outcomes| has_failed(outcomes)).count();
    if failed > 0 {
        println!("{failed} failed; each of the first {SECOND_HOSTS} is played again, alone");
    }
    let second = trials.iter().zip(&mut played).filter(|(_, it)| has_failed(it));
    for (trial, outcomes) in second.take(SECOND_HOSTS) {
        let first = std::mem::replace(outcomes, play_one(trial, options));
        for (outcome, first) in outcomes.iter_mut().zip(first) {
            outcome.failed_first = first.error;
            print(outcome);
        }
    }
    played.into_iter().flatten().collect()
}

/// Prints each trial as soon as all before it are printed.
fn in_order(ended: &mpsc::Receiver<(usize, Vec<Outcome>)>) -> Vec<Vec<Outcome>> {
    let (mut waiting, mut done) = (BTreeMap::new(), Vec::new());
    for (at, outcomes) in ended {
        waiting.insert(at, outcomes);
        while let Some(outcomes) = waiting.remove(&done.len()) {
            outcomes.iter().for_each(print);
            done.push(outcomes);
        }
    }
    done
}

fn print(outcome: &Outcome) {
    let seconds = std::time::Duration::from_millis(outcome.ms).as_secs_f32();
    let said = if outcome.got.is_empty() { "-" } else { &outcome.got };
    let word = if outcome.error.is_some() { "FAILED" } else { "ok" };
    println!("{word:6} {:44} {said:36} {seconds:5.1} s", outcome.scenario);
    if let Some(first) = &outcome.failed_first {
        println!(
            "       played twice; the first time: {}",
            first.lines().next().unwrap_or_default()
        );
    }
    if let Some(error) = &outcome.error {
        println!("       {}", error.replace('\n', "\n       "));
    }
}
