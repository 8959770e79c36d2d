//! Running programs of this checkout.

use anyhow::{Context, bail};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The root of the checkout.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Runs a program in the root of the checkout; its output goes to ours.
pub fn run(program: &str, args: &[&str]) -> anyhow::Result<()> {
    let line = format!("{program} {}", args.join(" "));
    let status = Command::new(program).args(args).current_dir(root()).status();
    match status.with_context(|| format!("starting {line}"))? {
        status if status.success() => Ok(()),
        status => bail!("{line}: {status}"),
    }
}

/// Runs cargo.
pub fn cargo(args: &[&str]) -> anyhow::Result<()> {
    run(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), args)
}

/// What a program prints.
pub fn output(program: impl AsRef<std::ffi::OsStr>, args: &[&str]) -> anyhow::Result<String> {
    let program = program.as_ref();
    let line = format!("{} {}", program.display(), args.join(" "));
    let output = Command::new(program).args(args).current_dir(root()).output();
    let output = output.with_context(|| format!("starting {line}"))?;
    if !output.status.success() {
        bail!(
            "{line}: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Builds `why502` as users get it, and says where it is.
pub fn release_binary() -> anyhow::Result<PathBuf> {
    cargo(&["build", "--quiet", "--release", "--package", "why502"])?;
    Ok(target().join("release/why502"))
}

/// Builds `why502` as its tests do, which is quick, and says where it is.
pub fn debug_binary() -> anyhow::Result<PathBuf> {
    cargo(&["build", "--quiet", "--package", "why502"])?;
    Ok(target().join("debug/why502"))
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}
