//! What an audit sees of a host on which nothing need fail: who is asked by whom, and the few looks that only foresight
//! asks for. Gathered before any rule judges; a rule never looks by itself.

mod app_files;
mod bans;
mod certificates;
pub mod limits;
mod mapped;
mod memory;
pub mod rotation;
#[cfg(test)]
pub(crate) mod testing;
pub mod updates;

pub use app_files::AppFile;
pub use bans::BannedProxy;
pub use certificates::CertificateSight;
pub use mapped::Mapped;
pub use rotation::Rotation;
pub use updates::{Update, Updates};

use crate::{
    Case, Options, World,
    case::{Neighbours, PeerSight},
    discover::{self, backend_of},
    topology::{Place, Route, Target},
};
use host::{Endpoint, Host, Look, Looks, Unseen, looks::Unit};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A host, or a configuration alone, as an audit sees it. Plain data.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The host.
    pub world: Arc<World>,
    /// Each route with those it asks, as a case without symptoms.
    pub routes: Vec<Case>,
    /// Memory of the machine, or what its control group allows, bytes.
    pub memory: Look<u64>,
    /// What `localhost` stands for here.
    pub localhost: Look<Vec<IpAddr>>,
    /// The system's name servers.
    pub name_servers: Look<Vec<SocketAddr>>,
    /// Files of the application servers that hold their time limits.
    pub app_files: Vec<AppFile>,
    /// Programs that serve, with the files they run and that are not there any more.
    pub mapped: Vec<Mapped>,
    /// What log rotation runs.
    pub rotations: Look<Vec<Rotation>>,
    /// What the TLS backends show that nginx verifies.
    pub certificates: Vec<CertificateSight>,
    /// Bans of those who speak for visitors.
    pub banned_proxies: Look<Vec<BannedProxy>>,
    /// Security updates that are known and not installed.
    pub updates: Look<Updates>,
}

/// Everything that rules ask for. Looks only.
pub fn look(host: &dyn Host, options: &Options) -> Survey {
    let world = Arc::new(discover::discover(host, options));
    let routes = routes(&world);
    let units = serving_units(&world, &routes);
    std::thread::scope(|scope| {
        let updates = scope.spawn(|| updates::look(host, &world, &units));
        let certificates = certificates::look(host, &world, &routes);
        Survey {
            memory: memory::look(host),
            localhost: host.system_name("localhost"),
            name_servers: name_servers(host),
            app_files: app_files::look(host, &routes),
            mapped: mapped::look(host, &world, &units),
            rotations: rotation::look(host),
            certificates,
            banned_proxies: bans::look(host, &world),
            updates: updates
                .join()
                .unwrap_or_else(|_| Err(not("updates", "the look broke off"))),
            routes: routes.clone(),
            world: Arc::clone(&world),
        }
    })
}

/// What a configuration alone tells: the main file and all that it includes.
pub fn of_config(host: &dyn Host, main: &Path) -> Survey {
    let world = Arc::new(discover::of_config(host, main));
    let unseen = || not("this host", "only a configuration was given");
    Survey {
        routes: routes(&world),
        memory: Err(unseen()),
        localhost: Err(unseen()),
        name_servers: Err(unseen()),
        app_files: Vec::new(),
        mapped: Vec::new(),
        rotations: Err(unseen()),
        certificates: Vec::new(),
        banned_proxies: Err(unseen()),
        updates: Err(unseen()),
        world,
    }
}

fn not(what: &str, why: &str) -> Unseen {
    let (what, why) = (what.to_owned(), why.to_owned());
    Unseen::Unusable { what, why }
}

impl Survey {
    /// Each address that a route asks.
    pub fn peers(&self) -> impl Iterator<Item = (&Case, &Route, &PeerSight)> {
        self.routes.iter().flat_map(|case| {
            let route = case.route.as_ref();
            let peers = move |peer| Some((case, route?, peer));
            case.peers.iter().filter_map(peers)
        })
    }

    /// The units that serve, each once, with one of the routes they serve.
    pub fn units(&self) -> Vec<(&Case, &PeerSight, &Unit)> {
        let mut seen = BTreeSet::new();
        let all = self
            .peers()
            .filter_map(|(case, _, peer)| Some((case, peer, case.unit_of(peer)?)));
        all.filter(|(.., unit)| seen.insert(&unit.name)).collect()
    }

