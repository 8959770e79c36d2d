//! Options of `report`.

use super::{Reading, State};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Options of `report`.
#[derive(Args, Debug)]
pub struct Report {
    /// Which logs.
    #[command(flatten)]
    pub reading: Reading,
    /// Write a page for people: one file that needs nothing else, for any browser; - for standard output
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Tell it of a bundle instead of this host
    #[arg(long, value_name = "FILE", conflicts_with = "paths")]
    pub bundle: Option<PathBuf>,
    /// Print it in this format [default: markdown, unless --html is given]
    #[arg(long, value_enum)]
    pub format: Option<ReportFormat>,
    /// Where fixes are written down.
    #[command(flatten)]
    pub state: State,
}

/// How a report is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a ticket
    Markdown,
}
