//! Options of `load`.

use clap::Args;
use std::time::Duration;

/// Options of `load`.
#[derive(Args, Debug)]
pub struct Load {
    /// How far back requests are counted: 90s, 15m, 2h
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = super::duration)]
    pub since: Duration,
    /// Rows of each list
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub top: usize,
    /// For machines: schema why502/load/1
    #[arg(long)]
    pub json: bool,
}
