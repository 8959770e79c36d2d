//! Rules as both tools can say them.

use std::{net::IpAddr, ops::RangeInclusive};

/// All chains of all tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ruleset {
    pub(super) chains: Vec<Chain>,
}

/// The address family of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4 only.
    Ip,
    /// IPv6 only.
    Ip6,
    /// Both.
    Inet,
}

impl Family {
    /// As nft writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "ip",
            Self::Ip6 => "ip6",
            Self::Inet => "inet",
        }
    }

    /// Packets to this address pass its tables.
    pub(super) fn takes(self, address: IpAddr) -> bool {
        match self {
            Self::Ip => address.is_ipv4(),
            Self::Ip6 => address.is_ipv6(),
            Self::Inet => true,
        }
    }
}

/// One chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) family: Family,
    pub(super) table: String,
    pub(super) name: String,
    /// Of a base chain: where packets enter it, and in which order.
    pub(super) base: Option<Base>,
    pub(super) rules: Vec<Rule>,
}

/// What makes a chain a base chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Base {
    pub(super) hook: String,
    pub(super) priority: i64,
    pub(super) drops: bool,
    /// How often the policy decided, where that is counted.
    pub(super) counted: Option<(u64, u64)>,
}

/// One rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) place: String,
    pub(super) tests: Vec<Test>,
    pub(super) action: Action,
    pub(super) counted: Option<(u64, u64)>,
    pub(super) text: String,
    pub(super) comment: Option<String>,
}

/// A condition. All of a rule's must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// The subject is (or, negated, is not) one of these.
    Is {
        subject: Subject,
        negated: bool,
        any_of: Vec<Value>,
    },
    /// Can't hold for TCP.
    Never,
    /// Not understood.
    Unknown,
}

impl Test {
    /// The single addresses that a packet may come from.
    pub(super) fn sources(&self) -> impl Iterator<Item = IpAddr> {
        let values: &[Value] = match self {
            Self::Is {
                subject: Subject::Source,
                negated: false,
                any_of,
            } => any_of,
            _ => &[],
        };
        values.iter().filter_map(|value| match value {
            Value::Address(range) if range.start() == range.end() => Some(*range.start()),
            _ => None,
        })
    }
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Source,
    Destination,
    SourcePort,
    DestinationPort,
    InInterface,
    OutInterface,
    Protocol,
    Family,
    State,
    User,
}

/// What it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Address(RangeInclusive<IpAddr>),
    Number(RangeInclusive<u64>),
    /// With `*` at its end: a beginning.
    Name(String),
}

impl Value {
    /// An address with a prefix length.
    pub(super) fn network(address: IpAddr, length: u32) -> Self {
        let ends = match address {
            IpAddr::V4(v4) => {
                let host = u32::MAX.checked_shr(length).unwrap_or(0);
                let first = v4.to_bits() & !host;
                (IpAddr::V4(first.into()), IpAddr::V4((first | host).into()))
            }
            IpAddr::V6(v6) => {
                let host = u128::MAX.checked_shr(length).unwrap_or(0);
                let first = v6.to_bits() & !host;
                (IpAddr::V6(first.into()), IpAddr::V6((first | host).into()))
            }
        };
        Self::Address(ends.0..=ends.1)
    }

    /// `10.0.0.0/8`, `10.0.0.1`, `7080`, `lo`.
    pub(super) fn parse(text: &str) -> Self {
        let (head, length) = text
            .split_once('/')
            .map_or((text, None), |(head, length)| (head, length.parse().ok()));
        match (head.parse::<IpAddr>(), text.parse::<u64>()) {
            (Ok(address), _) => Self::network(address, length.unwrap_or(128)),
            (_, Ok(number)) => Self::Number(number..=number),
            _ => Self::Name(text.to_owned()),
        }
    }
}

/// What a rule does with what it matches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Action {
    /// Counts, logs, marks: the packet goes on.
    #[default]
    Nothing,
    Accept,
    Refuse(Refusal),
    Jump(String),
    Goto(String),
    Return,
    /// By value; what is not listed goes on.
    Map(Subject, Vec<(Value, Action)>),
    /// Something that may end the walk, not understood.
    Unknown,
}

/// How a packet is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Silently: the caller waits (504).
    Drop,
    /// With an answer, in nft's words: `tcp reset`, `icmp port-unreachable`; empty if not known. The caller fails at once.
    Reject(String),
}

/// Who seems to manage a rule, by the names it uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// ufw.
    Ufw,
    /// firewalld.
    Firewalld,
    /// Docker.
    Docker,
    /// fail2ban.
    Fail2ban,
    /// CrowdSec's firewall bouncer.
    Crowdsec,
    /// A hand, or a script.
    Plain,
}

impl Owner {
    /// From the names of table and chain, and of the sets that the rule asks.
    pub(super) fn guess(table: &str, chain: &str, rule: &str) -> Self {
        let has = |signs: &[&str]| {
            signs
                .iter()
                .any(|sign| table.contains(sign) || chain.starts_with(sign))
        };
        let asks =
            |set: &str| rule.contains(&format!("@{set}")) || rule.contains(&format!("--match-set {set}"));
        if has(&["ufw"]) {
            Self::Ufw
        } else if has(&["f2b-", "fail2ban"]) || asks("f2b-") {
            Self::Fail2ban
        } else if has(&["crowdsec", "CROWDSEC"]) || asks("crowdsec") {
            Self::Crowdsec
        } else if has(&["DOCKER", "docker"]) {
            Self::Docker
        } else if has(&[
            "firewalld",
            "filter_INPUT",
            "filter_OUTPUT",
            "filter_IN_",
            "IN_",
            "INPUT_",
            "OUTPUT_direct",
        ]) {
            Self::Firewalld
        } else {
            Self::Plain
        }
    }
}
