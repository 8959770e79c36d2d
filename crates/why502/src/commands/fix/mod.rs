//! `why502 fix`: diagnose, draft, show, ask, do, prove. One root after another, each by a plan of its own.

pub mod doing;
pub mod facts;
mod only;
mod session;

use crate::{
    cli,
    exit::Exit,
    interrupt::Interrupt,
    screen::{BAD, safe},
};
use anyhow::Context;
use host::live::Live;
use session::Session;
use std::io::Write;

/// Runs the command.
pub fn run(options: &cli::Fix) -> anyhow::Result<Exit> {
    if !rustix::process::geteuid().is_root() {
        return needs_root("fix");
    }
    let interrupt = Interrupt::listen().context("listening for Ctrl-C")?;
    let live = Live::new();
    let mut session = Session::new(options, &interrupt, &live)?;
    session.run()?;
    session.close()
}

/// Only root can change a host, and only root sees enough of it to promise what it changes.
pub fn needs_root(command: &str) -> anyhow::Result<Exit> {
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| diagnose::evidence::quote(&word.to_string_lossy()))
        .collect();
    let mut screen = anstream::stderr();
    writeln!(
        screen,
        "{BAD}why502 {command} needs root.{BAD:#} Run: sudo why502 {}",
        safe(&words.join(" "))
    )?;
    Ok(Exit::Blind)
}
