//! Who started a unit last: somebody, or systemd itself after it ended (`Restart=`).

use super::{is_exit, is_short, is_start, systemd_lines};
use crate::{Case, case::PeerSight};
use host::{
    Timestamp,
    looks::{JournalLine, Unit},
};

/// systemd has just started it again by itself.
pub(super) fn restarted_just_now(case: &Case, unit: &Unit) -> bool {
    let young = |since| is_short(case.world.now.since(since));
    unit.restarts > 0 && unit.active_since.is_some_and(young) && !was_started_by_hand(case, unit)
}

/// systemd says each time that it restarts a unit by itself; its counter is kept when somebody restarts a waiting unit.
fn was_started_by_hand(case: &Case, unit: &Unit) -> bool {
    let by_itself = |line: &&JournalLine| line.text.contains(": Scheduled restart job");
    let ever = systemd_lines(case, unit).any(|line| by_itself(&line));
    // the journal was read after the unit: it may know of one more end
    let from_start = systemd_lines(case, unit).rev().skip_while(|line| !is_start(line));
    let mut before_it = from_start.take_while(|line| !is_exit(line) && !line.text.starts_with("Stopping "));
    ever && !before_it.any(|line| by_itself(&line))
}

/// When somebody started the backend, where that was after this: what happened then is of a run that is over. A start of
/// systemd's own (`Restart=`) comes after each end, and is none of these.
pub fn begun_anew(case: &Case, peer: &PeerSight, after: Timestamp) -> Option<Timestamp> {
    let unit = case.unit_of(peer)?;
    let by_itself = unit.restarts > 0 && !was_started_by_hand(case, unit);
    // systemd itself remembers whole seconds only
    let told = systemd_lines(case, unit).rfind(|line| line.text.starts_with("Started "));
    let start = told.map(|line| line.at).max(unit.active_since)?;
    (start > after && !by_itself).then_some(start)
}
