//! The command line, as data.

mod audit;
mod bundle;
mod check;
mod client;
mod load;
mod logs;
mod parse;
mod report;
mod ticket;

pub use audit::{Audit, AuditFormat};
pub use bundle::{Bundle, MAX_FREE, Redact, Redaction};
pub use check::Check;
pub use client::{Agreement, Client, ClientClear, ClientDns, ClientReset};
pub use load::Load;
pub use logs::{Logs, LogsBy, Reading, When};
pub use parse::Url;
use parse::{duration, host_name, id, number, resolver, url};
pub use report::{Report, ReportFormat};
pub use ticket::{Send, SmtpTls, Ticket, TicketFormat, Whom};

use clap::{Args, Parser, Subcommand, ValueEnum};
use remedy::Store;
use std::{net::SocketAddr, path::PathBuf, time::Duration};

/// Names the true cause of nginx's 502 and 504, with evidence.
///
/// Without a command: diagnose this host. Looking changes nothing; only `fix` and `undo` change a host, and only what
/// they printed before. Exit status: 0 healthy or fixed, 1 a cause was found, 2 failures without a found cause,
/// 3 could not look, 64 usage.
#[derive(Debug, Parser)]
#[command(name = "why502", version, propagate_version = true, max_term_width = 80)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of `diagnose`, which is what runs without a command.
    #[command(flatten)]
    pub diagnose: Diagnose,
}

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Diagnose this host: the answer first, on one screen
    Diagnose(Diagnose),
    /// Mend what fails: show the plan, ask, do it, prove it, else undo it
    Fix(Fix),
    /// Take back the last fix, or that one, half done ones too
    Undo(Undo),
    /// What was done to this host: who, when, what, outcome
    History(History),
    /// What will make a 502 tomorrow: where, why, the change; `--fix` makes it
    Audit(Audit),
    /// This host in one redacted file, to be judged elsewhere
    Bundle(Bundle),
    /// What a support desk has to know and is asked, redacted; sent where you say
    Ticket(Box<Ticket>),
    /// Take secrets and visitors out of a recording or a bundle
    Redact(Redact),
    /// What failed when, from logs of any size; with --by, whose load it was
    Logs(Logs),
    /// What is saturated now, and whose requests, processes and units are behind it
    Load(Load),
    /// An outage told in one page: timeline, bursts, causes, latency, load, fixes
    Report(Report),
    /// What pasted log lines can mean, or what a cause is; needs no host
    Explain(Explain),
    /// Who listens where, against what nginx asks for
    Ports(Ports),
    /// A name at every resolver that matters to nginx and to this host
    Dns(Dns),
    /// On a visitor's machine: forget one site, other name servers, a reset of the connection
    #[command(subcommand)]
    Client(Client),
    /// On a visitor's machine: whose failure is it, and what to do
    Check(Check),
    /// Print a completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page (roff)
    Man,
    /// Print the JSON Schema of what `--json` prints
    Schema {
        /// Of which document
        #[arg(value_enum, default_value_t = Document::Verdict)]
        of: Document,
    },
    /// Print the table of exit codes (Markdown)
    #[command(hide = true)]
    ExitCodes,
}

/// What is looked at.
#[derive(Args, Clone, Debug)]
pub struct Scope {
    /// Only this site (a server_name)
    #[arg(long, value_name = "NAME")]
    pub site: Option<String>,
    /// Ask this URL through the local nginx, and diagnose its site
    #[arg(long, value_name = "URL", value_parser = url, conflicts_with = "site")]
    pub url: Option<Url>,
    /// How far back to read logs: 90s, 15m, 2h, 1d
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = duration)]
    pub since: Duration,
}

impl Scope {
    /// What is looked at by default, of one site or of all.
    pub fn of_site(site: Option<String>) -> Self {
        Self {
            site,
            url: None,
            since: diagnose::Options::default().since,
        }
    }
}

/// Options of `diagnose`.
#[derive(Args, Clone, Debug)]
pub struct Diagnose {
    /// What is looked at.
    #[command(flatten)]
    pub scope: Scope,
    /// Same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Also write every look with its answer to this file, without secrets and visitors
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Leave passwords, cookies and visitors in what --record writes: for your own eyes only
    #[arg(long, requires = "record")]
    pub raw: bool,
    /// Judge a recording instead of this host
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    pub recorded: Option<PathBuf>,
    /// Judge a bundle instead of this host
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "recorded"])]
    pub bundle: Option<PathBuf>,
    /// Also find a visitor's report in this host's logs: what `why502 check --json` printed, or its line
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    pub like: Option<PathBuf>,
    /// Write down what was found, so that it is known when it comes back (as root; one bounded line)
    #[arg(long, conflicts_with_all = ["recorded", "bundle"])]
    pub remember: bool,
    /// Print all evidence, not only the strongest
    #[arg(long)]
    pub all: bool,
    /// Where fixes are written down.
    #[command(flatten)]
    pub state: State,
}

