//! `nft -j list ruleset` (libnftables-json(5)).

use super::rules::{Action, Base, Chain, Family, Refusal, Rule, Ruleset, Subject, Test, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Sets by family, table and name.
type Sets = BTreeMap<(Family, String, String), Vec<Json>>;

pub(super) fn parse(json: &[u8]) -> Option<Ruleset> {
    let json: Json = serde_json::from_slice(json).ok()?;
    let objects = json.get("nftables")?.as_array()?;
    let of_kind = |kind: &'static str| objects.iter().filter_map(move |object| object.get(kind));
    let mut ruleset = Ruleset {
        chains: of_kind("chain").filter_map(chain).collect(),
    };
    let sets: Sets = of_kind("set").chain(of_kind("map")).filter_map(set).collect();
    for object in of_kind("rule") {
        let Some((family, table)) = home(object) else {
            continue;
        };
        let home = |chain: &&mut Chain| {
            chain.family == family
                && chain.table == table
                && object.get("chain").is_some_and(|name| chain.name == *name)
        };
        let rule = rule(object, &|name| {
            sets.get(&(family, table.clone(), name.to_owned()))
        });
        ruleset
            .chains
            .iter_mut()
            .find(home)
            .into_iter()
            .for_each(|chain| chain.rules.push(rule.clone()));
    }
    Some(ruleset)
}

fn text(object: &Json, key: &str) -> Option<String> {
    object.get(key)?.as_str().map(str::to_owned)
}

/// Family and table; bridge, arp and netdev are no business of ours.
fn home(object: &Json) -> Option<(Family, String)> {
    let family = match object.get("family")?.as_str()? {
        "ip" => Family::Ip,
        "ip6" => Family::Ip6,
        "inet" => Family::Inet,
        _ => return None,
    };
    Some((family, text(object, "table")?))
}

fn set(object: &Json) -> Option<((Family, String, String), Vec<Json>)> {
    let (family, table) = home(object)?;
    let elements = object
        .get("elem")
        .and_then(Json::as_array)
        .cloned()
        .unwrap_or_default();
    Some(((family, table, text(object, "name")?), elements))
}

fn chain(object: &Json) -> Option<Chain> {
    let (family, table) = home(object)?;
    let base = text(object, "hook").map(|hook| Base {
        hook,
        priority: object.get("prio").and_then(Json::as_i64).unwrap_or_default(),
        drops: object.get("policy").is_some_and(|policy| policy == "drop"),
        counted: None,
    });
    Some(Chain {
        family,
        table,
        name: text(object, "name")?,
        base,
        rules: Vec::new(),
    })
}

type FindSet<'a> = &'a dyn Fn(&str) -> Option<&'a Vec<Json>>;

fn rule(object: &Json, sets: FindSet<'_>) -> Rule {
    let parts = object
        .get("expr")
        .and_then(Json::as_array)
        .map_or(&[][..], Vec::as_slice);
    let mut rule = Rule {
        place: format!("handle {}", object.get("handle").unwrap_or(&Json::Null)),
        text: parts.iter().map(say::statement).collect::<Vec<_>>().join(" "),
        comment: text(object, "comment"),
        ..Rule::default()
    };
    for part in parts {
        let Some((kind, body)) = part.as_object().and_then(|part| part.iter().next()) else {
            continue;
        };
        match kind.as_str() {
            "match" => rule.tests.push(test(body, sets)),
            "counter" => rule.counted = counted(body),
            // harmless to the packet
            "log" | "mangle" | "notrack" | "set" | "meter" | "flow" | "tproxy" | "synproxy" | "ct helper" => {
            }
            "limit" | "ct count" | "quota" => rule.tests.push(Test::Unknown),
            "xt" => foreign(body, &mut rule),
            "vmap" => rule.action = verdict_map(body, sets),
            kind => rule.action = verdict(kind, body),
        }
    }
    rule
}

fn counted(counter: &Json) -> Option<(u64, u64)> {
    Some((counter.get("packets")?.as_u64()?, counter.get("bytes")?.as_u64()?))
}

fn verdict(kind: &str, body: &Json) -> Action {
    let target = || text(body, "target").unwrap_or_default();
    match kind {
        "accept" => Action::Accept,
        "drop" => Action::Refuse(Refusal::Drop),
        "reject" => Action::Refuse(Refusal::Reject(say::rejection(body))),
        "jump" => Action::Jump(target()),
        "goto" => Action::Goto(target()),
        "return" => Action::Return,
        "continue" | "snat" | "dnat" | "masquerade" | "redirect" => Action::Nothing,
        _ => Action::Unknown,
    }
}

/// A match or target of iptables, of which nft knows only the name.
fn foreign(body: &Json, rule: &mut Rule) {
    let name = text(body, "name").unwrap_or_default();
    match (text(body, "type").as_deref(), name.as_str()) {
        (Some("target"), "REJECT") => rule.action = Action::Refuse(Refusal::Reject(String::new())),
        (Some("target"), "NFQUEUE" | "TARPIT") => rule.action = Action::Unknown,
        (Some("target"), _) | (_, "comment") => {}
        _ => rule.tests.push(Test::Unknown),
    }
}

fn test(body: &Json, sets: FindSet<'_>) -> Test {
    let (Some(left), Some(right)) = (body.get("left"), body.get("right")) else {
        return Test::Unknown;
    };
    let negated = match body.get("op").and_then(Json::as_str) {
        Some("==" | "in") => false,
        Some("!=") => true,
        _ => return Test::Unknown,
    };
    match subject(left) {
        Side::About(subject) => match values(right, sets) {
            Some(any_of) => Test::Is {
                subject,
                negated,
                any_of,
            },
            None => Test::Unknown,
        },
        Side::NotTcp => Test::Never,
        Side::Unknown => Test::Unknown,
    }
}

enum Side {
    About(Subject),
    /// Part of a packet that TCP does not have.
    NotTcp,
    Unknown,
}

fn subject(left: &Json) -> Side {
    let part = |kind: &str, key: &str| {
        left.get(kind)
            .and_then(|left| left.get(key))
            .and_then(Json::as_str)
    };
    let subject = match (part("payload", "protocol"), part("payload", "field")) {
        (Some("tcp" | "th"), Some("dport")) => Subject::DestinationPort,
        (Some("tcp" | "th"), Some("sport")) => Subject::SourcePort,
        (Some("ip" | "ip6"), Some("saddr")) => Subject::Source,
        (Some("ip" | "ip6"), Some("daddr")) => Subject::Destination,
        (Some("ip"), Some("protocol")) | (Some("ip6"), Some("nexthdr")) => Subject::Protocol,
        (Some("udp" | "udplite" | "icmp" | "icmpv6" | "sctp" | "dccp" | "igmp" | "arp"), _) => {
            return Side::NotTcp;
        }
        _ => match (part("meta", "key"), part("ct", "key")) {
            (Some("iif" | "iifname"), _) => Subject::InInterface,
            (Some("oif" | "oifname"), _) => Subject::OutInterface,
            (Some("l4proto"), _) => Subject::Protocol,
            (Some("nfproto"), _) => Subject::Family,
            (Some("skuid"), _) => Subject::User,
            (_, Some("state")) => Subject::State,
            _ => return Side::Unknown,
        },
    };
    Side::About(subject)
}

/// The right side as a list; `None` if a part is not understood.
fn values(right: &Json, sets: FindSet<'_>) -> Option<Vec<Value>> {
    let all = |list: &[Json]| list.iter().map(value).collect::<Option<Vec<_>>>();
    match right {
        Json::Array(list) => all(list),
        Json::String(name) if name.starts_with('@') => all(sets(name.trim_start_matches('@'))?),
        Json::Object(object) if object.contains_key("set") => all(object.get("set")?.as_array()?),
        one => Some(vec![value(one)?]),
    }
}

fn value(json: &Json) -> Option<Value> {
    match json {
        Json::Number(number) => number.as_u64().map(|number| Value::Number(number..=number)),
        Json::String(text) => Some(Value::parse(text)),
        Json::Object(object) => {
            if let Some(element) = object.get("elem") {
                return value(element.get("val")?);
            }
            if let Some(prefix) = object.get("prefix") {
                let length = u32::try_from(prefix.get("len")?.as_u64()?).ok()?;
                return Some(Value::network(text(prefix, "addr")?.parse().ok()?, length));
            }
            match object.get("range")?.as_array()?.as_slice() {
                [first, last] => range(value(first)?, value(last)?),
                _ => None,
            }
        }
        _ => None,
    }
}

fn range(first: Value, last: Value) -> Option<Value> {
    match (first, last) {
        (Value::Number(first), Value::Number(last)) => Some(Value::Number(*first.start()..=*last.end())),
        (Value::Address(first), Value::Address(last)) => Some(Value::Address(*first.start()..=*last.end())),
        _ => None,
    }
}

/// `tcp dport vmap { 6379 : drop }`
fn verdict_map(body: &Json, sets: FindSet<'_>) -> Action {
    let Some(Side::About(subject)) = body.get("key").map(self::subject) else {
        return Action::Unknown;
    };
    let elements = match body.get("data") {
        Some(Json::String(name)) => sets(name.trim_start_matches('@')),
        Some(data) => data.get("set").and_then(Json::as_array),
        None => None,
    };
    let entry = |pair: &Json| {
        let (key, verdict_of) = (value(pair.get(0)?)?, pair.get(1)?.as_object()?.iter().next()?);
        Some((key, verdict(verdict_of.0, verdict_of.1)))
    };
    let entries = elements.and_then(|elements| elements.iter().map(entry).collect::<Option<Vec<_>>>());
    entries.map_or(Action::Unknown, |entries| Action::Map(subject, entries))
}

/// Back to the words a person writes.
mod say {
    use serde_json::Value as Json;

    pub(super) fn statement(part: &Json) -> String {
        let Some((kind, body)) = part.as_object().and_then(|part| part.iter().next()) else {
            return part.to_string();
        };
        let get = |key: &str| body.get(key).map(value).unwrap_or_default();
        match kind.as_str() {
            "match" => {
                let op = if body.get("op").is_some_and(|op| op == "!=") {
                    "!= "
                } else {
                    ""
                };
                format!(
                    "{} {op}{}",
                    body.get("left").map(left).unwrap_or_default(),
                    get("right")
                )
            }
            "reject" => {
                format!("reject {}", rejection(body))
                    .trim_end()
                    .replacen("reject ", "reject with ", 1)
            }
            "jump" | "goto" => format!("{kind} {}", get("target")),
            "limit" => format!("limit rate {}/{}", get("rate"), get("per")),
            "xt" => get("name"),
            "vmap" => format!(
                "{} vmap {}",
                body.get("key").map(left).unwrap_or_default(),
                get("data")
            ),
            kind => kind.to_owned(),
        }
    }

    /// `tcp reset`, `icmp port-unreachable`; empty if nft says nothing.
    pub(super) fn rejection(body: &Json) -> String {
        let part = |key: &str| body.get(key).and_then(Json::as_str).unwrap_or_default();
        format!("{} {}", part("type"), part("expr")).trim().to_owned()
    }

    fn left(left: &Json) -> String {
        let Some((kind, body)) = left.as_object().and_then(|left| left.iter().next()) else {
            return value(left);
        };
        let part = |key: &str| body.get(key).map(value).unwrap_or_default();
        match kind.as_str() {
            "payload" => format!("{} {}", part("protocol"), part("field")),
            "meta" if ["iif", "oif", "iifname", "oifname"].contains(&part("key").as_str()) => part("key"),
            kind => format!("{kind} {}", part("key")),
        }
    }

    fn value(json: &Json) -> String {
        let list = |list: &[Json]| list.iter().map(value).collect::<Vec<_>>().join(", ");
        match json {
            Json::String(text) => text.clone(),
            Json::Array(parts) => list(parts),
            Json::Object(object) => match object.iter().next().map(|(kind, body)| (kind.as_str(), body)) {
                Some(("set", Json::Array(parts))) => format!("{{ {} }}", list(parts)),
                Some(("range", Json::Array(parts))) => parts.iter().map(value).collect::<Vec<_>>().join("-"),
                Some(("prefix", body)) => {
                    let part = |key: &str| body.get(key).map(value).unwrap_or_default();
                    format!("{}/{}", part("addr"), part("len"))
                }
                Some(("elem", body)) => body.get("val").map(value).unwrap_or_default(),
                Some((kind, Json::Null)) => kind.to_owned(),
                _ => json.to_string(),
            },
            other => other.to_string(),
        }
    }
}
