//! What resolvers say of the names a route depends on.

use super::{parallel, stance::foreign_master, symptoms::Draft, targets};
use crate::{
    World,
    case::{NameAnswer, NameSight, NameSource},
    topology::Route,
};
use host::{Host, Look, Looks, query::RecordKind};
use logscan::Trouble;
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
};

/// Names asked for at most.
const MOST: usize = 40;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    name: String,
    by: NameSource,
    netns_of: Option<u32>,
}

/// Names that somebody wants to know, and whom an instance of nginx asks.
pub(super) struct Wanted<'a> {
    nginx: usize,
    resolvers: &'a [SocketAddr],
    pub names: Vec<String>,
}

impl<'a> Wanted<'a> {
    /// The names of a route.
    pub(super) fn of_route(route: &'a Route) -> Self {
        let names = targets::names(&route.target).into_iter().map(|(name, ..)| name);
        Self {
            nginx: route.nginx,
            resolvers: &route.settings.resolvers,
            names: names.filter(|name| is_name(name)).collect(),
        }
    }

    /// Those of a draft's route, and those that nginx could not resolve: for a request, or when it was to start.
    pub(super) fn of_draft(draft: &'a Draft) -> Self {
        let none = Self {
            nginx: draft.nginx,
            resolvers: &[],
            names: Vec::new(),
        };
        let mut wanted = draft.route.as_ref().map_or(none, Self::of_route);
        let failed = draft
            .symptoms
            .iter()
            .filter_map(|symptom| match symptom.trouble()? {
                Trouble::Unresolved { name, .. }
                | Trouble::NoResolver(name)
                | Trouble::HostNotFound { name, .. } => Some(name.clone()),
                _ => None,
            });
        wanted.names.extend(failed.filter(|name| is_name(name)));
        wanted.names.dedup();
        wanted
    }

    /// What was heard of them.
    pub(super) fn among(&self, all: &[NameSight]) -> Vec<NameSight> {
        let ours = |sight: &&NameSight| match sight.by {
            NameSource::NginxResolver(at) => self.resolvers.contains(&at),
            _ => true,
        };
        let wanted = all.iter().filter(|sight| self.names.contains(&sight.name));
        wanted.filter(ours).cloned().collect()
    }
}

/// Names in a log are a stranger's: only what could be one is asked for.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= 253 && name.bytes().all(plain) && name.parse::<IpAddr>().is_err()
}

/// Asks for these names: of each the system, and nginx's resolvers where it resolves at run time; the servers of
/// `/etc/resolv.conf` too where `all` says so.
pub(super) fn ask(host: &dyn Host, world: &World, wanted: &[Wanted<'_>], all: bool) -> Vec<NameSight> {
    let servers = if all && wanted.iter().any(|it| !it.names.is_empty()) {
        system_servers(host)
    } else {
        Vec::new()
    };
    let mut questions: Vec<Question> = Vec::new();
    for it in wanted {
        let netns_of = foreign_master(world, it.nginx);
        let by_nginx = it.resolvers.iter().map(|at| NameSource::NginxResolver(*at));
        let by_system = servers.iter().map(|at| NameSource::SystemResolver(*at));
        let sources: Vec<NameSource> = by_nginx.chain(by_system).chain([NameSource::System]).collect();
        for name in &it.names {
            for by in &sources {
                let question = Question {
                    name: name.clone(),
                    by: by.clone(),
                    netns_of,
                };
                if !questions.contains(&question) && questions.len() < MOST * 4 {
                    questions.push(question);
                }
            }
        }
    }
    parallel::map(&questions, |question| NameSight {
        name: question.name.clone(),
        by: question.by.clone(),
        answer: answer(host, question),
    })
}

/// One name at every resolver that matters here: each of nginx's, each of the system's, those given, and the system's own
/// library with `/etc/hosts`.
pub fn everywhere(host: &dyn Host, world: &World, name: &str, given: &[SocketAddr]) -> Vec<NameSight> {
    let by_nginx = world.routes.iter().flat_map(|route| {
        let netns_of = foreign_master(world, route.nginx);
        route
            .settings
            .resolvers
            .iter()
            .map(move |at| (NameSource::NginxResolver(*at), netns_of))
    });
    let servers = system_servers(host);
    let by_system = servers
        .iter()
        .chain(given)
        .map(|at| (NameSource::SystemResolver(*at), None));
    let mut questions: Vec<Question> = Vec::new();
    for (by, netns_of) in by_nginx.chain(by_system).chain([(NameSource::System, None)]) {
        let question = Question {
            name: name.to_owned(),
            by,
            netns_of,
        };
        if !questions.contains(&question) {
            questions.push(question);
        }
    }
    parallel::map(&questions, |question| NameSight {
        name: question.name.clone(),
        by: question.by.clone(),
        answer: answer(host, question),
    })
}

fn answer(host: &dyn Host, question: &Question) -> Look<NameAnswer> {
    let server = match question.by {
        NameSource::NginxResolver(server)
        | NameSource::SystemResolver(server)
        | NameSource::Authority(server) => server,
        NameSource::System => {
            let addresses = host.system_name(&question.name)?;
            return Ok(if addresses.is_empty() {
                NameAnswer::Missing
            } else {
                NameAnswer::Addresses(addresses)
            });
        }
    };
    let ask = |kind| {
        host.dns(server, &question.name, kind, question.netns_of)
            .map(NameAnswer::from)
    };
    match ask(RecordKind::A)? {
        NameAnswer::Addresses(mut v4) => {
            if let Ok(NameAnswer::Addresses(v6)) = ask(RecordKind::Aaaa) {
                v4.extend(v6);
            }
            Ok(NameAnswer::Addresses(v4))
        }
        other => Ok(other),
    }
}

/// `nameserver` lines of `/etc/resolv.conf`; glibc asks three.
pub(crate) fn system_servers(host: &dyn Host) -> Vec<SocketAddr> {
    let file = host
        .file(Path::new("/etc/resolv.conf"))
        .ok()
        .flatten()
        .unwrap_or_default();
    String::from_utf8_lossy(&file)
        .lines()
        .filter_map(|line| {
            line.strip_prefix("nameserver")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .map(|ip: IpAddr| SocketAddr::new(ip, 53))
        .take(3)
        .collect()
}
