//! Logs as commands read them: which, what of them, how far it is, and what the host still shows of their bursts.

use crate::{
    cli::{self, When},
    commands::site,
    report::logs::{self as report, Cause},
    scan::{self, Ask, Depth, Log, Scanned, Systems, Zone},
};
use anyhow::{Context, bail};
use diagnose::{Finding, Role, Verdict, World, discover::discover, verdict::SymptomOf};
use host::{Host, Looks, live::Live};
use jiff::{Timestamp, tz::TimeZone};
use logscan::{
    access::Format,
    scan::{Burst, By, Kind, Window, bursts},
};
use remedy::memory;
use signal_hook::{consts::SIGINT, flag};
use std::{
    io::{IsTerminal, Write},
    sync::{Arc, OnceLock, atomic::AtomicBool},
    time::{Duration, Instant, SystemTime},
};

/// How far back nginx's own logs are read, unless it is said.
const DAY: i64 = 86_400;
/// A burst that ended longer ago is not asked of the host: what it shows now need not be what was then.
const STILL: i64 = 2 * 3600;
/// Seconds by which what access logs and diagnosis call the same moment may differ.
const AROUND: i64 = 60;
/// Scans that end sooner show no progress.
const PATIENCE: Duration = Duration::from_millis(500);

/// What was read.
pub struct Reading<'h> {
    /// Which logs.
    pub logs: Vec<Log>,
    /// What they hold.
    pub scanned: Scanned,
    /// What stands out.
    pub bursts: Vec<Burst>,
    /// What could not be read.
    pub trouble: Vec<String>,
    /// The host's zone.
    pub zone: Box<Zone<'h>>,
    /// Seconds since 1970.
    pub now: i64,
}

impl Reading<'_> {
    /// There was a log to read.
    ///
    /// # Errors
    /// Where there was none, with what to do.
    pub fn of_some(self) -> anyhow::Result<Self> {
        if self.logs.is_empty() {
            let hint = "no log to read; name one: why502 logs /var/log/nginx/access.log";
            let trouble = self.trouble.iter().map(String::as_str).chain([hint]);
            bail!(trouble.collect::<Vec<_>>().join("; "));
        }
        Ok(self)
    }
}

/// Reads logs; the first Ctrl-C ends it with what there is. Load is listed by what is asked for, by everything with
/// [`Depth::Flow`].
///
/// # Errors
/// Where the options contradict each other.
pub fn read<'h>(
    options: &cli::Reading,
    (depth, by): (Depth, &[By]),
    live: &'h Live,
    started: Instant,
) -> anyhow::Result<Reading<'h>> {
    let asked = Asked::of(options, live)?;
    let (logs, trouble) = find(options, live, asked.window)?;
    of(logs, trouble, (depth, by), asked, started)
}

/// The same of logs that a recorded host holds, with all lists.
///
/// # Errors
/// As above.
pub fn held<'h>(
    options: &cli::Reading,
    (host, world): (&'h dyn Host, &World),
    started: Instant,
) -> anyhow::Result<Reading<'h>> {
    let asked = Asked::of(options, host)?;
    let (kept, unseen) = diagnose::observe::logs(host, world);
    let trouble = unseen.iter().map(ToString::to_string).collect();
    of(scan::held(kept), trouble, (Depth::Flow, &[]), asked, started)
}

/// Which of their lines are meant.
struct Asked<'a, 'h> {
    site: Option<&'a str>,
    systems: Option<Systems>,
    window: Window,
    zone: Box<Zone<'h>>,
    now: i64,
}

impl<'a, 'h> Asked<'a, 'h> {
    fn of(options: &'a cli::Reading, host: &'h dyn Host) -> anyhow::Result<Self> {
        let now = host.now().map_or(0, |at| at.secs());
        let zone = zone(host);
        Ok(Self {
            site: options.site.as_deref(),
            systems: options.as_database.as_deref().map(Systems::open).transpose()?,
            window: window(options, now, &*zone)?,
            zone,
            now,
        })
    }
}

/// Asked for once, and only where a time without an offset is read or one is told: this look costs more than a short log.
fn zone(host: &dyn Host) -> Box<Zone<'_>> {
    let known = OnceLock::new();
    Box::new(move || {
        let ask = || host.time_zone().unwrap_or(TimeZone::UTC);
        known.get_or_init(ask).clone()
    })
}

fn of<'h>(
    logs: Vec<Log>,
    mut trouble: Vec<String>,
    (depth, by): (Depth, &[By]),
    asked: Asked<'_, 'h>,
    started: Instant,
) -> anyhow::Result<Reading<'h>> {
    let stop = stop()?;
    let ask = Ask {
        window: asked.window,
        site: asked.site,
        depth,
        by,
        zone: &*asked.zone,
        stop: &stop,
    };
    let mut scanned = scanned(&logs, &ask, started);
    if let Some(systems) = &asked.systems {
        let everyone = &mut scanned.everyone;
        everyone.regroup(By::Client, By::System, |client| systems.name(client));
    }
    trouble.extend(scanned.trouble.iter().cloned());
    Ok(Reading {
        bursts: bursts_of(&logs, &scanned),
        logs,
        scanned,
        trouble,
        zone: asked.zone,
        now: asked.now,
    })
}

