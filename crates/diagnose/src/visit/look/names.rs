//! What each source says of the site's name.

use super::super::{
    Check, Question,
    case::{By, NameAsked, Unchecked},
    place::is_private,
};
use crate::{
    case::NameAnswer,
    observe::{self, parallel},
};
use host::{Host, Look, Looks, answer::DnsReply, query::RecordKind};
use std::net::SocketAddr;

/// A name that no zone has; who gives it an address gives one to every name.
const NOBODYS: &str = "why502-check.invalid";

/// Asks all: the system, its servers, those given, and the zone's own.
pub(super) fn look(host: &dyn Host, question: &Question, check: &mut Check) {
    if question.place.address().is_some() {
        return;
    }
    let name = question.place.host.as_str();
    check.names.push(NameAsked {
        by: By::System,
        answer: host.system_name(name).map(|found| match found.as_slice() {
            [] => NameAnswer::Missing,
            _ => NameAnswer::Addresses(found),
        }),
        unchecked: None,
    });
    if check.system_addresses().iter().any(|it| is_private(*it)) {
        check.nowhere = host.system_name(NOBODYS).unwrap_or_default();
    }
    let configured = observe::system_servers(host);
    let sources: Vec<By> = configured
        .iter()
        .map(|at| By::Configured(*at))
        .chain(question.resolvers.iter().map(|at| By::Given(*at)))
        .collect();
    check
        .names
        .extend(parallel::map(&sources, |by| ask(host, *by, name)));
    let servers = zone(host, check, name);
    check
        .names
        .extend(parallel::map(&servers, |by| ask(host, *by, name)));
    check.alias = alias(host, check, name);
}

fn server(by: By) -> Option<SocketAddr> {
    match by {
        By::System => None,
        By::Configured(at) | By::Given(at) | By::Zone(at) => Some(at),
    }
}

fn ask(host: &dyn Host, by: By, name: &str) -> NameAsked {
    let both = |v4, v6| -> Look<NameAnswer> {
        let Some(at) = server(by) else {
            return Ok(NameAnswer::Missing);
        };
        let one = NameAnswer::from(host.dns(at, name, v4, None)?);
        if !matches!(one, NameAnswer::Addresses(_)) {
            return Ok(one);
        }
        let two = host.dns(at, name, v6, None).map(NameAnswer::from);
        Ok(match (one, two) {
            (NameAnswer::Addresses(mut all), Ok(NameAnswer::Addresses(more))) => {
                all.extend(more);
                NameAnswer::Addresses(all)
            }
            (one, _) => one,
        })
    };
    let answer = both(RecordKind::A, RecordKind::Aaaa);
    let unchecked = match &answer {
        // SERVFAIL is what a resolver says of a name whose signatures do not hold
        Ok(NameAnswer::Failed(2)) => server(by).and_then(|at| unchecked(host, at, name)),
        _ => None,
    };
    NameAsked {
        by,
        answer,
        unchecked,
    }
}

/// What a resolver that refuses a name says without checking its signatures, and whether it refuses all that is signed.
fn unchecked(host: &dyn Host, at: SocketAddr, name: &str) -> Option<Unchecked> {
    let mut found = Unchecked::default();
    for kind in [RecordKind::UncheckedA, RecordKind::UncheckedAaaa] {
        if let Ok(DnsReply::Answered {
            rcode: 0,
            addresses,
            signed,
            ..
        }) = host.dns(at, name, kind, None)
        {
            found.addresses.extend(addresses);
            found.signed.extend(signed);
        }
    }
    if found.addresses.is_empty() {
        return None;
    }
    let root = |kind| match host.dns(at, ".", kind, None) {
        Ok(DnsReply::Answered { rcode: 0, names, .. }) if !names.is_empty() => Some(true),
        Ok(DnsReply::Answered { rcode: 2, .. }) => Some(false),
        _ => None,
    };
    // who can't reach the root fails either way
    found.refuses_root = match root(RecordKind::Ns) {
        Some(false) => root(RecordKind::UncheckedNs).filter(|answers| *answers),
        answers => answers.map(|answers| !answers),
    };
    Some(found)
}

/// The zone's own servers, by the first resolver that works.
fn zone(host: &dyn Host, check: &Check, name: &str) -> Vec<By> {
    if !name.contains('.') {
        return Vec::new();
    }
    let answers = |it: &&NameAsked| matches!(it.answer, Ok(NameAnswer::Addresses(_) | NameAnswer::Missing));
    let resolvers = check.names.iter().filter(answers).filter_map(|it| server(it.by));
    let found = resolvers.map(|at| observe::servers_of_zone(host, at, name, None));
    let servers = found
        .into_iter()
        .find(|servers| !servers.is_empty())
        .unwrap_or_default();
    servers.into_iter().map(By::Zone).collect()
}

fn alias(host: &dyn Host, check: &Check, name: &str) -> Option<String> {
    let works = |it: &&NameAsked| !it.addresses().is_empty();
    let at = check.names.iter().filter(works).find_map(|it| server(it.by))?;
    match host.dns(at, name, RecordKind::Cname, None) {
        Ok(DnsReply::Answered { names, .. }) => names.into_iter().next(),
        _ => None,
    }
}
