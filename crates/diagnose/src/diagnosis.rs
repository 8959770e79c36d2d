//! The whole way from a host to a verdict.

use crate::{Cause, Options, Verdict, World, discover, judge::judge, observe};
use host::Host;

/// What fails on this host and why.
pub fn diagnose(host: &dyn Host, options: &Options, causes: &[&'static Cause]) -> Verdict {
    conclude(host, discover::discover(host, options), options, causes)
}

/// What fails in this world and why; where evidence left it open, after one dearer look.
pub fn conclude(host: &dyn Host, world: World, options: &Options, causes: &[&'static Cause]) -> Verdict {
    let (world, mut cases) = observe::observe(host, world, options);
    let verdict = judge(&cases, causes);
    if verdict.is_settled() || !observe::look_closer(host, &world, &mut cases) {
        return verdict;
    }
    judge(&cases, causes)
}

impl Verdict {
    /// Every failure has its cause, or there is none.
    fn is_settled(&self) -> bool {
        use crate::verdict::Outcome;
        let open: Vec<&String> = self
            .symptoms
            .iter()
            .filter(|it| !it.over)
            .map(|it| &it.symptom.id)
            .filter(|id| {
                let mut roots = self.findings.iter().filter(|it| it.role == crate::Role::Root);
                !roots.any(|root| root.explains.contains(id))
            })
            .collect();
        self.outcome == Outcome::Healthy || open.is_empty()
    }
}
