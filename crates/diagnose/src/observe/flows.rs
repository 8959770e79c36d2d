//! Flows to nginx's resolvers that the kernel tracks, where nginx waits for them in vain.

use super::{stance::foreign_master, symptoms::Draft};
use crate::{World, case::Flows};
use host::{Host, Looks};
use logscan::Trouble;

/// Resolvers looked for at most.
const MOST: usize = 3;

/// Looks, for each draft. Another network's flows are not ours to see.
pub(super) fn look(host: &dyn Host, world: &World, drafts: &[&Draft]) -> Vec<Flows> {
    let of_draft = |draft: &&Draft| {
        let waits =
            |trouble: Option<&Trouble>| matches!(trouble, Some(Trouble::Unresolved { code: 110, .. }));
        let in_vain = draft.symptoms.iter().any(|symptom| waits(symptom.trouble()));
        let route = draft
            .route
            .as_ref()
            .filter(|_| in_vain && foreign_master(world, draft.nginx).is_none());
        let resolvers = route.map_or(&[][..], |route| route.settings.resolvers.as_slice());
        let seen = resolvers
            .iter()
            .take(MOST)
            .filter_map(|at| Some((*at, host.tracked(*at).ok()?)));
        seen.collect()
    };
    drafts.iter().map(of_draft).collect()
}
