//! What logs tell, drawn: for people, machines and spreadsheets. Pure.

mod json;
mod series;
mod text;

pub use json::json;
pub use series::csv;
pub use text::{bytes, count, grouped, progress, text};

use crate::scan::{Log, Scanned, Zone};
use diagnose::verdict::Trigger;
use jiff::Timestamp;
use logscan::scan::{Burst, By};
use std::time::Duration;

/// All that is told.
pub struct Story<'a> {
    /// What was read.
    pub logs: &'a [Log],
    /// What was counted.
    pub scanned: &'a Scanned,
    /// What stands out.
    pub bursts: &'a [Burst],
    /// What this host still shows of them.
    pub causes: &'a [Cause],
    /// What could not be read.
    pub trouble: &'a [String],
    /// The host's zone.
    pub zone: &'a Zone<'a>,
    /// Lists of whose load it was.
    pub by: &'a [By],
    /// Rows of each list.
    pub top: usize,
    /// Width of a step in time, if one was asked for.
    pub bucket: Option<Duration>,
    /// How long it took.
    pub took: Duration,
}

/// Why a burst was.
pub struct Cause {
    /// Index of the burst.
    pub burst: usize,
    /// Id of the cause.
    pub id: String,
    /// One sentence.
    pub says: String,
    /// The change just before.
    pub trigger: Option<Trigger>,
    /// The host shows it no more: it was written down while it failed.
    pub written_down: bool,
}

/// Seconds by which what logs and a diagnosis call the same moment may differ.
const AROUND: i64 = 60;

/// What failed from then until then is about the time of this burst: not proved to be about it.
pub fn meanwhile(burst: &Burst, first: host::Timestamp, last: host::Timestamp) -> bool {
    first.secs() <= burst.end + AROUND && last.secs() >= burst.start - AROUND
}

impl Story<'_> {
    /// Width of a step in time, seconds: what was asked, never finer than what was kept.
    fn step(&self) -> i64 {
        let asked = self
            .bucket
            .map_or(60, |it| i64::try_from(it.as_secs()).unwrap_or(i64::MAX));
        asked.max(self.scanned.failures.step())
    }

    /// Requests that failed; of error logs alone, complaints.
    pub fn lost(&self) -> u64 {
        self.failed().total()
    }

    /// What bursts are made of.
    pub fn failed(&self) -> &logscan::scan::Cells {
        let access = self
            .logs
            .iter()
            .any(|log| matches!(log.kind, logscan::scan::Kind::Access(_)));
        if access {
            &self.scanned.failures
        } else {
            &self.scanned.complaints
        }
    }

    /// A moment by the host's clock.
    pub fn moment(&self, at: i64, format: &str) -> String {
        match Timestamp::from_second(at) {
            Ok(at) => at.to_zoned((self.zone)()).strftime(format).to_string(),
            Err(_) => "?".to_owned(),
        }
    }
}

/// The site of a burst, in words.
pub fn site(burst: &Burst) -> String {
    match burst.known_site() {
        b"" => "a site that the log does not name".to_owned(),
        site => String::from_utf8_lossy(site).into_owned(),
    }
}

/// How a list is called, and its keys.
pub fn called(by: By) -> &'static str {
    match by {
        By::Client => "client",
        By::Network => "network",
        By::Agent => "agent",
        By::Route => "route",
        By::Referrer => "referrer",
        By::Method => "method",
        By::Status => "status",
        By::Site => "site",
        By::Upstream => "upstream",
        By::System => "as",
    }
}

/// A key as people read it; networks are kept without their length.
pub fn key(by: By, key: &[u8]) -> String {
    let text = String::from_utf8_lossy(key).into_owned();
    match by {
        By::Network if text.ends_with("::") => text + "/48",
        By::Network if text.split('.').count() == 3 => text + ".0/24",
        _ if text.is_empty() => "-".to_owned(),
        _ => text,
    }
}
