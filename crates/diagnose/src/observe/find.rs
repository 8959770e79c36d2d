//! What fails: drafts of cases from logs, from asking, and from doors that stay shut.

use super::{
    access_logs::AccessLogs,
    ask,
    attribute::Routes,
    clock, down,
    error_logs::{self, Complained},
    failures, names,
    neighbours::{self, prune},
    peers::{self, Connects},
    shared,
    symptoms::{self, Draft},
    targets::{self, Asked},
};
use crate::{Options, World, case::Neighbours, topology::Route};
use host::{Endpoint, Host, Unseen};
use logscan::Level;

/// What fails, and what was seen on the way.
pub(super) struct Failing {
    /// The drafts, each with its neighbours.
    pub drafts: Vec<(Draft, Neighbours)>,
    /// How connecting to every backend went.
    pub connects: Connects,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
}

/// Finds it.
pub(super) fn failing(host: &dyn Host, world: &World, options: &Options) -> Failing {
    let routes = Routes::new(world);
    let ((drafts, complaints, access), (asked, connects)) = std::thread::scope(|scope| {
        let reached = scope.spawn(|| reach(host, world));
        let logged = logged(host, world, &routes);
        (logged, reached.join().unwrap_or_default())
    });
    let mut all = Failing {
        drafts,
        connects,
        unseen: access.unseen.clone(),
    };
    all.drafts
        .retain(|(draft, _)| is_wanted(draft.route.as_ref(), options));
    let down = down::drafts(host, world, &complaints);
    let is_down = |nginx: usize| down.iter().any(|draft| draft.nginx == nginx);
    let dead: Vec<(usize, Endpoint)> = all.unanswered(world, &asked);
    let dead: Vec<(usize, Endpoint)> = dead
        .into_iter()
        .filter(|(index, _)| {
            let route = &world.routes[*index];
            is_wanted(Some(route), options) && !is_down(route.nginx)
        })
        .collect();
    let silent = ask::silent_failures(host, world, &routes, &dead);
    let told = ask::told(host, world, &routes, options);
    let asked = silent.into_iter().chain(told).collect();
    all.add(down.into_iter().chain(ask::explained(host, world, asked)));
    all.tell_last_success(&access);
    all
}

/// Failures that logs tell of.
fn logged<'a>(
    host: &dyn Host,
    world: &'a World,
    routes: &Routes<'_>,
) -> (Vec<(Draft, Neighbours)>, Vec<Complained>, AccessLogs<'a>) {
    let zone = clock::zone(host);
    let errors = error_logs::read(host, world, &zone);
    let mut access = AccessLogs::read(host, world);
    let grave = errors.complaints.iter().any(|it| it.line.level >= Level::Error);
    let served = if grave || !access.failed().is_empty() {
        access.all()
    } else {
        Vec::new()
    };
    let failures = failures::join(world, &errors.complaints, &served, &errors.reach);
    let mut drafts = symptoms::group(world, routes, &failures);
    shared::settle(host, world, routes, &mut drafts);
    let neighbours = neighbours::of_drafts(&mut drafts, &served, routes);
    let mut drafts: Vec<(Draft, Neighbours)> = drafts.into_iter().zip(neighbours).collect();
    for (draft, neighbours) in &mut drafts {
        prune(draft, neighbours);
    }
    drafts.retain(|(draft, _)| !draft.symptoms.is_empty());
    access.unseen.splice(..0, errors.unseen);
    (drafts, errors.complaints, access)
}

/// Every address of every route, and whether it takes connections.
fn reach(host: &dyn Host, world: &World) -> (Vec<Vec<Asked>>, Connects) {
    let wanted: Vec<names::Wanted<'_>> = world.routes.iter().map(names::Wanted::of_route).collect();
    let names = names::ask(host, world, &wanted, false);
    let asked: Vec<Vec<Asked>> = world
        .routes
        .iter()
        .map(|route| targets::of_route(route, &names, &[]))
        .collect();
    let wanted = world
        .routes
        .iter()
        .zip(&asked)
        .flat_map(|(route, asked)| asked.iter().map(|asked| (route.nginx, asked.endpoint.clone())));
    let connects = peers::connect(host, world, wanted);
    (asked, connects)
}

fn is_wanted(route: Option<&Route>, options: &Options) -> bool {
    let (Some(route), Some(site)) = (route, &options.site) else {
        return true;
    };
    let mut names = route.names.iter().chain([&route.site]);
    names.any(|name| name.eq_ignore_ascii_case(site))
}

impl Failing {
    /// Routes of which no peer answers and no log complains, with one of those peers.
    fn unanswered(&self, world: &World, asked: &[Vec<Asked>]) -> Vec<(usize, Endpoint)> {
        let known = |index: usize| self.drafts.iter().any(|(draft, _)| draft.index == Some(index));
        let dead = world
            .routes
            .iter()
            .zip(asked)
            .enumerate()
            .filter(|(index, (route, asked))| {
                let fails = |it: &Asked| peers::fails(&self.connects, route.nginx, &it.endpoint);
                !known(*index) && !asked.is_empty() && asked.iter().all(fails)
            });
        dead.filter_map(|(index, (_, asked))| Some((index, asked.first()?.endpoint.clone())))
            .collect()
    }

    /// Where nginx itself fails, whatever it answered shows that it worked.
    fn tell_last_success(&mut self, access: &AccessLogs<'_>) {
        let itself = |draft: &Draft| draft.route.is_none();
        if !self.drafts.iter().any(|(draft, _)| itself(draft)) {
            return;
        }
        let served = access.all();
        for (draft, neighbours) in self.drafts.iter_mut().filter(|(draft, _)| itself(draft)) {
            neighbours.last_success = neighbours::last_success(&served, draft.nginx);
        }
    }

    /// Adds drafts of routes that have none.
    fn add(&mut self, drafts: impl Iterator<Item = Draft>) {
        for draft in drafts {
            let twin = self.drafts.iter_mut().find(|(old, _)| {
                (old.index, old.nginx, old.route.is_none())
                    == (draft.index, draft.nginx, draft.route.is_none())
            });
            match twin {
                Some((old, _)) => old.join(draft),
                None => {
                    let failing_paths = draft.paths.clone();
                    self.drafts.push((
                        draft,
                        Neighbours {
                            failing_paths,
                            ..Neighbours::default()
                        },
                    ));
                }
            }
        }
        self.drafts.truncate(symptoms::CASES);
    }
}
