//! The one table of nftables that is why502's own, `inet why502`: for each port and family a set of addresses that time
//! out, and the rules that drop what comes from them to that port. Scripts for it and nothing else, from what
//! `nft -j list table inet why502` (libnftables-json(5)) says is there.
//!
//! The rules keep no state: a host that tracks no connections need not begin to, and a connection that is open already
//! is refused too.

use serde_json::Value as Json;
use std::{collections::BTreeMap, net::IpAddr};

/// Its family and name.
pub(crate) const TABLE: [&str; 2] = ["inet", "why502"];
/// Its one chain.
const CHAIN: &str = "input";

/// What is in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnTable {
    /// Sets, with the addresses in them.
    sets: BTreeMap<String, Vec<IpAddr>>,
    /// Handles of the rules, with the set that each asks.
    rules: Vec<(u64, String)>,
    /// Somebody else put something in.
    foreign: bool,
}

impl OwnTable {
    /// From that list, or from one of the whole ruleset; `None` where there is no such table.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        let list: Json = serde_json::from_slice(json).ok()?;
        let objects = list.get("nftables")?.as_array()?;
        let is_table = |it: &Json| {
            it.get("family") == Some(&TABLE[0].into()) && it.get("name") == Some(&TABLE[1].into())
        };
        objects.iter().find(|it| it.get("table").is_some_and(is_table))?;
        let mut found = Self::default();
        for (kind, body) in objects.iter().filter_map(Json::as_object).flatten() {
            let ours =
                body.get("family") == Some(&TABLE[0].into()) && body.get("table") == Some(&TABLE[1].into());
            if ours {
                found.add(kind, body);
            }
        }
        Some(found)
    }

    fn add(&mut self, kind: &str, body: &Json) {
        let name = body.get("name").and_then(Json::as_str).unwrap_or_default();
        match kind {
            "set" if name.starts_with("port_") => {
                let elements = body.get("elem").and_then(Json::as_array);
                let elements = elements.into_iter().flatten().filter_map(address).collect();
                self.sets.insert(name.to_owned(), elements);
            }
            "chain" if name == CHAIN => {}
            "rule" => match asked(body).zip(body.get("handle").and_then(Json::as_u64)) {
                Some((set, handle)) => self.rules.push((handle, set)),
                None => self.foreign = true,
            },
            _ => self.foreign = true,
        }
    }

    /// It is refused on that port.
    pub(crate) fn refuses(&self, address: IpAddr, port: u16) -> bool {
        self.sets
            .get(&set(port, address))
            .is_some_and(|addresses| addresses.contains(&address))
    }

    fn has_rules_for(&self, set: &str) -> bool {
        self.rules.iter().any(|(_, asked)| asked == set)
    }

    /// Makes what is missing, all or nothing, and puts the addresses in. `found` is what is there.
    pub(crate) fn refuse(found: Option<&Self>, addresses: &[IpAddr], ports: &[u16], minutes: u32) -> String {
        let [family, name] = TABLE;
        let mut lines = vec![
            format!("add table {family} {name}"),
            // before the chains of others, whose priority is 0 as a rule: what they let through is refused here all the same
            format!(
                "add chain {family} {name} {CHAIN} {{ type filter hook input priority -10; policy accept; }}"
            ),
        ];
        for (set, port, theirs) in sets(addresses, ports) {
            let (kind, ip) = match theirs.first() {
                Some(IpAddr::V6(_)) => ("ipv6_addr", "ip6"),
                _ => ("ipv4_addr", "ip"),
            };
            lines.push(format!(
                "add set {family} {name} {set} {{ type {kind}; flags timeout; }}"
            ));
            if !found.is_some_and(|it| it.has_rules_for(&set)) {
                lines.extend(["tcp", "udp"].map(|protocol| {
                    format!("add rule {family} {name} {CHAIN} {protocol} dport {port} {ip} saddr @{set} drop")
                }));
            }
            let elements: Vec<String> = theirs
                .iter()
                .map(|it| format!("{it} timeout {minutes}m"))
                .collect();
            lines.push(format!(
                "add element {family} {name} {set} {{ {} }}",
                elements.join(", ")
            ));
        }
        lines.join("; ")
    }

    /// As a person would take them out, whatever else is there.
    pub(crate) fn taken_out(addresses: &[IpAddr], ports: &[u16]) -> String {
        let lines = sets(addresses, ports).into_iter();
        let lines: Vec<String> = lines.map(|(set, _, theirs)| without(&set, &theirs)).collect();
        lines.join("; ")
    }

    /// Takes the addresses out again, and what is empty then; `None` where they are gone already, as after their time.
    pub(crate) fn let_through(&self, addresses: &[IpAddr], ports: &[u16]) -> Option<String> {
        let [family, name] = TABLE;
        let mut lines = Vec::new();
        let mut left: Vec<&String> = self.sets.keys().collect();
        for (set, _, theirs) in sets(addresses, ports) {
            let Some(held) = self.sets.get(&set) else {
                continue;
            };
            let (ours, others): (Vec<IpAddr>, Vec<IpAddr>) = held.iter().partition(|it| theirs.contains(it));
            if !others.is_empty() {
                lines.extend((!ours.is_empty()).then(|| without(&set, &ours)));
                continue;
            }
            let rules = self.rules.iter().filter(|(_, asked)| *asked == set);
            lines.extend(
                rules.map(|(handle, _)| format!("delete rule {family} {name} {CHAIN} handle {handle}")),
            );
            lines.push(format!("delete set {family} {name} {set}"));
            left.retain(|it| **it != set);
        }
        if left.is_empty() && !self.foreign {
            lines = vec![format!("delete table {family} {name}")];
        }
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}

