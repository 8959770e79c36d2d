//! Whose failure it is. Theories are asked from the visitor outwards; the first that stands is the answer, for what lies
//! nearer to the visitor hides what lies behind. Pure.

mod browser;
mod names;
mod network;
mod redirects;
mod signatures;
mod site;
#[cfg(test)]
mod tests;

use super::{
    Check,
    case::{Asked, By, Why, status_says},
    hop, steps, tls,
};
use crate::{Evidence, Rank, Source, cause::CauseId};

/// Where a failure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// One browser's own store.
    Browser,
    /// This machine: its clock, its hosts file, its proxy settings.
    Machine,
    /// The network this machine is in.
    Network,
    /// A resolver this machine asks.
    Resolver,
    /// The site's own zone in the DNS.
    Zone,
    /// The way to the site.
    Route,
    /// A CDN, which can't get an answer from the site's own servers.
    Cdn,
    /// The site's first server.
    Edge,
    /// A proxy behind the first server.
    Inner,
    /// The application.
    Application,
    /// One of the site's servers; which is not told.
    Site,
}

impl Whose {
    /// A word for machines.
    pub fn word(self) -> &'static str {
        match self {
            Self::Browser => "browser",
            Self::Machine => "machine",
            Self::Network => "network",
            Self::Resolver => "resolver",
            Self::Zone => "zone",
            Self::Route => "route",
            Self::Cdn => "cdn",
            Self::Edge => "edge",
            Self::Inner => "inner-proxy",
            Self::Application => "application",
            Self::Site => "site",
        }
    }

    /// For people: `this browser`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Browser => "this browser",
            Self::Machine => "this machine",
            Self::Network => "this network",
            Self::Resolver => "the resolver",
            Self::Zone => "the site's DNS zone",
            Self::Route => "the way to the site",
            Self::Cdn => "the site's CDN and what stands behind it",
            Self::Edge => "the site's first server",
            Self::Inner => "a proxy inside the site",
            Self::Application => "the site's application",
            Self::Site => "the site",
        }
    }

    /// It is for the visitor to mend.
    pub fn is_visitors(self) -> bool {
        matches!(
            self,
            Self::Browser | Self::Machine | Self::Network | Self::Resolver
        )
    }
}

/// What came of judging.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The page comes, and nothing that was looked at keeps it from a visitor.
    Works,
    /// It fails, and it is known whose failure it is.
    Found,
    /// It fails, and several may be to blame.
    Unclear,
    /// Too little could be seen.
    Blind,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What came of it.
    pub outcome: Outcome,
    /// Whose failure.
    pub whose: Option<Whose>,
    /// The cause's id, where it is one of the catalogue.
    pub cause: Option<CauseId>,
    /// The first line of the report.
    pub says: String,
    /// What speaks for it, strongest first.
    pub evidence: Vec<Evidence>,
    /// What it is not.
    pub ruled_out: Vec<String>,
    /// What the visitor can do.
    pub visitor: Vec<String>,
}

/// What a theory found.
pub(super) struct Theory {
    whose: Whose,
    cause: Option<CauseId>,
    says: String,
    evidence: Vec<Evidence>,
    visitor: Vec<String>,
    unclear: bool,
}

impl Theory {
    fn new(whose: Whose, says: impl Into<String>) -> Self {
        Self {
            whose,
            cause: None,
            says: says.into(),
            evidence: Vec::new(),
            visitor: Vec::new(),
            unclear: false,
        }
    }

    fn cause(mut self, id: CauseId) -> Self {
        self.cause = Some(id);
        self
    }

    fn seen(mut self, rank: Rank, says: impl Into<String>, command: impl Into<String>) -> Self {
        self.evidence
            .push(Evidence::supports(rank, says, Source::command(command)));
        self
    }

    fn visitor(mut self, does: impl Into<String>) -> Self {
        self.visitor.push(does.into());
        self
    }

    fn unclear(mut self) -> Self {
        self.unclear = true;
        self
    }
}

/// From the visitor outwards.
const THEORIES: &[fn(&Check) -> Option<Theory>] = &[
    network::none,
    network::portal,
    network::clock,
    names::hosts_file,
    names::resolver,
    names::zone,
    network::proxy,
    network::no_way,
    site::certificate,
    site::closed,
    site::answer,
    redirects::dead_end,
    browser::cookies,
    browser::cache,
    browser::promise,
    redirects::circle,
];

