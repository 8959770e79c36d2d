//! Who asks the backends of a failing route for what, from access logs: now, and as a rule.

use super::{
    access_logs, clock,
    error_logs::as_nginx_sees,
    log_files::{self, Log},
    parallel,
    symptoms::Draft,
};
use crate::{
    Symptom, World,
    case::errno,
    topology::Route,
    traffic::{Demand, Past, Stretch, Usual},
    world::{AccessLog, Nginx},
};
use host::{Host, Timestamp};
use logscan::{
    Trouble,
    access::Format,
    scan::{AccessScan, Trusted, Window},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

/// Logs of one instance read at most.
const MOST: usize = 8;
/// Bytes read of each log.
const BYTES: u64 = 16 << 20;
/// Days before that are compared.
const DAYS: u8 = 2;
const DAY: Duration = Duration::from_secs(86_400);
/// Around the same moment of the days before.
const AROUND: Duration = Duration::from_secs(1800);
/// Of the time before on the same day.
const BEFORE: Duration = Duration::from_secs(7200);
/// What grows may do so for a while before something fails: that time counts neither as now nor as usual.
const GROWS: Duration = Duration::from_secs(60);

/// Routes of which is asked: each costs a pass over the logs.
const ROUTES: usize = 4;
/// A burst that lasts is looked at for so long at most, up to its last failure.
const BURST: Duration = Duration::from_secs(600);
/// And so long before its first: what fills a pool comes before what fails.
const LEAD: Duration = Duration::from_secs(15);

/// For each draft what is asked of its backends, where requests wait for them.
pub(super) fn look(host: &dyn Host, world: &World, drafts: &[&Draft]) -> Vec<Option<Demand>> {
    let mut logs: BTreeMap<usize, Logs<'_>> = BTreeMap::new();
    let mut left = ROUTES;
    let of = |draft: &&Draft| {
        let span = burst(draft).filter(|_| left > 0)?;
        left -= 1;
        let logs = logs
            .entry(draft.nginx)
            .or_insert_with(|| Logs::read(host, world, draft.nginx));
        logs.demand(draft.route.as_ref(), span)
    };
    drafts.iter().map(of).collect()
}

/// The time in which requests waited in vain, for a backend or for a connection.
fn burst(draft: &Draft) -> Option<Span> {
    let waited = |it: &&Symptom| {
        matches!(
            it.trouble(),
            Some(Trouble::TimedOut | Trouble::Connect(errno::EAGAIN) | Trouble::WorkerConnections(_))
        )
    };
    let symptoms = || draft.symptoms.iter().filter(waited);
    let last = symptoms().map(|it| it.last).max()?;
    let first = symptoms().map(|it| it.first).min()?.max(last.before(BURST));
    Some((first.before(LEAD), last))
}

/// From when until when.
pub(crate) type Span = (Timestamp, Timestamp);

/// The access logs of one instance, as far back as what is usual is asked for.
pub(crate) struct Logs<'w> {
    world: &'w World,
    logs: Vec<Read<'w>>,
    /// Whose `X-Forwarded-For` nginx believes.
    trusted: Trusted,
}

struct Read<'w> {
    log: &'w AccessLog,
    path: PathBuf,
    format: Format,
    text: Log,
}

impl<'w> Logs<'w> {
    /// Reads them.
    pub(crate) fn read(host: &dyn Host, world: &'w World, nginx: usize) -> Self {
        let since = world.now.before(DAY * u32::from(DAYS) + AROUND * 2);
        let all = world.nginx.get(nginx).map_or(&[][..], |it| &it.access_logs);
        let all: Vec<&AccessLog> = all
            .iter()
            .filter(|log| access_logs::is_file(&log.path))
            .take(MOST)
            .collect();
        let read = parallel::map(&all, |log| {
            let format = access_logs::format_of(log);
            let path = as_nginx_sees(world, nginx, &log.path);
            let text = log_files::read(host, &path, since, BYTES, |line| time_of(&format, line));
            let text = text.ok().flatten()?;
            Some(Read {
                log,
                path,
                format,
                text,
            })
        });
        let logs = read.into_iter().flatten().collect();
        let trusted = world
            .nginx
            .get(nginx)
            .map_or_else(Trusted::default, Nginx::trusted);
        Self { world, logs, trusted }
    }

