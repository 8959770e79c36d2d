//! What the host tells about the failing routes: journals, logs, the kernel, config tests, changes. Only where something fails.

use super::{
    Sights, backend_logs, changes, clock, code, kernel_files, limits::is_server, parallel, symptoms::Draft,
};
use crate::{
    Case, Symptom, World,
    case::{Backend, Mended, PeerSight, errno},
    queue,
    restart::LOADING,
    topology::{BackendKind, Claim, Place, Route},
    world::{BackendLine, ChangeKind, ConfigTest, Kernel, UserService},
};
use host::{
    Endpoint, Host, Look, Looks, Timestamp, Tool, Unseen,
    answer::{KernelLine, Output},
    looks::{JournalLine, PackageChange, Unit},
};
use logscan::{Complaint, Trouble};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// Journal lines read of each unit.
const LINES: u32 = 400;
/// Units whose journal is read at most.
const UNITS: usize = 12;
/// Lines kept of the kernel log.
const KERNEL: usize = 2000;
/// What led to a failure lies a little before it.
const BEFORE: Duration = Duration::from_secs(600);

/// What the host told.
pub(super) struct Told {
    journal: Look<Vec<JournalLine>>,
    kernel: Look<Vec<KernelLine>>,
    lines: Vec<BackendLine>,
    unseen: Vec<Unseen>,
    tests: BTreeMap<String, Look<ConfigTest>>,
    kernel_files: Look<Kernel>,
    packages: Vec<PackageChange>,
    since: Timestamp,
}

/// Listens to it.
pub(super) fn ask(host: &dyn Host, world: &World, drafts: &[&Draft], sights: &[Sights]) -> Told {
    let zone = clock::zone(host);
    let since = since(world, drafts);
    let peers: Vec<&PeerSight> = sights.iter().flat_map(|it| &it.peers).collect();
    let backends: Vec<&Backend> = peers.iter().filter_map(|peer| peer.backend.as_ref()).collect();
    let units = units(world, &peers);
    std::thread::scope(|scope| {
        let kernel = scope.spawn(|| kernel(host, since));
        let logs = scope.spawn(|| backend_logs::read(host, world, &backends, &zone, since));
        let tests = scope.spawn(|| config_tests(host, world, &units));
        let kernel_files = scope.spawn(|| kernel_files::look(host));
        let packages = scope.spawn(|| host.package_changes().unwrap_or_default());
        let journal = journal(host, world, &units, since);
        let (lines, unseen) = logs.join().unwrap_or_default();
        Told {
            journal,
            kernel: kernel.join().unwrap_or_else(|_| Err(lost("the kernel log"))),
            lines,
            unseen,
            tests: tests.join().unwrap_or_default(),
            kernel_files: kernel_files
                .join()
                .unwrap_or_else(|_| Err(lost("the files of the kernel"))),
            packages: packages.join().unwrap_or_default(),
            since,
        }
    })
}

/// Fills the world in, with the units of what the applications depend on and their lines, too.
pub(super) fn world(
    host: &dyn Host,
    world: &mut World,
    told: Told,
    drafts: &[&Draft],
    sights: &[Sights],
    needed: (Vec<Unit>, Vec<JournalLine>),
) {
    world.journal = told.journal;
    add_needed(world, needed);
    world.kernel = told.kernel;
    world.backend_log = told.lines;
    world.config_tests = told.tests;
    world.kernel_files = told.kernel_files;
    let refused = [world.journal.as_ref().err(), world.kernel.as_ref().err()];
    let refused: Vec<Unseen> = refused
        .into_iter()
        .flatten()
        .cloned()
        .chain(told.unseen)
        .collect();
    world.unseen.extend(refused);
    let concerned: Vec<(&Route, &[PeerSight])> = drafts
        .iter()
        .zip(sights)
        .filter_map(|(draft, sights)| Some((draft.route.as_ref()?, sights.peers.as_slice())))
        .collect();
    world.code = code::look(host, world, drafts);
    world.changes = changes::look(host, world, &concerned, told.packages, told.since);
    let mut symptoms = drafts.iter().flat_map(|draft| &draft.symptoms);
    if symptoms.any(queue::is_of_waiting) {
        world.jobs = changes::jobs::runs(host, world.since, world.now);
    }
}

