//! Facts about the requests that keep backends busy: how many, for what, by whom, how dear, and how that compares with
//! what is usual. From access logs; what they mean is each cause's own business.

pub mod ban;
pub mod blame;
pub mod cache;
mod kind;
pub mod limit;
pub mod mix;
pub mod proxies;
mod stretch;

pub use kind::{Kind, is_asset, is_bot};
pub use stretch::{Crowd, Stretch};

use host::Timestamp;
use logscan::scan::{Load, Ranked, Weight};
use std::path::PathBuf;

/// A past with fewer requests is no measure of what is usual.
const ENOUGH: u64 = 20;
/// Nor is one that is shorter, seconds.
const LONG_ENOUGH: u64 = 300;

/// What is asked of the backends of a case, and what is asked of them as a rule.
#[derive(Clone, Debug, Default)]
pub struct Demand {
    /// The access log that shows most of it.
    pub log: PathBuf,
    /// From when on: shortly before the first failure.
    pub from: Timestamp,
    /// While it fails.
    pub now: Stretch,
    /// What is usual, where that can be known.
    pub usual: Option<Usual>,
}

/// What is usual.
#[derive(Clone, Debug)]
pub struct Usual {
    /// Which time is compared.
    pub of: Past,
    /// What was asked then.
    pub stretch: Stretch,
}

/// Which time is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// The same hour of so many of the days before.
    Days(u8),
    /// The time before, of the same day.
    Before,
}

impl Usual {
    /// `None` where it is too little to compare with.
    pub fn of(of: Past, stretch: Stretch) -> Option<Self> {
        let enough = stretch.total().requests >= ENOUGH && stretch.seconds >= LONG_ENOUGH;
        enough.then_some(Self { of, stretch })
    }

    /// `at this hour of the 2 days before`
    pub fn when(&self) -> String {
        match self.of {
            Past::Days(1) => "at this hour the day before".to_owned(),
            Past::Days(days) => format!("at this hour of the {days} days before"),
            Past::Before => format!(
                "in the {} before",
                crate::words::span(std::time::Duration::from_secs(self.stretch.seconds))
            ),
        }
    }
}

impl Demand {
    /// By what shares are measured: the workers' time, where the log holds it.
    pub fn weight(&self) -> Weight {
        if self.now.timed {
            Weight::Time
        } else {
            Weight::Requests
        }
    }

    /// Hundredths that a part has of all.
    pub fn share(&self, part: &Load) -> u64 {
        let total = self.now.total();
        let (part, all) = match self.weight() {
            Weight::Time if total.micros > 0 => (part.micros, total.micros),
            _ => (part.requests, total.requests),
        };
        part.saturating_mul(100).checked_div(all).unwrap_or(0)
    }

    /// How many times the usual number of requests a part is: of one kind, or of all. `None` where nothing is known of
    /// what is usual; what nobody asked for is taken for one request.
    pub fn times(&self, kind: Option<Kind>) -> Option<f64> {
        let of = |stretch: &Stretch| {
            kind.map_or_else(|| stretch.total(), |kind| stretch.load(kind))
                .requests
        };
        let usual = &self.usual.as_ref()?.stretch;
        Some(self.now.rate(of(&self.now)) / usual.rate(of(usual).max(1)))
    }

    /// Neither all of them nor any kind that is a crowd comes more often than usual: their number is not what is new.
    /// `None` where nothing is known of what is usual.
    pub fn is_as_usual(&self) -> Option<bool> {
        let all = self.times(None)? < blame::AS_USUAL;
        let crowds = self
            .now
            .crowds
            .iter()
            .filter(|(_, it)| it.load.requests >= blame::CROWD);
        let mut kinds = crowds.filter_map(|(kind, _)| self.times(Some(*kind)));
        Some(all && kinds.all(|times| times < blame::AS_USUAL))
    }

    /// `12.0 requests a second, 0.4 at this hour the day before`
    pub fn says_rate(&self, kind: Option<Kind>) -> Option<String> {
        let of = |stretch: &Stretch| {
            let load = kind.map_or_else(|| stretch.total(), |kind| stretch.load(kind));
            stretch.rate(load.requests)
        };
        let usual = self.usual.as_ref()?;
        Some(format!(
            "{:.1} requests a second, {:.1} {}",
            of(&self.now),
            of(&usual.stretch),
            usual.when()
        ))
    }

    /// `92 % of the workers' time (41.3 s)`, or of the requests where no time is logged.
    pub fn says_share(&self, part: &Load) -> String {
        match self.weight() {
            Weight::Time => format!(
                "{} % of the workers' time ({:.1} s)",
                self.share(part),
                part.micros as f64 / 1e6
            ),
            _ => format!("{} % of the requests (the log holds no times)", self.share(part)),
        }
    }

    /// The routes of a crowd that weigh most.
    pub fn routes(&self, crowd: &Crowd, most: usize) -> Vec<Ranked> {
        crowd.routes.ranked(self.weight(), most)
    }
}
