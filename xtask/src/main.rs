//! Development tasks: `cargo xtask --help`.

#![expect(
    clippy::disallowed_methods,
    reason = "a development tool: it works on this checkout and this machine"
)]
#![expect(
    clippy::print_stdout,
    reason = "a development tool: it talks on standard output"
)]

mod audit_peers;
mod bench;
mod demo;
mod docs;
mod install;
mod json_page;
mod lab;
mod lab_page;
mod new_cause;
mod shell;
mod test;
mod tidy;

use clap::{Parser, Subcommand};

/// Development tasks of why502. Each installs what it needs.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Shows a broken site of its own: its 502, the cause, the evidence
    Demo(lab::DemoArgs),
    /// Runs everything: format, lints, tidy, unit and oracle tests, docs, the whole lab
    Test {
        /// Leave the lab out (for quick rounds while developing; CI never does)
        #[arg(long)]
        no_lab: bool,
    },
    /// Checks budgets of size and the arrows between crates
    Tidy,
    /// Writes the generated docs, or checks that they are fresh
    Docs {
        /// Only check
        #[arg(long)]
        check: bool,
    },
    /// Starts a new cause: its file and its two lines
    NewCause {
        /// Kebab-case: what is wrong, never the fix
        id: String,
    },
    /// Runs scenarios on fresh real hosts; all of them without names
    Lab(lab::Args),
    /// Runs why502 audit and gixy over the same configurations, and writes what each sees
    AuditPeers,
    /// Measures against the numbers we promise
    Bench(bench::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Demo(args) => demo::run(&args),
        Task::Test { no_lab } => test::run(no_lab),
        Task::Tidy => tidy::run(),
        Task::Docs { check } => docs::run(check),
        Task::NewCause { id } => new_cause::run(&id),
        Task::Lab(args) => lab::run(&args),
        Task::AuditPeers => audit_peers::run(),
        Task::Bench(args) => bench::run(&args),
    }
}
