//! Resolvers, the hosts file, and the site's own zone.

use super::{
    super::{
        Check,
        case::{Asked, By, NameAsked, Unchecked, Why},
        steps,
    },
    Theory, Whose, is_sound, ours, signatures, theirs,
};
use crate::{Rank, case::NameAnswer};

/// The address from `/etc/hosts` fails, the one from the DNS works.
pub(super) fn hosts_file(check: &Check) -> Option<Theory> {
    let pinned = |it: &&Asked| {
        check
            .machine
            .hosts_file
            .iter()
            .any(|(_, ip)| *ip == it.visit.to.ip())
    };
    let (bad, good) = worse_than_theirs(check)?;
    let bad = Some(bad).filter(pinned)?;
    let (number, ip) = check.machine.hosts_file.first()?;
    let host = &check.place.host;
    Some(
        Theory::new(Whose::Machine, format!("/etc/hosts of this machine sends {host} to {ip}, where it fails; at its real address it works."))
            .cause("client-network")
            .seen(Rank::Decisive, format!("at {ip}: {}; at {}: {}", bad.outcome(), good.visit.to.ip(), good.outcome()), format!("getent hosts {host}; sed -n {number}p /etc/hosts"))
            .visitor(format!("Remove line {number} from /etc/hosts (as root), then reload the page.")),
    )
}

/// A request to an address that this system gives, which is not sound while one that others give is.
fn worse_than_theirs(check: &Check) -> Option<(&Asked, &Asked)> {
    if ours(check).any(|it| is_sound(check, it)) {
        return None;
    }
    let bad = ours(check).find(|it| it.why == Why::Address && it.talk.is_ok())?;
    let good = theirs(check).find(|it| is_sound(check, it))?;
    Some((bad, good))
}

/// The resolver does not know the name, or gives an address where the site is not, while others know better.
pub(super) fn resolver(check: &Check) -> Option<Theory> {
    if check.place.address().is_some() {
        return None;
    }
    if let Some((bad, good)) = worse_than_theirs(check) {
        return Some(stale(check, bad, good));
    }
    if !check.system_addresses().is_empty() {
        return None;
    }
    // resolvers that know better than one that checks signatures may only not check them
    if bogus(check).is_some() {
        return None;
    }
    match check
        .names
        .iter()
        .find(|it| it.by != By::System && !it.addresses().is_empty())
    {
        Some(knows) => Some(lacking(check, knows)),
        None => deaf(check),
    }
}

fn stale(check: &Check, bad: &Asked, good: &Asked) -> Theory {
    let host = &check.place.host;
    let given = steps::listed(check.system_addresses());
    let (from, to) = (bad.visit.to.ip(), good.visit.to.ip());
    let by = knowing(check, good);
    let by_zone = by.is_some_and(|it| matches!(it.by, By::Zone(_)));
    let rank = if by_zone { Rank::Decisive } else { Rank::Strong };
    let who = by.map_or_else(|| "another resolver".to_owned(), |it| steps::by(it.by));
    // a server that proves to be the site's own may be one of several that the zone gives in turn
    let proves = bad.tls().is_some_and(|tls| tls.completed) && super::tls::trouble(check, bad).is_none();
    let theory = Theory::new(Whose::Resolver, format!("the resolver here gives an old or wrong address for {host}: at {from} it fails, at {to} it works."))
        .cause("client-dns")
        .seen(rank, format!("{who} says {to}, this system says {given}"), format!("getent ahosts {host}; dig +short {host}"))
        .seen(Rank::Strong, format!("at {from}: {}; at {to}: {}", trouble(check, bad), good.outcome()), super::curl(good, ""))
        .visitor(other_resolver(check, "or wait until the old answer runs out"))
        .visitor("Restart the router if it answers DNS in this network: it may keep the old address.");
    if proves { theory.unclear() } else { theory }
}

fn trouble(check: &Check, asked: &Asked) -> String {
    match super::tls::trouble(check, asked) {
        Some(trouble) => trouble.says(),
        None => asked.outcome(),
    }
}

/// Who gave that address, the zone's own server before all others.
fn knowing<'a>(check: &'a Check, asked: &Asked) -> Option<&'a NameAsked> {
    let ip = asked.visit.to.ip();
    let knows = || check.names.iter().filter(move |it| it.addresses().contains(&ip));
    knows()
        .find(|it| matches!(it.by, By::Zone(_)))
        .or_else(|| knows().next())
}

