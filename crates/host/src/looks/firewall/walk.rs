//! A flow's way through the chains, as the kernel takes it.

use super::{
    Flow, Obstacle, Way,
    rules::{Action, Base, Chain, Owner, Refusal, Rule, Ruleset, Subject, Test, Value},
};
use std::net::IpAddr;

/// The kernel refuses deeper jumps, too (nft: 16).
const MAX_DEPTH: usize = 16;
/// Most rules looked at in one walk: chains that jump to chains can multiply.
const MAX_RULES: usize = 200_000;
/// Most obstacles told.
const MAX_FOUND: usize = 1_000;

pub(super) fn obstacles(ruleset: &Ruleset, flow: &Flow) -> Vec<Obstacle> {
    let hooks: &[&str] = match flow.way {
        Way::In => &["prerouting", "input"],
        Way::Out => &["output", "postrouting"],
    };
    let mut bases: Vec<(&Chain, &Base)> = ruleset
        .chains
        .iter()
        .filter_map(|chain| Some((chain, chain.base.as_ref()?)))
        .collect();
    bases.retain(|(chain, base)| hooks.contains(&base.hook.as_str()) && chain.family.takes(flow.destination));
    bases.sort_by_key(|(_, base)| (hooks.iter().position(|hook| *hook == base.hook), base.priority));
    let mut walk = Walk {
        ruleset,
        flow,
        hook: "",
        certain: true,
        left: MAX_RULES,
        found: Vec::new(),
    };
    for (chain, base) in bases {
        walk.hook = &base.hook;
        if walk.base_chain(chain, base) == Outcome::Refused {
            break;
        }
    }
    walk.found
}

/// How a chain was left.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// At its end or by `return`.
    Through,
    /// For certain, by `accept`: the base chain is done.
    Accepted,
    /// For certain, by `drop` or `reject`: everything is done.
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    Maybe,
    Yes,
}

struct Walk<'a> {
    ruleset: &'a Ruleset,
    flow: &'a Flow,
    hook: &'a str,
    /// The flow surely gets here.
    certain: bool,
    left: usize,
    found: Vec<Obstacle>,
}

impl<'a> Walk<'a> {
    /// What may have been accepted in one base chain goes on to the next for all we know.
    fn base_chain(&mut self, chain: &'a Chain, base: &Base) -> Outcome {
        let certain = self.certain;
        let mut outcome = self.chain(chain, 0);
        if outcome == Outcome::Through && base.drops {
            let policy = Rule {
                place: "policy".into(),
                text: "policy drop".into(),
                counted: base.counted,
                ..Rule::default()
            };
            outcome = self.refused(chain, &policy, &Refusal::Drop, Fit::Yes);
        }
        if outcome == Outcome::Accepted {
            self.certain = certain;
        }
        outcome
    }

    fn chain(&mut self, chain: &'a Chain, depth: usize) -> Outcome {
        for rule in &chain.rules {
            let Some(left) = self.left.checked_sub(1).filter(|_| self.found.len() < MAX_FOUND) else {
                self.certain = false;
                return Outcome::Through;
            };
            self.left = left;
            let fit = rule
                .tests
                .iter()
                .map(|test| fit(self.flow, test))
                .min()
                .unwrap_or(Fit::Yes);
            if fit == Fit::No {
                continue;
            }
            match self.act(chain, rule, &rule.action, fit, depth) {
                Step::Next => {}
                Step::Leave(outcome) => return outcome,
            }
        }
        Outcome::Through
    }

    fn act(&mut self, chain: &'a Chain, rule: &'a Rule, action: &'a Action, fit: Fit, depth: usize) -> Step {
        match action {
            Action::Nothing => Step::Next,
            Action::Unknown => self.perhaps(Fit::Maybe, Outcome::Accepted),
            Action::Accept => self.perhaps(fit, Outcome::Accepted),
            Action::Return => self.perhaps(fit, Outcome::Through),
            Action::Refuse(refusal) => match self.refused(chain, rule, refusal, fit) {
                Outcome::Refused => Step::Leave(Outcome::Refused),
                _ => Step::Next,
            },
            Action::Jump(name) => match self.enter(chain, name, fit, depth) {
                Outcome::Through => Step::Next,
                outcome => Step::Leave(outcome),
            },
            Action::Goto(name) => match self.enter(chain, name, fit, depth) {
                Outcome::Through => self.perhaps(fit, Outcome::Through),
                outcome => Step::Leave(outcome),
            },
            Action::Map(subject, entries) => self.look_up(chain, rule, (*subject, entries), fit, depth),
        }
    }

    /// Leaves for certain, or goes on not knowing whether the flow does.
    fn perhaps(&mut self, fit: Fit, outcome: Outcome) -> Step {
        if fit == Fit::Yes {
            return Step::Leave(outcome);
        }
        self.certain = false;
        Step::Next
    }

    fn enter(&mut self, from: &Chain, name: &str, fit: Fit, depth: usize) -> Outcome {
        let is_it =
            |chain: &&Chain| (chain.family, &chain.table) == (from.family, &from.table) && chain.name == name;
        let Some(chain) = self
            .ruleset
            .chains
            .iter()
            .find(is_it)
            .filter(|_| depth < MAX_DEPTH)
        else {
            self.certain = false;
            return Outcome::Through;
        };
        if fit == Fit::Yes {
            return self.chain(chain, depth + 1);
        }
        // what follows in there is no more certain than that we get there, and what happens there may not happen
        let before = std::mem::replace(&mut self.certain, false);
        let outcome = self.chain(chain, depth + 1);
        self.certain = before && outcome == Outcome::Through && !self.may_have_left(chain);
        Outcome::Through
    }

