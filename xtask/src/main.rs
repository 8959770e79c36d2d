//! Development tasks: `cargo xtask NAME`.

use anyhow::Result;
use clap::{Parser, Subcommand};

mod lab;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Development tasks")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Play fault scenarios on real hosts and check the verdicts.
    Lab(lab::Args),
    /// Show a broken host and what why502 says about it.
    Demo(lab::DemoArgs),
}

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Lab(args) => lab::lab(&args),
        Task::Demo(args) => lab::demo(&args),
    }
}
