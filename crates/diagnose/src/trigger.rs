//! The change just before the first failure. A trigger is never a cause: it is told beside one.

use crate::{
    Case,
    service::{SHORT, is_start},
    verdict::Trigger,
    world::{Change, ChangeKind},
};
use host::{Timestamp, looks::JournalLine};
use std::time::Duration;

/// How long before the first failure a change may lie to be told: a site without visitors fails unseen.
const REACH: Duration = Duration::from_secs(3600);
/// The same for a deploy.
const REACH_OF_DEPLOY: Duration = Duration::from_secs(600);
/// Clocks of logs are whole seconds, and a job may log its end after the first failure it makes.
const SLACK: Duration = Duration::from_secs(2);
/// How long an upgrade, an edit or a boot takes to reach the units it stops or starts.
const MAKES: Duration = Duration::from_secs(120);

/// The last change before the first failure that could have to do with this subject; of a unit that stopped or started
/// then, what made it.
pub fn just_before(case: &Case, subject: &str) -> Option<Trigger> {
    let first = case.first().after(SLACK);
    let near = |change: &&Change| change.at <= first && first.since(change.at) <= reach(change.kind);
    let mut changes: Vec<&Change> = case.world.changes.iter().filter(near).collect();
    changes.retain(|change| concerns(case, subject, change) && could_break(case, change));
    if changes.iter().any(|change| is_about(change, subject)) {
        // rather than what happened to another that the route also needs
        changes.retain(|change| is_about(change, subject) || change.kind == ChangeKind::Reboot);
    }
    let last = *changes.iter().max_by_key(|change| change.at)?;
    let makers = changes.iter().filter(|change| makes(case, change, last));
    // what made a start fail comes before the stop that made it necessary
    let change = makers.max_by_key(|change| (change.kind != ChangeKind::UnitStop, change.at));
    let change = change.unwrap_or(&last);
    Some(Trigger {
        kind: change.kind,
        says: change.says.clone(),
        at: change.at,
    })
}

/// Broken code fails with its next visitor; a service that was stopped, or will not come back, may go unseen for long.
fn reach(kind: ChangeKind) -> Duration {
    if kind == ChangeKind::Deploy {
        REACH_OF_DEPLOY
    } else {
        REACH
    }
}

/// An upgrade or a job stops and starts units, and not the other way round. What a unit only reads when it starts
/// (its configuration, its program), or a boot, breaks it at a start and never stops it. Where nothing of the kind is known,
/// it is the restart that shows that it does not come up any more.
fn makes(case: &Case, change: &Change, unit: &Change) -> bool {
    use ChangeKind::{
        ConfigEdit, Deploy, LogRotation, PackageUpgrade, Reboot, ScheduledJob, UnitEnd, UnitStart, UnitStop,
    };
    let moved = match change.kind {
        PackageUpgrade | ScheduledJob | LogRotation => {
            matches!(unit.kind, UnitStop | UnitStart | UnitEnd).then_some(change.at)
        }
        ConfigEdit | Deploy | Reboot if matches!(unit.kind, UnitStart | UnitEnd) && !was_killed(unit) => {
            read_by(case, &unit.about, change.at)
        }
        UnitStop if unit.kind == UnitEnd && change.about == unit.about => {
            read_by(case, &unit.about, change.at).filter(|start| unit.at.since(*start) < SHORT)
        }
        _ => None,
    };
    moved.is_some_and(|at| at <= unit.at.after(SLACK) && unit.at.since(at) <= MAKES)
}

/// When this unit first started or reloaded after that: by its journal, else as systemd remembers (whole seconds).
fn read_by(case: &Case, unit: &str, after: Timestamp) -> Option<Timestamp> {
    let reads = |line: &JournalLine| is_start(line) || line.text.starts_with("Reload");
    let mut lines = case
        .world
        .journal_of(unit)
        .filter(|line| line.by == "systemd" && line.at >= after);
    let active = || case.world.unit(unit)?.active_since;
    lines
        .find(|line| reads(line))
        .map(|line| line.at)
        .or_else(|| active().filter(|at| at.secs() >= after.secs()))
}

