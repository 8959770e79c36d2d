//! What a review goes by, besides the plan.

use crate::commands::history::hinted;
use diagnose::Diagnosis;
use host::{Host, Looks};
use remedy::{Agreed, Facts, Store, history};
use std::{collections::BTreeSet, path::Path};

/// As the host and the state directory are now.
pub fn facts(host: &dyn Host, store: &Store, diagnosis: &Diagnosis, agreed: Agreed) -> anyhow::Result<Facts> {
    let open = hinted(history::half_done(store))?;
    Ok(Facts {
        verdict: diagnosis.verdict.outcome,
        now: host.now().unwrap_or(diagnosis.world.now),
        past: hinted(history::list(store))?,
        open: open.map(|open| open.id),
        free: free(host),
        crash_looping: crash_looping(diagnosis),
        agreed,
    })
}

/// The least room on the file systems where services write. One without a size (an empty overlay) does not count.
fn free(host: &dyn Host) -> Option<u64> {
    let spaces = ["/var/log", "/var/lib", "/run", "/tmp"].map(|path| host.space(Path::new(path)));
    let spaces = spaces.into_iter().flatten().flatten();
    spaces
        .filter(|it| it.bytes > 0)
        .map(|it| it.bytes_available)
        .min()
}

/// Units that systemd starts again and again, or has given up on.
fn crash_looping(diagnosis: &Diagnosis) -> BTreeSet<String> {
    let units = diagnosis.world.units.iter().flatten();
    let looping = units.filter(|unit| unit.sub_state == "auto-restart" || unit.result == "start-limit-hit");
    looping.map(|unit| unit.name.clone()).collect()
}
