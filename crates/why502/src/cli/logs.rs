//! Options of `logs`.

use clap::{Args, ValueEnum};
use jiff::civil::DateTime;
use std::{path::PathBuf, time::Duration};

/// Which logs are read, and what of them.
#[derive(Args, Debug)]
pub struct Reading {
    /// Logs to read, packed ones and directories too, - for standard input; those of nginx's config without
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// From when on: 90s, 15m, 2h, 1d ago, or 2026-11-22T12:17 [default: all that is in PATH, one day of nginx's own logs]
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub since: Option<When>,
    /// Until when, said the same way
    #[arg(long, value_name = "TIME", value_parser = when)]
    pub until: Option<When>,
    /// Only this site, as logged
    #[arg(long, value_name = "NAME")]
    pub site: Option<String>,
    /// Rows of each list
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// List load by autonomous system too, by this database (.mmdb: GeoLite2-ASN, DB-IP ASN Lite)
    #[arg(long, value_name = "FILE")]
    pub as_database: Option<PathBuf>,
    /// How nginx wrote the logs in PATH: the text of a log_format
    #[arg(long, value_name = "TEXT", requires = "paths")]
    pub log_format: Option<String>,
}

/// Options of `logs`.
#[derive(Args, Debug)]
pub struct Logs {
    /// Which logs.
    #[command(flatten)]
    pub reading: Reading,
    /// Also read what did not fail, and say whose load it was
    #[arg(
        long,
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        requires_if("as", "as_database")
    )]
    pub by: Vec<LogsBy>,
    /// Width of a step in time, of the table and in --json and --csv: 10s, 1m, 1h
    #[arg(long, value_name = "TIME", value_parser = super::duration)]
    pub bucket: Option<Duration>,
    /// For machines: schema why502/logs/1
    #[arg(long)]
    pub json: bool,
    /// For spreadsheets: failures by time, site, upstream, status
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Where causes are written down.
    #[command(flatten)]
    pub state: super::State,
}

/// A moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long ago.
    Ago(Duration),
    /// By the host's clock.
    At(DateTime),
}

/// By what load is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogsBy {
    /// Everything below
    All,
    /// Client address
    Client,
    /// Network: /24, of IPv6 /48
    Network,
    /// User agent
    Agent,
    /// Path, numbers and hashes folded
    Route,
    /// Origin of the referrer
    Referrer,
    /// Method
    Method,
    /// Status
    Status,
    /// Site
    Site,
    /// Upstream
    Upstream,
    /// Autonomous system, by --as-database
    As,
}

fn when(text: &str) -> Result<When, String> {
    let at = || text.parse::<DateTime>().map(When::At);
    match text.contains('-') && !text.starts_with('-') {
        true => at().map_err(|_| "say it like 2026-11-22T12:17".to_owned()),
        false => super::duration(text).map(When::Ago),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let rows = [
            ("2h", Some(When::Ago(Duration::from_secs(7200)))),
            (
                "2026-11-22T12:17",
                Some(When::At(date(2026, 11, 22).at(12, 17, 0, 0))),
            ),
            (
                "2026-11-22 12:17:46",
                Some(When::At(date(2026, 11, 22).at(12, 17, 46, 0))),
            ),
            ("2026-11-22", Some(When::At(date(2026, 11, 22).at(0, 0, 0, 0)))),
            ("yesterday", None),
            ("-1h", None),
            ("22-11-2026", None),
        ];
        for (text, expected) in rows {
            assert_eq!(when(text).ok(), expected, "{text}");
        }
    }
}
