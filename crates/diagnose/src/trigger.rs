//! The change just before the first failure. A trigger is never a cause: it is told beside one.

use crate::{
    Case,
    verdict::Trigger,
    world::{Change, ChangeKind},
};
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
    let concerning = || {
        let changes = case.world.changes.iter().filter(near);
        changes.filter(|change| concerns(case, subject, change))
    };
    let last = concerning().max_by_key(|change| change.at)?;
    let made_by = concerning()
        .filter(|change| makes(change, last))
        .max_by_key(|change| change.at);
    let change = made_by.unwrap_or(last);
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

/// An upgrade, a job, an edit or a boot stops and starts units; not the other way round.
fn makes(change: &Change, unit: &Change) -> bool {
    use ChangeKind::{
        ConfigEdit, LogRotation, PackageUpgrade, Reboot, ScheduledJob, UnitEnd, UnitStart, UnitStop,
    };
    matches!(unit.kind, UnitStop | UnitStart | UnitEnd)
        && matches!(
            change.kind,
            PackageUpgrade | ScheduledJob | LogRotation | ConfigEdit | Reboot
        )
        && change.at <= unit.at.after(SLACK)
        && unit.at.since(change.at) <= MAKES
}

/// A change about something else on the host is not this one's trigger.
fn concerns(case: &Case, subject: &str, change: &Change) -> bool {
    let backends = case.peers.iter().filter_map(|peer| peer.backend.as_ref());
    let units = backends.filter_map(|backend| backend.unit.as_deref());
    let mut about = units.chain([subject]).filter(|it| !it.is_empty());
    matches!(change.kind, ChangeKind::Reboot)
        || about.any(|it| it == change.about || it.contains(&change.about) || change.about.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, NOW};
    use ChangeKind::{Deploy, PackageUpgrade, UnitStop};

    /// Changes by seconds before the first failure, which is 60 seconds before now.
    #[track_caller]
    fn check(changes: &[(ChangeKind, u64)], expect: Option<ChangeKind>) {
        let fixture = Fixture::php_fpm().refused().with(|it| {
            it.world.changes.clear();
            for (kind, before) in changes {
                let at = NOW.before(Duration::from_secs(60 + before));
                let (says, about) = ("it changed".into(), "php8.2-fpm.service".into());
                it.world.changes.push(Change {
                    at,
                    kind: *kind,
                    says,
                    about,
                });
            }
        });
        let trigger = just_before(&fixture.case(), "php8.2-fpm.service");
        assert_eq!(trigger.map(|it| it.kind), expect, "{changes:?}");
    }

    #[test]
    fn the_last_change_is_told_and_of_a_stop_what_made_it() {
        check(&[], None);
        check(&[(UnitStop, 1)], Some(UnitStop));
        check(&[(Deploy, 3), (UnitStop, 1)], Some(UnitStop));
        check(&[(PackageUpgrade, 20), (UnitStop, 1)], Some(PackageUpgrade));
        check(&[(PackageUpgrade, 3000), (UnitStop, 1)], Some(UnitStop));
        check(&[(UnitStop, 7200)], None);
        check(&[(Deploy, 300)], Some(Deploy));
        check(&[(Deploy, 1200)], None);
    }
}
