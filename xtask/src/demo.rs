//! `cargo xtask demo`: a broken site of its own: 502, cause, plan, fix, 200, undo, 502, fix, 200.

use crate::{install, lab::DemoArgs};

/// Installs, builds, boots a host, breaks it, mends it, takes that back, mends it again.
pub fn run(args: &DemoArgs) -> anyhow::Result<()> {
    install::everything()?;
    let play = if args.hold { ::lab::hold } else { ::lab::demo };
    play(&args.scenario, &args.tool()?)
}
