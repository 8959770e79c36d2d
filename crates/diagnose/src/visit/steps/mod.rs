//! What each step saw, in words.

use super::{
    Check,
    case::{Asked, By, NameAsked, Why},
    tls,
};
use crate::case::NameAnswer;
use host::looks::RouteTo;
use std::net::IpAddr;

mod browser;
mod pages;

pub use browser::browser;
pub use pages::http;

/// One step of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `Names`, `Connect`…
    pub name: &'static str,
    /// What it saw.
    pub lines: Vec<Line>,
}

/// One thing seen. May quote strangers: escape before printing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How it is.
    pub state: State,
    /// In words.
    pub says: String,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// To be known.
    Note,
}

fn line(state: State, says: impl Into<String>) -> Line {
    Line {
        state,
        says: says.into(),
    }
}

/// All steps of a check, as they were told while it ran.
pub fn all(check: &Check) -> Vec<Step> {
    let names = check.place.address().is_none().then(|| names(check));
    let browsers = (!check.browsers.is_empty()).then(|| browser(check));
    [
        Some(machine(check)),
        names,
        Some(connect(check)),
        tls(check),
        Some(http(check)),
        again(check),
        browsers,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Interfaces that packets leave by into a tunnel.
fn is_tunnel(device: &str) -> bool {
    [
        "tun",
        "tap",
        "wg",
        "ppp",
        "tailscale",
        "nordlynx",
        "proton",
        "utun",
        "zt",
    ]
    .iter()
    .any(|prefix| device.starts_with(prefix))
}

/// The tunnel by which packets leave this machine.
pub(super) fn tunnel(check: &Check) -> Option<&str> {
    check.machine.ways_out.iter().find_map(|way| match way {
        Ok(RouteTo::Via { device, .. }) if is_tunnel(device) => Some(device.as_str()),
        _ => None,
    })
}

/// This machine.
pub fn machine(check: &Check) -> Step {
    let machine = &check.machine;
    let way = |family: &str, way: &host::Look<RouteTo>| match way {
        Ok(RouteTo::Via { device, gateway, .. }) => {
            let through = gateway.map(|it| format!(" through {it}")).unwrap_or_default();
            let vpn = if is_tunnel(device) { ", a tunnel (VPN)" } else { "" };
            line(State::Good, format!("{family} leaves by {device}{through}{vpn}"))
        }
        Ok(RouteTo::Refused { says }) => line(State::Note, format!("no way out over {family}: {says}")),
        Err(unseen) => line(State::Note, unseen.to_string()),
    };
    let mut lines: Vec<Line> = ["IPv4", "IPv6"]
        .iter()
        .zip(&machine.ways_out)
        .map(|(name, it)| way(name, it))
        .collect();
    for (number, address) in &machine.hosts_file {
        let host = &check.place.host;
        lines.push(line(
            State::Note,
            format!("line {number} of /etc/hosts gives {address} for {host}"),
        ));
    }
    if let Some((proxy, _)) = &machine.proxy {
        lines.push(line(
            State::Note,
            format!("programs here go through a proxy: {}={}", proxy.name, proxy.value),
        ));
    }
    Step {
        name: "Machine",
        lines,
    }
}

/// What each source says of the name.
pub fn names(check: &Check) -> Step {
    let mut lines: Vec<Line> = check.names.iter().map(name).collect();
    if let Some(alias) = &check.alias {
        lines.push(line(State::Note, format!("it stands for {alias}")));
    }
    Step { name: "Names", lines }
}

/// Who was asked, in words.
pub fn by(by: By) -> String {
    match by {
        By::System => "this system".to_owned(),
        By::Configured(at) => format!("resolver {}", bare(at)),
        By::Given(at) => format!("--resolver {}", bare(at)),
        By::Zone(at) => format!("the zone's own server {}", bare(at)),
    }
}

fn bare(at: std::net::SocketAddr) -> String {
    if at.port() == 53 {
        at.ip().to_string()
    } else {
        at.to_string()
    }
}

fn name(asked: &NameAsked) -> Line {
    let who = by(asked.by);
    let says = |state, text: String| line(state, format!("{who}: {text}"));
    match &asked.answer {
        Ok(NameAnswer::Addresses(found)) if found.is_empty() => {
            says(State::Bad, "no address of that name".into())
        }
        Ok(NameAnswer::Addresses(found)) => says(State::Good, listed(found)),
        Ok(NameAnswer::Missing) if asked.by == By::System => {
            says(State::Bad, "no address of that name".into())
        }
        Ok(NameAnswer::Missing) => says(State::Bad, "no such name (NXDOMAIN)".into()),
        Ok(NameAnswer::Failed(2)) => match &asked.unchecked {
            Some(found) => {
                let why = match found.refuses_root {
                    Some(true) => "as all that is signed",
                    _ => "the signatures do not hold",
                };
                let found = listed(&found.addresses);
                says(
                    State::Bad,
                    format!("refuses it: {why} (DNSSEC); without them {found}"),
                )
            }
            None => says(State::Bad, "server failure (SERVFAIL)".into()),
        },
        Ok(NameAnswer::Failed(5)) => says(State::Bad, "refused".into()),
        Ok(NameAnswer::Failed(code)) => says(State::Bad, format!("failed (RCODE {code})")),
        Ok(NameAnswer::PortClosed) => says(State::Bad, "nothing listens there".into()),
        Ok(NameAnswer::Silent) => says(State::Bad, "no answer".into()),
        Err(unseen) => line(State::Note, unseen.to_string()),
    }
}

/// `192.0.2.1, 2001:db8::1`, eight at most.
pub fn listed(addresses: &[IpAddr]) -> String {
    const MOST: usize = 8;
    let mut text = addresses
        .iter()
        .take(MOST)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    if addresses.len() > MOST {
        text.push_str(&format!(" and {} more", addresses.len() - MOST));
    }
    text
}

fn first_visits(check: &Check) -> impl Iterator<Item = &Asked> {
    check.asked.iter().filter(|it| it.why == Why::Address)
}

/// TCP, each address.
pub fn connect(check: &Check) -> Step {
    let one = |it: &Asked| {
        let other = if check.is_systems(it) {
            ""
        } else {
            " (not this system's answer)"
        };
        let to = it.visit.to;
        match &it.talk {
            Ok(talk) => match super::answer::refusal(talk.connect) {
                None => line(State::Good, format!("{to}{other} in {}", took(talk.connect_us))),
                Some(why) => line(State::Bad, format!("{to}{other}: {why}")),
            },
            Err(unseen) => line(State::Note, unseen.to_string()),
        }
    };
    let mut lines: Vec<Line> = first_visits(check).map(one).collect();
    if lines.is_empty() {
        lines.push(line(State::Bad, "there is no address to connect to"));
    }
    Step {
        name: "Connect",
        lines,
    }
}

fn took(us: u64) -> String {
    if us < 1000 {
        "less than a millisecond".to_owned()
    } else {
        format!("{} ms", us / 1000)
    }
}

/// TLS, each address that was connected.
pub fn tls(check: &Check) -> Option<Step> {
    let mut lines: Vec<Line> = Vec::new();
    for it in first_visits(check).filter(|it| it.tls().is_some()) {
        let says = match tls::trouble(check, it) {
            Some(trouble) => line(State::Bad, format!("{}: {}", it.visit.to, trouble.says())),
            None => {
                let version = tls::version(it).unwrap_or_else(|| "TLS".to_owned());
                let ends = tls::ends(it)
                    .map(|at| format!(", until {}", day(at)))
                    .unwrap_or_default();
                let trust = if check.roots.is_some() {
                    "trusted"
                } else {
                    "no list of trusted issuers here"
                };
                line(
                    State::Good,
                    format!("{version}, certificate for {}{ends}, {trust}", it.place.host),
                )
            }
        };
        if !lines.contains(&says) {
            lines.push(says);
        }
    }
    (!lines.is_empty()).then_some(Step { name: "TLS", lines })
}

fn day(at: host::Timestamp) -> String {
    at.to_string().split('T').next().unwrap_or_default().to_owned()
}

/// How often it fails.
pub fn again(check: &Check) -> Option<Step> {
    let (failed, all) = failed(check);
    let asked = check.asked.iter().any(|it| it.why == Why::Again);
    let state = if failed == 0 { State::Good } else { State::Bad };
    let says = match failed {
        0 => format!("all {all} requests were answered well"),
        _ if failed == all => format!("all {all} requests failed"),
        _ => format!("{failed} of {all} requests failed"),
    };
    asked.then(|| Step {
        name: "Again",
        lines: vec![line(state, says)],
    })
}

/// Of the requests to addresses a browser here uses: failed, and all.
pub fn failed(check: &Check) -> (usize, usize) {
    let ours = || {
        check
            .plain()
            .filter(|it| check.is_systems(it) && it.connected() && !is_refused_h2(it))
    };
    (ours().filter(|it| it.fails()).count(), ours().count())
}

/// A server that does not speak HTTP/2 did not fail.
pub(super) fn is_refused_h2(asked: &Asked) -> bool {
    asked.visit.http2 && asked.tls().is_none_or(|tls| tls.alpn.as_deref() != Some("h2"))
}
