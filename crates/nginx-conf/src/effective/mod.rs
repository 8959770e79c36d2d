//! What a configuration comes to: sites, locations, where they pass requests, and the settings in effect there.
//!
//! Start at [`Config::routes`]: every pass directive of `http` with its site and location. Ask a location's
//! [`Scope`] for what is in effect there. To place a log line, take [`Config::sites_logged_as`] (error log) or
//! [`Config::site_for`] (a host), then [`Site::candidates`] with the path.

mod address;
mod choose;
mod listen;
mod location;
mod log;
mod pass;
mod pattern;
mod scope;
mod settings;
mod site;
pub mod unit;
mod upstream;
mod values;

pub use address::Address;
pub use choose::Choice;
pub use listen::{Listen, ListenOn};
pub use location::{Kind, Location};
pub use log::{AccessLog, ErrorLog, Escape, LogFormat, LogTo};
pub use pass::{Pass, Protocol, Target};
pub use pattern::Pattern;
pub use scope::{Arg, Scope, Setting, Statement};
pub use settings::{NextUpstream, PAGE, Resolver, Root};
pub use site::{ServerName, Site, StreamServer};
pub use upstream::{Peer, Upstream};
use values::Values;

#[cfg(test)]
mod tests;

use crate::{Directive, Text, Tree};
use std::collections::HashSet;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A configuration as nginx acts on it. Owns all it holds.
#[derive(Clone, Debug)]
pub struct Config {
    /// nginx's prefix: relative logs, roots and temp paths are under it.
    pub prefix: PathBuf,
    /// Directory of the main file: relative includes and certificates are under it.
    pub conf_dir: PathBuf,
    /// What is set outside of all blocks.
    pub main: Arc<Scope>,
    /// What is set in `events`.
    pub events: Arc<Scope>,
    /// What is set in `http`.
    pub http: Arc<Scope>,
    /// `server` blocks of `http`, in order.
    pub sites: Vec<Site>,
    /// `upstream` blocks of `http`.
    pub upstreams: Vec<Upstream>,
    /// `log_format`s of `http`, `combined` first.
    pub formats: Vec<LogFormat>,
    /// `server` blocks of `stream`.
    pub streams: Vec<StreamServer>,
    /// `upstream` blocks of `stream`.
    pub stream_upstreams: Vec<Upstream>,
}

/// A pass directive of `http` and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Route<'c> {
    /// The server block.
    pub site: &'c Site,
    /// The innermost block around the directive; its scope has the settings in effect.
    pub location: &'c Location,
    /// The directive.
    pub pass: &'c Pass,
}

/// `user`: whom workers run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: Text,
    /// Group; the user's name where none is given.
    pub group: Text,
}

impl From<&Tree> for Config {
    fn from(tree: &Tree) -> Self {
        let main = Scope::new(tree, tree.top(), None);
        let block = |name| Block::new(tree, name, &main);
        let (http, stream) = (block("http"), block("stream"));
        let (upstreams, stream_upstreams) = (http.upstreams(), stream.upstreams());
        let formats = http.scope.own("log_format").iter().filter_map(LogFormat::new);
        Self {
            prefix: tree.prefix().to_owned(),
            conf_dir: tree.conf_dir().to_owned(),
            events: block("events").scope,
            sites: http.servers(&upstreams, Site::new),
            formats: std::iter::once(LogFormat::combined()).chain(formats).collect(),
            streams: stream.servers(&stream_upstreams, StreamServer::new),
            http: http.scope,
            main,
            upstreams,
            stream_upstreams,
        }
    }
}

/// `http`, `stream` or `events`.
struct Block<'t> {
    tree: &'t Tree,
    inside: Vec<&'t Directive>,
    scope: Arc<Scope>,
}

type NewServer<S> = fn(&Tree, &Directive, &Arc<Scope>, &dyn Fn(&[u8]) -> bool) -> S;

impl<'t> Block<'t> {
    fn new(tree: &'t Tree, name: &str, main: &Arc<Scope>) -> Self {
        let blocks = tree.top().filter(|directive| directive.is(name));
        let inside: Vec<_> = blocks.flat_map(|directive| tree.inside(directive)).collect();
        let scope = Scope::new(tree, inside.iter().copied(), Some(main));
        Self { tree, inside, scope }
    }

    fn named(&self, name: &str) -> impl Iterator<Item = &'t Directive> {
        self.inside
            .iter()
            .copied()
            .filter(move |directive| directive.is(name))
    }

    fn upstreams(&self) -> Vec<Upstream> {
        self.named("upstream")
            .filter_map(|block| Upstream::new(self.tree, block, &self.scope))
            .collect()
    }

    fn servers<S>(&self, upstreams: &[Upstream], new: NewServer<S>) -> Vec<S> {
        let names: HashSet<Vec<u8>> = upstreams
            .iter()
            .map(|upstream| upstream.name.as_bytes().to_ascii_lowercase())
            .collect();
        let is_group = |name: &[u8]| names.contains(&name.to_ascii_lowercase());
        self.named("server")
            .map(|block| new(self.tree, block, &self.scope, &is_group))
            .collect()
    }
}

