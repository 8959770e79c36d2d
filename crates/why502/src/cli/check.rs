//! Options of `check`.

use super::parse::{every, place, requests, resolver};
use clap::Args;
use diagnose::visit::Place;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Options of `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// The page, as in the browser's address bar
    #[arg(value_name = "URL", value_parser = place)]
    pub url: Place,
    /// Another resolver to ask as well (address or address:port)
    #[arg(long, value_name = "ADDRESS", value_parser = resolver)]
    pub resolver: Vec<SocketAddr>,
    /// Requests at most, of all kinds: 1 to 20
    #[arg(long, value_name = "N", default_value = "14", value_parser = requests)]
    pub requests: u32,
    /// From one request to the next: 1s and more
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = every)]
    pub every: Duration,
    /// Only this browser profile (a directory); all of yours without
    #[arg(long, value_name = "DIR", conflicts_with = "no_browser")]
    pub profile: Option<PathBuf>,
    /// Leave browsers alone: neither their cookies nor their caches are read
    #[arg(long)]
    pub no_browser: bool,
    /// For machines: schema why502/check/1
    #[arg(long)]
    pub json: bool,
    /// Also write every look with its answer to this file, without secrets
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Leave passwords and tokens in what --record writes: for your own eyes only
    #[arg(long, requires = "record")]
    pub raw: bool,
    /// Judge a recording instead of looking; with the same URL and options
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    pub recorded: Option<PathBuf>,
}
