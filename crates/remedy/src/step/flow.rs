//! One rule of a packet filter, or one ban, in the words of the tool that owns it.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What lets one flow through, or refuses it, in the words of the tool that owns the packet filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "tool")]
pub enum FlowRule {
    /// `nft insert rule FAMILY TABLE CHAIN [position HANDLE] RULE`
    Nft {
        /// `inet`
        family: String,
        /// `filter`
        table: String,
        /// `input`
        chain: String,
        /// Handle of the rule that stops the flow: ours goes before it; `None` where the chain's policy does.
        before: Option<u64>,
        /// `ip daddr 127.0.0.1 tcp dport 9000 accept comment "why502"`
        rule: String,
    },
    /// `iptables -I CHAIN NUMBER RULE`
    Iptables {
        /// `iptables`, `ip6tables`, or a `-legacy` sibling
        program: String,
        /// `INPUT`
        chain: String,
        /// Number of the rule that stops the flow.
        before: u32,
        /// `["-d", "127.0.0.1", "-p", "tcp", …, "-j", "ACCEPT"]`
        rule: Vec<String>,
    },
    /// `ufw prepend RULE`; ufw keeps it for good.
    Ufw {
        /// `["allow", "out", "to", "10.0.0.2", "port", "8080", "proto", "tcp"]`
        rule: Vec<String>,
    },
    /// `fail2ban-client set JAIL unbanip ADDRESS`
    Fail2ban {
        /// The jail whose ban it is.
        jail: String,
        /// The banned address.
        address: IpAddr,
    },
    /// `cscli decisions delete --ip ADDRESS`
    Crowdsec {
        /// The banned address.
        address: IpAddr,
        /// A ban of ours ends then; `None` is one of CrowdSec's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minutes: Option<u32>,
    },
    /// Addresses in our own table of nftables: what comes from them is dropped.
    Own {
        /// The banned addresses.
        addresses: Vec<IpAddr>,
        /// On these ports.
        ports: Vec<u16>,
        /// It ends by itself then.
        minutes: u32,
    },
    /// `firewall-cmd --zone=ZONE --add-port=PORT`, now; for good is a file of firewalld.
    Firewalld {
        /// The zone.
        zone: String,
        /// `8080/tcp`
        port: String,
    },
    /// `firewall-cmd --policy=POLICY --add-rich-rule=RULE`, now; for good is a file of firewalld.
    FirewalldPolicy {
        /// The policy.
        policy: String,
        /// `rule priority="-100" family="ipv4" destination address="10.0.0.2" port port="8080" protocol="tcp" accept`
        rule: String,
    },
}

impl FlowRule {
    /// The addresses that it bans, and for how many minutes where we decide that; `None` where it is no ban.
    pub fn ban(&self) -> Option<(Vec<IpAddr>, Option<u32>)> {
        match self {
            Self::Fail2ban { address, .. } => Some((vec![*address], None)),
            Self::Crowdsec { address, minutes } => Some((vec![*address], *minutes)),
            Self::Own {
                addresses, minutes, ..
            } => Some((addresses.clone(), Some(*minutes))),
            _ => None,
        }
    }

    /// `203.0.113.7, 203.0.113.9`: the addresses that it bans.
    pub fn banned(&self) -> Option<String> {
        let (addresses, _) = self.ban()?;
        let addresses: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        Some(addresses.join(", "))
    }

    /// How long a decision of CrowdSec lasts, and why it says that it was made. How long one of its own would have lasted
    /// went with it: four hours is what it takes by itself.
    pub(crate) fn decision(minutes: Option<u32>) -> (String, &'static str) {
        match minutes {
            Some(minutes) => (format!("{minutes}m"), "why502: too many requests"),
            None => ("4h".to_owned(), "taken back by why502"),
        }
    }
}