    /// What was asked of the backends of a route in that span, of all backends without one; and what is usual.
    pub(crate) fn demand(&self, route: Option<&Route>, span: Span) -> Option<Demand> {
        let sites = route.map(|route| neighbours(self.world, route));
        let mut now = Stretch::of(length(span));
        let mut shown: Option<(u64, &PathBuf)> = None;
        for read in &self.logs {
            let before = now.total().requests;
            read.count(span, sites.as_ref(), &self.trusted, &mut now);
            let found = now.total().requests - before;
            shown = shown.max(Some((found, &read.path)).filter(|_| found > 0));
        }
        let log = shown?.1.clone();
        Some(Demand {
            log,
            from: span.0,
            now,
            usual: self.usual(span.0, sites.as_ref()),
        })
    }

    /// The same hour of the days before; where no log reaches back so far, the time before.
    fn usual(&self, at: Timestamp, sites: Option<&BTreeSet<String>>) -> Option<Usual> {
        let oldest = self.logs.iter().filter_map(|read| read.text.first()).min()?;
        let count = |span: Span, stretch: &mut Stretch| {
            let each = |read: &Read<'_>| read.count(span, sites, &self.trusted, stretch);
            self.logs.iter().for_each(each);
        };
        let (mut days, mut stretch) = (0, Stretch::default());
        for day in 1..=DAYS {
            let then = at.before(DAY * u32::from(day));
            let span = (then.before(AROUND), then.after(AROUND));
            let known = stretch.total().requests;
            if oldest <= span.0 {
                count(span, &mut stretch);
            }
            // a day on which the host did not run is no measure
            if stretch.total().requests > known {
                days += 1;
                stretch.seconds += length(span);
            }
        }
        Usual::of(Past::Days(days), stretch).or_else(|| {
            let span = (oldest.max(at.before(BEFORE)), at.before(GROWS));
            let mut stretch = Stretch::of(length(span));
            count(span, &mut stretch);
            Usual::of(Past::Before, stretch)
        })
    }
}

/// Seconds, at least one.
fn length(span: Span) -> u64 {
    span.1.since(span.0).as_secs().max(1)
}

impl Read<'_> {
    fn count(&self, span: Span, sites: Option<&BTreeSet<String>>, trusted: &Trusted, stretch: &mut Stretch) {
        let only = if let [site] = &self.log.sites[..] {
            site.as_str()
        } else {
            ""
        };
        let shared = || self.log.sites.is_empty() || self.log.sites.iter().any(|site| holds(sites, site));
        let window = Window {
            since: span.0.secs(),
            until: span.1.secs(),
        };
        let mut scan = AccessScan::new(self.format.clone(), only, None, window);
        for piece in &self.text.pieces {
            let part = piece.between(span, |line| time_of(&self.format, line));
            scan.each(part, |request, asked| {
                let ours = match request.site {
                    b"" => shared(),
                    site => holds(sites, &String::from_utf8_lossy(site)),
                };
                if ours && !access_logs::is_own(request.agent) {
                    let believed = trusted.believe(request);
                    stretch.behind |= believed.client != request.client;
                    stretch.add(&believed, asked);
                }
            });
        }
        // a time of zero everywhere is one that is not logged
        stretch.timed |= scan.is_timed() && stretch.total().micros > 0;
    }
}

/// Names of no site of this nginx count for all: a client may name any.
fn holds(sites: Option<&BTreeSet<String>>, site: &str) -> bool {
    sites.is_none_or(|sites| sites.contains(&site.to_ascii_lowercase()))
}

/// Every name of the sites that ask the same backend as this route.
fn neighbours(world: &World, route: &Route) -> BTreeSet<String> {
    let same = |other: &&Route| other.nginx == route.nginx && other.target == route.target;
    let names = |route: &Route| {
        let names = route.names.iter().chain([&route.site]);
        names.map(|name| name.to_ascii_lowercase()).collect::<Vec<_>>()
    };
    world
        .routes
        .iter()
        .chain([route])
        .filter(same)
        .flat_map(names)
        .collect()
}

fn time_of(format: &Format, line: &[u8]) -> Option<Timestamp> {
    Some(clock::utc(format.parse(line)?.at?))
}
