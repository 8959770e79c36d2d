//! The command line, as data.

mod bundle;
mod logs;

pub use bundle::{Bundle, Redact, Redaction};
pub use logs::{Logs, LogsBy, When};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

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
    /// Take secrets and visitors out of a recording or a bundle
    Redact(Redact),
    /// What failed when, from logs of any size; with --by, whose load it was
    Logs(Logs),
    /// What pasted log lines can mean, or what a cause is; needs no host
    Explain(Explain),
    /// Who listens where, against what nginx asks for
    Ports(Ports),
    /// A name at every resolver that matters to nginx and to this host
    Dns(Dns),
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
    /// Also write every look with its raw answer to this file
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
    /// Judge a recording instead of this host
    #[arg(long, value_name = "FILE", conflicts_with = "record")]
    pub recorded: Option<PathBuf>,
    /// Judge a bundle instead of this host
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "recorded"])]
    pub bundle: Option<PathBuf>,
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
    /// Where fixes and their undo are written down
    #[arg(
        long = "state-dir",
        value_name = "DIR",
        env = "WHY502_STATE_DIR",
        default_value = "/var/lib/why502",
        hide_env_values = true
    )]
    pub dir: PathBuf,
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

/// Options of `audit`.
#[derive(Args, Clone, Debug)]
pub struct Audit {
    /// Only these rules
    #[arg(long, value_name = "RULE", num_args = 1.., value_delimiter = ',', value_parser = rule)]
    pub rule: Vec<String>,
    /// Only what this configuration tells (its main file): no host is looked at
    #[arg(long, value_name = "FILE", conflicts_with = "fix")]
    pub conf: Option<PathBuf>,
    /// Same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// How to print it
    #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
    pub format: AuditFormat,
    /// Print every finding, not only what fits on a screen
    #[arg(long)]
    pub all: bool,
    /// What a rule sees, why, and where it stays quiet
    #[arg(long, value_name = "RULE", value_parser = rule)]
    pub explain: Option<String>,
    /// Every rule, one a line
    #[arg(long)]
    pub list: bool,
    /// Change what it found: each plan is shown first, agreed to, written down, proved; `undo` takes it back
    #[arg(long, conflicts_with = "format")]
    pub fix: bool,
    /// With --fix: only print the plans
    #[arg(long, requires = "fix", conflicts_with = "yes")]
    pub plan: bool,
    /// With --fix: do what is printed without asking
    #[arg(long, requires = "fix")]
    pub yes: bool,
    /// With --fix: only these findings, by their numbers
    #[arg(long, requires = "fix", value_name = "N", num_args = 1.., value_delimiter = ',', value_parser = number)]
    pub only: Vec<usize>,
    /// Where it is written down.
    #[command(flatten)]
    pub state: State,
}

impl Audit {
    /// The format asked for, either way.
    pub fn format(&self) -> AuditFormat {
        if self.json { AuditFormat::Json } else { self.format }
    }
}

/// How an audit is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AuditFormat {
    /// For people
    Text,
    /// For machines: schema why502/audit/1
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
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

/// What is asked through nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    /// Its host, without the port.
    pub site: String,
    /// Path and query: `/shop?x=1`.
    pub path: String,
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

/// `90s`, `15m`, `2h`, `1d`, or plain seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86400,
        other => {
            return Err(format!(
                "'{other}' is no unit of time; use s, m, h or d, as in 2h"
            ));
        }
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "say it like 90s, 15m, 2h or 1d".to_owned())?;
    match number
        .checked_mul(unit)
        .filter(|seconds| *seconds > 0 && *seconds <= 366 * 86400)
    {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None => Err("between one second and a year".to_owned()),
    }
}

/// Steps and ways are counted from one.
fn number(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=999) => Ok(number),
        _ => Err("say it like 1 or 2: they are counted from one".to_owned()),
    }
}

/// One that there is.
fn rule(text: &str) -> Result<String, String> {
    match diagnose::audit::by_id(text) {
        Some(rule) => Ok(rule.id.to_owned()),
        None => Err("there is no such rule; why502 audit --list has them all".to_owned()),
    }
}

/// Goes into a file name: letters, digits, hyphen.
fn id(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
        return Err("it is no id of a fix; why502 history lists them".to_owned());
    }
    Ok(text.to_owned())
}

/// `http://shop.example/path`
fn url(text: &str) -> Result<Url, String> {
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    let (authority, path) = rest.map_or(("", ""), |rest| rest.split_once('/').unwrap_or((rest, "")));
    let site = without_port(authority);
    if site.is_empty() {
        return Err("say it like http://shop.example/path".to_owned());
    }
    Ok(Url {
        site: site.to_owned(),
        path: format!("/{path}"),
    })
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// A name as DNS takes it, without the last dot.
fn host_name(text: &str) -> Result<String, String> {
    let name = text.trim_end_matches('.');
    let is_odd = |byte: u8| !byte.is_ascii_graphic() || byte == b'/';
    if name.is_empty() || name.len() > 253 || name.bytes().any(is_odd) {
        return Err("it is no host name".to_owned());
    }
    Ok(name.to_owned())
}

/// An address, with port 53 where none is given.
fn resolver(text: &str) -> Result<SocketAddr, String> {
    let bare = |_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    text.parse::<SocketAddr>()
        .or_else(bare)
        .map_err(|_| "say it like 9.9.9.9 or [::1]:53".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_model_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, seconds) in [("90", 90), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "h", "2w", "-1h", "0", "99999d", "1e3"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn urls_name_a_site_and_a_path() {
        let rows = [
            ("http://shop.example", Some(("shop.example", "/"))),
            (
                "https://shop.example:8443/a/b?c=d",
                Some(("shop.example", "/a/b?c=d")),
            ),
            ("http://[::1]/", Some(("[::1]", "/"))),
            ("http://[::1]:81/", Some(("[::1]", "/"))),
            ("shop.example/", None),
            ("http:///a", None),
            ("http://:80/", None),
            ("ftp://shop.example/", None),
        ];
        for (text, expected) in rows {
            let expected = expected.map(|(site, path): (&str, &str)| Url {
                site: site.into(),
                path: path.into(),
            });
            assert_eq!(url(text).ok(), expected, "{text}");
        }
    }
}
