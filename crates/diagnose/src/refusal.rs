//! Refusals by `limit_req` and `limit_conn`: the work of a guard, or a fault.

use crate::{Case, Symptom, topology::Place, world::Nginx};
use logscan::{ErrorLine, Trouble};
use std::net::IpAddr;

/// A `limit_req_zone` or `limit_conn_zone`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitZone {
    /// Its name.
    pub name: String,
    /// What tells one client from another: `$binary_remote_addr`.
    pub key: String,
    /// Where it is written.
    pub written: Place,
}

/// Why a refusal is more than a guard at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The zone's key is the same for all visitors.
    Shared,
    /// The key is the client's address, and that of a proxy on this host stands for all.
    Loopback,
    /// The refusal looks like a failure of the backend: `limit_req_status` 500, 502 or 504.
    Status,
}

/// Variables that say what is asked, and not who asks.
const OF_THE_SITE: &[&str] = &[
    "server_name",
    "host",
    "http_host",
    "hostname",
    "server_addr",
    "server_port",
    "scheme",
    "uri",
    "request_uri",
    "document_uri",
    "request_method",
    "request_filename",
];
/// Variables that are the address of whoever is at the other end of the connection.
const ADDRESS: &[&str] = &["binary_remote_addr", "remote_addr"];

/// Where clients were failed by a refusal; `None` where one of many was turned away, as it was meant.
pub fn fault(nginx: Option<&Nginx>, line: &ErrorLine, status: Option<u16>) -> Option<Fault> {
    let Trouble::Limited(said) = &line.complaint.trouble else {
        return None;
    };
    if matches!(status, Some(500 | 502 | 504)) {
        return Some(Fault::Status);
    }
    let names = variables(&zone(nginx?, said)?.key);
    let all = |known: &[&str]| names.iter().all(|name| known.contains(&name.as_str()));
    let client: Option<IpAddr> = line.client.as_deref().and_then(|it| it.parse().ok());
    if all(OF_THE_SITE) {
        return Some(Fault::Shared);
    }
    (all(ADDRESS) && client?.is_loopback()).then_some(Fault::Loopback)
}

/// Nothing failed but what was refused.
pub fn is_all(case: &Case) -> bool {
    let mut told = case.symptoms.iter().filter_map(Symptom::trouble).peekable();
    told.peek().is_some() && told.all(|it| matches!(it, Trouble::Limited(_)))
}

/// Nothing failed but what was refused, and nginx has loaded a configuration without any such zone since: within the same
/// second, for refusals end with it.
pub fn is_lifted(case: &Case) -> bool {
    let Some(nginx) = case.nginx() else {
        return false;
    };
    let said = case.symptoms.iter().filter_map(Symptom::trouble);
    let mut zones = said.filter_map(|it| match it {
        Trouble::Limited(said) => zone(nginx, said),
        _ => None,
    });
    let since = nginx.loaded_at.is_some_and(|at| at.secs() >= case.last().secs());
    is_all(case) && zones.next().is_none() && since
}

/// The zone that nginx names: `limiting requests, excess: 0.964 by zone "one"`.
pub fn zone<'a>(nginx: &'a Nginx, said: &str) -> Option<&'a LimitZone> {
    let name = zone_name(said)?;
    nginx.limit_zones.iter().find(|zone| zone.name == name)
}

/// Its name.
pub fn zone_name(said: &str) -> Option<&str> {
    said.split_once("zone \"")?.1.split('"').next()
}

/// `$server_name$uri` -> `server_name`, `uri`. A zone without any counts all requests together.
fn variables(key: &str) -> Vec<String> {
    let mut parts = key.split('$');
    let _ = parts.next();
    let name = |part: &str| {
        let part = part.strip_prefix('{').unwrap_or(part);
        let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        part.split(ends).next().unwrap_or_default().to_owned()
    };
    parts.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[test]
    fn who_is_refused() {
        let by_us = "127.0.0.1";
        let visitor = "198.51.100.7";
        for (key, client, status, expect) in [
            ("$binary_remote_addr", visitor, Some(503), None),
            ("$binary_remote_addr", by_us, Some(503), Some(Fault::Loopback)),
            ("$binary_remote_addr$uri", by_us, Some(503), None),
            ("$binary_remote_addr", visitor, Some(502), Some(Fault::Status)),
            ("$server_name", visitor, Some(503), Some(Fault::Shared)),
            ("${host}$uri", visitor, Some(503), Some(Fault::Shared)),
            ("all", visitor, None, Some(Fault::Shared)),
            ("$http_x_forwarded_for", by_us, Some(503), None),
            ("$bad_agent", visitor, Some(503), None),
        ] {
            let mut world = Fixture::node().world;
            world.nginx[0].limit_zones.push(LimitZone {
                name: "one".into(),
                key: key.into(),
                written: Place::line("/etc/nginx/nginx.conf".as_ref(), 9),
            });
            let said = format!(
                "2026/11/22 12:43:03 [error] 5#5: *8 limiting requests, excess: 0.964 by zone \"one\", client: {client}, \
                 server: shop.example, request: \"GET / HTTP/1.1\", host: \"shop.example\""
            );
            let line = logscan::error_log::parse(said.as_bytes()).expect("a line");
            assert_eq!(
                fault(world.nginx.first(), &line, status),
                expect,
                "{key} {client}"
            );
        }
    }
}
