//! `cargo xtask test`: what lands or rejects a change.

use crate::{docs, install, lab, shell, tidy};
use std::time::Instant;

type Step = (&'static str, fn() -> anyhow::Result<()>);

const STEPS: &[Step] = &[
    ("room on the disk", ::lab::room),
    ("install what is missing", install::everything),
    ("format", || shell::cargo(&["fmt", "--all", "--check"])),
    ("lints", || {
        shell::cargo(&[
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])
    }),
    ("tidy", tidy::run),
    ("tests", || shell::cargo(&["test", "--quiet", "--workspace"])),
    ("docs are fresh", || docs::run(true)),
];

/// Runs every step; the first that fails ends it.
pub fn run(no_lab: bool) -> anyhow::Result<()> {
    for (name, step) in STEPS {
        timed(name, step)?;
    }
    if no_lab {
        println!("== the lab was left out (--no-lab)");
        return Ok(());
    }
    timed("lab", lab::whole)
}

fn timed(name: &str, step: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    println!("== {name}");
    let started = Instant::now();
    step()?;
    println!("== {name}: {} s", started.elapsed().as_secs());
    Ok(())
}
