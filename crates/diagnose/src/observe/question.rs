//! A request put to nginx itself, as a client would.

use super::{
    speaks::is_host,
    stance::foreign_master,
    symptoms::{Draft, is_safe},
};
use crate::{
    Symptom, World,
    case::{Asked, errno},
    evidence::quote,
    topology::{Listen, Route},
};
use host::{
    Endpoint, Host, Look, Looks, Stance, Talk, Unseen,
    answer::{Connect, Conversation},
    redact::without_secrets_and_mail,
};
use logscan::Trouble;
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// A route that times out now has had its chance before.
const SHORT_MS: u64 = 1000;
/// A slow but sound page is not called failing.
const LONG_MS: u64 = 2000;
/// A route that timed out and no longer does may be slow still: the whole look stays under three seconds.
const PAST_MS: u64 = 2500;
/// nginx's own default (proxy_read_timeout and its siblings).
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// What curl has to send to ask for a WebSocket, and that it need not wait for what the server sends then.
const UPGRADE: &str = " -N -m 2 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
                       -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='";
/// Routes whose sites are asked.
const MOST_SITES: usize = 200;
/// Characters of a request target that we repeat.
const LONGEST: usize = 2000;

/// A request put to nginx, as a client of its host would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Where nginx is asked.
    pub listen: Listen,
    /// From where.
    pub stance: Stance,
    /// `GET` or `HEAD`.
    pub method: String,
    /// Path and query: hostile.
    pub target: String,
    /// The Host header.
    pub host: String,
    /// How long to wait for the first byte, in milliseconds.
    pub patience_ms: u64,
    /// It asks for a WebSocket.
    #[serde(default)]
    pub upgrade: bool,
}

impl Question {
    /// A path of a route.
    pub(super) fn of_path(world: &World, route: &Route, path: &str) -> Look<Self> {
        let host = route
            .names
            .iter()
            .find(|name| is_host(name))
            .map_or("localhost", String::as_str);
        Ok(Self {
            listen: door(route).ok_or_else(|| nowhere(route))?,
            stance: stance(world, route.nginx),
            method: "GET".into(),
            target: path.to_owned(),
            host: host.to_owned(),
            patience_ms: SHORT_MS,
            upgrade: false,
        })
    }

    /// One to each site: its front page, at each door once.
    pub fn of_sites(world: &World) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let routes = world.routes.iter().take(MOST_SITES);
        for question in routes.filter_map(|route| Self::of_path(world, route, "/").ok()) {
            if !all.contains(&question) {
                all.push(question);
            }
        }
        all
    }

    /// The failing request of a draft.
    pub(super) fn again(world: &World, draft: &Draft, route: &Route) -> Look<Self> {
        let listen = door(route).ok_or_else(|| nowhere(route))?;
        let sample = draft
            .symptoms
            .iter()
            .zip(&draft.hosts)
            .filter(|(symptom, _)| symptom.request.as_deref().is_some_and(is_safe))
            .max_by_key(|(symptom, _)| symptom.last);
        let (symptom, asked_for) = sample.ok_or_else(|| {
            unusable("only requests that change something failed, and such are not repeated")
        })?;
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
            stance: stance(world, route.nginx),
            method: method.to_owned(),
            target: nobodys(target),
            host: host.or_else(name).unwrap_or_else(|| "localhost".to_owned()),
            patience_ms: match slow {
                true if is_past(world, route, symptom) => PAST_MS,
                true => SHORT_MS,
                false => LONG_MS,
            },
            upgrade: false,
        })
    }

    /// The same request, but for how long we wait for its answer.
    pub fn is_same(&self, other: &Self) -> bool {
        let what = |it: &Self| (it.listen.clone(), it.host.clone(), it.target.clone(), it.upgrade);
        what(self) == what(other)
    }

    /// It lacks a secret that the failing request had: what it gets may not be what that visitor got.
    pub(super) fn lacks_a_secret(&self) -> bool {
        self.target.contains("=redacted") || self.target.contains("@redacted.")
    }

    /// How long it waits for the first byte.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms)
    }

    /// The same with curl.
    pub fn command(&self) -> String {
        let Question {
            listen, target, host, ..
        } = self;
        let name = host.split(':').next().unwrap_or_default();
        let head = if self.method == "HEAD" { " -I" } else { "" };
        let more = if self.upgrade { UPGRADE } else { "" };
        let quiet = format!("curl -s{head}{more} -o /dev/null -w '%{{http_code}}\\n'");
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

    /// Asks.
    ///
    /// # Errors
    /// Where nginx could not be asked; that it refuses is an answer.
    pub fn put(&self, host: &dyn Host) -> Look<Asked> {
        let name = self.host.split(':').next().unwrap_or_default().to_owned();
        let (target, site) = (self.target.clone(), self.host.clone());
        let (tls, patience_ms) = (self.listen.tls.then_some(name), self.patience_ms);
        let talk = match self.upgrade {
            true => Talk::Upgrade {
                target,
                host: site,
                tls,
                patience_ms,
            },
            false => Talk::Http {
                method: self.method.clone(),
                target,
                host: site,
                tls,
                patience_ms,
            },
        };
        let heard = host.connect(&self.listen.endpoint, &self.stance, talk)?;
        // refused is an answer: nginx is down; an address that is not this host's tells nothing
        if let Connect::Failed(errno) = heard.connect
            && !matches!(errno, errno::ECONNREFUSED | errno::ENOENT)
        {
            return Err(unusable(&format!(
                "{} can't be connected to: errno {errno}",
                self.listen.endpoint
            )));
        }
        Ok(Asked {
            question: self.clone(),
            request: format!("{} {} of {}", self.method, self.target, self.host),
            status: heard.status(),
            command: self.command(),
            took: took(&heard, self.patience_ms),
        })
    }
}

/// A request without what a visitor sent of their own in it: a token may be good for one time only, and a proof is kept.
fn nobodys(target: &str) -> String {
    without_secrets_and_mail(target).replace("[redacted]", "redacted")
}

/// nginx has had the time to see another failure since, and saw none.
fn is_past(world: &World, route: &Route, symptom: &Symptom) -> bool {
    let patience = route.settings.read_timeout.unwrap_or(READ_TIMEOUT);
    world.now.since(symptom.last) > patience
}

/// A client of the host nginx runs on.
fn stance(world: &World, nginx: usize) -> Stance {
    Stance {
        identity: None,
        inside: foreign_master(world, nginx),
    }
}

pub(super) fn unusable(why: &str) -> Unseen {
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
fn door(route: &Route) -> Option<Listen> {
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

fn took(heard: &Conversation, patience_ms: u64) -> Duration {
    let answer = heard
        .first_byte_ms
        .map_or(Duration::from_millis(patience_ms), Duration::from_millis);
    Duration::from_micros(heard.connect_us) + answer
}
