//! `docs/runs`: what `why502` said on a real host of the lab, one screen a cause; pages of causes show it.

use crate::shell;
use anyhow::ensure;
use diagnose::{Cause, causes};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Takes the screens over from the lab's last runs, whole or in part. One that no run has made since stays as it is.
pub fn write() -> anyhow::Result<()> {
    fs::create_dir_all(folder())?;
    let mut kept = BTreeSet::new();
    for cause in causes::ALL {
        if let Some((scenario, screen)) = newest(cause) {
            fs::write(file(scenario.name), screen)?;
        }
        kept.extend(shown(cause).map(|it| file(it.name)));
    }
    for run in ::lab::SHOWN {
        if let Some(screen) = ::lab::screen(run.cause) {
            fs::write(file(run.cause), screen)?;
        }
        kept.insert(file(run.cause));
    }
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if !kept.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The run that a cause's page shows: what was done to the host, and the screen under its command.
pub fn of(cause: &Cause) -> Option<(&'static str, String)> {
    if let Some(run) = ::lab::SHOWN.iter().find(|it| it.cause == cause.id) {
        return Some((run.about, fs::read_to_string(file(run.cause)).ok()?));
    }
    let scenario = shown(cause)?;
    let screen = fs::read_to_string(file(scenario.name)).ok()?;
    Some((scenario.about, format!("$ why502\n{screen}")))
}

/// What `why502` says of a recorded host now. What a recording of that day lacks says nothing of the host.
pub fn replayed(why502: &Path, recording: &str) -> anyhow::Result<String> {
    let looks = shell::root().join(recording).join("looks.jsonl");
    let output = Command::new(why502)
        .args(["diagnose", "--recorded"])
        .arg(&looks)
        .output()?;
    // 1: a cause was found
    ensure!(
        output.status.code() == Some(1),
        "{}: {}",
        looks.display(),
        output.status
    );
    let screen = String::from_utf8(output.stdout)?;
    let seen = screen.split("\nNot seen\n").next().unwrap_or_default();
    Ok(seen.trim_end().to_owned())
}

/// Scenarios that have this cause for their only root, or had it where it is over by itself; the first shows it best.
fn candidates(cause: &Cause) -> impl Iterator<Item = &'static ::lab::Scenario> {
    use ::lab::Expect::{Found, Recovered};
    ::lab::all().filter(|it| match it.expect {
        Found([root]) => *root == cause.id,
        Recovered(Some(root)) => root == cause.id,
        _ => false,
    })
}

/// The first of them that was played since.
fn newest(cause: &Cause) -> Option<(&'static ::lab::Scenario, String)> {
    let better = |it: &&::lab::Scenario| !shown(cause).is_some_and(|old| comes_before(old, it));
    candidates(cause)
        .take_while(better)
        .find_map(|it| Some((it, ::lab::screen(it.name)?)))
}

/// The first of them whose run is kept.
fn shown(cause: &Cause) -> Option<&'static ::lab::Scenario> {
    candidates(cause).find(|it| file(it.name).exists())
}

fn comes_before(one: &::lab::Scenario, other: &::lab::Scenario) -> bool {
    let place = |it: &::lab::Scenario| ::lab::all().position(|at| at.name == it.name);
    place(one) < place(other)
}

fn file(name: &str) -> PathBuf {
    folder().join(format!("{name}.txt"))
}

fn folder() -> PathBuf {
    shell::root().join("docs/runs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use diagnose::cause::Told;

    #[test]
    fn every_cause_that_a_check_tells_is_shown_in_a_real_run() {
        let told = causes::ALL.iter().filter(|it| matches!(it.told, Told::ByCheck));
        for cause in told {
            let run = of(cause).map(|(_, screen)| screen).unwrap_or_default();
            assert!(
                run.starts_with("$ why502 check "),
                "{}: cargo xtask lab visitor; cargo xtask lab --docs",
                cause.id
            );
            assert!(run.contains(&format!("({}:", cause.id)), "{run}");
        }
    }
}
