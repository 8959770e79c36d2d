//! Visitors' machines with something wrong, and what `why502 client` makes of them.

mod clear;
mod dns;
mod reset;

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::outcome::{Outcome, millis};
use crate::{Host, evidence, repair, root};

/// One story on one fresh machine.
pub struct Errand {
    /// Unique, kebab-case.
    pub name: &'static str,
    /// One paragraph: what is wrong there, and what must come of it.
    pub about: &'static str,
    /// Tells it from beginning to end; an error is what did not come as it should.
    pub(crate) tell: fn(&mut Host) -> Result<()>,
}

/// A run of `check` that the page of a cause shows.
pub struct Shown {
    /// The cause that it told.
    pub cause: &'static str,
    /// What was wrong with that machine.
    pub about: &'static str,
}

/// Every run that is shown, of whatever errand.
pub const SHOWN: &[Shown] = &[clear::COOKIE, clear::CACHE, dns::STALE_ANSWER, dns::PINNED];

impl Shown {
    /// Keeps what a person saw, under the command.
    fn keep(&self, command: &str, said: &str) -> Result<()> {
        ensure!(
            said.contains(&format!("({}:", self.cause)),
            "it does not tell {}: {said}",
            self.cause
        );
        let file = root::screen(self.cause);
        fs::create_dir_all(file.with_file_name(""))?;
        Ok(fs::write(file, format!("$ {command}\n{said}"))?)
    }
}

/// Every errand.
pub fn all() -> &'static [Errand] {
    &[dns::ERRAND, reset::ERRAND, clear::ERRAND]
}

impl Errand {
    pub(crate) fn play(&self, tool: &Path, limit: Duration) -> Outcome {
        let start = Instant::now();
        let mut outcome = Outcome::named(self.name.to_owned(), "done".to_owned());
        match self.on_fresh_machine(tool, limit) {
            Ok(()) => outcome.got = "done".to_owned(),
            Err(error) => outcome.error = Some(format!("{error:#}")),
        }
        outcome.ms = millis(start.elapsed());
        outcome
    }

    fn on_fresh_machine(&self, tool: &Path, limit: Duration) -> Result<()> {
        let mut host = Host::boot_visitor(tool, limit)?;
        let Err(error) = (self.tell)(&mut host) else {
            return Ok(());
        };
        Err(match evidence::keep(&mut host, self.name, &error, &[]) {
            Ok(dir) => error.context(format!("evidence in {}", dir.display())),
            Err(lost) => error.context(format!("evidence lost: {lost:#}")),
        })
    }
}

/// Runs the tool, which must end with that code; what it said.
fn why502(host: &Host, args: &[&str], code: i32) -> Result<String> {
    ended(&host.why502(args)?, args, code)
}

fn ended(said: &Output, args: &[&str], code: i32) -> Result<String> {
    let text = repair::text(said);
    ensure!(
        said.status.code() == Some(code),
        "why502 {}: {}, not {code}: {text}",
        args.join(" "),
        said.status
    );
    Ok(text)
}