/// Someone sent SIGKILL, which no program does to itself.
fn was_killed(unit: &Change) -> bool {
    unit.says.contains("status=9/KILL")
}

/// A file that its unit has not read since, or after which requests of the route still went well, broke nothing; nor
/// did a boot after which they did.
fn could_break(case: &Case, change: &Change) -> bool {
    match change.kind {
        ChangeKind::Reboot => !worked_after(case, change.at),
        ChangeKind::ConfigEdit if case.world.journal.is_ok() && case.world.unit(&change.about).is_some() => {
            read_by(case, &change.about, change.at).is_some_and(|at| !worked_after(case, at))
        }
        _ => true,
    }
}

/// Between that moment and the first failure. Access logs have whole seconds.
fn worked_after(case: &Case, at: Timestamp) -> bool {
    let success = case.neighbours.last_success;
    success.is_some_and(|success| success.secs() > at.secs() && success <= case.first())
}

/// A change about something else on the host is not this one's trigger.
fn concerns(case: &Case, subject: &str, change: &Change) -> bool {
    let backends = case.peers.iter().filter_map(|peer| peer.backend.as_ref());
    // without a route it is nginx itself that fails
    let itself = case.nginx().filter(|_| case.route.is_none());
    let units = backends
        .filter_map(|backend| backend.unit.as_deref())
        .chain(itself.and_then(|nginx| nginx.unit.as_deref()));
    change.kind == ChangeKind::Reboot || units.chain([subject]).any(|it| is_about(change, it))
}