fn lacking(check: &Check, knows: &NameAsked) -> Theory {
    let host = &check.place.host;
    let zone = check
        .names
        .iter()
        .find(|it| matches!(it.by, By::Zone(_)) && !it.addresses().is_empty());
    let knows = zone.unwrap_or(knows);
    let rank = if zone.is_some() {
        Rank::Decisive
    } else {
        Rank::Strong
    };
    let who = steps::by(knows.by);
    let bad = check
        .names
        .iter()
        .find(|it| matches!(it.by, By::Configured(_)) && it.addresses().is_empty());
    let asked = bad.map_or_else(|| "this system".to_owned(), |it| steps::by(it.by));
    let why = bad.map_or_else(|| "gives no address".to_owned(), said);
    Theory::new(
        Whose::Resolver,
        format!(
            "{asked} {why} for {host}, which exists: {}.",
            steps::listed(knows.addresses())
        ),
    )
    .cause("client-dns")
    .seen(
        rank,
        format!("{who} says {}", steps::listed(knows.addresses())),
        format!("dig {host}"),
    )
    .visitor(other_resolver(check, "as root; undo takes it back"))
}

pub(super) fn other_resolver(check: &Check, or: &str) -> String {
    let host = crate::evidence::quote(&check.place.host);
    format!(
        "Use another resolver for now: sudo why502 client dns {host} --server 9.9.9.9 (or your provider's other one), {or}."
    )
}

fn said(asked: &NameAsked) -> String {
    match &asked.answer {
        Ok(NameAnswer::Failed(2)) => "fails (SERVFAIL)".to_owned(),
        Ok(NameAnswer::Failed(5)) => "refuses to answer".to_owned(),
        Ok(NameAnswer::Silent) => "does not answer".to_owned(),
        Ok(NameAnswer::PortClosed) => "does not run".to_owned(),
        _ => "gives no address".to_owned(),
    }
}

/// All configured resolvers are silent: nothing can be said of the name.
fn deaf(check: &Check) -> Option<Theory> {
    let configured: Vec<&NameAsked> = check
        .names
        .iter()
        .filter(|it| matches!(it.by, By::Configured(_)))
        .collect();
    let silent = |it: &&NameAsked| {
        matches!(
            it.answer,
            Ok(NameAnswer::Silent | NameAnswer::PortClosed | NameAnswer::Failed(5))
        )
    };
    let others = check
        .names
        .iter()
        .any(|it| matches!(it.by, By::Given(_)) && matches!(it.answer, Ok(NameAnswer::Missing)));
    if configured.is_empty() || !configured.iter().all(silent) || others {
        return None;
    }
    let mut theory = Theory::new(
        Whose::Resolver,
        "no resolver of this machine answers, so no name can be found.",
    )
    .cause("client-dns");
    for it in configured {
        theory = theory.seen(
            Rank::Strong,
            format!("{} {}", steps::by(it.by), said(it)),
            "cat /etc/resolv.conf; resolvectl status",
        );
    }
    Some(
        theory
            .visitor("Reconnect to the network; if that does not help, set another resolver (9.9.9.9).")
            .visitor(format!(
                "To tell the resolver from the network: why502 check --resolver 9.9.9.9 {}",
                check.place.host
            )),
    )
}

/// A resolver that refuses the name, and gives its address once it is told not to check signatures.
pub(super) fn bogus(check: &Check) -> Option<(&NameAsked, &Unchecked)> {
    check
        .names
        .iter()
        .find_map(|it| Some((it, it.unchecked.as_ref()?)))
}

/// Nobody knows the name, or its signatures do not hold.
pub(super) fn zone(check: &Check) -> Option<Theory> {
    if check.place.address().is_some() || !check.system_addresses().is_empty() {
        return None;
    }
    let host = &check.place.host;
    if let Some((by, found)) = bogus(check) {
        return Some(signatures::refused(check, by, found));
    }
    let missing = |it: &&NameAsked| {
        it.by != By::System && matches!(&it.answer, Ok(NameAnswer::Missing) | Ok(NameAnswer::Addresses(_)))
    };
    let says = check.names.iter().find(missing)?;
    let who = steps::by(says.by);
    Some(
        Theory::new(
            Whose::Zone,
            format!("there is no {host}: {who} says that it has no address."),
        )
        .seen(Rank::Strong, format!("{who}: no address"), format!("dig {host}"))
        .visitor(
            "Check the spelling of the name. If it is right, the site's zone lost it; tell its operator.",
        ),
    )
}
