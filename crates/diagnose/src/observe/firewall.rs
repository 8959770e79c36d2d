//! Packet filter rules that meet the way to a peer, or the way back.

use super::{Sights, stance::foreign_master};
use crate::{
    World,
    case::{PeerSight, listens_on},
    elsewhere::is_ours,
    evidence::quote,
    world::{FirewallAction, FirewallRule, FlowMatch},
};
use host::{
    Host, Look, Looks, Unseen,
    looks::firewall::{Firewall, Flow, Obstacle, Owner, Refusal},
};
use std::net::SocketAddr;

/// Rules told of one peer.
const MOST: usize = 12;

/// The rules, where some peer fails for a reason that they could be.
pub(super) fn look(host: &dyn Host, world: &World, sights: &[Sights]) -> Option<Look<Firewall>> {
    let mut peers = sights.iter().flat_map(|it| &it.peers);
    peers
        .any(|peer| may_be_filtered(world, peer))
        .then(|| host.firewall())
}

/// It fails although somebody listens there, or may on another host.
fn may_be_filtered(world: &World, peer: &PeerSight) -> bool {
    let Some(to) = peer.endpoint.tcp() else {
        return false;
    };
    let mut listeners = world.listeners().ok().into_iter().flatten();
    let listens = listeners.any(|socket| listens_on(socket, &peer.endpoint));
    peer.reachable() == Some(false) && (listens || !is_ours(world, to.ip()))
}

/// Tells each such peer of a case what may stop it.
pub(super) fn tell(world: &World, firewall: &Look<Firewall>, nginx: usize, peers: &mut [PeerSight]) {
    let foreign = foreign_master(world, nginx).is_some();
    for peer in peers.iter_mut().filter(|peer| may_be_filtered(world, peer)) {
        let Some(to) = peer.endpoint.tcp() else { continue };
        peer.firewall = match firewall {
            _ if foreign => Err(elsewhere()),
            Ok(firewall) => Ok(rules(firewall, world, to)),
            Err(unseen) => Err(unseen.clone()),
        };
    }
}

pub(crate) fn elsewhere() -> Unseen {
    Unseen::Unusable {
        what: "the packet filter".to_owned(),
        why: "nginx runs in another network namespace".to_owned(),
    }
}

/// What can refuse a connection: the request on its way out, on its way in where the peer is on this host, and the
/// answers likewise.
fn rules(firewall: &Firewall, world: &World, to: SocketAddr) -> Vec<FirewallRule> {
    let flows = Flow::of_connection(to, is_ours(world, to.ip()));
    let mut rules: Vec<FirewallRule> = Vec::new();
    let of_flow = |flow: &Flow| {
        let is_new = flow.is_new;
        let obstacles = firewall.obstacles(flow);
        obstacles.into_iter().map(move |obstacle| rule(&obstacle, is_new))
    };
    for rule in flows.iter().flat_map(of_flow) {
        if rules.len() < MOST && !rules.iter().any(|known| known.place == rule.place) {
            rules.push(rule);
        }
    }
    rules
}

