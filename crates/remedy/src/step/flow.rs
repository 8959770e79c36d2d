//! One rule of a packet filter, in the words of the tool that owns it.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A rule that lets one flow through, in the words of the tool that owns the packet filter.
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
