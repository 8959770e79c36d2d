//! One flow let through, in the tool that owns the rule which stops it: in the running packet filter, and in the file
//! that the tool reads at boot where that file holds the rule.

use super::{
    CannotDraft,
    desk::Desk,
    files::ROOT_READABLE,
    firewalld, kernel,
    ruleset_file::{self, Anchor},
    settings,
};
use crate::{FlowRule, Step, Test};
use diagnose::{
    ban::Ban,
    elsewhere::is_ours,
    world::{FirewallRule, FlowMatch},
};
use host::{
    Endpoint, Look, Looks, Tool,
    looks::firewall::{Family, Firewall, Flow, Obstacle, Owner, Way},
};
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
};

/// Rulesets of Debian and of RHEL.
const NFT_FILES: &[&str] = &[
    "/etc/nftables.conf",
    "/etc/sysconfig/nftables.conf",
    "/etc/nftables/main.nft",
];

/// Puts a rule for exactly this flow before the one that stops it.
pub(super) fn accept(desk: &mut Desk, rule: &FirewallRule, to: &Endpoint) -> Result<(), CannotDraft> {
    let to = to.tcp().ok_or_else(|| {
        let why = format!("no packet filter stands before {to}");
        CannotDraft::new(why, "look at the socket with ss -xlp")
    })?;
    let firewall = desk.host.firewall()?;
    // a rule may fit the requests for all we know and the answers for certain
    let flows = Flow::of_connection(to, is_ours(desk.world(), to.ip()));
    let stopped = flows
        .into_iter()
        .filter_map(|flow| Some((obstacle(&firewall, &flow, &rule.place)?, flow)))
        .filter(|(obstacle, _)| obstacle.certain || rule.matches == FlowMatch::Perhaps)
        .min_by_key(|(obstacle, _)| !obstacle.certain);
    let Some((obstacle, flow)) = stopped else {
        let why = format!("the rule is gone: {}", rule.text);
        return Err(CannotDraft::new(
            why,
            format!("run why502 again, or look: {}", rule.command),
        ));
    };
    match obstacle.owner {
        Owner::Ufw => ufw(desk, &obstacle, &flow, to),
        Owner::Firewalld => firewalld::accept(desk, &obstacle, &flow, to),
        Owner::Docker => {
            let instead = format!(
                "iptables -I DOCKER-USER -d {} -p tcp --dport {} -j ACCEPT",
                to.ip(),
                to.port()
            );
            Err(CannotDraft::new(
                "Docker writes these rules anew whenever a container starts",
                instead,
            ))
        }
        Owner::Fail2ban | Owner::Crowdsec => lift(desk, rule, to.ip()),
        Owner::Plain => match iptables_program(desk, &obstacle, &flow) {
            Some(program) => iptables(desk, program, &obstacle, &flow),
            None => nft(desk, &obstacle, &flow),
        },
    }
}

/// A ban is lifted by the program that imposed it, and may come back.
fn lift(desk: &mut Desk, rule: &FirewallRule, address: IpAddr) -> Result<(), CannotDraft> {
    let lifted = match Ban::of(rule) {
        Some(Ban::Fail2ban { jail }) => FlowRule::Fail2ban { jail, address },
        Some(Ban::Crowdsec) => FlowRule::Crowdsec {
            address,
            minutes: None,
        },
        None => {
            let why = "that rule does not say which jail of fail2ban it is of";
            return Err(CannotDraft::new(why, format!("fail2ban-client unban {address}")));
        }
    };
    desk.note(match &lifted {
        FlowRule::Fail2ban { jail, .. } => format!(
            "the jail {jail} bans {address} again for the same reason: put it into ignoreip of /etc/fail2ban/jail.local"
        ),
        _ => format!("CrowdSec bans {address} again for the same reason: whitelist it in /etc/crowdsec/parsers/s02-enrich/"),
    });
    desk.push(Step::AcceptFlow { rule: lifted });
    Ok(())
}