fn add_needed(world: &mut World, (units, lines): (Vec<Unit>, Vec<JournalLine>)) {
    if let Ok(known) = &mut world.units {
        let new = |unit: &Unit| !known.iter().any(|old| old.name == unit.name);
        let new: Vec<Unit> = units.into_iter().filter(new).collect();
        known.extend(new);
    }
    if let Ok(journal) = &mut world.journal {
        let new: Vec<JournalLine> = lines.into_iter().filter(|line| !journal.contains(line)).collect();
        journal.extend(new);
        journal.sort_by_key(|line| line.at);
    }
}

fn lost(what: &str) -> Unseen {
    Unseen::Unusable {
        what: what.to_owned(),
        why: "the look was lost".to_owned(),
    }
}

fn since(world: &World, drafts: &[&Draft]) -> Timestamp {
    let symptoms = drafts.iter().flat_map(|draft| &draft.symptoms);
    let first = symptoms.map(|symptom| symptom.first).min().unwrap_or(world.now);
    world.since.min(first.before(BEFORE))
}

/// Units of the backends and those that are configured to be, of nginx, then others that failed and servers that
/// applications depend on.
fn units(world: &World, peers: &[&PeerSight]) -> Vec<String> {
    let of_backends = peers
        .iter()
        .filter_map(|peer| peer.backend.as_ref()?.unit.clone());
    let asked = |claim: &&Claim| peers.iter().any(|peer| claim.address.covers(&peer.endpoint));
    let claimants = world.claims.iter().filter(asked);
    let of_backends = of_backends.chain(claimants.filter_map(|claim| claim.unit.clone()));
    let of_nginx = world.nginx.iter().filter_map(|nginx| nginx.unit.clone());
    let known = world.units.as_ref().map_or(&[][..], Vec::as_slice);
    let failed = known
        .iter()
        .filter(|unit| unit.active_state == "failed" || is_server(unit))
        .map(|unit| unit.name.clone());
    let mut units: Vec<String> = Vec::new();
    let of_users = world.user_services.iter().map(UserService::manager);
    for unit in of_backends.chain(of_nginx).chain(of_users).chain(failed) {
        if !units.contains(&unit) && units.len() < UNITS {
            units.push(unit);
        }
    }
    units
}

/// One look a unit, so that a talkative one does not crowd out the others; back to the end of a unit that ended before.
fn journal(host: &dyn Host, world: &World, units: &[String], since: Timestamp) -> Look<Vec<JournalLine>> {
    let looks = parallel::map(units, |name| {
        let ended = world
            .unit(name)
            .filter(|unit| !unit.is_up())
            .and_then(|unit| unit.last_ended);
        let since = ended.map_or(since, |at| since.min(at.before(Duration::from_secs(60))));
        host.journal(std::slice::from_ref(name), since, LINES)
    });
    let mut lines: Vec<JournalLine> = looks
        .into_iter()
        .collect::<Look<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect();
    lines.sort_by_key(|line| line.at);
    Ok(lines)
}

fn kernel(host: &dyn Host, since: Timestamp) -> Look<Vec<KernelLine>> {
    let mut lines = host.kernel_log()?;
    lines.retain(|line| line.at >= since);
    lines.drain(..lines.len().saturating_sub(KERNEL));
    Ok(lines)
}

/// What php-fpm and Apache say of their own config, where they failed.
fn config_tests(host: &dyn Host, world: &World, units: &[String]) -> BTreeMap<String, Look<ConfigTest>> {
    let failed: Vec<(&Unit, BackendKind)> = units
        .iter()
        .filter_map(|name| world.unit(name))
        .filter(|unit| unit.active_state == "failed" || unit.sub_state == "auto-restart")
        .filter_map(|unit| Some((unit, testable(unit)?)))
        .collect();
    let tests = parallel::map(&failed, |(unit, kind)| config_test(host, unit, *kind));
    failed
        .iter()
        .map(|(unit, _)| unit.name.clone())
        .zip(tests)
        .collect()
}