/// A refused answer is refused to its sender, the backend: nginx hears nothing.
pub(crate) fn rule(obstacle: &Obstacle, is_new: bool) -> FirewallRule {
    let Obstacle {
        table, chain, place, ..
    } = obstacle;
    let family = obstacle.family.name();
    let of_iptables = place.starts_with("rule ");
    let (place, command) = if of_iptables {
        let tool = if family == "ip6" { "ip6tables" } else { "iptables" };
        let command = format!("{tool} -t {} -nvL {} --line-numbers", quote(table), quote(chain));
        (format!("{tool} {table} {chain} {place}"), command)
    } else {
        let command = format!("nft -a list chain {family} {} {}", quote(table), quote(chain));
        (format!("table {family} {table} chain {chain} {place}"), command)
    };
    let owner = match obstacle.owner {
        Owner::Ufw => "ufw",
        Owner::Firewalld => "firewalld",
        Owner::Docker => "docker",
        Owner::Fail2ban => "fail2ban",
        Owner::Crowdsec => "crowdsec",
        Owner::Plain if of_iptables => "iptables",
        Owner::Plain => "nftables",
    };
    FirewallRule {
        text: format!("{place}: {}", obstacle.rule),
        action: if obstacle.refusal == Refusal::Drop || !is_new {
            FirewallAction::Drop
        } else {
            FirewallAction::Reject
        },
        matches: if obstacle.certain {
            FlowMatch::Yes
        } else {
            FlowMatch::Perhaps
        },
        packets: obstacle.counted.map(|(packets, _)| packets),
        owner: owner.to_owned(),
        place,
        command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;
    use host::looks::firewall::Family;

    #[test]
    fn a_rule_is_told_with_its_place_and_command() {
        let saved = b"*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n[5:300] -A INPUT -p tcp -m tcp --dport 8000 -j DROP\nCOMMIT\n";
        let firewall = Firewall::from_iptables(saved, Family::Ip);
        let world = Fixture::gunicorn().world;
        let rules = rules(&firewall, &world, ([127, 0, 0, 1], 8000).into());
        assert_eq!(rules.len(), 1);
        assert_eq!(
            (rules[0].action, rules[0].matches),
            (FirewallAction::Drop, FlowMatch::Yes)
        );
        assert_eq!(rules[0].command, "iptables -t filter -nvL INPUT --line-numbers");
        assert_eq!(rules[0].packets, Some(5));
    }

    #[test]
    fn a_refused_answer_is_silence_for_nginx() {
        let saved = b"*filter\n:INPUT ACCEPT [0:0]\n:f2b-scan - [0:0]\n[9:540] -A INPUT -p tcp -j f2b-scan\n\
            [3:180] -A f2b-scan -s 192.0.2.7/32 -j REJECT --reject-with icmp-port-unreachable\n\
            [6:360] -A f2b-scan -j RETURN\nCOMMIT\n";
        let firewall = Firewall::from_iptables(saved, Family::Ip);
        let world = Fixture::gunicorn().world;
        let rules = rules(&firewall, &world, ([192, 0, 2, 7], 8080).into());
        let shown: Vec<_> = rules
            .iter()
            .map(|it| (it.action, it.matches, it.owner.as_str()))
            .collect();
        assert_eq!(shown, [(FirewallAction::Drop, FlowMatch::Yes, "fail2ban")]);
    }

    #[test]
    fn bans_in_sets_are_found_with_their_owner() {
        let json = br#"{"nftables":[{"table":{"family":"ip","name":"crowdsec","handle":1}},
            {"set":{"family":"ip","name":"crowdsec-blacklists","table":"crowdsec","type":"ipv4_addr","handle":2,"flags":["timeout"],
             "elem":[{"elem":{"val":"192.0.2.7","timeout":14400,"expires":14000}}]}},
            {"chain":{"family":"ip","table":"crowdsec","name":"crowdsec-chain","handle":3,"type":"filter","hook":"input","prio":-10,"policy":"accept"}},
            {"rule":{"family":"ip","table":"crowdsec","chain":"crowdsec-chain","handle":4,"expr":[
             {"match":{"op":"==","left":{"payload":{"protocol":"ip","field":"saddr"}},"right":"@crowdsec-blacklists"}},
             {"counter":{"packets":7,"bytes":420}},{"drop":null}]}}]}"#;
        let firewall = Firewall::from_nft(json).expect("the JSON of nft");
        let world = Fixture::gunicorn().world;
        let found = |ip| rules(&firewall, &world, (ip, 8080).into());
        let banned = found([192, 0, 2, 7]);
        assert_eq!(banned.len(), 1);
        assert_eq!(
            (banned[0].owner.as_str(), banned[0].matches, banned[0].packets),
            ("crowdsec", FlowMatch::Yes, Some(7))
        );
        assert!(found([192, 0, 2, 8]).is_empty());
    }
}