fn obstacle(firewall: &Firewall, flow: &Flow, place: &str) -> Option<Obstacle> {
    firewall.obstacles(flow).into_iter().find(|found| {
        let Obstacle {
            table,
            chain,
            place: at,
            ..
        } = found;
        let family = found.family.name();
        let tool = if family == "ip6" { "ip6tables" } else { "iptables" };
        place == format!("table {family} {table} chain {chain} {at}")
            || place == format!("{tool} {table} {chain} {at}")
    })
}

/// The end of the flow that is the backend: its address, its port, and whether packets go there.
fn backend(flow: &Flow) -> (IpAddr, Option<u16>, bool) {
    match flow.is_new {
        true => (flow.destination, flow.destination_port, true),
        false => (flow.source, flow.source_port, false),
    }
}

fn nft(desk: &mut Desk, obstacle: &Obstacle, flow: &Flow) -> Result<(), CannotDraft> {
    let (address, port, towards) = backend(flow);
    let (port, family) = (
        port.unwrap_or_default(),
        if address.is_ipv4() { "ip" } else { "ip6" },
    );
    let way = if towards { "d" } else { "s" };
    let rule = format!("{family} {way}addr {address} tcp {way}port {port} accept comment \"why502\"");
    let before = obstacle
        .place
        .strip_prefix("handle ")
        .and_then(|handle| handle.parse().ok());
    keep_nft(desk, obstacle, &rule)?;
    desk.push(Step::AcceptFlow {
        rule: FlowRule::Nft {
            family: obstacle.family.name().to_owned(),
            table: obstacle.table.clone(),
            chain: obstacle.chain.clone(),
            before,
            rule,
        },
    });
    Ok(())
}

/// For good: a line before the rule's own in the file that nftables reads at boot.
fn keep_nft(desk: &mut Desk, obstacle: &Obstacle, rule: &str) -> Result<(), CannotDraft> {
    let anchor = match obstacle.place.as_str() {
        "policy" => Anchor::Policy,
        _ => Anchor::Rule(&obstacle.rule),
    };
    for path in NFT_FILES {
        let found = desk.find(Path::new(path))?;
        let Some(edited) = settings::text(&found)
            .ok()
            .and_then(|text| ruleset_file::nft(text, &obstacle.table, &obstacle.chain, &anchor, rule))
        else {
            continue;
        };
        let path = found.path.clone();
        desk.write(found, edited.into_bytes(), ROOT_READABLE)?;
        desk.push(Step::Test {
            test: Test::Nft { path },
        });
        return Ok(());
    }
    not_kept(desk, obstacle, rule);
    Ok(())
}

fn not_kept(desk: &mut Desk, obstacle: &Obstacle, rule: &str) {
    let Obstacle {
        table,
        chain,
        rule: stops,
        ..
    } = obstacle;
    desk.note(format!(
        "no file that is read at boot holds the rule \"{stops}\" of {table} {chain}: what made it may make it again; there, put before it: {rule}"
    ));
}

fn iptables(desk: &mut Desk, program: &str, obstacle: &Obstacle, flow: &Flow) -> Result<(), CannotDraft> {
    if obstacle.table != "filter" {
        let why = format!(
            "the rule stands in the table {}, where nothing is let through for good",
            obstacle.table
        );
        return Err(CannotDraft::new(
            why,
            format!("{program} -t {} -nvL --line-numbers", obstacle.table),
        ));
    }
    let (address, port, towards) = backend(flow);
    let (address, port) = (address.to_string(), port.unwrap_or_default().to_string());
    let (host, number) = if towards {
        ("-d", "--dport")
    } else {
        ("-s", "--sport")
    };
    let rule: Vec<String> = [
        host,
        &*address,
        "-p",
        "tcp",
        number,
        &*port,
        "-m",
        "comment",
        "--comment",
        "why502",
        "-j",
        "ACCEPT",
    ]
    .map(str::to_owned)
    .into();
    keep_iptables(
        desk,
        obstacle,
        &format!("-A {} {}", obstacle.chain, rule.join(" ")),
    )?;
    let before = obstacle
        .place
        .strip_prefix("rule ")
        .and_then(|number| number.parse().ok());
    desk.push(Step::AcceptFlow {
        rule: FlowRule::Iptables {
            program: program.to_owned(),
            chain: obstacle.chain.clone(),
            before: before.unwrap_or(1),
            rule,
        },
    });
    Ok(())
}

