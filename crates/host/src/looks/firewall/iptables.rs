//! `iptables-save -c`.

use super::rules::{Action, Base, Chain, Family, Refusal, Rule, Ruleset, Subject, Test, Value};

/// Modules that only carry options we read ourselves.
const UNDERSTOOD: &[&str] = &["tcp", "multiport", "comment", "conntrack", "state", "owner"];

pub(super) fn parse(saved: &str, family: Family) -> Ruleset {
    let (mut ruleset, mut table) = (Ruleset::default(), String::new());
    for line in saved.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name.trim().to_owned();
        } else if let Some(chain) = line
            .strip_prefix(':')
            .and_then(|line| chain(line, family, &table))
        {
            ruleset.chains.push(chain);
        } else {
            add_rule(&mut ruleset, &table, line);
        }
    }
    ruleset
}

/// `INPUT DROP [3:180]`; a chain of one's own has `-` for a policy.
fn chain(line: &str, family: Family, table: &str) -> Option<Chain> {
    let mut words = line.split_whitespace();
    let (name, policy) = (words.next()?, words.next()?);
    let base = (policy != "-").then(|| Base {
        hook: name.to_ascii_lowercase(),
        priority: priority(table),
        drops: policy == "DROP",
        counted: words.next().and_then(counters),
    });
    Some(Chain {
        family,
        table: table.to_owned(),
        name: name.to_owned(),
        base,
        rules: Vec::new(),
    })
}

/// include/uapi/linux/netfilter_ipv4.h
fn priority(table: &str) -> i64 {
    match table {
        "raw" => -300,
        "mangle" => -150,
        "nat" => -100,
        "security" => 50,
        _ => 0,
    }
}

/// `[3:180]`: packets, bytes.
fn counters(word: &str) -> Option<(u64, u64)> {
    let (packets, bytes) = word.strip_prefix('[')?.strip_suffix(']')?.split_once(':')?;
    Some((packets.parse().ok()?, bytes.parse().ok()?))
}

/// `[1:60] -A OUTPUT -p tcp -m tcp --dport 7080 -j REJECT --reject-with tcp-reset`
fn add_rule(ruleset: &mut Ruleset, table: &str, line: &str) {
    let (counted, spec) = match line.split_once("] ") {
        Some((head, spec)) if line.starts_with('[') => (counters(&format!("{head}]")), spec),
        _ => (None, line),
    };
    let words = split(spec);
    let [append, chain, options @ ..] = words.as_slice() else {
        return;
    };
    let is_chain = |name: &str| {
        ruleset
            .chains
            .iter()
            .any(|chain| chain.table == table && chain.name == name)
    };
    let rule = Rule {
        counted,
        text: spec.to_owned(),
        ..options_of(options, is_chain)
    };
    let found = ruleset
        .chains
        .iter_mut()
        .find(|other| other.table == table && other.name == *chain);
    if let Some(chain) = found.filter(|_| append == "-A") {
        let place = format!("rule {}", chain.rules.len() + 1);
        chain.rules.push(Rule { place, ..rule });
    }
}

/// Words, with quotes and backslashes undone.
fn split(spec: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut escaped) = (Vec::new(), String::new(), false, false);
    for letter in spec.chars() {
        match letter {
            _ if escaped => {
                word.push(letter);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(std::mem::take(&mut word)),
            _ => word.push(letter),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn options_of(options: &[String], is_chain: impl Fn(&str) -> bool) -> Rule {
    let mut rule = Rule::default();
    let (mut words, mut negated) = (options.iter().map(String::as_str), false);
    while let Some(option) = words.next() {
        if option == "!" {
            negated = true;
            continue;
        }
        if !option.starts_with('-') {
            // the value of an option we don't know
            continue;
        }
        match option {
            "-j" => rule.action = target(words.next().unwrap_or_default(), &is_chain),
            "-g" => rule.action = Action::Goto(words.next().unwrap_or_default().to_owned()),
            "--comment" => rule.comment = words.next().map(str::to_owned),
            "--reject-with" => rule.action = Action::Refuse(Refusal::Reject(reject(words.next()))),
            "-m" => rule.tests.extend(module(words.next().unwrap_or_default())),
            _ if is_of_target(&rule.action) => {}
            _ => rule.tests.push(test(option, &mut words, negated)),
        }
        negated = false;
    }
    rule
}

/// Options behind `-j` are the target's, no conditions.
fn is_of_target(action: &Action) -> bool {
    *action != Action::Nothing
}

fn module(name: &str) -> Option<Test> {
    (!UNDERSTOOD.contains(&name)).then_some(Test::Unknown)
}

fn test<'a>(option: &str, words: &mut impl Iterator<Item = &'a str>, negated: bool) -> Test {
    let subject = match option {
        "-s" => Subject::Source,
        "-d" => Subject::Destination,
        "-p" => Subject::Protocol,
        "-i" => Subject::InInterface,
        "-o" => Subject::OutInterface,
        "--sport" | "--sports" => Subject::SourcePort,
        "--dport" | "--dports" => Subject::DestinationPort,
        "--ctstate" | "--state" => Subject::State,
        "--uid-owner" => Subject::User,
        _ => return Test::Unknown,
    };
    let value = words.next().unwrap_or_default();
    let any_of = value.split(',').map(|part| self::value(subject, part)).collect();
    Test::Is {
        subject,
        negated,
        any_of,
    }
}

fn value(subject: Subject, text: &str) -> Value {
    match (subject, text.split_once(':')) {
        (Subject::SourcePort | Subject::DestinationPort, Some((first, last))) => {
            Value::Number(first.parse().unwrap_or(0)..=last.parse().unwrap_or(u64::from(u16::MAX)))
        }
        (Subject::State, _) => Value::Name(text.to_ascii_lowercase()),
        (Subject::InInterface | Subject::OutInterface, _) => Value::Name(match text.strip_suffix('+') {
            Some(beginning) => format!("{beginning}*"),
            None => text.to_owned(),
        }),
        (Subject::Source | Subject::Destination, _) => network(text),
        _ => Value::parse(text),
    }
}

/// `10.0.0.0/8`, `10.0.0.0/255.0.0.0`.
fn network(text: &str) -> Value {
    let mask = text
        .split_once('/')
        .and_then(|(_, mask)| mask.parse::<std::net::Ipv4Addr>().ok());
    match (text.split_once('/'), mask) {
        (Some((address, _)), Some(mask)) => {
            Value::parse(&format!("{address}/{}", mask.to_bits().leading_ones()))
        }
        _ => Value::parse(text),
    }
}

fn target(name: &str, is_chain: impl Fn(&str) -> bool) -> Action {
    match name {
        "ACCEPT" => Action::Accept,
        "DROP" => Action::Refuse(Refusal::Drop),
        // without --reject-with, which iptables-save always writes
        "REJECT" => Action::Refuse(Refusal::Reject("icmp port-unreachable".into())),
        "RETURN" => Action::Return,
        _ if is_chain(name) => Action::Jump(name.to_owned()),
        "NFQUEUE" | "QUEUE" | "TARPIT" => Action::Unknown,
        _ => Action::Nothing,
    }
}

/// In nft's words: `tcp-reset` -> `tcp reset`, `icmp-port-unreachable` -> `icmp port-unreachable`.
fn reject(with: Option<&str>) -> String {
    with.unwrap_or_default().replacen('-', " ", 1)
}
