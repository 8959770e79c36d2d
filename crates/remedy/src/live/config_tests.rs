//! Programs' tests of their own config: nothing is reloaded that does not pass. They make directories and files and
//! write into their logs even then, so they are kept from it.

use super::run::{self, Said, failed};
use crate::{StepFailed, Test};
use std::{path::Path, time::Duration};

/// A test reads files, and `nginx -t` also resolves names: a dead resolver costs it some seconds each.
const LIMIT: Duration = Duration::from_secs(30);

/// Passes, or says the first line that names a reason.
pub(super) fn pass(test: &Test) -> Result<(), StepFailed> {
    match test {
        Test::Nginx { exe, args } => {
            host::live::trusted_nginx_args(args).map_err(failed)?;
            let args: Vec<&str> = args.iter().map(String::as_str).chain(["-t"]).collect();
            server(exe, &args)
        }
        Test::PhpFpm { exe } => server(exe, &["-t"]),
        Test::Apache => apache(),
        Test::Unit { unit } => verify(unit),
        Test::Nft { path } => run::succeed("nft", &["-c", "-f", &path.to_string_lossy()], LIMIT).map(drop),
    }
}

/// The binary of a process is its user's choice: only what root alone can write is run.
fn server(exe: &Path, args: &[&str]) -> Result<(), StepFailed> {
    host::live::trusted(exe).map_err(failed)?;
    good(&exe.to_string_lossy(), &run::test(exe, args, LIMIT)?)
}

fn apache() -> Result<(), StepFailed> {
    let programs = [
        ("apachectl", "configtest"),
        ("apache2ctl", "configtest"),
        ("httpd", "-t"),
    ];
    let found = programs
        .iter()
        .find_map(|(program, arg)| Some((program, run::find(program)?, arg)));
    let Some((program, path, arg)) = found else {
        return Err(failed("apachectl is not installed"));
    };
    good(program, &run::test(&path, &[arg], LIMIT)?)
}

fn good(what: &str, said: &Said) -> Result<(), StepFailed> {
    match said.is_good() {
        true => Ok(()),
        false => Err(failed(format!("{what} refuses its config: {}", reason(said)))),
    }
}

/// Apache says where in one line and what in the next.
fn reason(said: &Said) -> String {
    let place = said
        .lines()
        .skip_while(|line| !line.contains("Syntax error on line"));
    match place.take(2).collect::<Vec<_>>().as_slice() {
        [place, what] => format!("{} {}", place.trim(), what.trim()),
        _ => said.reason().to_owned(),
    }
}

/// systemd only warns of a line that it skips, and warns of others' files too: what matters is that the unit loads, and
/// that no line of ours is one it skips.
fn verify(unit: &str) -> Result<(), StepFailed> {
    let said = run::tool("systemd-analyze", &["verify", "--man=no", "--", unit], LIMIT)?;
    let ours = said.lines().find(|line| line.contains("why502"));
    match ours {
        Some(line) => Err(failed(format!("systemd skips a setting: {}", line.trim()))),
        None => good("systemd-analyze verify", &said),
    }
}