impl Diagnose {
    /// The format asked for, either way.
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format }
    }
}

/// Where the program keeps what it did.
#[derive(Args, Clone, Debug)]
pub struct State {
    /// Where fixes and their undo are written down [default: /var/lib/why502; without root ~/.local/state/why502]
    #[arg(
        long = "state-dir",
        value_name = "DIR",
        env = "WHY502_STATE_DIR",
        hide_env_values = true
    )]
    given: Option<PathBuf>,
}

impl State {
    /// Where it was said to be; else root's, or that of whoever is not root.
    pub fn dir(&self) -> PathBuf {
        match &self.given {
            Some(dir) => dir.clone(),
            None if rustix::process::geteuid().is_root() => Store::DEFAULT.into(),
            None => own_state().join("why502"),
        }
    }
}

/// By the rules of XDG.
#[expect(clippy::disallowed_methods, reason = "where a person keeps state")]
fn own_state() -> PathBuf {
    let variable = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|dir| dir.is_absolute())
    };
    let below_home = || variable("HOME").map(|home| home.join(".local/state"));
    variable("XDG_STATE_HOME")
        .or_else(below_home)
        .unwrap_or_else(|| "/var/lib".into())
}

/// Options of `fix`.
#[derive(Args, Clone, Debug)]
pub struct Fix {
    /// Only print the plan
    #[arg(long, conflicts_with = "yes")]
    pub plan: bool,
    /// Do what is printed without asking
    #[arg(long)]
    pub yes: bool,
    /// Only these steps of the plan, by their numbers
    #[arg(long, value_name = "N", num_args = 1.., value_delimiter = ',', value_parser = number)]
    pub only: Vec<usize>,
    /// Another way to mend it, where the plan lists several
    #[arg(long, value_name = "N", default_value = "1", value_parser = number)]
    pub way: usize,
    /// Only this site (a server_name)
    #[arg(long, value_name = "NAME")]
    pub site: Option<String>,
    /// Agree to a restart of the whole host, where the plan has one
    #[arg(long)]
    pub agree_reboot: bool,
    /// For machines: schema why502/fix/1
    #[arg(long)]
    pub json: bool,
    /// Where it is written down.
    #[command(flatten)]
    pub state: State,
}

/// Options of `undo`.
#[derive(Args, Clone, Debug)]
pub struct Undo {
    /// Id of a fix, as `history` lists it; the last one without
    #[arg(value_name = "ID", value_parser = id)]
    pub id: Option<String>,
    /// Do what is printed without asking
    #[arg(long)]
    pub yes: bool,
    /// For machines: schema why502/undo/1
    #[arg(long)]
    pub json: bool,
    /// Where it is written down.
    #[command(flatten)]
    pub state: State,
}

/// Options of `history`.
#[derive(Args, Clone, Debug)]
pub struct History {
    /// One fix, with all its steps
    #[arg(value_name = "ID", value_parser = id)]
    pub id: Option<String>,
    /// For machines: schema why502/history/1
    #[arg(long)]
    pub json: bool,
    /// Where it is written down.
    #[command(flatten)]
    pub state: State,
}

/// Documents with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Document {
    /// Of `diagnose`
    Verdict,
    /// Of `fix`
    Fix,
    /// Of `undo`
    Undo,
    /// Of `history`
    History,
    /// Of `audit`
    Audit,
    /// Of `load`
    Load,
    /// Of `check`
    Check,
    /// Of `ticket`
    Ticket,
}

/// Options of `explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// A cause id, a file with log lines, or - for standard input
    #[arg(value_name = "CAUSE|FILE|-")]
    pub what: Option<String>,
    /// Every cause id, one a line
    #[arg(long, conflicts_with = "what")]
    pub list: bool,
    /// For machines
    #[arg(long)]
    pub json: bool,
}

/// Options of `ports`.
#[derive(Args, Debug)]
pub struct Ports {
    /// For machines
    #[arg(long)]
    pub json: bool,
}

/// Options of `dns`.
#[derive(Args, Debug)]
pub struct Dns {
    /// The name
    #[arg(value_name = "NAME", value_parser = host_name)]
    pub name: String,
    /// Another resolver to ask as well (address or address:port)
    #[arg(long, value_name = "ADDRESS", value_parser = resolver)]
    pub resolver: Vec<SocketAddr>,
    /// For machines
    #[arg(long)]
    pub json: bool,
}

/// How a diagnosis is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For machines: schema why502/verdict/1
    Json,
    /// For a ticket
    Markdown,
    /// One line, by the monitoring-plugins convention (its exit codes too)
    Nagios,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_model_is_sound() {
        Cli::command().debug_assert();
    }
}
