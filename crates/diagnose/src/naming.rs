//! A name nginx could not resolve, and what each source says of it now: what the DNS causes have in common.

use crate::{
    Case, Measure, Remedy, Source, Symptom,
    case::{NameAnswer, NameSight, NameSource},
    elsewhere::reload_nginx,
    evidence::quote,
    topology::Target,
};
use logscan::Trouble;
use std::net::{IpAddr, SocketAddr};

/// A lookup of nginx that failed.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// The name.
    pub name: &'a str,
    /// At start or reload, through the system's library; else for a request, through nginx's own resolver.
    pub at_start: bool,
    /// What nginx said last.
    pub symptom: &'a Symptom,
}

/// What a source's answer means for a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The name has an address.
    Found,
    /// The source works, and says that there is no such name or no address.
    Missing,
    /// The source itself fails: silence, a closed port, SERVFAIL, REFUSED.
    Broken,
    /// We could not ask.
    Unknown,
}

/// The last lookup that failed; `None` if names are not what fails.
pub fn failed(case: &Case) -> Option<Lookup<'_>> {
    case.symptoms
        .iter()
        .filter_map(|symptom| lookup(case, symptom))
        .max_by_key(|lookup| lookup.symptom.last)
}

fn lookup<'a>(case: &'a Case, symptom: &'a Symptom) -> Option<Lookup<'a>> {
    let (name, at_start) = match symptom.trouble()? {
        Trouble::Unresolved { name, .. } => (name.as_str(), false),
        Trouble::HostNotFound { name, .. } => (name.as_str(), true),
        Trouble::ResolverUnreachable { .. } => (name_of_route(case)?, false),
        _ => return None,
    };
    Some(Lookup {
        name,
        at_start,
        symptom,
    })
}

fn name_of_route(case: &Case) -> Option<&str> {
    match &case.route.as_ref()?.target {
        Target::Name { host, .. } => Some(host),
        Target::Variable { host, .. } => host.as_deref(),
        _ => None,
    }
}

/// Everyone who was asked for this name.
pub fn sights<'a>(case: &'a Case, lookup: Lookup<'a>) -> impl Iterator<Item = &'a NameSight> {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let wanted = plain(lookup.name);
    case.names
        .iter()
        .filter(move |sight| plain(&sight.name) == wanted)
}

/// Where nginx said so: its log, or its own test of its config.
pub fn told_by(case: &Case, lookup: Lookup<'_>) -> Source {
    let test = case.nginx().and_then(|nginx| nginx.test.as_ref().ok());
    match test.filter(|_| lookup.symptom.log.as_os_str().is_empty()) {
        Some(test) => Source::command(test.command.clone()),
        None => Source::log(&lookup.symptom.log, lookup.name),
    }
}

/// Those whom nginx itself asks: at start what the system is configured with, for requests its own `resolver`.
pub fn is_asked_by_nginx(lookup: Lookup<'_>, sight: &NameSight) -> bool {
    lookup.at_start != matches!(sight.by, NameSource::NginxResolver(_))
}

/// What this answer means. An empty answer of the system's library may also come from a broken server.
pub fn meaning(sight: &NameSight) -> Meaning {
    match (&sight.answer, &sight.by) {
        (Err(_), _) => Meaning::Unknown,
        (Ok(NameAnswer::Addresses(addresses)), _) if !addresses.is_empty() => Meaning::Found,
        (Ok(NameAnswer::Addresses(_) | NameAnswer::Missing), NameSource::System) => Meaning::Unknown,
        (Ok(NameAnswer::Addresses(_) | NameAnswer::Missing), _) => Meaning::Missing,
        (Ok(NameAnswer::Failed(_) | NameAnswer::PortClosed | NameAnswer::Silent), _) => Meaning::Broken,
    }
}

/// Who was asked, for a sentence.
pub fn who(sight: &NameSight) -> String {
    match sight.by {
        NameSource::NginxResolver(at) => format!("{at}, nginx's resolver,"),
        NameSource::SystemResolver(at) => format!("{at}, the system's name server,"),
        NameSource::Authority(at) => format!("{at}, a server of the zone itself,"),
        NameSource::System => "the system's own lookup".to_owned(),
    }
}

/// The command that asks the same again.
pub fn source(sight: &NameSight) -> Source {
    let name = quote(&sight.name);
    Source::command(match server(sight) {
        Some(at) if at.port() == 53 => format!("dig +short @{} {name}", at.ip()),
        Some(at) => format!("dig +short @{} -p {} {name}", at.ip(), at.port()),
        None => format!("getent ahosts {name}"),
    })
}

/// The server that was asked, where it was one.
pub fn server(sight: &NameSight) -> Option<SocketAddr> {
    match sight.by {
        NameSource::NginxResolver(at) | NameSource::SystemResolver(at) | NameSource::Authority(at) => {
            Some(at)
        }
        NameSource::System => None,
    }
}

/// Lets nginx ask another resolver.
pub fn resolver_of_nginx(case: &Case, broken: SocketAddr, good: SocketAddr) -> Option<Remedy> {
    let at = case.route.as_ref()?.settings.resolver_written.clone()?;
    let (old, new) = (as_written(broken), as_written(good));
    let title = format!("let nginx ask the resolver {new} instead of {old}");
    Some(Remedy::ask(
        title,
        vec![Measure::NginxReplace { at, old, new }, reload_nginx(case)?],
    ))
}

/// As the `resolver` directive takes it.
pub fn as_written(at: SocketAddr) -> String {
    match (at.port(), at.ip()) {
        (53, IpAddr::V6(ip)) => format!("[{ip}]"),
        (53, ip) => ip.to_string(),
        _ => at.to_string(),
    }
}