/// For good: iptables-persistent's file on Debian, iptables-services' on RHEL.
fn keep_iptables(desk: &mut Desk, obstacle: &Obstacle, line: &str) -> Result<(), CannotDraft> {
    let files = match obstacle.family {
        Family::Ip6 => ["/etc/iptables/rules.v6", "/etc/sysconfig/ip6tables"],
        _ => ["/etc/iptables/rules.v4", "/etc/sysconfig/iptables"],
    };
    for path in files {
        let found = desk.find(Path::new(path))?;
        let anchor = match obstacle.place.as_str() {
            "policy" => Anchor::Policy,
            _ => Anchor::Rule(&obstacle.rule),
        };
        let edited = settings::text(&found)
            .ok()
            .and_then(|text| ruleset_file::iptables(text, &obstacle.chain, &anchor, line));
        if let Some(edited) = edited {
            return desk.write(found, edited.into_bytes(), ROOT_READABLE);
        }
    }
    not_kept(desk, obstacle, line);
    Ok(())
}

/// The program that made the rule, if it is one of iptables' kin: the one whose own list holds it.
fn iptables_program(desk: &Desk, obstacle: &Obstacle, flow: &Flow) -> Option<&'static str> {
    let v6 = flow.destination.is_ipv6();
    let names = match v6 {
        false => [(false, "iptables"), (true, "iptables-legacy")],
        true => [(false, "ip6tables"), (true, "ip6tables-legacy")],
    };
    let holds = |legacy: bool| -> Look<bool> {
        let saved = desk.host.run(Tool::IptablesSave { v6, legacy })?;
        let family = if v6 { Family::Ip6 } else { Family::Ip };
        let found = Firewall::from_iptables(&saved.stdout.0, family).obstacles(flow);
        let same = |other: &Obstacle| {
            (&other.table, &other.chain, &other.place) == (&obstacle.table, &obstacle.chain, &obstacle.place)
        };
        Ok(found.iter().any(same))
    };
    let holder = names
        .into_iter()
        .find(|(legacy, _)| holds(*legacy).unwrap_or(false));
    holder.map(|(_, name)| name)
}

fn ufw(desk: &mut Desk, obstacle: &Obstacle, flow: &Flow, to: SocketAddr) -> Result<(), CannotDraft> {
    let way = match (flow.is_new, flow.way) {
        (true, Way::Out) => "out",
        (true, Way::In) => "in",
        (false, _) => {
            let why = "ufw stops the answers, not the requests: that is no rule of its own making";
            return Err(CannotDraft::new(
                why,
                "look at /etc/ufw/before.rules and /etc/ufw/after.rules",
            ));
        }
    };
    let (address, port) = (to.ip().to_string(), to.port().to_string());
    let mut rule: Vec<String> = ["allow", way, "to", &*address, "port", &*port, "proto", "tcp"]
        .map(str::to_owned)
        .into();
    // ufw takes a rule for the same flow for the same rule, whatever it says of it, and leaves that one as it is
    let is_the_same = [format!("-d {address}/32"), format!("--dport {port}")];
    if way == "out"
        && is_the_same
            .iter()
            .all(|part| obstacle.rule.contains(part.as_str()))
    {
        let device = kernel::device(desk, to.ip())?;
        rule.splice(2..2, ["on".to_owned(), device]);
    }
    desk.push(Step::AcceptFlow {
        rule: FlowRule::Ufw { rule },
    });
    Ok(())
}
