//! Bans: rules that a program wrote because of what some log said, and takes back itself when it is told to.

use crate::{evidence::quote, world::FirewallRule};
use std::net::IpAddr;

/// Whose ban a rule is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ban {
    /// fail2ban's, by one of its jails.
    Fail2ban {
        /// `sshd`, `recidive`
        jail: String,
    },
    /// CrowdSec's, through its firewall bouncer.
    Crowdsec,
}

impl Ban {
    /// The ban that this rule carries out. fail2ban names chains (iptables) and sets (nftables, ipset) after the jail.
    pub fn of(rule: &FirewallRule) -> Option<Self> {
        match rule.owner.as_str() {
            "fail2ban" => Some(Self::Fail2ban { jail: jail(rule)? }),
            "crowdsec" => Some(Self::Crowdsec),
            _ => None,
        }
    }

    /// The command that lifts it for one address, and the one that keeps it from coming back.
    pub fn lifted(&self, ip: IpAddr) -> String {
        match self {
            Self::Fail2ban { jail } => {
                let jail = quote(jail);
                format!(
                    "fail2ban-client set {jail} unbanip {ip}; and against the next one put {ip} into ignoreip of \
                     /etc/fail2ban/jail.local (fail2ban-client set {jail} addignoreip {ip})"
                )
            }
            Self::Crowdsec => format!(
                "cscli decisions delete --ip {ip}; and against the next one a whitelist for {ip} \
                 (/etc/crowdsec/parsers/s02-enrich/)"
            ),
        }
    }
}

/// `iptables filter f2b-sshd rule 1`; `… ip saddr @addr-set-sshd reject …`; `-m set --match-set f2b-sshd src`.
fn jail(rule: &FirewallRule) -> Option<String> {
    const SIGNS: [&str; 3] = ["@addr-set-", "@addr6-set-", "f2b-"];
    let words = || rule.place.split(' ').chain(rule.text.split(' '));
    let named = |sign: &&str| {
        let jail = words().find_map(|word| word.strip_prefix(*sign));
        // the table and the chain that all jails share
        jail.filter(|jail| !matches!(*jail, "table" | "chain" | ""))
    };
    SIGNS.iter().find_map(named).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{FirewallAction, FlowMatch};

    fn rule(owner: &str, place: &str, text: &str) -> FirewallRule {
        FirewallRule {
            text: format!("{place}: {text}"),
            place: place.into(),
            action: FirewallAction::Drop,
            matches: FlowMatch::Yes,
            packets: None,
            owner: owner.into(),
            command: String::new(),
        }
    }

    #[test]
    fn the_jail_is_in_the_names() {
        let rows = [
            (
                "fail2ban",
                "iptables filter f2b-sshd rule 1",
                "-A f2b-sshd -s 192.0.2.7/32 -j REJECT",
                Some("sshd"),
            ),
            (
                "fail2ban",
                "table inet f2b-table chain f2b-chain handle 4",
                "ip saddr @addr-set-nginx-limit-req reject with icmp port-unreachable",
                Some("nginx-limit-req"),
            ),
            (
                "fail2ban",
                "table inet f2b-table chain f2b-chain handle 4",
                "ip6 saddr @addr6-set-recidive drop",
                Some("recidive"),
            ),
            (
                "fail2ban",
                "iptables filter INPUT rule 2",
                "-A INPUT -m set --match-set f2b-sshd src -j DROP",
                Some("sshd"),
            ),
            (
                "fail2ban",
                "table inet f2b-table chain f2b-chain handle 4",
                "drop",
                None,
            ),
        ];
        for (owner, place, text, jail) in rows {
            let expect = jail.map(|jail| Ban::Fail2ban { jail: jail.into() });
            assert_eq!(Ban::of(&rule(owner, place, text)), expect, "{place} {text}");
        }
        assert_eq!(
            Ban::of(&rule(
                "crowdsec",
                "table ip crowdsec chain crowdsec-chain handle 3",
                "drop"
            )),
            Some(Ban::Crowdsec)
        );
        assert_eq!(
            Ban::of(&rule(
                "nftables",
                "table inet filter chain input handle 4",
                "drop"
            )),
            None
        );
    }
}
