//! `why502 client`: what helps where it is the visitor's machine that sees a 502 and nobody else. Each as a plan: shown,
//! agreed to, written down, proved, taken back.

mod clear;
mod dns;
mod reset;
mod session;

use crate::{cli, commands::fix::needs_root, exit::Exit};

/// Runs the command.
pub fn run(options: &cli::Client) -> anyhow::Result<Exit> {
    let is_root = rustix::process::geteuid().is_root();
    match options {
        cli::Client::Dns(_) if !is_root => needs_root("client dns"),
        cli::Client::Reset(_) if !is_root => needs_root("client reset"),
        cli::Client::Clear(options) => clear::run(options),
        cli::Client::Dns(options) => dns::run(options),
        cli::Client::Reset(options) => reset::run(options),
    }
}
