//! Bans that hit whoever speaks for visitors.

use crate::{
    World,
    observe::{filtered_elsewhere, firewall_rule, foreign_master},
    topology::ports_of,
    world::FirewallRule,
};
use host::{
    Host, Look, Looks,
    looks::firewall::{Firewall, Flow, Obstacle, Owner, Way},
};
use logscan::scan::Trusted;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Banned proxies told at most.
const MOST: usize = 20;

/// A ban of an address whose word nginx takes for who its visitors are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BannedProxy {
    /// Whose.
    pub address: IpAddr,
    /// The port of nginx's that it can't reach.
    pub port: u16,
    /// The rule that carries it out.
    pub rule: FirewallRule,
}

/// Asks for the packet filter only where some nginx believes a proxy.
pub(super) fn look(host: &dyn Host, world: &World) -> Look<Vec<BannedProxy>> {
    if world.nginx.iter().all(|nginx| nginx.proxies.is_empty()) {
        return Ok(Vec::new());
    }
    if (0..world.nginx.len()).any(|nginx| foreign_master(world, nginx).is_some()) {
        return Err(filtered_elsewhere());
    }
    Ok(of(&host.firewall()?, world))
}

fn of(firewall: &Firewall, world: &World) -> Vec<BannedProxy> {
    let banned = firewall.banned();
    let of_nginx = |(index, nginx): (usize, &crate::world::Nginx)| {
        let trusted = Trusted::new(nginx.proxies.iter().map(String::as_str));
        let ports = ports_of(&world.routes, index);
        let proxies = banned.iter().filter(move |it| trusted.holds(**it));
        proxies.filter_map(move |address| {
            let mut rules = ports.iter().filter_map(|port| ban(firewall, *address, *port));
            rules.next()
        })
    };
    let mut all: Vec<BannedProxy> = Vec::new();
    for it in world.nginx.iter().enumerate().flat_map(of_nginx) {
        if all.len() < MOST && !all.contains(&it) {
            all.push(it);
        }
    }
    all
}

/// The ban that a connection from there to that port meets for sure.
fn ban(firewall: &Firewall, address: IpAddr, port: u16) -> Option<BannedProxy> {
    let ours = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let flow = Flow {
        way: Way::In,
        source: address,
        interface: None,
        abroad: true,
        ..Flow::out_to(ours, port)
    };
    let is_ban = |it: &Obstacle| it.certain && matches!(it.owner, Owner::Fail2ban | Owner::Crowdsec);
    let obstacle = firewall.obstacles(&flow).into_iter().find(is_ban)?;
    Some(BannedProxy {
        address,
        port,
        rule: firewall_rule(&obstacle, true),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;
    use host::looks::firewall::Family;

    fn banned(proxies: &[&str], saved: &str) -> Vec<(String, u16, String)> {
        let fixture = Fixture::gunicorn().with(|it| {
            it.world.nginx[0].proxies = proxies.iter().map(|it| (*it).to_owned()).collect();
        });
        let mut world = fixture.world.clone();
        world.routes = fixture.case().route.iter().cloned().collect();
        let firewall = Firewall::from_iptables(saved.as_bytes(), Family::Ip);
        let shown = |it: BannedProxy| (it.address.to_string(), it.port, it.rule.owner);
        of(&firewall, &world).into_iter().map(shown).collect()
    }

    #[test]
    fn a_ban_of_a_believed_proxy_on_the_ports_of_the_site_is_seen() {
        let saved = "*filter\n:INPUT ACCEPT [0:0]\n:f2b-http - [0:0]\n-A INPUT -p tcp -m multiport --dports 80,443 -j f2b-http\n\
                     -A f2b-http -s 198.51.100.7/32 -j REJECT --reject-with icmp-port-unreachable\n\
                     -A f2b-http -s 203.0.113.9/32 -j DROP\n-A f2b-http -j RETURN\nCOMMIT\n";
        assert_eq!(
            banned(&["198.51.100.0/24"], saved),
            [("198.51.100.7".to_owned(), 80, "fail2ban".to_owned())]
        );
        // visitors may be banned, and a jail of another port does not hurt
        assert!(banned(&["192.0.2.0/24"], saved).is_empty());
        assert!(banned(&["198.51.100.0/24"], &saved.replace("80,443", "22")).is_empty());
        // what is accepted before never comes to the ban
        let first = saved.replace(
            "-A INPUT -p",
            "-A INPUT -s 198.51.100.0/24 -j ACCEPT\n-A INPUT -p",
        );
        assert!(banned(&["198.51.100.0/24"], &first).is_empty());
        // a person's rule is a person's will
        assert!(banned(&["198.51.100.0/24"], &saved.replace("f2b-http", "mine")).is_empty());
    }
}
