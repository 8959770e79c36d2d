//! why502: on a host where nginx answers 502, the true cause, with evidence.

mod ask;
mod cli;
mod commands;
mod exit;
mod interrupt;
mod report;
mod scan;
mod screen;
mod send;

use clap::{CommandFactory, Parser, error::ErrorKind};
use cli::{Cli, Command};
use exit::{Exit, is_closed_pipe};
use std::{io::Write, process::ExitCode};

fn main() -> ExitCode {
    if std::env::args_os()
        .nth(1)
        .is_some_and(|word| word == host::live::LOOKER_WORD)
    {
        return looker();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let done = match cli.command {
        None => commands::diagnose::run(&cli.diagnose),
        Some(Command::Diagnose(options)) => commands::diagnose::run(&options),
        Some(Command::Fix(options)) => commands::fix::run(&options),
        Some(Command::Undo(options)) => commands::undo::run(&options),
        Some(Command::History(options)) => commands::history::run(&options),
        Some(Command::Audit(options)) => commands::audit::run(&options),
        Some(Command::Bundle(options)) => commands::bundle::run(&options),
        Some(Command::Ticket(options)) => commands::ticket::run(&options),
        Some(Command::Redact(options)) => commands::redact::run(&options),
        Some(Command::Logs(options)) => commands::logs::run(&options),
        Some(Command::Load(options)) => commands::load::run(&options),
        Some(Command::Report(options)) => commands::report::run(&options),
        Some(Command::Explain(options)) => commands::explain::run(&options),
        Some(Command::Ports(options)) => commands::ports::run(&options),
        Some(Command::Dns(options)) => commands::dns::run(&options),
        Some(Command::Client(options)) => commands::client::run(&options),
        Some(Command::Check(options)) => commands::check::run(&options),
        Some(Command::Completions { shell }) => commands::pages::completions(shell, &mut Cli::command()),
        Some(Command::Man) => commands::pages::man(&Cli::command()),
        Some(Command::Schema { of }) => commands::pages::schema(of),
        Some(Command::ExitCodes) => commands::pages::exit_codes(),
    };
    match done {
        Ok(exit) => exit.into(),
        Err(error) if is_closed_pipe(&error) => Exit::Good.into(),
        Err(error) => {
            let says = screen::safe(&format!("{error:#}"));
            let _ = writeln!(anstream::stderr(), "why502: {says}");
            Exit::from(&error).into()
        }
    }
}

/// A child of ours that looks at this machine for us.
fn looker() -> ExitCode {
    let done = host::live::looker_main();
    done.map_or(Exit::Blind, |()| Exit::Good).into()
}

/// `--help` and `--version` are no errors; everything else clap refuses is a usage error. What was typed may hold a login.
fn usage(error: &clap::Error) -> ExitCode {
    if let ErrorKind::DisplayHelp | ErrorKind::DisplayVersion = error.kind() {
        let _ = error.print();
        return Exit::Good.into();
    }
    let says = error.render().ansi().to_string();
    let _ = write!(anstream::stderr(), "{}", host::redact::without_secrets(&says));
    Exit::Usage.into()
}
