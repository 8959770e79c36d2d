//! `why502 client dns NAME`: other name servers, and caches that forget.

use super::session::Session;
use crate::{cli, exit::Exit};
use diagnose::Measure;
use host::{Looks, live::Live, query::RecordKind};
use remedy::{Holds, Wish};
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

/// A daemon that was told of other servers may need so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the command.
pub fn run(options: &cli::ClientDns) -> anyhow::Result<Exit> {
    let live = Live::new();
    let session = Session {
        live: &live,
        options: &options.agreement,
    };
    let name = &options.name;
    let now = live.system_name(name).unwrap_or_default();
    let mut wish = wish(options, &now);
    if let Some(line) = pinned(&live, name) {
        let says = format!(
            "/etc/hosts line {line} names {name}, and that wins over every name server: change it there; nothing was done."
        );
        return session.nothing(&wish, &says);
    }
    match said(&live, options) {
        Err(says) => session.nothing(&wish, &says),
        Ok(expected) => {
            wish.holds.push(Holds::Resolves {
                name: name.clone(),
                to: expected,
            });
            session.grant(&wish)
        }
    }
}

fn wish(options: &cli::ClientDns, now: &[IpAddr]) -> Wish {
    let name = &options.name;
    let servers = listed(&options.server);
    let why = match now {
        [] => format!("{name} has no address on this machine"),
        now => format!("{name} is {} on this machine", listed(now)),
    };
    let mut measures = Vec::new();
    if !options.server.is_empty() {
        let servers = options.server.clone();
        measures.push(Measure::Resolver { servers });
    }
    measures.push(Measure::FlushNames);
    Wish {
        cause: "client-dns",
        subject: name.clone(),
        why,
        title: match options.server.is_empty() {
            true => "forget the names that caches of this machine keep".to_owned(),
            false => format!("let this machine ask {servers}"),
        },
        measures,
        holds: Vec::new(),
        patience: PATIENCE,
    }
}

/// What the first of the servers says, or why it is none to change to; nothing in particular where none was named.
fn said(live: &Live, options: &cli::ClientDns) -> Result<Vec<IpAddr>, String> {
    let name = &options.name;
    let mut all = Vec::new();
    for server in &options.server {
        let ask = |kind| live.dns(SocketAddr::new(*server, 53), name, kind, None);
        let replies = [RecordKind::A, RecordKind::Aaaa].map(ask);
        let found = replies.iter().flatten().flat_map(addresses);
        let found: Vec<IpAddr> = found.collect();
        if found.is_empty() {
            return Err(format!(
                "{server} knows no address of {name}, so it is no help to ask it; nothing was done.\nLook: why502 dns {name} \
                 --resolver {server}"
            ));
        }
        all.extend(found);
    }
    Ok(all)
}

fn addresses(reply: &host::answer::DnsReply) -> Vec<IpAddr> {
    match diagnose::case::NameAnswer::from(reply.clone()) {
        diagnose::case::NameAnswer::Addresses(found) => found,
        _ => Vec::new(),
    }
}

/// The line of /etc/hosts that names it.
fn pinned(live: &Live, name: &str) -> Option<usize> {
    let hosts = live.file(Path::new("/etc/hosts")).ok().flatten()?;
    let hosts = String::from_utf8_lossy(&hosts).into_owned();
    let names = |line: &str| {
        let entry = line.split('#').next().unwrap_or_default();
        let mut words = entry.split_whitespace().skip(1);
        words.any(|word| word.eq_ignore_ascii_case(name))
    };
    hosts.lines().position(names).map(|index| index + 1)
}

pub(super) fn listed(addresses: &[IpAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(" and ")
}
