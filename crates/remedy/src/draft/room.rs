//! Room on a full file system, given back by the tools that took it.

use super::{CannotDraft, desk::Desk};
use crate::Step;
use diagnose::{
    limits::{Reclaimable, size},
    observe::room::reclaimable,
};

/// `apt-get clean`, `journalctl --vacuum-size=100M`, and what is lost with it.
pub(super) fn reclaim(desk: &mut Desk, of: Reclaimable) -> Result<(), CannotDraft> {
    let bytes = reclaimable(desk.host, of);
    if bytes == 0 {
        let why = format!("{} holds nothing any more that may go", of.path().display());
        return Err(CannotDraft::new(why, "df -h; run why502 again"));
    }
    let room = size(bytes);
    desk.note(match of {
        Reclaimable::Journal => format!(
            "{room} of the journal's oldest files are gone for good: the newest {} stay",
            size(Reclaimable::JOURNAL_KEPT)
        ),
        _ => format!(
            "{room} of downloaded packages in {} are gone for good; what is installed stays, and they can be downloaded again",
            of.path().display()
        ),
    });
    desk.push(Step::Reclaim { of, bytes });
    Ok(())
}
