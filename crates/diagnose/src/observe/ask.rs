//! The failing request, asked again through nginx itself.

use super::{
    LOOKS_AT_ONCE_ASKED,
    attribute::{Clue, Routes},
    clock, error_logs, parallel,
    speaks::is_host,
    stance::foreign_master,
    symptoms::{Draft, is_safe},
};
use crate::{
    Options, Symptom, World,
    case::{Asked, MadeBy, errno},
    evidence::quote,
    topology::{Listen, Route},
};
use host::{
    Endpoint, Host, Look, Looks, Stance, Talk, Unseen,
    answer::{Connect, Conversation},
};
use logscan::Trouble;
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// A route that timed out has had its chance before.
const SHORT_MS: u64 = 1000;
/// A slow but sound page is not called failing.
const LONG_MS: u64 = 2000;
/// Characters of a request target that we repeat.
const LONGEST: usize = 2000;

/// A question to nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Question {
    listen: Listen,
    method: String,
    target: String,
    host: String,
    patience_ms: u64,
}

/// Asks the failing request of each draft again.
pub(super) fn again(host: &dyn Host, world: &World, drafts: &[&Draft]) -> Vec<Look<Asked>> {
    parallel::map(drafts, |draft| match &draft.route {
        Some(route) => put(host, world, draft.nginx, &question(draft, route)?),
        None => anything(host, world, draft.nginx),
    })
}

/// Asks a path of a route.
pub(super) fn path(host: &dyn Host, world: &World, route: &Route, path: &str) -> Look<Asked> {
    let host_name = route
        .names
        .iter()
        .find(|name| is_host(name))
        .map_or("localhost", String::as_str);
    put(
        host,
        world,
        route.nginx,
        &Question {
            listen: door(route).ok_or_else(|| nowhere(route))?,
            method: "GET".into(),
            target: path.to_owned(),
            host: host_name.to_owned(),
            patience_ms: SHORT_MS,
        },
    )
}

/// Asks an instance anything at all, at the first of its doors.
fn anything(host: &dyn Host, world: &World, nginx: usize) -> Look<Asked> {
    let mut routes = world
        .routes
        .iter()
        .filter(|route| route.nginx == nginx && !route.listen.is_empty());
    let route = routes
        .next()
        .ok_or_else(|| unusable("no address that nginx listens on is known"))?;
    path(host, world, route, "/")
}

/// A symptom made by asking just now, where nginx answers for a failing backend.
pub(super) fn symptom(world: &World, asked: &Asked, peer: Option<Endpoint>, target: &str) -> Option<Symptom> {
    let status = asked.status.filter(|status| matches!(status, 500 | 502 | 504))?;
    Some(Symptom {
        id: String::new(),
        complaint: None,
        status: Some(status),
        made_by: MadeBy::Unknown,
        peer,
        request: Some(format!("GET {target} HTTP/1.1")),
        count: 1,
        first: world.now,
        last: world.now,
        upstream_seconds: Vec::new(),
        sample: asked.command.clone(),
        log: std::path::PathBuf::new(),
    })
}

fn question(draft: &Draft, route: &Route) -> Look<Question> {
    let listen = door(route).ok_or_else(|| nowhere(route))?;
    let sample = draft
        .symptoms
        .iter()
        .zip(&draft.hosts)
        .filter(|(symptom, _)| symptom.request.as_deref().is_some_and(is_safe))
        .max_by_key(|(symptom, _)| symptom.last);
    let (symptom, asked_for) = sample
        .ok_or_else(|| unusable("only requests that change something failed, and such are not repeated"))?;
    let request = symptom.request.as_deref().unwrap_or_default();
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or("GET"), words.next().unwrap_or("/"));
    if target.len() > LONGEST {
        return Err(unusable("its URI is too long to repeat"));
    }
    let host = asked_for
        .clone()
        .filter(|host| is_host(host.split(':').next().unwrap_or_default()));
    let name = || route.names.iter().find(|name| is_host(name)).cloned();
    let slow = symptom.trouble() == Some(&Trouble::TimedOut) || symptom.status == Some(504);
    Ok(Question {
        listen,
        method: method.to_owned(),
        target: target.to_owned(),
        host: host.or_else(name).unwrap_or_else(|| "localhost".to_owned()),
        patience_ms: if slow { SHORT_MS } else { LONG_MS },
    })
}

fn unusable(why: &str) -> Unseen {
    Unseen::Unusable {
        what: "the failing request, asked again".to_owned(),
        why: why.to_owned(),
    }
}

fn nowhere(route: &Route) -> Unseen {
    unusable(&format!(
        "{} listens nowhere in nginx's configuration",
        route.site
    ))
}

/// Where to knock: plain HTTP before TLS, an address of this host before a wildcard's loopback.
pub(super) fn door(route: &Route) -> Option<Listen> {
    let door = route.listen.iter().min_by_key(|listen| listen.tls)?;
    Some(Listen {
        endpoint: reachable(&door.endpoint),
        tls: door.tls,
    })
}

/// A wildcard is asked at loopback.
pub(super) fn reachable(endpoint: &Endpoint) -> Endpoint {
    match endpoint {
        Endpoint::Tcp(addr) if addr.ip().is_unspecified() => {
            let ip = match addr.ip() {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
            };
            Endpoint::Tcp(SocketAddr::new(ip, addr.port()))
        }
        other => other.clone(),
    }
}

