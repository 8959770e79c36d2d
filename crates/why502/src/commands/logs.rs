//! `why502 logs`: what failed when, and whose load it was, from logs of any size.

use crate::{
    cli::{self, LogsBy, When},
    exit::Exit,
    report::logs::{self as report, Cause, Story},
    scan::{self, Ask, Log, Scanned},
};
use anyhow::{Context, bail};
use diagnose::{Role, Verdict, World, causes, discover::discover, verdict::SymptomOf};
use host::{Looks, live::Live};
use jiff::{Timestamp, tz::TimeZone};
use logscan::{
    access::Format,
    scan::{Burst, By, Kind, Window, bursts},
};
use signal_hook::{consts::SIGINT, flag};
use std::{
    io::{IsTerminal, Write},
    sync::{Arc, atomic::AtomicBool},
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

/// Runs the command.
#[expect(clippy::disallowed_methods, reason = "how long we took is no look at a host")]
pub fn run(options: &cli::Logs) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let live = Live::new();
    let now = live.now().map_or(0, |at| at.secs());
    let zone = live.time_zone().unwrap_or(TimeZone::UTC);
    let window = window(options, now, &zone)?;
    let (logs, mut trouble) = find(options, &live, window);
    if logs.is_empty() {
        trouble.push("no log to read; name one: why502 logs /var/log/nginx/access.log".to_owned());
        bail!(trouble.join("; "));
    }
    let stop = stop()?;
    let ask = Ask {
        window,
        site: options.site.as_deref(),
        everything: !options.by.is_empty(),
        zone: zone.clone(),
        stop: &stop,
    };
    let scanned = scanned(&logs, &ask, started);
    trouble.extend(scanned.trouble.iter().cloned());
    let bursts = bursts_of(&logs, &scanned);
    let causes = if options.paths.is_empty() && !scanned.partial {
        causes(&live, &bursts, now)
    } else {
        Vec::new()
    };
    let story = Story {
        logs: &logs,
        scanned: &scanned,
        bursts: &bursts,
        causes: &causes,
        trouble: &trouble,
        zone: &zone,
        by: &by(&options.by),
        top: options.top,
        bucket: options.bucket,
        took: started.elapsed(),
    };
    let page = match (options.json, options.csv) {
        (true, _) => report::json(&story)?,
        (_, true) => report::csv(&story),
        _ => report::text(&story),
    };
    anstream::stdout().write_all(page.as_bytes())?;
    Ok(exit(&story))
}

fn exit(story: &Story<'_>) -> Exit {
    if story.scanned.partial {
        Exit::Blind
    } else if !story.causes.is_empty() {
        Exit::CauseFound
    } else if story.bursts.is_empty() {
        Exit::Good
    } else {
        Exit::NoCause
    }
}

/// Set by the first Ctrl-C, which ends reading; the second ends the program.
fn stop() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&stop)).context("listening for Ctrl-C")?;
    flag::register(SIGINT, Arc::clone(&stop)).context("listening for Ctrl-C")?;
    Ok(stop)
}

fn window(options: &cli::Logs, now: i64, zone: &TimeZone) -> anyhow::Result<Window> {
    let second = |when: When| match when {
        When::Ago(time) => now.saturating_sub(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)),
        When::At(at) => zone
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

fn find(options: &cli::Logs, live: &Live, window: Window) -> (Vec<Log>, Vec<String>) {
    let world = || discover(live, &diagnose::Options::default());
    if options.paths.is_empty() {
        let since = u64::try_from(window.since).unwrap_or(0);
        return scan::configured(
            &world(),
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(since)),
        );
    }
    let given = options.log_format.as_deref().map(Format::compile);
    scan::named(&options.paths, given.as_ref(), || formats(&world()))
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

fn by(asked: &[LogsBy]) -> Vec<By> {
    let one = |by: &LogsBy| match by {
        LogsBy::All => By::ALL.to_vec(),
        LogsBy::Client => vec![By::Client],
        LogsBy::Network => vec![By::Network],
        LogsBy::Agent => vec![By::Agent],
        LogsBy::Route => vec![By::Route],
        LogsBy::Referrer => vec![By::Referrer],
        LogsBy::Method => vec![By::Method],
        LogsBy::Status => vec![By::Status],
        LogsBy::Site => vec![By::Site],
        LogsBy::Upstream => vec![By::Upstream],
    };
    asked.iter().flat_map(one).collect()
}

/// What this host still shows of the bursts that are not long over.
fn causes(live: &Live, bursts: &[Burst], now: i64) -> Vec<Cause> {
    if bursts.iter().all(|burst| burst.end < now.saturating_sub(STILL)) {
        return Vec::new();
    }
    let verdict = diagnose::diagnose(live, &diagnose::Options::default(), causes::ALL).verdict;
    let of = |(index, burst): (usize, &Burst)| {
        let found = (burst.end >= now.saturating_sub(STILL))
            .then(|| cause(&verdict, burst))
            .flatten();
        found.map(|(id, says)| Cause {
            burst: index,
            id,
            says,
        })
    };
    bursts.iter().enumerate().filter_map(of).collect()
}

/// The root that explains a symptom of this site seen while the burst lasted.
fn cause(verdict: &Verdict, burst: &Burst) -> Option<(String, String)> {
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
    let explains = |finding: &&diagnose::Finding| {
        finding.role == Role::Root && finding.explains.iter().any(|id| symptoms.contains(&id.as_str()))
    };
    let root = verdict.findings.iter().find(explains)?;
    Some((root.cause.to_string(), root.says.clone()))
}