    /// Sites that a unit serves, each once.
    pub fn sites_of(&self, unit: &str) -> Vec<&str> {
        let serves = |peer: &PeerSight| peer.backend.as_ref().and_then(|it| it.unit.as_deref()) == Some(unit);
        let mut sites: Vec<&str> = Vec::new();
        for (_, route, peer) in self.peers() {
            if serves(peer) && !sites.contains(&route.site.as_str()) {
                sites.push(&route.site);
            }
        }
        sites
    }

    /// Why units could not be seen, if they could not.
    pub fn units_unseen(&self) -> Option<Unseen> {
        self.world.units.as_ref().err().cloned()
    }
}

/// Where a unit's own file stands; no line of it is meant.
pub fn file_of(unit: &Unit) -> Option<Place> {
    let file = unit.property("FragmentPath");
    (!file.is_empty()).then(|| Place::line(Path::new(file), 0))
}

fn routes(world: &Arc<World>) -> Vec<Case> {
    let case = |route: &Route| Case {
        world: Arc::clone(world),
        route: Some(route.clone()),
        symptoms: Vec::new(),
        peers: asked(&route.target)
            .into_iter()
            .map(|(to, name)| peer(world, to, name))
            .collect(),
        asked: Err(not("a failing request", "nothing fails")),
        dependencies: Vec::new(),
        names: Vec::new(),
        flows: Vec::new(),
        neighbours: Neighbours::default(),
        mended: None,
        demand: None,
        unseen: Vec::new(),
    };
    world.routes.iter().map(case).collect()
}

/// Addresses that are written as such; `localhost` as both that it may stand for.
fn asked(target: &Target) -> Vec<(Endpoint, Option<String>)> {
    match target {
        Target::Endpoint(endpoint) => vec![(endpoint.clone(), None)],
        Target::Name { host, port } if host == "localhost" => {
            let loopback: [IpAddr; 2] = [[127, 0, 0, 1].into(), Ipv6Addr::LOCALHOST.into()];
            let at = |ip| (Endpoint::from((ip, *port)), Some(host.clone()));
            loopback.map(at).to_vec()
        }
        Target::Group { servers, .. } => {
            let used = servers.iter().filter(|server| !server.down);
            used.flat_map(|server| asked(&server.address)).collect()
        }
        Target::Name { .. } | Target::Variable { .. } => Vec::new(),
    }
}

fn peer(world: &World, endpoint: Endpoint, name: Option<String>) -> PeerSight {
    PeerSight {
        backend: backend_of(world, &endpoint),
        endpoint,
        name,
        in_use: true,
        connect: Err(not("a connection", "an audit makes none")),
        path: Vec::new(),
        listener_sees: None,
        progress: None,
        own_count: None,
        firewall: Ok(Vec::new()),
        hidden: None,
        passage: None,
        speaks: Vec::new(),
    }
}

/// nginx's own units and those behind its routes.
fn serving_units(world: &World, routes: &[Case]) -> BTreeSet<String> {
    let nginx = world.nginx.iter().filter_map(|nginx| nginx.unit.clone());
    let peers = routes.iter().flat_map(|case| &case.peers);
    let backends = peers.filter_map(|peer| peer.backend.as_ref()?.unit.clone());
    nginx.chain(backends).collect()
}

/// `nameserver` lines of resolv.conf(5); glibc asks three.
fn name_servers(host: &dyn Host) -> Look<Vec<SocketAddr>> {
    let file = host.file(Path::new("/etc/resolv.conf"))?.unwrap_or_default();
    let text = String::from_utf8_lossy(&file);
    let servers = text.lines().filter_map(|line| {
        line.strip_prefix("nameserver")?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    });
    Ok(servers
        .map(|ip: IpAddr| SocketAddr::new(ip, 53))
        .take(3)
        .collect())
}

/// Text of a file, lossy; `None` where there is none.
fn text(host: &dyn Host, path: &Path) -> Look<Option<String>> {
    let file = host.file(path)?;
    Ok(file.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The files of a directory, sorted; none where it is not there.
fn files_in(host: &dyn Host, dir: &str) -> Look<Vec<PathBuf>> {
    let names = host.dir(Path::new(dir))?.unwrap_or_default();
    Ok(names.iter().map(|name| Path::new(dir).join(name)).collect())
}
