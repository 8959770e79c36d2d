//! The change just before the first failure. A trigger is never a cause: it is told beside one.

use crate::{
    Case,
    verdict::Trigger,
    world::{Change, ChangeKind},
};
use std::time::Duration;

/// How long before the first failure a change may lie to be told: a site without visitors fails unseen.
const REACH: Duration = Duration::from_secs(3600);
/// Clocks of logs are whole seconds, and a job may log its end after the first failure it makes.
const SLACK: Duration = Duration::from_secs(2);

/// The last change before the first failure that could have to do with this subject.
pub fn just_before(case: &Case, subject: &str) -> Option<Trigger> {
    let first = case.first().after(SLACK);
    let near = |change: &&Change| change.at <= first && first.since(change.at) <= REACH;
    case.world
        .changes
        .iter()
        .filter(near)
        .filter(|change| concerns(case, subject, change))
        .max_by_key(|change| (weight(change.kind), change.at))
        .map(|change| Trigger {
            kind: change.kind,
            says: change.says.clone(),
            at: change.at,
        })
}

/// A change about something else on the host is not this one's trigger.
fn concerns(case: &Case, subject: &str, change: &Change) -> bool {
    let backends = case.peers.iter().filter_map(|peer| peer.backend.as_ref());
    let units = backends.filter_map(|backend| backend.unit.as_deref());
    let mut about = units.chain([subject]).filter(|it| !it.is_empty());
    matches!(change.kind, ChangeKind::Reboot)
        || about.any(|it| it == change.about || it.contains(&change.about) || change.about.contains(it))
}

/// Of changes that explain each other (an upgrade stops a unit), the deeper one is told.
fn weight(kind: ChangeKind) -> u8 {
    match kind {
        ChangeKind::PackageUpgrade | ChangeKind::Deploy => 3,
        ChangeKind::ConfigEdit | ChangeKind::DnsChange | ChangeKind::Reboot => 2,
        ChangeKind::ScheduledJob | ChangeKind::LogRotation => 2,
        ChangeKind::UnitStop | ChangeKind::UnitStart | ChangeKind::UnitEnd => 1,
    }
}
