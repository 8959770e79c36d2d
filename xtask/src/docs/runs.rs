//! `docs/runs`: what `why502` said on a real host of the lab, one screen a cause; pages of causes show it.

use crate::shell;
use diagnose::{Cause, causes};
use std::{collections::BTreeSet, fs, path::PathBuf};

/// Takes the screens over from the lab's last runs. One that no run has made since stays as it is.
pub fn write() -> anyhow::Result<()> {
    fs::create_dir_all(folder())?;
    let mut kept = BTreeSet::new();
    for scenario in causes::ALL.iter().filter_map(|cause| shows(cause)) {
        let file = folder().join(format!("{}.txt", scenario.name));
        if let Some(screen) = ::lab::screen(scenario.name) {
            fs::write(&file, screen)?;
        }
        kept.insert(file);
    }
    for entry in fs::read_dir(folder())? {
        let path = entry?.path();
        if !kept.contains(&path) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The run that a cause's page shows: what was done to the host, and the screen.
pub fn of(cause: &Cause) -> Option<(&'static str, String)> {
    let scenario = shows(cause)?;
    let screen = fs::read_to_string(folder().join(format!("{}.txt", scenario.name))).ok()?;
    Some((scenario.about, screen))
}

/// The first scenario that has this cause for its only root.
fn shows(cause: &Cause) -> Option<&'static ::lab::Scenario> {
    ::lab::all().find(|it| matches!(it.expect, ::lab::Expect::Found([root]) if *root == cause.id))
}

fn folder() -> PathBuf {
    shell::root().join("docs/runs")
}