fn testable(unit: &Unit) -> Option<BackendKind> {
    let name = unit.name.as_str();
    let is_apache = matches!(name, "apache2.service" | "httpd.service");
    let is_fpm = name.contains("php") && name.contains("fpm");
    is_fpm
        .then_some(BackendKind::PhpFpm)
        .or(is_apache.then_some(BackendKind::Apache))
}

fn config_test(host: &dyn Host, unit: &Unit, kind: BackendKind) -> Look<ConfigTest> {
    let exe = unit.exec_start.split(' ').next().unwrap_or_default();
    let (tool, command) = match kind {
        BackendKind::PhpFpm => (
            Tool::FpmTest {
                exe: PathBuf::from(exe),
            },
            format!("{exe} -t"),
        ),
        _ => (Tool::ApacheTest, "apachectl configtest".to_owned()),
    };
    let output = host.run(tool)?;
    let text = said(&output);
    let says = complaint(&text);
    Ok(ConfigTest {
        passed: output.status == Some(0),
        place: place(&says),
        says,
        command,
    })
}

fn said(output: &Output) -> String {
    let both = [&output.stderr.0[..], &output.stdout.0[..]].concat();
    String::from_utf8_lossy(&both).chars().take(16 << 10).collect()
}

/// The first line that names a reason; Apache says where on one line and what on the next.
fn complaint(text: &str) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let tells =
        |line: &&str| line.contains("ERROR") || line.contains("yntax error") || line.starts_with("AH005");
    let Some(at) = lines.iter().position(tells) else {
        return lines.first().copied().unwrap_or_default().to_owned();
    };
    match (lines[at].ends_with(':'), lines.get(at + 1)) {
        (true, Some(next)) => format!("{} {next}", lines[at]),
        _ => lines[at].to_owned(),
    }
}

/// `[/etc/php/8.2/fpm/pool.d/www.conf:491]`, `on line 4 of /etc/apache2/x.conf:`.
fn place(says: &str) -> Option<Place> {
    let of_fpm = || {
        let start = says.find("[/")? + 1;
        let (file, line) = says[start..].split(']').next()?.rsplit_once(':')?;
        Some((file, line.parse().ok()?))
    };
    let of_apache = || {
        let (line, rest) = says.split_once(" on line ")?.1.split_once(" of ")?;
        Some((rest.split(": ").next()?.trim_end_matches(':'), line.parse().ok()?))
    };
    let (file, line) = of_fpm().or_else(of_apache)?;
    Some(Place {
        file: PathBuf::from(file),
        line,
        column: 0,
    })
}

/// What may have mended a case: the first such thing after its last failure. Times of logs and units are whole seconds,
/// and a restart ends the failures it made within one.
pub(super) fn mended(case: &Case) -> Option<Mended> {
    let last = case.last();
    let started = case.units().into_iter().filter_map(|unit| {
        let says = format!("{} was started", unit.name);
        Some(Mended {
            seen: false,
            at: unit.active_since?,
            says,
        })
    });
    let started = started.filter(|it| it.at.secs() >= last.secs() || loaded_since(case, it.at));
    let loaded = case.nginx().and_then(|nginx| nginx.loaded_at);
    let loaded = loaded.map(|at| Mended {
        seen: false,
        at,
        says: "nginx loaded its configuration anew".to_owned(),
    });
    let changed = case
        .world
        .changes
        .iter()
        .filter(|change| mends(change.kind) && is_about(case, &change.about));
    let changed = changed.map(|change| Mended {
        seen: false,
        at: change.at,
        says: change.says.clone(),
    });
    let later = loaded
        .into_iter()
        .chain(changed)
        .filter(|it| it.at.secs() > last.secs());
    let listening = listening(case).filter(|it| it.at.secs() >= last.secs());
    started.chain(listening).chain(later).min_by_key(|it| it.at)
}

