//! firewalld: a port of a zone for what comes in, a rich rule of a policy for what goes out. It keeps what holds now and
//! what holds for good apart; the latter are files, which are edited as such: firewall-cmd would leave copies of them.

use super::{CannotDraft, desk::Desk, files::ROOT_READABLE};
use crate::{FlowRule, Step};
use host::{
    Looks,
    looks::firewall::{Flow, Obstacle, Way},
};
use std::{net::SocketAddr, path::Path};

/// What it was told, and what came with it and is not to be changed.
const OURS: &str = "/etc/firewalld";
const PACKAGED: &str = "/usr/lib/firewalld";
/// Before all rules without a priority, those that refuse among them (firewalld.richlanguage(5)).
const FIRST: &str = "-100";

/// Lets the flow through, where firewalld has a rule that stops it.
pub(super) fn accept(
    desk: &mut Desk,
    obstacle: &Obstacle,
    flow: &Flow,
    to: SocketAddr,
) -> Result<(), CannotDraft> {
    if !flow.is_new {
        let why = "firewalld lets answers through by itself: this rule is none of its own making";
        return Err(CannotDraft::new(why, "firewall-cmd --direct --get-all-rules"));
    }
    if let Some(policy) = policy_of(&obstacle.chain) {
        return by_policy(desk, policy, to);
    }
    if flow.way != Way::In {
        let instead = "make a policy with ingress zone HOST that accepts it: man firewalld.policies";
        let why = "firewalld opens ports of this host in a zone; this flow goes out of it";
        return Err(CannotDraft::new(why, instead));
    }
    let zone = match part_of(&obstacle.chain, &["filter_IN_", "IN_"]) {
        Some(zone) => zone.to_owned(),
        None => default_zone(desk)?,
    };
    let port = format!("{}/tcp", to.port());
    desk.note(format!(
        "firewalld opens port {} to everybody whom zone {zone} lets in",
        to.port()
    ));
    let line = format!("  <port port=\"{}\" protocol=\"tcp\"/>\n", to.port());
    keep(desk, "zone", &zone, &line)?;
    desk.push(Step::AcceptFlow {
        rule: FlowRule::Firewalld { zone, port },
    });
    Ok(())
}

fn by_policy(desk: &mut Desk, policy: &str, to: SocketAddr) -> Result<(), CannotDraft> {
    let (address, port) = (to.ip(), to.port());
    let family = if to.is_ipv4() { "ipv4" } else { "ipv6" };
    let xml = format!(
        "  <rule family=\"{family}\" priority=\"{FIRST}\">\n    <destination address=\"{address}\"/>\n    \
         <port port=\"{port}\" protocol=\"tcp\"/>\n    <accept/>\n  </rule>\n"
    );
    keep(desk, "policy", policy, &xml)?;
    let rule = format!(
        "rule priority=\"{FIRST}\" family=\"{family}\" destination address=\"{address}\" \
         port port=\"{port}\" protocol=\"tcp\" accept"
    );
    desk.push(Step::AcceptFlow {
        rule: FlowRule::FirewalldPolicy {
            policy: policy.to_owned(),
            rule,
        },
    });
    Ok(())
}

/// For good: a line before the end of the zone's or policy's file. One that firewalld only brought along is copied first.
fn keep(desk: &mut Desk, kind: &str, name: &str, line: &str) -> Result<(), CannotDraft> {
    let dir = if kind == "zone" { "zones" } else { "policies" };
    let [ours, packaged] = [OURS, PACKAGED].map(|root| format!("{root}/{dir}/{name}.xml"));
    let file = desk.find(Path::new(&ours))?;
    let bytes = match &file.content {
        Some(content) => content.bytes.clone(),
        None => desk.find(Path::new(&packaged))?.bytes().to_owned(),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match text.rfind(&format!("</{kind}>")) {
        Some(end) => desk.write(
            file,
            [&text[..end], line, &text[end..]].concat().into_bytes(),
            ROOT_READABLE,
        ),
        None => {
            desk.note(format!(
                "{kind} {name} is not in a file: firewalld forgets this at its next reload; for good: firewall-cmd --runtime-to-permanent"
            ));
            Ok(())
        }
    }
}

/// `egress` of `filter_OUT_policy_egress_deny`.
fn policy_of(chain: &str) -> Option<&str> {
    part_of(
        chain,
        &["filter_OUT_policy_", "filter_IN_policy_", "filter_FWD_policy_"],
    )
}

/// `public` of `filter_IN_public_deny`, of `IN_public`.
fn part_of<'c>(chain: &'c str, before: &[&str]) -> Option<&'c str> {
    let rest = before.iter().find_map(|before| chain.strip_prefix(before))?;
    let parts = ["_pre", "_log", "_deny", "_allow", "_post"];
    let name = parts
        .iter()
        .find_map(|part| rest.strip_suffix(part))
        .unwrap_or(rest);
    (!name.is_empty()).then_some(name)
}

fn default_zone(desk: &Desk) -> Result<String, CannotDraft> {
    let conf = desk
        .host
        .file(Path::new("/etc/firewalld/firewalld.conf"))?
        .unwrap_or_default();
    let conf = String::from_utf8_lossy(&conf).into_owned();
    let set = conf
        .lines()
        .find_map(|line| line.trim().strip_prefix("DefaultZone="));
    Ok(set.map_or("public", str::trim).to_owned())
}