/// Judges a check.
pub fn judge(check: &Check) -> Judgement {
    let Some(theory) = THEORIES.iter().find_map(|theory| theory(check)) else {
        return without_failure(check);
    };
    let mut evidence = theory.evidence;
    evidence.sort_by_key(|it| std::cmp::Reverse(it.rank));
    Judgement {
        outcome: if theory.unclear {
            Outcome::Unclear
        } else {
            Outcome::Found
        },
        whose: Some(theory.whose),
        cause: theory.cause,
        says: theory.says,
        ruled_out: ruled_out(check, theory.whose),
        visitor: theory.visitor,
        evidence,
    }
}

fn without_failure(check: &Check) -> Judgement {
    let page = check.asked.iter().rfind(|it| {
        check.is_systems(it) && it.page.is_some() && !matches!(it.why, Why::Cookies(_) | Why::Promise)
    });
    let (outcome, says) = match page.and_then(|it| Some((it, it.page.as_ref()?))) {
        Some((it, page)) if it.works() && page.status < 400 => (
            Outcome::Works,
            format!("{} works from here: {}.", check.place, status_says(page.status)),
        ),
        Some((it, page)) if it.works() => (
            Outcome::Works,
            format!(
                "{} answers {} from here: no server fails.",
                check.place,
                status_says(page.status)
            ),
        ),
        _ => (
            Outcome::Blind,
            format!("Could not look: no request to {} could be made.", check.place),
        ),
    };
    let visitor = match outcome {
        Outcome::Works => browser::kept(check),
        _ => Vec::new(),
    };
    Judgement {
        outcome,
        whose: None,
        cause: None,
        says,
        evidence: Vec::new(),
        ruled_out: ruled_out(check, Whose::Site),
        visitor,
    }
}

/// A visitor's request was answered as it should be, certificate included.
fn is_sound(check: &Check, asked: &Asked) -> bool {
    asked.works() && tls::trouble(check, asked).is_none()
}

/// Requests of a visitor's browser to the page itself.
fn ours(check: &Check) -> impl Iterator<Item = &Asked> {
    check
        .plain()
        .filter(|it| check.is_systems(it) && !steps::is_refused_h2(it))
}

/// First visits to addresses that only others give.
fn theirs(check: &Check) -> impl Iterator<Item = &Asked> {
    check
        .asked
        .iter()
        .filter(|it| it.why == Why::Address && !check.is_systems(it))
}

/// `curl` that shows the same.
fn curl(asked: &Asked, with: &str) -> String {
    let (host, port, ip) = (&asked.place.host, asked.place.port, asked.visit.to.ip());
    let pin = match asked.place.address() {
        Some(_) => String::new(),
        None if ip.is_ipv6() => format!("--resolve {host}:{port}:[{ip}] "),
        None => format!("--resolve {host}:{port}:{ip} "),
    };
    format!(
        "curl -sSI {with}{pin}{}",
        crate::evidence::quote(&asked.place.to_string())
    )
}

/// What was looked at and is in order: facts, each told once, and none that the answer contradicts.
fn ruled_out(check: &Check, whose: Whose) -> Vec<String> {
    let mut out = Vec::new();
    if whose != Whose::Resolver && names_agree(check) {
        out.push("the resolver: it gives what the zone's own servers give".to_owned());
    }
    let connected = ours(check).find(|it| it.connected());
    if let (Some(it), false) = (connected, whose.is_visitors()) {
        out.push(format!("this network: {} took the connection", it.visit.to));
    }
    let tls = ours(check).find(|it| it.tls().is_some() && tls::trouble(check, it).is_none());
    if let (Some(_), true) = (tls, check.roots.is_some()) {
        out.push("TLS: the certificate is valid, for this name, from a trusted issuer".to_owned());
    }
    if whose != Whose::Browser && ours(check).any(Asked::fails) {
        out.push("this browser: the page fails without it, too".to_owned());
    }
    for (nth, sight) in check.browsers.iter().enumerate() {
        let with = check.asked.iter().rfind(|it| it.why == Why::Cookies(nth));
        if with.is_some_and(Asked::works) {
            out.push(format!("cookies: {} gets the page with its own", sight.name()));
        }
    }
    out
}

fn names_agree(check: &Check) -> bool {
    let ours = check.system_addresses();
    let mut zone = check
        .names
        .iter()
        .filter(|it| matches!(it.by, By::Zone(_)) && !it.addresses().is_empty())
        .peekable();
    zone.peek().is_some()
        && zone.all(|it| ours.iter().all(|address| it.addresses().contains(address)))
        && !ours.is_empty()
}

/// What a failing page is told with: `502 Bad Gateway`.
fn failure(check: &Check) -> String {
    check
        .telling()
        .map_or_else(|| "no answer".to_owned(), Asked::outcome)
}

/// The servers on the way of an answer.
fn hops(asked: &Asked) -> hop::Hops {
    asked.page.as_ref().map(hop::read).unwrap_or_default()
}