/// The sets that hold these addresses for these ports, with the port and the addresses of each.
fn sets(addresses: &[IpAddr], ports: &[u16]) -> Vec<(String, u16, Vec<IpAddr>)> {
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().partition(|it| it.is_ipv4());
    let of = |port: &u16| [v4.clone(), v6.clone()].map(|theirs| (*port, theirs));
    let all = ports.iter().flat_map(of);
    all.filter_map(|(port, theirs)| Some((set(port, *theirs.first()?), port, theirs)))
        .collect()
}

fn without(set: &str, addresses: &[IpAddr]) -> String {
    let [family, name] = TABLE;
    let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    format!(
        "delete element {family} {name} {set} {{ {} }}",
        addresses.join(", ")
    )
}

/// The set of that port and of the address's family.
fn set(port: u16, address: IpAddr) -> String {
    let family = if address.is_ipv4() { "v4" } else { "v6" };
    format!("port_{port}_{family}")
}

/// `"203.0.113.9"`, `{"elem": {"val": "203.0.113.9", "timeout": 3600, "expires": 3599}}`
fn address(element: &Json) -> Option<IpAddr> {
    let value = element.pointer("/elem/val").unwrap_or(element);
    value.as_str()?.parse().ok()
}

/// The set that a rule of ours asks.
fn asked(rule: &Json) -> Option<String> {
    let parts = rule.get("expr")?.as_array()?;
    let rights = parts
        .iter()
        .filter_map(|part| part.pointer("/match/right")?.as_str());
    let set = rights.filter_map(|right| right.strip_prefix('@')).next()?;
    set.starts_with("port_").then(|| set.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As nft 1.0.6 lists what [`OwnTable::refuse`] makes.
    fn listed(elements: &str, more: &str) -> String {
        let rule = |handle: u64, protocol: &str| {
            format!(
                r#"{{"rule": {{"family": "inet", "table": "why502", "chain": "input", "handle": {handle}, "expr": [{{"match": {{"op": "==", "left": {{"payload": {{"protocol": "{protocol}", "field": "dport"}}}}, "right": 80}}}}, {{"match": {{"op": "==", "left": {{"payload": {{"protocol": "ip", "field": "saddr"}}}}, "right": "@port_80_v4"}}}}, {{"drop": null}}]}}}}"#
            )
        };
        format!(
            r#"{{"nftables": [{{"metainfo": {{"version": "1.0.6"}}}}, {{"table": {{"family": "inet", "name": "why502", "handle": 1}}}}, {{"table": {{"family": "inet", "name": "filter", "handle": 2}}}}, {{"chain": {{"family": "inet", "table": "filter", "name": "input", "handle": 1}}}}, {{"set": {{"family": "inet", "name": "port_80_v4", "table": "why502", "type": "ipv4_addr", "handle": 2, "flags": ["timeout"]{elements}}}}}, {{"chain": {{"family": "inet", "table": "why502", "name": "input", "handle": 1, "type": "filter", "hook": "input", "prio": -10, "policy": "accept"}}}}, {}, {}{more}]}}"#,
            rule(3, "tcp"),
            rule(4, "udp")
        )
    }

    fn of(elements: &[&str]) -> String {
        let elements: Vec<String> = elements
            .iter()
            .map(|it| format!(r#"{{"elem": {{"val": "{it}", "timeout": 3600, "expires": 3599}}}}"#))
            .collect();
        match elements.is_empty() {
            true => String::new(),
            false => format!(r#", "elem": [{}]"#, elements.join(", ")),
        }
    }

    fn parse(json: &str) -> OwnTable {
        OwnTable::parse(json.as_bytes()).expect("a table")
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn the_first_address_makes_the_table_and_the_next_only_an_element() {
        let first = OwnTable::refuse(None, &[ip("203.0.113.9")], &[80], 60);
        assert_eq!(
            first,
            "add table inet why502; add chain inet why502 input { type filter hook input priority -10; policy accept; }; \
             add set inet why502 port_80_v4 { type ipv4_addr; flags timeout; }; \
             add rule inet why502 input tcp dport 80 ip saddr @port_80_v4 drop; \
             add rule inet why502 input udp dport 80 ip saddr @port_80_v4 drop; \
             add element inet why502 port_80_v4 { 203.0.113.9 timeout 60m }"
        );
        let there = parse(&listed(&of(&["203.0.113.9"]), ""));
        let next = OwnTable::refuse(Some(&there), &[ip("203.0.113.8"), ip("203.0.113.7")], &[80], 60);
        assert!(
            !next.contains("add rule")
                && next.ends_with("{ 203.0.113.8 timeout 60m, 203.0.113.7 timeout 60m }"),
            "{next}"
        );
        let other = OwnTable::refuse(Some(&there), &[ip("2001:db8::9")], &[80], 60);
        assert!(
            other.contains("udp dport 80 ip6 saddr @port_80_v6 drop"),
            "{other}"
        );
    }

    #[test]
    fn taking_back_leaves_what_is_not_ours() {
        let way_back = |elements: &[&str], more: &str| {
            parse(&listed(&of(elements), more)).let_through(&[ip("203.0.113.9")], &[80, 443])
        };
        let others = way_back(&["203.0.113.9", "203.0.113.8"], "");
        assert_eq!(
            others.as_deref(),
            Some("delete element inet why502 port_80_v4 { 203.0.113.9 }")
        );
        let last = way_back(&["203.0.113.9"], "");
        assert_eq!(last.as_deref(), Some("delete table inet why502"));
        // its time was over
        assert_eq!(way_back(&[], "").as_deref(), Some("delete table inet why502"));
        assert_eq!(way_back(&["203.0.113.8"], ""), None);
        let somebody = r#", {"chain": {"family": "inet", "table": "why502", "name": "mine", "handle": 9}}"#;
        assert_eq!(
            way_back(&["203.0.113.9"], somebody).as_deref(),
            Some(
                "delete rule inet why502 input handle 3; delete rule inet why502 input handle 4; delete set inet why502 port_80_v4"
            )
        );
    }

    #[test]
    fn what_is_refused_is_known() {
        let there = parse(&listed(&of(&["203.0.113.9"]), ""));
        assert!(there.refuses(ip("203.0.113.9"), 80));
        assert!(!there.refuses(ip("203.0.113.9"), 443) && !there.refuses(ip("203.0.113.8"), 80));
        assert_eq!(OwnTable::parse(br#"{"nftables": [{"metainfo": {}}]}"#), None);
    }
}
