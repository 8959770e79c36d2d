//! Names that may resolve differently since: the host's own files, and name servers of this host that read theirs anew.

use super::super::names::Wanted;
use crate::{
    case::PeerSight,
    topology::Route,
    world::{Change, ChangeKind},
};
use host::{Host, Looks, Timestamp, looks::JournalLine};
use std::{collections::BTreeSet, path::Path};

/// What names resolve by on the host itself: hosts(5), resolv.conf(5), nsswitch.conf(5).
const FILES: &[&str] = &["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"];
/// Name servers that log when they read their records.
const SERVERS: [&str; 3] = ["dnsmasq.service", "named.service", "bind9.service"];
/// Lines read of their journal: the last ones.
const LINES: u32 = 200;

/// Changes to what the names of these routes resolve to.
pub(super) fn look(host: &dyn Host, concerned: &[(&Route, &[PeerSight])], since: Timestamp) -> Vec<Change> {
    let of_peers = |peers: &[PeerSight]| {
        peers
            .iter()
            .filter_map(|peer| peer.name.clone())
            .collect::<Vec<_>>()
    };
    let names = concerned
        .iter()
        .flat_map(|(route, peers)| [Wanted::of_route(route).names, of_peers(peers)].concat());
    let names: BTreeSet<String> = names.collect();
    if names.is_empty() {
        return Vec::new();
    }
    let files = FILES.iter().filter_map(|file| {
        let stat = host.stat(Path::new(file)).ok()??;
        Some((stat.modified, format!("{file} was edited")))
    });
    let files: Vec<(Timestamp, String)> = files.collect();
    let servers = SERVERS.map(String::from);
    let lines = host.journal(&servers, since, LINES).unwrap_or_default();
    let of_name = |name: &String| {
        let read = lines.iter().filter(|line| reads(host, line, name));
        let read = read.map(|line| (line.at, format!("{}: {}", line.by, line.text)));
        let all: Vec<_> = files.iter().cloned().chain(read).collect();
        all.into_iter()
            .map(|(at, says)| change(at, says, name))
            .collect::<Vec<_>>()
    };
    names.iter().flat_map(of_name).collect()
}

fn change(at: Timestamp, says: String, name: &str) -> Change {
    Change {
        at,
        kind: ChangeKind::DnsChange,
        says,
        about: name.to_owned(),
    }
}

/// A name server says that it read records of this name.
fn reads(host: &dyn Host, line: &JournalLine, name: &str) -> bool {
    match line.by.as_str() {
        "dnsmasq" => hosts_file(&line.text).is_some_and(|file| holds(host, file, name)),
        "named" => zone(&line.text).is_some_and(|zone| is_in(name, zone)),
        _ => false,
    }
}

/// dnsmasq: `read /etc/zone.hosts - 2 names`.
fn hosts_file(text: &str) -> Option<&Path> {
    let file = text.strip_prefix("read ")?.rsplit_once(" - ")?.0;
    file.starts_with('/').then(|| Path::new(file))
}

fn holds(host: &dyn Host, file: &Path, name: &str) -> bool {
    let bytes = host.file(file).ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.split_whitespace()
        .any(|word| word.eq_ignore_ascii_case(name))
}

/// BIND: `zone shop.example/IN: loaded serial 7`.
fn zone(text: &str) -> Option<&str> {
    let (zone, rest) = text.strip_prefix("zone ")?.split_once("/IN")?;
    rest.contains(": loaded serial ").then_some(zone)
}

fn is_in(name: &str, zone: &str) -> bool {
    let rest = name.trim_end_matches('.').strip_suffix(zone);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::{
        Answer, Query,
        answer::{Blob, Bytes},
        memory::Memory,
        query::Part,
    };

    #[test]
    fn a_name_server_says_that_it_read_the_name() {
        let mut host = Memory::default();
        let blob = Blob {
            bytes: Bytes("127.0.0.6 API.shop.internal\n".into()),
            size: 28,
            modified: Timestamp(0),
        };
        let part = Part::Head(host::looks::WHOLE_FILE);
        let path = "/etc/zone.hosts".into();
        host.set(Query::File { path, part }, Ok(Answer::File(Some(blob))));
        for (by, text, expect) in [
            ("dnsmasq", "read /etc/zone.hosts - 1 names", true),
            ("dnsmasq", "read /etc/hosts - 7 addresses", false),
            ("dnsmasq", "started, version 2.89 cachesize 150", false),
            ("evil", "read /etc/zone.hosts - 1 names", false),
            ("named", "zone shop.internal/IN: loaded serial 7", true),
            ("named", "zone op.internal/IN: loaded serial 7", false),
            (
                "named",
                "zone shop.internal/IN: sending notifies (serial 7)",
                false,
            ),
        ] {
            let line = JournalLine {
                by: by.into(),
                text: text.into(),
                ..JournalLine::default()
            };
            assert_eq!(reads(&host, &line, "api.shop.internal"), expect, "{by}: {text}");
        }
    }
}