/// Set by the first Ctrl-C, which ends reading; the second ends the program.
fn stop() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&stop)).context("listening for Ctrl-C")?;
    flag::register(SIGINT, Arc::clone(&stop)).context("listening for Ctrl-C")?;
    Ok(stop)
}

fn window(options: &cli::Reading, now: i64, zone: &Zone<'_>) -> anyhow::Result<Window> {
    let second = |when: When| match when {
        When::Ago(time) => now.saturating_sub(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)),
        When::At(at) => zone()
            .to_ambiguous_timestamp(at)
            .compatible()
            .map_or(now, Timestamp::as_second),
    };
    let all = if options.paths.is_empty() {
        now - DAY
    } else {
        i64::MIN
    };
    let window = Window {
        since: options.since.map_or(all, second),
        until: options.until.map_or(i64::MAX, second),
    };
    anyhow::ensure!(
        window.since <= window.until,
        "--until is before --since: no moment is left"
    );
    Ok(window)
}

fn find(options: &cli::Reading, live: &Live, window: Window) -> anyhow::Result<(Vec<Log>, Vec<String>)> {
    let world = || discover(live, &diagnose::Options::default());
    if options.paths.is_empty() {
        let world = world();
        site::exists(&world, options.site.as_deref())?;
        let since = u64::try_from(window.since).unwrap_or(0);
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(since);
        return Ok(scan::configured(&world, Some(since)));
    }
    let given = options.log_format.as_deref().map(Format::compile);
    Ok(scan::named(&options.paths, given.as_ref(), || formats(&world())))
}

/// Every `log_format` that nginx on this host writes.
fn formats(world: &World) -> Vec<Format> {
    let logs = world.nginx.iter().flat_map(|nginx| &nginx.access_logs);
    logs.filter_map(|log| log.format.as_deref())
        .map(Format::compile)
        .collect()
}

/// Reads, and shows how far it is where somebody looks.
fn scanned(logs: &[Log], ask: &Ask<'_>, started: Instant) -> Scanned {
    let total: u64 = logs.iter().flat_map(|log| &log.files).map(|file| file.size).sum();
    let mut terminal = std::io::stderr().is_terminal().then(std::io::stderr);
    let mut shown = false;
    let scanned = scan::run(logs, ask, |bytes| {
        let took = started.elapsed();
        if let Some(terminal) = terminal.as_mut().filter(|_| took > PATIENCE) {
            let _ = write!(terminal, "\r\x1b[K{}", report::progress(bytes, total, took));
            let _ = terminal.flush();
            shown = true;
        }
    });
    if let Some(mut terminal) = terminal.filter(|_| shown) {
        let _ = write!(terminal, "\r\x1b[K");
    }
    scanned
}

/// Where no access log was read, what nginx complained of stands for what failed.
fn bursts_of(logs: &[Log], scanned: &Scanned) -> Vec<Burst> {
    match logs.iter().any(|log| matches!(log.kind, Kind::Access(_))) {
        true => bursts(&scanned.failures, &scanned.complaints),
        false => bursts(&scanned.complaints, &scanned.complaints),
    }
}

/// The host can still show why it was.
pub fn is_recent(burst: &Burst, now: i64) -> bool {
    burst.end >= now.saturating_sub(STILL)
}

/// What this host still shows of the bursts that are not long over.
pub fn causes(verdict: &Verdict, bursts: &[Burst], now: i64) -> Vec<Cause> {
    let of = |(index, burst): (usize, &Burst)| {
        let root = cause(verdict, burst).filter(|_| is_recent(burst, now))?;
        Some(Cause {
            burst: index,
            id: root.cause.to_string(),
            says: root.says.clone(),
            trigger: root.trigger.clone(),
            written_down: false,
        })
    };
    bursts.iter().enumerate().filter_map(of).collect()
}

/// What was written down on this host while bursts lasted of which it shows no cause now; where that is one thing.
pub fn written_down(incidents: &[memory::Incident], bursts: &[Burst], known: &[Cause]) -> Vec<Cause> {
    let of = |(index, burst): (usize, &Burst)| {
        let mut then = incidents
            .iter()
            .filter(|it| report::meanwhile(burst, it.first, it.last));
        let (Some(one), None) = (then.next(), then.next()) else {
            return None;
        };
        Some(Cause {
            burst: index,
            id: one.cause.clone(),
            says: one.says.clone(),
            trigger: None,
            written_down: true,
        })
    };
    let unknown = |it: &(usize, &Burst)| known.iter().all(|cause| cause.burst != it.0);
    bursts.iter().enumerate().filter(unknown).filter_map(of).collect()
}

/// The root that explains a symptom of this site seen while the burst lasted.
fn cause<'v>(verdict: &'v Verdict, burst: &Burst) -> Option<&'v Finding> {
    let site = String::from_utf8_lossy(&burst.site);
    let of_site = |it: &&SymptomOf| {
        let meanwhile =
            it.symptom.first.secs() <= burst.end + AROUND && it.symptom.last.secs() >= burst.start - AROUND;
        meanwhile && (site.is_empty() || it.site.eq_ignore_ascii_case(&site))
    };
    let symptoms: Vec<&str> = verdict
        .symptoms
        .iter()
        .filter(of_site)
        .map(|it| it.symptom.id.as_str())
        .collect();
    let explains = |finding: &&Finding| {
        finding.role == Role::Root && finding.explains.iter().any(|id| symptoms.contains(&id.as_str()))
    };
    verdict.findings.iter().find(explains)
}
