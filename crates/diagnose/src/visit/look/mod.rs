//! Looking at a site from a visitor's machine, step by step. Nothing is judged here but whether a step has something to
//! ask.

mod asks;
mod browser;
mod machine;
mod names;

use super::{
    Check, Question,
    case::{Asked, Why},
    place::Place,
    steps::{self, Step},
};
use asks::Asker;
use host::{Host, Looks, Timestamp, redact::without_secrets_and_mail};
use std::net::SocketAddr;

/// Addresses of the site that are visited.
const ADDRESSES: usize = 4;

/// Looks; tells each step as soon as it is over.
pub fn look(host: &dyn Host, question: &Question, tell: &mut dyn FnMut(&Step)) -> Check {
    let at = host.now().unwrap_or_default();
    let mut check = Check {
        place: question.place.clone(),
        at,
        id: id(at, &question.place),
        machine: machine::look(host, &question.place),
        names: Vec::new(),
        nowhere: Vec::new(),
        alias: None,
        dead_end: None,
        asked: Vec::new(),
        browsers: Vec::new(),
        roots: machine::roots(host),
        unseen: Vec::new(),
    };
    tell(&steps::machine(&check));
    names::look(host, question, &mut check);
    if question.place.address().is_none() {
        tell(&steps::names(&check));
    }
    let mut asker = Asker::new(host, question, check.id.clone());
    ask(&mut asker, &mut check, tell);
    browser::look(host, question, &mut check);
    browser::ask(&mut asker, &mut check);
    if !check.browsers.is_empty() {
        tell(&steps::browser(&check));
    }
    check
}

/// Everything that needs no browser.
fn ask(asker: &mut Asker<'_>, check: &mut Check, tell: &mut dyn FnMut(&Step)) {
    let place = check.place.clone();
    for address in addresses(check) {
        check.asked.extend(asker.plain(Why::Address, &place, address));
    }
    tell(&steps::connect(check));
    if let Some(step) = steps::tls(check) {
        tell(&step);
    }
    http2(asker, check);
    redirects(asker, check);
    portal(asker, check);
    proxy(asker, check);
    tell(&steps::http(check));
    again(asker, check);
    if let Some(step) = steps::again(check) {
        tell(&step);
    }
}

/// What the system gives first, both families, then what only others know.
fn addresses(check: &Check) -> Vec<SocketAddr> {
    let port = check.place.port;
    let system: Vec<_> = match check.place.address() {
        Some(address) => vec![address],
        None => check.system_addresses().to_vec(),
    };
    let (v4, v6): (Vec<_>, Vec<_>) = system.into_iter().partition(|it| it.is_ipv4());
    let mut found: Vec<_> = v4.into_iter().take(2).chain(v6.into_iter().take(2)).collect();
    for address in check.names.iter().flat_map(|it| it.addresses()) {
        if !found.contains(address) && found.len() < ADDRESSES + 1 {
            found.push(*address);
        }
    }
    found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()
}

/// The address that a browser would use: the first that took a connection.
fn best(check: &Check) -> Option<SocketAddr> {
    let usable = |it: &&Asked| it.why == Why::Address && it.connected() && check.is_systems(it);
    check.asked.iter().find(usable).map(|it| it.visit.to)
}

fn http2(asker: &mut Asker<'_>, check: &mut Check) {
    let slow = check.plain().any(Asked::is_slow);
    if let (true, Some(to)) = (check.place.tls && !slow, best(check)) {
        let place = check.place.clone();
        check.asked.extend(asker.http2(&place, to));
    }
}

/// Follows where the page leads, five times at most; a circle ends where it closes.
fn redirects(asker: &mut Asker<'_>, check: &mut Check) {
    const MOST: usize = 5;
    let first = check
        .asked
        .iter()
        .find(|it| it.page.is_some() && check.is_systems(it));
    let mut from = first.cloned();
    let mut seen = vec![check.place.clone()];
    while let Some(next) = from.as_ref().and_then(next_of) {
        if seen.contains(&next) || seen.len() > MOST {
            break;
        }
        let Some(to) = asker.address_of(&next, from.as_ref()) else {
            check.dead_end = Some(next);
            break;
        };
        let asked = asker.plain(Why::Redirect, &next, to);
        seen.push(next);
        check.asked.extend(asked.clone());
        from = asked;
    }
}

fn next_of(from: &Asked) -> Option<Place> {
    from.place.join(from.page.as_ref()?.redirect()?)
}

/// Where TLS led to no page: what answers in the clear, and where that leads.
fn portal(asker: &mut Asker<'_>, check: &mut Check) {
    let first = check.asked.iter().find(|it| check.is_systems(it));
    let Some(to) = first.map(|it| it.visit.to).filter(|_| check.place.tls) else {
        return;
    };
    let failed = |it: &&Asked| it.page.is_none() || super::tls::trouble(check, it).is_some();
    if !check
        .plain()
        .filter(|it| check.is_systems(it))
        .all(|it| failed(&it))
    {
        return;
    }
    let place = Place {
        tls: false,
        port: 80,
        ..check.place.clone()
    };
    let found = asker.plain(Why::Portal, &place, SocketAddr::new(to.ip(), place.port));
    let next = found
        .as_ref()
        .and_then(next_of)
        .filter(|it| it.host != place.host);
    check.asked.extend(found);
    if let Some(next) = next
        && let Some(to) = asker.address_of(&next, None)
    {
        check.asked.extend(asker.plain(Why::Portal, &next, to));
    }
}

fn proxy(asker: &mut Asker<'_>, check: &mut Check) {
    let Some((_, Ok(addresses))) = &check.machine.proxy else {
        return;
    };
    let (place, to) = (check.place.clone(), addresses.first().copied());
    let site = best(check).unwrap_or_else(|| SocketAddr::new([0, 0, 0, 0].into(), place.port));
    if let Some(proxy) = to {
        check.asked.extend(asker.proxied(&place, site, proxy));
    }
}

/// How often it fails: a page that works is asked for twice more, one that fails four times, one that keeps us waiting once.
fn again(asker: &mut Asker<'_>, check: &mut Check) {
    let Some(to) = best(check) else {
        return;
    };
    let place = check.place.clone();
    let times = if check.plain().any(Asked::is_slow) {
        1
    } else if check.plain().any(Asked::fails) {
        4
    } else {
        2
    };
    for _ in 0..times {
        check.asked.extend(asker.plain(Why::Again, &place, to));
    }
}

impl Check {
    /// The request went to an address that a browser here would use.
    pub fn is_systems(&self, asked: &Asked) -> bool {
        let ip = asked.visit.to.ip();
        self.place.address() == Some(ip)
            || self.system_addresses().contains(&ip)
            || asked.why == Why::Redirect
    }
}

/// Tells these requests from all others in the site's log: the time, and the page without its secrets, as a recording has
/// it, shortened to twelve digits.
fn id(at: Timestamp, place: &Place) -> String {
    // FNV-1a: a name, no secret
    let page = place.to_string();
    let text = format!("{}{}", at.0, without_secrets_and_mail(&page));
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{:012x}", hash >> 16)
}
