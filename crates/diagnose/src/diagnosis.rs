//! The whole way from a host to a verdict.

use crate::{
    Cause, Options, Verdict, World, discover, judge::judge, observe, verdict::Outcome, world::Nginx,
};
use host::{Host, Looks, Unseen};
use std::{path::PathBuf, sync::Arc};

/// A host as it was seen, and what follows from it.
pub struct Diagnosis {
    /// The host.
    pub world: Arc<World>,
    /// What fails and why.
    pub verdict: Verdict,
}

impl Diagnosis {
    /// Of a host that nobody judged: what is drafted on it was asked for by name.
    pub fn unasked(host: &dyn Host) -> Self {
        let now = host.now().unwrap_or_default();
        let verdict = Verdict {
            outcome: Outcome::Found,
            symptoms: Vec::new(),
            findings: Vec::new(),
            ruled_out: Vec::new(),
            unseen: Vec::new(),
            settled_by: Vec::new(),
        };
        Self {
            world: Arc::new(World::unseen(now, now)),
            verdict,
        }
    }
}

/// What fails on this host and why.
pub fn diagnose(host: &dyn Host, options: &Options, causes: &[&'static Cause]) -> Diagnosis {
    conclude(host, discover::discover(host, options), options, causes)
}

/// What fails in this world and why; where evidence left it open, after one dearer look.
pub fn conclude(host: &dyn Host, world: World, options: &Options, causes: &[&'static Cause]) -> Diagnosis {
    let (world, mut cases) = observe::observe(host, world, options);
    let mut verdict = judge(&cases, causes);
    if !verdict.is_settled() && observe::look_closer(host, &world, &mut cases) {
        verdict = judge(&cases, causes);
    }
    if verdict.outcome == Outcome::Healthy {
        verdict.unseen = no_nginx(&world)
            .into_iter()
            .chain(unloadable(&world))
            .chain(world.unseen.iter().cloned())
            .collect();
        if is_blind(&world, &verdict.unseen) {
            verdict.outcome = Outcome::Unexplained;
        }
    }
    Diagnosis { world, verdict }
}

/// Too little was seen to call a host healthy: no nginx, or none of whose error logs or routes could be read.
fn is_blind(world: &World, unseen: &[Unseen]) -> bool {
    let hidden = |path: &PathBuf| {
        world
            .unseen
            .iter()
            .any(|it| it.what().contains(&*path.to_string_lossy()))
    };
    let blind = |nginx: &Nginx| !nginx.error_logs.is_empty() && nginx.error_logs.iter().all(hidden);
    world.nginx.is_empty() || world.nginx.iter().any(blind) || (world.routes.is_empty() && !unseen.is_empty())
}

/// Said where processes and programs could be seen and none is nginx's.
fn no_nginx(world: &World) -> Option<Unseen> {
    (world.nginx.is_empty() && world.processes.is_ok()).then(|| Unseen::Unusable {
        what: "nginx".to_owned(),
        why: "none runs on this host and none is known that should; run why502 where nginx answers 502"
            .to_owned(),
    })
}

/// Files that do not load may hide what the running nginx, which read older ones, asks.
fn unloadable(world: &World) -> impl Iterator<Item = Unseen> {
    let asks = |index: usize| world.routes.iter().any(|route| route.nginx == index);
    let hidden = world
        .nginx
        .iter()
        .enumerate()
        .filter(move |(index, _)| !asks(*index));
    hidden.filter_map(|(_, nginx)| {
        let test = nginx.test.as_ref().ok().filter(|test| !test.passed)?;
        Some(Unseen::Unusable {
            what: "whom nginx asks".to_owned(),
            why: format!("its configuration does not load: {}", test.says),
        })
    })
}

impl Verdict {
    /// Every failure has its cause, or there is none.
    fn is_settled(&self) -> bool {
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
