//! All that is told of an outage, for a page and for a ticket: what the logs hold, what the host shows of it now, what was
//! done. Pure.

mod chronicle;
mod timeline;

pub use chronicle::{Event, Kind, chronicle};
pub use timeline::{Lane, Timeline};

use super::{
    audit, history,
    json::Frame,
    logs::{Cause, Story, count, grouped, meanwhile, site},
    words,
};
use crate::screen::age;
use diagnose::{Verdict, verdict::Outcome};
use logscan::scan::{Burst, Kind as LogKind, Series};
use std::time::Duration;

/// What is told.
pub struct Account<'a> {
    /// Name of the host; empty where only logs were given.
    pub host: String,
    /// When it was made, seconds since 1970.
    pub at: i64,
    /// What the logs hold.
    pub story: Story<'a>,
    /// What the host shows now; `None` where only logs were given.
    pub now: Option<Now<'a>>,
    /// What why502 did, newest first.
    pub fixes: Vec<history::Fix>,
    /// What failed before, newest first.
    pub incidents: Vec<history::Incident>,
}

/// What the host shows now.
pub struct Now<'a> {
    /// The verdict.
    pub verdict: &'a Verdict,
    /// What stands around it.
    pub frame: &'a Frame,
    /// What will make a 502 tomorrow; `None` where no site was found.
    pub audit: Option<audit::Report>,
}

