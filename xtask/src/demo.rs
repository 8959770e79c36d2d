//! `cargo xtask demo`: a broken site of its own, its 502, the cause.

use crate::{install, lab::DemoArgs, shell};

/// Installs, builds, boots a host, breaks it, asks why.
pub fn run(args: &DemoArgs) -> anyhow::Result<()> {
    install::everything()?;
    ::lab::demo(&args.scenario, &shell::release_binary()?)
}
