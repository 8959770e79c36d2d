//! What a firewall does to one TCP flow: which rules can refuse it, found by walking the chains as the kernel does.
//!
//! A rule that tests something we do not understand *may* match: it is told as a possibility, never as a certainty.

mod iptables;
mod nft;
mod rules;
mod walk;

use crate::{Host, Look, Looks, Tool, Unseen};
use rules::{Action, Ruleset, Test};
pub use rules::{Family, Owner, Refusal};
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

/// Packets of one direction of a TCP connection, at one host. A local connection passes the host twice (out, then in),
/// and its replies twice the other way: ask about each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Into this host or out of it.
    pub way: Way,
    /// Where from.
    pub source: IpAddr,
    /// Port there, if known.
    pub source_port: Option<u16>,
    /// Where to.
    pub destination: IpAddr,
    /// Port there, if known.
    pub destination_port: Option<u16>,
    /// Interface it comes in or goes out by (`lo`), if known.
    pub interface: Option<String>,
    /// Its other end is another host: whatever the interface, it is not `lo`.
    pub abroad: bool,
    /// User that sends it, if it is sent here and known.
    pub user: Option<u32>,
    /// It begins a connection; replies and later packets don't.
    pub is_new: bool,
}

/// Which chains a flow passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `prerouting`, `input`.
    In,
    /// `output`, `postrouting`.
    Out,
}

impl Flow {
    /// All packets of a connection from here to there, as they pass this host; `ours` is an address of this host.
    pub fn of_connection(to: SocketAddr, ours: bool) -> Vec<Self> {
        let out = Self {
            abroad: !ours,
            ..Self::out_to(to.ip(), to.port())
        };
        let back = out.clone().reply();
        match ours {
            true => vec![out.clone(), out.arriving(), back.clone(), back.arriving()],
            false => vec![out, Self { way: Way::In, ..back }],
        }
    }

    /// The first packet from here to there.
    pub fn out_to(destination: IpAddr, port: u16) -> Self {
        let source = if destination.is_loopback() {
            destination
        } else {
            unspecified(destination)
        };
        Self {
            way: Way::Out,
            source,
            source_port: None,
            destination,
            destination_port: Some(port),
            interface: destination.is_loopback().then(|| "lo".into()),
            abroad: false,
            user: None,
            is_new: true,
        }
    }

    /// The same packet as it comes in on this host, where the address is one of its own: by way of `lo`.
    pub fn arriving(mut self) -> Self {
        self.way = Way::In;
        self.interface = Some("lo".into());
        self.user = None;
        self
    }

    /// The answer to this packet, on its way out of the host that was called.
    pub fn reply(self) -> Self {
        Self {
            way: Way::Out,
            source: self.destination,
            source_port: self.destination_port,
            destination: self.source,
            destination_port: self.source_port,
            interface: self.interface,
            abroad: self.abroad,
            user: None,
            is_new: false,
        }
    }
}

/// Stands for "some address of ours": tests of the source may match.
fn unspecified(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// A rule, or a chain's policy, that refuses a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// Address family of its table.
    pub family: Family,
    /// Table.
    pub table: String,
    /// The chain it stands in.
    pub chain: String,
    /// The hook through which it was reached: `input`, `output`…
    pub hook: String,
    /// Where it stands: `handle 12` (nft), `rule 3` (iptables), `policy`.
    pub place: String,
    /// What it does.
    pub refusal: Refusal,
    /// Packets and bytes it has hit, where it counts.
    pub counted: Option<(u64, u64)>,
    /// The rule, as a person writes it.
    pub rule: String,
    /// Its comment.
    pub comment: Option<String>,
    /// Who seems to manage it.
    pub owner: Owner,
    /// The flow is surely refused, here at the latest; else it may be, by something we could not decide.
    pub certain: bool,
}

/// All rules of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firewall(Ruleset);

impl Firewall {
    /// From the output of `nft -j list ruleset`; `None` if it is not that.
    pub fn from_nft(json: &[u8]) -> Option<Self> {
        nft::parse(json).map(Self)
    }

    /// From the output of `iptables-save -c`, or of `ip6tables-save -c`.
    pub fn from_iptables(saved: &[u8], family: Family) -> Self {
        Self(iptables::parse(&String::from_utf8_lossy(saved), family))
    }

    /// Adds rules seen by iptables. Tables that both tools show are taken from iptables, which knows its own matches.
    pub fn merge(&mut self, iptables: Self) {
        let seen = |chain: &rules::Chain| {
            iptables
                .0
                .chains
                .iter()
                .any(|other| (other.family, &other.table) == (chain.family, &chain.table))
        };
        self.0.chains.retain(|chain| !seen(chain));
        self.0.chains.extend(iptables.0.chains);
    }

    /// There are no rules at all.
    pub fn is_empty(&self) -> bool {
        self.0.chains.iter().all(|chain| chain.rules.is_empty())
    }

    /// Addresses that bans of fail2ban and CrowdSec name one by one.
    pub fn banned(&self) -> BTreeSet<IpAddr> {
        let bans = |chain: &rules::Chain, rule: &rules::Rule| {
            matches!(rule.action, Action::Refuse(_))
                && matches!(
                    Owner::guess(&chain.table, &chain.name, &rule.text),
                    Owner::Fail2ban | Owner::Crowdsec
                )
        };
        let chains = self.0.chains.iter();
        let rules = chains.flat_map(|chain| chain.rules.iter().filter(move |rule| bans(chain, rule)));
        rules
            .flat_map(|rule| &rule.tests)
            .flat_map(Test::sources)
            .collect()
    }

    /// What can refuse this flow, in the order the kernel comes to it. Certain ones end the walk.
    pub fn obstacles(&self, flow: &Flow) -> Vec<Obstacle> {
        walk::obstacles(&self.0, flow)
    }
}

/// The rules of the live host, from whichever tools it has. Rules of iptables' old kernel interface are known only to
/// `iptables-legacy-save`; nft and the rest show the same rules twice.
pub(super) fn look<H: Host + ?Sized>(host: &H) -> Look<Firewall> {
    let nft = host.run(Tool::NftRuleset).and_then(|output| {
        Firewall::from_nft(&output.stdout.0).ok_or_else(|| Unseen::Unusable {
            what: "nft list ruleset".into(),
            why: "not the JSON of nft".into(),
        })
    });
    let mut saved = Vec::new();
    for (v6, legacy) in [(false, false), (true, false), (false, true), (true, true)] {
        let family = if v6 { Family::Ip6 } else { Family::Ip };
        if let Ok(output) = host.run(Tool::IptablesSave { v6, legacy }) {
            saved.push(Firewall::from_iptables(&output.stdout.0, family));
        }
    }
    let mut firewall = match nft {
        Err(unseen) if saved.is_empty() => return Err(unseen),
        other => other.unwrap_or_default(),
    };
    saved.into_iter().for_each(|rules| firewall.merge(rules));
    Ok(firewall)
}

#[cfg(test)]
mod tests;