impl Account<'_> {
    /// The answer in one sentence.
    pub fn answer(&self) -> String {
        match &self.now {
            Some(now) => self
                .recovered(now)
                .unwrap_or_else(|| words::headline(now.verdict)),
            None => match self.worst_of_logs() {
                Some(worst) => format!("{}{worst}", self.partial()),
                None => self.lost(),
            },
        }
    }

    /// What stands before sentences that are not about all there is.
    fn partial(&self) -> &'static str {
        match self.story.scanned.partial {
            true => "Partial, reading was interrupted: ",
            false => "",
        }
    }

    /// What failed and works now is best told by what was written down while it failed.
    fn recovered(&self, now: &Now<'_>) -> Option<String> {
        if now.verdict.outcome != Outcome::Recovered {
            return None;
        }
        let (index, burst) = self.worst().into_iter().max_by_key(|it| it.1.lost)?;
        let why = self.why(index, burst).filter(|why| why.written_down)?;
        let site = site(burst);
        let now = words::works(now.verdict.symptoms.iter());
        Some(format!(
            "Recovered: {site} failed and {now}. Written down while it failed: {}",
            why.says
        ))
    }

    /// The best that is known of why a burst was: what stands now, else what was written down while it failed, if that is
    /// one thing, else what the host shows of it in hindsight.
    pub fn why(&self, index: usize, burst: &Burst) -> Option<Why<'_>> {
        let cause = self.cause(index).map(|it| Why {
            says: &it.says,
            id: &it.id,
            written_down: false,
        });
        let remembered = self.remembered(burst);
        let written = match remembered.as_slice() {
            [one] => Some(Why {
                says: &one.says,
                id: &one.cause,
                written_down: true,
            }),
            _ => None,
        };
        let stands = |why: &Why<'_>| {
            let findings = self.now.iter().flat_map(|now| &now.verdict.findings);
            findings.into_iter().any(|it| !it.over && it.cause == why.id)
        };
        match (cause, written) {
            (Some(cause), _) if stands(&cause) => Some(cause),
            (Some(cause), Some(written)) if cause.id == written.id => Some(cause),
            (cause, written) => written.or(cause),
        }
    }

    /// What the logs alone tell: the worst burst.
    fn worst_of_logs(&self) -> Option<String> {
        let story = &self.story;
        let burst = story.bursts.iter().max_by_key(|it| it.lost)?;
        let lasted = Duration::from_secs(u64::try_from(burst.end - burst.start).unwrap_or(0) + 1);
        let how = burst
            .how
            .first()
            .map(|it| signature(&it.series))
            .unwrap_or_default();
        let others = match story.bursts.len() - 1 {
            0 => String::new(),
            some => format!("; and {} that lost less", count(some as u64, "burst")),
        };
        Some(format!(
            "{} failed for {} from {}: {} ({how}){others}",
            site(burst),
            age(lasted),
            story.moment(burst.start, "%-d %b %H:%M:%S"),
            self.of_burst(burst),
        ))
    }

    /// What a burst cost.
    pub fn of_burst(&self, burst: &Burst) -> String {
        if self.has_access() {
            count(burst.lost, "request lost")
        } else {
            count(burst.lost, "complaint of nginx")
        }
    }

    /// Something fails now; with logs alone, something failed.
    pub fn is_bad(&self) -> bool {
        match &self.now {
            Some(now) => !matches!(now.verdict.outcome, Outcome::Healthy | Outcome::Recovered),
            None => self.story.lost() > 0,
        }
    }

    /// What the logs come to in one sentence.
    pub fn lost(&self) -> String {
        let story = &self.story;
        let (lost, partial) = (story.lost(), self.partial());
        if story.scanned.seen.iter().all(|seen| seen.lines == 0) {
            return format!("{partial}No line of a log was read.");
        }
        if lost == 0 {
            return format!("{partial}No request failed with 5xx or 499 in these logs.");
        }
        let what = count(
            lost,
            if self.has_access() {
                "request failed"
            } else {
                "complaint of nginx"
            },
        );
        let of = match self.requests() {
            0 => String::new(),
            all => format!(" of {}", grouped(all)),
        };
        let scattered = lost - story.bursts.iter().map(|it| it.lost).sum::<u64>().min(lost);
        let bursts = match story.bursts.len() {
            0 => ", scattered".to_owned(),
            some if scattered == 0 => format!(" in {}", count(some as u64, "burst")),
            some => format!(
                ", {} of them scattered, the rest in {}",
                grouped(scattered),
                count(some as u64, "burst")
            ),
        };
        format!("{partial}{what}{of}{bursts}.")
    }

    /// Requests that were read; 0 where there is no access log.
    pub fn requests(&self) -> u64 {
        self.story.scanned.everyone.total.requests
    }

    /// An access log was read.
    pub fn has_access(&self) -> bool {
        self.story
            .logs
            .iter()
            .any(|log| matches!(log.kind, LogKind::Access(_)))
    }

    /// Why a burst was, where the host still shows it.
    pub fn cause(&self, burst: usize) -> Option<&Cause> {
        self.story.causes.iter().find(|it| it.burst == burst)
    }

    /// What was written down on the host at the time of a burst: not proved to be about it.
    pub fn remembered(&self, burst: &Burst) -> Vec<&history::Incident> {
        let meanwhile = |it: &&history::Incident| meanwhile(burst, it.first_ms, it.last_ms);
        self.incidents.iter().filter(meanwhile).collect()
    }

    /// Bursts to tell, with their index: the worst, in order of time.
    pub fn worst(&self) -> Vec<(usize, &Burst)> {
        let mut worst: Vec<(usize, &Burst)> = self.story.bursts.iter().enumerate().collect();
        worst.sort_by_key(|(_, burst)| std::cmp::Reverse(burst.lost));
        worst.truncate(self.story.top);
        worst.sort_by_key(|(index, _)| *index);
        worst
    }
}

/// Why a burst was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Why<'a> {
    /// One sentence. May quote the host: hostile.
    pub says: &'a str,
    /// Id of the cause.
    pub id: &'a str,
    /// It was written down while it failed.
    pub written_down: bool,
}

/// `502, connection refused (111), by 127.0.0.1:8000`
pub fn signature(series: &Series) -> String {
    let status = (series.status > 0).then(|| series.status.to_string());
    let says = Some(series.says.clone()).filter(|it| !it.is_empty());
    let upstream = (!series.upstream.is_empty())
        .then(|| format!("upstream {}", String::from_utf8_lossy(&series.upstream)));
    let parts: Vec<String> = status.into_iter().chain(says).chain(upstream).collect();
    parts.join(", ")
}