impl Config {
    /// Every pass directive of `http`, once, in order.
    pub fn routes(&self) -> impl Iterator<Item = Route<'_>> {
        let routes = |site| move |(location, pass)| Route { site, location, pass };
        self.sites
            .iter()
            .flat_map(move |site| site.passes().into_iter().map(routes(site)))
    }

    /// The `upstream` block of `http` with this name.
    pub fn upstream(&self, name: &[u8]) -> Option<&Upstream> {
        self.upstreams.iter().find(|upstream| upstream.is(name))
    }

    /// The addresses behind a pass directive, as far as they are written down: one, or those of its group.
    pub fn addresses<'a>(&'a self, pass: &'a Pass) -> Vec<&'a Address> {
        let groups = if pass.protocol == Protocol::Stream {
            &self.stream_upstreams
        } else {
            &self.upstreams
        };
        match pass.target.known() {
            Some(Target::Address(address)) => vec![address],
            Some(Target::Group(name)) => {
                let group = groups.iter().find(|group| group.is(name.as_bytes()));
                group
                    .into_iter()
                    .flat_map(|group| &group.peers)
                    .map(|peer| &peer.address)
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The `log_format` with this name.
    pub fn format(&self, name: &[u8]) -> Option<&LogFormat> {
        self.formats.iter().find(|format| format.name.as_bytes() == name)
    }

    /// Whom workers run as; `None` without `user`: the user compiled in (`--user=` of `nginx -V`, else `nobody`),
    /// or whoever started nginx if that was not root.
    pub fn user(&self) -> Option<User> {
        let statement = self.main.one("user")?;
        let name = statement.arg(0)?.clone();
        let group = statement.arg(1).cloned().unwrap_or_else(|| name.clone());
        Some(User { name, group })
    }

    /// `worker_connections`, default 512: connections one worker may have open, to backends too.
    pub fn worker_connections(&self) -> Setting<u64> {
        self.events.number("worker_connections", 512)
    }

    /// `worker_rlimit_nofile`; `None`: what nginx was started with.
    pub fn worker_rlimit_nofile(&self) -> Option<Setting<u64>> {
        self.main
            .one("worker_rlimit_nofile")
            .map(|_| self.main.number("worker_rlimit_nofile", 0))
    }

    /// Every error log of every level, each destination once.
    pub fn error_logs(&self) -> Vec<ErrorLog> {
        let outer = [&*self.main, &*self.http];
        let streams = self.streams.iter().map(|server| &*server.scope);
        let scopes = outer.into_iter().chain(self.request_scopes()).chain(streams);
        each_once(scopes.flat_map(|scope| scope.error_logs(&self.prefix)), |log| {
            log.to.clone()
        })
    }

    /// Every access log of every site and location, each destination and format once.
    pub fn access_logs(&self) -> Vec<AccessLog> {
        let logs = self
            .request_scopes()
            .into_iter()
            .flat_map(|scope| scope.access_logs(&self.prefix));
        each_once(logs, |log| (log.to.clone(), log.format.clone()))
    }

    /// Every `resolver` in effect for some site, location, upstream or stream server, once.
    pub fn resolvers(&self) -> Vec<Resolver> {
        let upstreams = self.upstreams.iter().map(|upstream| &*upstream.scope);
        let streams = self.streams.iter().map(|server| &*server.scope);
        let scopes = self.request_scopes().into_iter().chain(upstreams).chain(streams);
        each_once(scopes.filter_map(Scope::resolver), |resolver| {
            resolver.place.clone()
        })
    }

    /// Of every site and everything in it.
    fn request_scopes(&self) -> Vec<&Scope> {
        let mut found: Vec<&Scope> = Vec::new();
        for site in &self.sites {
            found.push(&site.scope);
            let mut todo: Vec<&Location> = site.locations.iter().rev().collect();
            while let Some(location) = todo.pop() {
                found.push(&location.scope);
                todo.extend(location.inside.iter().rev());
            }
        }
        found
    }

    /// An absolute path for one that is relative to nginx's prefix.
    pub fn under_prefix(&self, path: &Path) -> PathBuf {
        self.prefix.join(path)
    }
}

fn each_once<T, K: Eq + Hash>(items: impl Iterator<Item = T>, key: impl Fn(&T) -> K) -> Vec<T> {
    let mut seen = HashSet::new();
    items.filter(|item| seen.insert(key(item))).collect()
}