    /// Something in the chain could have taken the flow off.
    fn may_have_left(&self, chain: &Chain) -> bool {
        chain
            .rules
            .iter()
            .any(|rule| !matches!(rule.action, Action::Nothing | Action::Return | Action::Refuse(_)))
    }

    fn look_up(
        &mut self,
        chain: &'a Chain,
        rule: &'a Rule,
        (subject, entries): (Subject, &'a [(Value, Action)]),
        fit: Fit,
        depth: usize,
    ) -> Step {
        for (value, action) in entries {
            let fit = fit.min(holds(self.flow, subject, std::slice::from_ref(value)));
            if fit != Fit::No
                && let Step::Leave(outcome) = self.act(chain, rule, action, fit, depth)
            {
                return Step::Leave(outcome);
            }
        }
        Step::Next
    }

    fn refused(&mut self, chain: &Chain, rule: &Rule, refusal: &Refusal, fit: Fit) -> Outcome {
        let certain = self.certain && fit == Fit::Yes;
        self.found.push(Obstacle {
            family: chain.family,
            table: chain.table.clone(),
            chain: chain.name.clone(),
            hook: self.hook.to_owned(),
            place: rule.place.clone(),
            refusal: refusal.clone(),
            counted: rule.counted,
            rule: rule.text.clone(),
            comment: rule.comment.clone(),
            owner: Owner::guess(&chain.table, &chain.name, &rule.text),
            certain,
        });
        if fit == Fit::Yes {
            Outcome::Refused
        } else {
            Outcome::Through
        }
    }
}

enum Step {
    Next,
    Leave(Outcome),
}

fn fit(flow: &Flow, test: &Test) -> Fit {
    match test {
        Test::Never => Fit::No,
        Test::Unknown => Fit::Maybe,
        Test::Is {
            subject,
            negated,
            any_of,
        } => match (holds(flow, *subject, any_of), negated) {
            (Fit::Yes, true) => Fit::No,
            (Fit::No, true) => Fit::Yes,
            (fit, _) => fit,
        },
    }
}

fn holds(flow: &Flow, subject: Subject, any_of: &[Value]) -> Fit {
    let known = |value: Option<Value>| match value {
        None => Fit::Maybe,
        Some(value) if any_of.iter().any(|other| contains(other, &value)) => Fit::Yes,
        Some(_) => Fit::No,
    };
    match subject {
        Subject::Source => known(address(flow.source)),
        Subject::Destination => known(address(flow.destination)),
        Subject::SourcePort => known(number(flow.source_port)),
        Subject::DestinationPort => known(number(flow.destination_port)),
        Subject::InInterface if is_elsewhere(flow, Way::In, any_of) => Fit::No,
        Subject::OutInterface if is_elsewhere(flow, Way::Out, any_of) => Fit::No,
        Subject::InInterface => known(interface(flow, Way::In)),
        Subject::OutInterface => known(interface(flow, Way::Out)),
        Subject::User => known(number(flow.user)),
        Subject::Protocol => either(known(name("tcp")), known(number(Some(6_u32)))),
        Subject::Family => known(name(if flow.destination.is_ipv4() {
            "ipv4"
        } else {
            "ipv6"
        })),
        Subject::State => known(name(if flow.is_new { "new" } else { "established" })),
    }
}

fn either(one: Fit, other: Fit) -> Fit {
    one.max(other)
}

/// An unspecified address is some address of ours.
fn address(address: IpAddr) -> Option<Value> {
    (!address.is_unspecified()).then_some(Value::Address(address..=address))
}

fn number(number: Option<impl Into<u64>>) -> Option<Value> {
    number
        .map(Into::into)
        .map(|number| Value::Number(number..=number))
}

fn name(name: &str) -> Option<Value> {
    Some(Value::Name(name.to_owned()))
}

/// A packet on its way out has no interface it came in by, and the reverse: that is the empty name.
fn interface(flow: &Flow, side: Way) -> Option<Value> {
    if flow.way == side {
        flow.interface.as_deref().and_then(name)
    } else {
        name("")
    }
}

/// Only `lo` is asked for, and this packet goes to another host.
fn is_elsewhere(flow: &Flow, side: Way, any_of: &[Value]) -> bool {
    let is_lo = |value: &Value| *value == Value::Name("lo".to_owned());
    flow.abroad && flow.way == side && any_of.iter().all(is_lo)
}

fn contains(set: &Value, one: &Value) -> bool {
    match (set, one) {
        (Value::Address(set), Value::Address(one)) => {
            set.start().is_ipv4() == one.start().is_ipv4() && set.contains(one.start())
        }
        (Value::Number(set), Value::Number(one)) => set.contains(one.start()),
        (Value::Name(set), Value::Name(one)) => match set.strip_suffix('*') {
            Some(beginning) => one.starts_with(beginning) && !one.is_empty(),
            None => set == one,
        },
        _ => false,
    }
}
