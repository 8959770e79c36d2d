//! One flow through the running packet filter, in the tool that owns it. nftables, iptables and
//! firewalld keep rules for good in files, which are steps of their own; ufw keeps them itself.

use super::{
    ban, nft,
    run::{self, Said, failed},
};
use crate::{FlowRule, StepFailed};
use std::{net::IpAddr, time::Duration};

/// firewalld may reload everything for one rule.
pub(super) const LIMIT: Duration = Duration::from_secs(20);
/// Another iptables may hold the lock: seconds to wait for it.
const LOCK: [&str; 2] = ["-w", "5"];
/// What a plan may name as the program.
const IPTABLES: &[&str] = &[
    "iptables",
    "iptables-legacy",
    "iptables-nft",
    "ip6tables",
    "ip6tables-legacy",
    "ip6tables-nft",
];

/// Lets the flow through.
pub(super) fn accept(rule: &FlowRule) -> Result<(), StepFailed> {
    match rule {
        FlowRule::Nft {
            family,
            table,
            chain,
            before,
            rule,
        } => nft::Chain { family, table, chain }.insert(rule, *before),
        FlowRule::Iptables {
            program,
            chain,
            before,
            rule,
        } => {
            let filter = Iptables { program, chain, rule };
            if filter.has()? {
                Ok(())
            } else {
                filter.insert(*before)
            }
        }
        FlowRule::Ufw { rule } => ufw(&["prepend"], rule),
        FlowRule::Firewalld { zone, port } => firewalld(("zone", zone), ("port", port), true),
        FlowRule::FirewalldPolicy { policy, rule } => {
            firewalld(("policy", policy), ("rich-rule", rule), true)
        }
        FlowRule::Fail2ban { jail, address } => fail2ban(jail, "unbanip", *address),
        FlowRule::Crowdsec { address, .. } => crowdsec(&["delete", "--ip", &address.to_string()]),
        FlowRule::Own { addresses, ports, .. } => ban::let_through(addresses, ports),
    }
}

/// Takes the rule out again.
pub(super) fn refuse(rule: &FlowRule) -> Result<(), StepFailed> {
    match rule {
        FlowRule::Nft {
            family,
            table,
            chain,
            rule,
            ..
        } => nft::Chain { family, table, chain }.delete(rule),
        FlowRule::Iptables {
            program, chain, rule, ..
        } => {
            let filter = Iptables { program, chain, rule };
            if filter.has()? { filter.delete() } else { Ok(()) }
        }
        FlowRule::Ufw { rule } => ufw(&["--force", "delete"], rule),
        FlowRule::Firewalld { zone, port } => firewalld(("zone", zone), ("port", port), false),
        FlowRule::FirewalldPolicy { policy, rule } => {
            firewalld(("policy", policy), ("rich-rule", rule), false)
        }
        FlowRule::Fail2ban { jail, address } => fail2ban(jail, "banip", *address),
        FlowRule::Crowdsec { address, minutes } => {
            let (duration, reason) = FlowRule::decision(*minutes);
            let ip = address.to_string();
            crowdsec(&["add", "--ip", &ip, "--duration", &duration, "--reason", reason])
        }
        FlowRule::Own {
            addresses,
            ports,
            minutes,
        } => ban::refuse(addresses, ports, *minutes),
    }
}

struct Iptables<'a> {
    program: &'a str,
    chain: &'a str,
    rule: &'a [String],
}

impl Iptables<'_> {
    /// 1 says that there is no such rule, chain or match; anything else that we could not ask.
    fn has(&self) -> Result<bool, StepFailed> {
        let said = self.run("-C", None)?;
        match said.status {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(self.failed("-C", &said)),
        }
    }

    fn insert(&self, number: u32) -> Result<(), StepFailed> {
        self.good("-I", Some(number))
    }

    fn delete(&self) -> Result<(), StepFailed> {
        self.good("-D", None)
    }

    fn good(&self, verb: &str, number: Option<u32>) -> Result<(), StepFailed> {
        let said = self.run(verb, number)?;
        if said.is_good() {
            Ok(())
        } else {
            Err(self.failed(verb, &said))
        }
    }

    fn run(&self, verb: &str, number: Option<u32>) -> Result<Said, StepFailed> {
        if !IPTABLES.contains(&self.program) || self.chain.starts_with('-') {
            return Err(failed(format!(
                "{} {}: no filter that we change",
                self.program, self.chain
            )));
        }
        let number = number.map(|number| number.to_string());
        let mut args = Vec::from(LOCK);
        args.extend([verb, self.chain]);
        args.extend(number.as_deref());
        args.extend(self.rule.iter().map(String::as_str));
        run::tool(self.program, &args, LIMIT)
    }

    fn failed(&self, verb: &str, said: &Said) -> StepFailed {
        failed(format!(
            "{} {verb} {}: {}",
            self.program,
            self.chain,
            said.reason()
        ))
    }
}

/// An address that is banned, or not, already is passed over.
fn fail2ban(jail: &str, verb: &str, address: IpAddr) -> Result<(), StepFailed> {
    if jail.starts_with('-') {
        return Err(failed(format!("{jail}: no jail")));
    }
    let said = run::tool(
        "fail2ban-client",
        &["set", jail, verb, &address.to_string()],
        LIMIT,
    )?;
    match said.is_good() {
        true => Ok(()),
        false => Err(failed(format!("fail2ban-client: {}", said.reason()))),
    }
}

fn crowdsec(args: &[&str]) -> Result<(), StepFailed> {
    let said = run::tool("cscli", &[&["decisions"], args].concat(), LIMIT)?;
    match said.is_good() {
        true => Ok(()),
        false => Err(failed(format!("cscli: {}", said.reason()))),
    }
}

/// ufw itself passes over a rule that it has, and one to delete that it has not.
fn ufw(verb: &[&str], rule: &[String]) -> Result<(), StepFailed> {
    let args: Vec<&str> = verb
        .iter()
        .copied()
        .chain(rule.iter().map(String::as_str))
        .collect();
    let said = run::tool("ufw", &args, LIMIT)?;
    let absent = said
        .lines()
        .any(|line| line.contains("Could not delete non-existent rule"));
    match said.is_good() || absent {
        true => Ok(()),
        false => Err(failed(format!("ufw: {}", said.reason()))),
    }
}

/// What holds now; for good is a file of firewalld, which is a step of its own.
fn firewalld(place: (&str, &str), what: (&str, &str), open: bool) -> Result<(), StepFailed> {
    let place = format!("--{}={}", place.0, place.1);
    let command = |verb: &str| {
        let change = format!("--{verb}-{}={}", what.0, what.1);
        run::tool("firewall-cmd", &[&place, &change], LIMIT)
    };
    let is_open = match command("query")? {
        said if said.status == Some(0) => true,
        // 1 is "no"; others say that it could not be asked
        said if said.status == Some(1) => false,
        said => return Err(failed(format!("firewall-cmd: {}", said.reason()))),
    };
    if is_open == open {
        return Ok(());
    }
    let said = command(if open { "add" } else { "remove" })?;
    match said.is_good() {
        true => Ok(()),
        false => Err(failed(format!("firewall-cmd: {}", said.reason()))),
    }
}