/// The package `php8.2-fpm` is about `php8.2-fpm.service`, an edited file about a subject that names it.
fn is_about(change: &Change, subject: &str) -> bool {
    !subject.is_empty() && (subject.contains(&change.about) || change.about.contains(subject))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, NOW};
    use ChangeKind::{
        ConfigEdit, Deploy, DnsChange, LogRotation, PackageUpgrade, Reboot, ScheduledJob, UnitEnd, UnitStart,
        UnitStop,
    };

    const UNIT: &str = "php8.2-fpm.service";

    /// Changes by seconds before the first failure, which is 60 seconds before now.
    fn changed(changes: &[(ChangeKind, u64)]) -> Fixture {
        Fixture::php_fpm().refused().with(|it| {
            it.world.changes.clear();
            it.neighbours.last_success = None;
            it.world
                .changes
                .extend(changes.iter().map(|(kind, before)| Change {
                    at: NOW.before(Duration::from_secs(60 + before)),
                    kind: *kind,
                    says: "it changed".into(),
                    about: UNIT.into(),
                }));
        })
    }

    #[track_caller]
    fn check(fixture: Fixture, expect: Option<ChangeKind>) {
        let trigger = just_before(&fixture.case(), UNIT);
        assert_eq!(trigger.map(|it| it.kind), expect);
    }

    #[test]
    fn the_last_change_is_told_and_of_a_stop_what_made_it() {
        for (changes, expect) in [
            (&[][..], None),
            (&[(UnitStop, 1)], Some(UnitStop)),
            (&[(Deploy, 3), (UnitStop, 1)], Some(UnitStop)),
            (&[(PackageUpgrade, 20), (UnitStop, 1)], Some(PackageUpgrade)),
            (&[(PackageUpgrade, 3000), (UnitStop, 1)], Some(UnitStop)),
            (&[(ScheduledJob, 4), (UnitStop, 1)], Some(ScheduledJob)),
            (&[(LogRotation, 4), (UnitEnd, 1)], Some(LogRotation)),
            (&[(UnitStop, 20), (Reboot, 10)], Some(Reboot)),
            (&[(UnitStop, 7200)], None),
            (&[(Deploy, 300)], Some(Deploy)),
            (&[(Deploy, 1200)], None),
        ] {
            check(changed(changes), expect);
        }
    }

    #[test]
    fn an_edit_breaks_what_reads_it_and_stops_nothing() {
        let edit = (ConfigEdit, 5);
        let stopped = |fixture: Fixture| fixture.life(&[(63, "Stopping"), (63, "Stopped")]);
        let restarted = |fixture: Fixture| stopped(fixture).life(&[(62, "Starting")]);
        check(stopped(changed(&[edit, (UnitStop, 3)])), Some(UnitStop));
        check(
            restarted(changed(&[edit, (UnitStop, 3), (UnitEnd, 1)])),
            Some(ConfigEdit),
        );
        check(
            restarted(changed(&[edit, (UnitStop, 3), (UnitStart, 1)])),
            Some(ConfigEdit),
        );
        // an edit after the stop, which nothing has read
        check(
            stopped(changed(&[(UnitStop, 3), (ConfigEdit, 2)])),
            Some(UnitStop),
        );
        check(changed(&[edit]).unit(|unit| unit.active_since = None), None);
    }

    #[test]
    fn a_restart_shows_what_does_not_come_up_any_more() {
        let restarted = |ends: u64| {
            let changed = changed(&[(UnitStop, 30), (UnitEnd, ends)]);
            changed.life(&[(90, "Stopping"), (89, "Starting")])
        };
        check(restarted(28), Some(UnitStop));
        check(restarted(2), Some(UnitEnd));
    }

    /// nginx was restarted, and no longer finds a name that its configuration has.
    #[test]
    fn of_nginx_itself_its_own_unit_is_told_and_not_a_boot_after_which_it_served() {
        let name = |worked: Option<u64>| {
            let changed = changed(&[(Reboot, 30), (UnitStop, 3), (UnitEnd, 1)]);
            let lives = [(85, "Started"), (63, "Stopping"), (62, "Starting")];
            let fixture = changed.life(&lives).with(|it| {
                (it.route, it.peers) = (None, Vec::new());
                it.neighbours.last_success = worked.map(|ago| NOW.before(Duration::from_secs(ago)));
                let nginx = || "nginx.service".to_owned();
                it.world.changes.iter_mut().for_each(|it| it.about = nginx());
                let journal = it.world.journal.as_mut().expect("a journal");
                journal.iter_mut().for_each(|it| it.unit = nginx());
            });
            just_before(&fixture.case(), "api.shop.internal").map(|it| it.kind)
        };
        assert_eq!(name(Some(65)), Some(UnitStop));
        assert_eq!(name(None), Some(Reboot));
    }

    #[test]
    fn a_change_after_which_it_worked_broke_nothing() {
        let worked = |fixture: Fixture, before: u64| {
            fixture.with(|it| it.neighbours.last_success = Some(NOW.before(Duration::from_secs(60 + before))))
        };
        let started = |changes| changed(changes).life(&[(80, "Started")]);
        check(worked(started(&[(Reboot, 30), (UnitEnd, 1)]), 10), Some(UnitEnd));
        check(worked(started(&[(Reboot, 30), (UnitEnd, 1)]), 40), Some(Reboot));
        check(
            worked(started(&[(ConfigEdit, 25), (UnitEnd, 1)]), 10),
            Some(UnitEnd),
        );
        check(worked(started(&[(Deploy, 25), (UnitEnd, 1)]), 10), Some(Deploy));
        let killed = started(&[(Deploy, 25), (UnitEnd, 1)]).with(|it| {
            it.world.changes[1].says =
                "php8.2-fpm.service: Main process exited, code=killed, status=9/KILL".into();
        });
        check(killed, Some(UnitEnd));
    }

    #[test]
    fn what_is_about_the_subject_itself_comes_first() {
        let fixture = changed(&[(UnitStart, 1)]).with(|it| {
            let (says, about) = ("dnsmasq: read /etc/hosts - 1 names".into(), "api.internal".into());
            let at = NOW.before(Duration::from_secs(63));
            it.world.changes.push(Change {
                at,
                kind: DnsChange,
                says,
                about,
            });
        });
        let trigger = just_before(&fixture.case(), "api.internal");
        assert_eq!(trigger.map(|it| it.kind), Some(DnsChange));
    }
}