/// Since when someone listens where the route, or its resolver, is asked: the oldest of the processes that hold the
/// listener, for workers come and go.
fn listening(case: &Case) -> impl Iterator<Item = Mended> {
    let peers = case
        .peers
        .iter()
        .filter(|peer| peer.in_use)
        .map(|peer| peer.endpoint.clone());
    let settings = case.route.iter().map(|route| &route.settings);
    let resolvers = settings.flat_map(|it| it.resolvers.iter().map(|at| Endpoint::Tcp(*at)));
    peers.chain(resolvers).filter_map(|endpoint| {
        let boot = *case.world.boot.as_ref().ok()?;
        let pids = case.listener(&endpoint).ok()??.pids.as_ref()?;
        let starts = pids
            .iter()
            .filter_map(|pid| Some(case.world.process(*pid)?.started(boot)));
        let says = format!("the process that listens on {endpoint} started");
        Some(Mended {
            seen: false,
            at: starts.min()?,
            says,
        })
    })
}

/// After that start nothing failed but connecting, as long as an application may need to load, and every peer takes
/// connections now.
fn loaded_since(case: &Case, start: Timestamp) -> bool {
    let listens = !case.peers.is_empty() && case.peers.iter().all(|peer| peer.reachable() == Some(true));
    let is_closed =
        |trouble: &Trouble| matches!(trouble, Trouble::Connect(errno::ECONNREFUSED | errno::ENOENT));
    let later = case.symptoms.iter().filter(|it| it.last.secs() > start.secs());
    let loading = |it: &Symptom| {
        let echo = it.complaint.as_ref().is_some_and(Complaint::is_echo);
        echo || it.trouble().is_some_and(is_closed) && it.last <= start.after(LOADING)
    };
    listens && later.into_iter().all(loading)
}

fn mends(kind: ChangeKind) -> bool {
    use ChangeKind::{ConfigEdit, Deploy, PackageUpgrade, UnitStart};
    matches!(kind, ConfigEdit | Deploy | UnitStart | PackageUpgrade)
}

/// The change is to what the case depends on.
fn is_about(case: &Case, about: &str) -> bool {
    let written = case
        .route
        .as_ref()
        .map(|route| route.written.file.display().to_string());
    written.as_deref() == Some(about) || case.units().iter().any(|unit| unit.name == about)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, NOW};
    use logscan::Phase;

    #[test]
    fn a_start_mends_what_failed_until_it_listened() {
        let rows = [
            (Trouble::Connect(111), 58, true),
            (Trouble::Connect(13), 58, false),
            (Trouble::Connect(111), 5, false),
        ];
        for (trouble, last, mended) in rows {
            let case = Fixture::gunicorn()
                .complains(Trouble::TimedOut, Phase::ReadingHeader)
                .seen(90, 61)
                .complains(trouble, Phase::Connecting)
                .seen(60, last)
                .unit(|unit| unit.active_since = Some(NOW.before(Duration::from_secs(60))))
                .case();
            assert_eq!(super::mended(&case).is_some(), mended);
        }
    }

    #[test]
    fn a_config_test_names_reason_and_place() {
        for (text, says, file, line) in [
            (
                "[22-Nov-2026 12:17:49] ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:491] unknown entry 'x'\n[22-Nov-2026 12:17:49] ERROR: Unable to include y\n",
                "[22-Nov-2026 12:17:49] ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:491] unknown entry 'x'",
                "/etc/php/8.2/fpm/pool.d/www.conf",
                491,
            ),
            (
                "AH00526: Syntax error on line 4 of /etc/apache2/sites-enabled/ssl.conf:\nSSLCertificateFile: file '/x' does not exist\nAction 'configtest' failed.\n",
                "AH00526: Syntax error on line 4 of /etc/apache2/sites-enabled/ssl.conf: SSLCertificateFile: file '/x' does not exist",
                "/etc/apache2/sites-enabled/ssl.conf",
                4,
            ),
        ] {
            let got = complaint(text);
            assert_eq!(got, says);
            let place = place(&got).expect("a place");
            assert_eq!((place.file.to_str(), place.line), (Some(file), line));
        }
    }
}
