//! Options of `bundle` and `redact`.

use clap::Args;
use std::{path::PathBuf, time::Duration};

/// What a file may take of the free disk, per cent, where nobody says otherwise.
pub const MAX_FREE: u64 = 10;

/// Options of `bundle`.
#[derive(Args, Clone, Debug)]
pub struct Bundle {
    /// Where to; why502-HOST-TIME.tar.zst here without
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// What is looked at.
    #[command(flatten)]
    pub scope: super::Scope,
    /// Make it of a recording instead of this host
    #[arg(long, value_name = "FILE")]
    pub recorded: Option<PathBuf>,
    /// What is taken out.
    #[command(flatten)]
    pub redaction: Redaction,
    /// Leave passwords, cookies and visitors in: for your own eyes only
    #[arg(long, conflicts_with = "patterns")]
    pub raw: bool,
    /// Encrypt it to this recipient (age1…, or an ssh public key); needs the program `age`
    #[arg(long, value_name = "RECIPIENT")]
    pub to: Vec<String>,
    /// At most so many MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub max_size: u64,
    /// At most so many per cent of what is free on that disk
    #[arg(long, value_name = "PERCENT", default_value_t = MAX_FREE, value_parser = clap::value_parser!(u64).range(1..=90))]
    pub max_free: u64,
    /// No look begins after so long; what is missing then counts as not seen. Packing and encrypting may take as long again
    /// (30 s at least), else there is no bundle
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = super::parse::duration)]
    pub max_time: Duration,
    /// Where fixes are written down.
    #[command(flatten)]
    pub state: super::State,
}

/// What is taken out besides what why502 knows.
#[derive(Args, Clone, Debug)]
pub struct Redaction {
    /// A file with regular expressions, one a line: what they match is taken out too
    #[arg(long, value_name = "FILE")]
    pub patterns: Option<PathBuf>,
}

/// Options of `redact`.
#[derive(Args, Clone, Debug)]
pub struct Redact {
    /// A recording or a bundle
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where to; FILE with `.redacted` in its name without
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What is taken out.
    #[command(flatten)]
    pub redaction: Redaction,
}