fn put(host: &dyn Host, world: &World, nginx: usize, question: &Question) -> Look<Asked> {
    let name = question.host.split(':').next().unwrap_or_default().to_owned();
    let stance = Stance {
        identity: None,
        inside: foreign_master(world, nginx),
    };
    let talk = Talk::Http {
        method: question.method.clone(),
        target: question.target.clone(),
        host: question.host.clone(),
        tls: question.listen.tls.then_some(name),
        patience_ms: question.patience_ms,
    };
    let heard = host.connect(&question.listen.endpoint, &stance, talk)?;
    // refused is an answer: nginx is down; an address that is not this host's tells nothing
    if let Connect::Failed(errno) = heard.connect
        && !matches!(errno, errno::ECONNREFUSED | errno::ENOENT)
    {
        return Err(unusable(&format!(
            "{} can't be connected to: errno {errno}",
            question.listen.endpoint
        )));
    }
    Ok(Asked {
        request: format!("{} {} of {}", question.method, question.target, question.host),
        status: status(&heard),
        command: command(question),
        took: took(&heard, question.patience_ms),
    })
}

/// `HTTP/1.1 502 Bad Gateway`
fn status(heard: &Conversation) -> Option<u16> {
    let line = heard.heard.0.strip_prefix(b"HTTP/1.")?;
    std::str::from_utf8(line.get(2..5)?).ok()?.parse().ok()
}

fn took(heard: &Conversation, patience_ms: u64) -> Duration {
    let answer = heard
        .first_byte_ms
        .map_or(Duration::from_millis(patience_ms), Duration::from_millis);
    Duration::from_micros(heard.connect_us) + answer
}

/// The same with curl.
fn command(question: &Question) -> String {
    let Question {
        listen, target, host, ..
    } = question;
    let name = host.split(':').next().unwrap_or_default();
    let head = if question.method == "HEAD" { " -I" } else { "" };
    let quiet = format!("curl -s{head} -o /dev/null -w '%{{http_code}}\\n'");
    match (&listen.endpoint, listen.tls) {
        (Endpoint::Tcp(addr), true) => {
            let url = quote(&format!("https://{name}:{}{target}", addr.port()));
            format!("{quiet} -k --connect-to ::{addr} {url}")
        }
        (Endpoint::Tcp(addr), false) => {
            format!(
                "{quiet} -H {} {}",
                quote(&format!("Host: {host}")),
                quote(&format!("http://{addr}{target}"))
            )
        }
        (Endpoint::Unix(path), tls) => {
            let scheme = if tls { "https" } else { "http" };
            let path = quote(&path.to_string_lossy());
            format!(
                "{quiet} -k --unix-socket {path} {}",
                quote(&format!("{scheme}://{host}{target}"))
            )
        }
    }
}

/// A route whose every peer fails now, but that no log complains of: asked with a path that goes there.
pub(super) fn silent_failures(
    host: &dyn Host,
    world: &World,
    routes: &Routes<'_>,
    failing: &[(usize, Endpoint)],
) -> Vec<Draft> {
    let failing = &failing[..failing.len().min(LOOKS_AT_ONCE_ASKED)];
    let answers = parallel::map(failing, |(index, _)| {
        let target = routes.example(*index)?;
        let route = world.routes.get(*index)?;
        Some((target, path(host, world, route, target).ok()?))
    });
    let drafts = failing.iter().zip(answers).filter_map(|((index, peer), answer)| {
        let (target, asked) = answer?;
        let symptom = symptom(world, &asked, Some(peer.clone()), target)?;
        Some(Draft::of_asking(world, *index, symptom, target))
    });
    drafts.collect()
}

/// What nginx complained of while it answered these drafts' requests.
pub(super) fn explained(host: &dyn Host, world: &World, mut drafts: Vec<Draft>) -> Vec<Draft> {
    let mut instances: Vec<usize> = drafts.iter().map(|draft| draft.nginx).collect();
    instances.sort_unstable();
    instances.dedup();
    let zone = clock::zone(host);
    let fresh = instances
        .iter()
        .flat_map(|nginx| error_logs::fresh(host, world, *nginx, &zone));
    for complaint in fresh.filter(|it| !it.line.complaint.is_echo()) {
        drafts
            .iter_mut()
            .for_each(|draft| draft.take_complaint(&complaint));
    }
    drafts
}

/// The path a person complained of, asked of the site they named or of the first there is.
pub(super) fn told(host: &dyn Host, world: &World, routes: &Routes<'_>, options: &Options) -> Option<Draft> {
    let target = options.ask.as_deref()?;
    let site = options
        .site
        .as_deref()
        .or_else(|| Some(world.routes.first()?.site.as_str()));
    let request = format!("GET {target} HTTP/1.1");
    let index = routes.find(&Clue {
        nginx: 0,
        server: None,
        host: site,
        request: Some(&request),
        peer: None,
        group: None,
        among: &[],
    })?;
    let asked = path(host, world, world.routes.get(index)?, target).ok()?;
    let symptom = symptom(world, &asked, None, target)?;
    Some(Draft::of_asking(world, index, symptom, target))
}
