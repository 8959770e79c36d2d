//! Packet filter rules on the way to a failing peer: what `firewall-reject` and `firewall-drop` have in common.

use crate::{
    Case, Evidence, Measure, Opinion, Rank, Remedy, Source,
    ban::Ban,
    case::PeerSight,
    elsewhere::is_ours,
    evidence::quote,
    world::{FirewallAction, FirewallRule, FlowMatch},
};
use host::{Endpoint, answer::Socket};
use std::net::SocketAddr;

/// Tools that take a rule for one flow and keep it, or lift a ban. Docker writes its rules anew.
const OWNERS: [&str; 6] = ["crowdsec", "fail2ban", "firewalld", "iptables", "nftables", "ufw"];

/// A peer that fails as a rule of this kind would make it fail.
#[derive(Clone, Copy, Debug)]
pub struct Filtered<'a> {
    /// The peer.
    pub peer: &'a PeerSight,
    /// Its address.
    pub to: SocketAddr,
    /// The rule that meets the flow best, if one was seen.
    pub rule: Option<&'a FirewallRule>,
    /// Who listens there, where the address is this host's own.
    pub listener: Option<&'a Socket>,
    /// The address is this host's own.
    pub ours: bool,
}

/// The failing peer, of those that `fails` picks, with the surest rule of this kind.
pub fn find(case: &Case, action: FirewallAction, fails: impl Fn(&PeerSight) -> bool) -> Option<Filtered<'_>> {
    case.failing_peers()
        .filter(|peer| fails(peer))
        .filter_map(|peer| sight(case, peer, action))
        .max_by_key(|it| it.rule.map(certainty))
}

fn sight<'a>(case: &'a Case, peer: &'a PeerSight, action: FirewallAction) -> Option<Filtered<'a>> {
    let to = peer.endpoint.tcp()?;
    let ours = is_ours(&case.world, to.ip());
    let rules = peer.firewall.as_ref().map_or(&[][..], Vec::as_slice);
    Some(Filtered {
        peer,
        to,
        rule: rules
            .iter()
            .filter(|rule| rule.action == action)
            .max_by_key(|rule| certainty(rule)),
        listener: case.listener(&peer.endpoint).ok().flatten().filter(|_| ours),
        ours,
    })
}

fn certainty(rule: &FirewallRule) -> (bool, u64) {
    (rule.matches == FlowMatch::Yes, rule.packets.unwrap_or(0))
}

impl Filtered<'_> {
    /// What the rule, and the listener it stands before, say.
    pub fn evidence(&self) -> Vec<Evidence> {
        let mut evidence: Vec<Evidence> = self.rule.map(|rule| self.of_rule(rule)).into_iter().collect();
        evidence.extend(self.listener.map(|_| {
            Evidence::supports(
                Rank::Hint,
                format!("a process listens on {}, yet nginx gets no connection", self.to),
                Source::listeners(&self.peer.endpoint),
            )
        }));
        if let Err(unseen) = &self.peer.firewall {
            evidence.push(Evidence::supports(
                Rank::Hint,
                format!("the packet filter could not be read: {unseen}"),
                Source::command("nft list ruleset"),
            ));
        }
        evidence
    }

    fn of_rule(&self, rule: &FirewallRule) -> Evidence {
        let counted = rule.packets.is_some_and(|packets| packets > 0);
        let rank = match (rule.matches, self.listener.is_some(), counted) {
            (FlowMatch::Yes, true, _) | (FlowMatch::Yes, _, true) => Rank::Decisive,
            (FlowMatch::Yes, ..) | (FlowMatch::Perhaps, true, true) => Rank::Strong,
            (FlowMatch::Perhaps, ..) => Rank::Hint,
        };
        let does = match rule.action {
            FirewallAction::Drop => "drops",
            FirewallAction::Reject => "rejects",
        };
        let packets = rule
            .packets
            .map_or(String::new(), |n| format!(", {n} packets so far"));
        Evidence::supports(
            rank,
            format!(
                "a rule of {} {does} this flow{packets}: {} ({})",
                rule.owner, rule.text, rule.place
            ),
            Source::command(rule.command.clone()),
        )
    }

    /// The opinion of the cause whose evidence this is.
    pub fn opinion(&self, evidence: Vec<Evidence>, fate: &str) -> Opinion {
        let by = self
            .rule
            .map_or("a packet filter we did not see".to_owned(), |rule| {
                format!("a rule of {} ({})", rule.owner, rule.place)
            });
        Opinion {
            subject: self.rule.map_or(self.to.to_string(), |rule| rule.place.clone()),
            says: format!("{by} {fate} nginx's packets to {}", self.to),
            evidence,
        }
    }

    /// The same, done: where the rule is known to meet the flow, and its owner is a tool that can be told.
    pub fn remedies(&self) -> Vec<Remedy> {
        let told =
            |rule: &&FirewallRule| rule.matches == FlowMatch::Yes && OWNERS.contains(&rule.owner.as_str());
        let told = |rule: &&FirewallRule| told(rule) && (rule.owner != "fail2ban" || Ban::of(rule).is_some());
        let remedy = self.rule.filter(told).map(|rule| {
            let title = match Ban::of(rule) {
                Some(_) => format!("have {} lift its ban of {}", rule.owner, self.to.ip()),
                None => format!("let connections to {} pass, in {}", self.to, rule.owner),
            };
            let (rule, to) = (rule.clone(), self.peer.endpoint.clone());
            Remedy::ask(title, vec![Measure::Accept { rule, to }])
        });
        remedy.into_iter().collect()
    }

    /// Exactly this flow let through, in the tool that owns the rule. Nothing else is opened and nothing flushed.
    pub fn advice(&self) -> String {
        let Some(rule) = self.rule else {
            return format!(
                "read the packet filter of this host as root (nft list ruleset) and of the host that owns {}",
                self.to.ip()
            );
        };
        let (ip, port, outgoing) = (self.to.ip(), self.to.port(), is_outgoing(rule));
        match rule.owner.as_str() {
            "ufw" if outgoing => format!("ufw prepend allow out to {ip} port {port} proto tcp"),
            "ufw" => format!("ufw prepend allow in to {ip} port {port} proto tcp"),
            "firewalld" if !outgoing => {
                format!("firewall-cmd --permanent --add-port={port}/tcp && firewall-cmd --reload")
            }
            // what a rule of iptables accepts, firewalld's own table still refuses
            "firewalld" if policy(rule).is_some() => format!(
                "firewall-cmd --permanent --policy={} --add-rich-rule='rule priority=\"-100\" family=\"{}\" \
                 destination address=\"{ip}\" port port=\"{port}\" protocol=\"tcp\" accept' && firewall-cmd --reload",
                quote(policy(rule).unwrap_or_default()),
                if ip.is_ipv6() { "ipv6" } else { "ipv4" }
            ),
            "firewalld" => format!(
                "firewall-cmd --permanent --direct --add-rule {} filter OUTPUT -1 -p tcp -d {ip} --dport {port} -j ACCEPT \
                 && firewall-cmd --reload",
                if ip.is_ipv6() { "ipv6" } else { "ipv4" }
            ),
            "fail2ban" | "crowdsec" => match Ban::of(rule) {
                Some(ban) => ban.lifted(ip),
                None => format!("fail2ban-client unban {ip}, and put {ip} into ignoreip of jail.local"),
            },
            "docker" => format!(
                "iptables -I DOCKER-USER -d {ip} -p tcp --dport {port} -j ACCEPT: Docker writes its own chains anew"
            ),
            "nftables" => self.with_nft(rule),
            _ => self.with_iptables(rule),
        }
    }

    fn with_nft(&self, rule: &FirewallRule) -> String {
        let (ip, accept) = (self.to.ip(), self.accept_in_nft(rule));
        match NftPlace::parse(&rule.place) {
            Some(at) => format!(
                "nft insert rule {} position {} {accept}; and the line `{accept}` before that rule in /etc/nftables.conf",
                at.chain, at.handle
            ),
            None => format!("put `{accept}` before the rule {} (peer {ip})", rule.place),
        }
    }

    fn accept_in_nft(&self, rule: &FirewallRule) -> String {
        let (family, side) = (
            if self.to.is_ipv6() { "ip6" } else { "ip" },
            side(rule, self.to.port()),
        );
        let (address, port) = match side {
            Side::Request => ("daddr", "dport"),
            Side::Reply => ("saddr", "sport"),
        };
        format!(
            "{family} {address} {} tcp {port} {} accept",
            self.to.ip(),
            self.to.port()
        )
    }

    fn with_iptables(&self, rule: &FirewallRule) -> String {
        let tool = if self.to.is_ipv6() {
            "ip6tables"
        } else {
            "iptables"
        };
        let (address, port) = match side(rule, self.to.port()) {
            Side::Request => ("-d", "--dport"),
            Side::Reply => ("-s", "--sport"),
        };
        let chain = chain_of(&rule.place);
        format!(
            "{tool} -I {} 1 -p tcp {address} {} {port} {} -j ACCEPT, then save it: netfilter-persistent save",
            quote(chain),
            self.to.ip(),
            self.to.port()
        )
    }
}

/// Which packets of the flow a rule names.
enum Side {
    /// Those to the peer.
    Request,
    /// Those that come back.
    Reply,
}

fn side(rule: &FirewallRule, port: u16) -> Side {
    let text = rule.text.to_lowercase();
    let names = |what: &str| {
        [" ", ":"]
            .iter()
            .any(|sep| text.contains(&format!("{what}{sep}{port}")))
    };
    let reply = (names("sport") || names("spt")) && !names("dport") && !names("dpt");
    if reply { Side::Reply } else { Side::Request }
}

/// `egress` of `table inet firewalld chain filter_OUT_policy_egress_deny handle 7`
fn policy(rule: &FirewallRule) -> Option<&str> {
    let (_, rest) = rule.place.split_once("filter_OUT_policy_")?;
    rest.split_whitespace()
        .next()?
        .rsplit_once('_')
        .map(|(name, _)| name)
}

fn is_outgoing(rule: &FirewallRule) -> bool {
    rule.place.to_lowercase().contains("out")
}

/// `iptables filter OUTPUT rule 3` -> `OUTPUT`
fn chain_of(place: &str) -> &str {
    let before = place.split(" rule ").next().unwrap_or_default();
    before
        .rsplit(' ')
        .next()
        .filter(|it| !it.is_empty())
        .unwrap_or("INPUT")
}

/// `table inet filter chain input handle 7`
struct NftPlace {
    chain: String,
    handle: u32,
}

impl NftPlace {
    fn parse(place: &str) -> Option<Self> {
        let words: Vec<&str> = place.split_whitespace().collect();
        let ["table", family, table, "chain", chain, "handle", handle] = words.as_slice() else {
            return None;
        };
        Some(Self {
            chain: format!("{family} {table} {chain}"),
            handle: handle.parse().ok()?,
        })
    }
}

/// The accept queue of the listener is full: silence then needs no rule.
pub fn queue_is_full(listener: &Socket, endpoint: &Endpoint) -> Option<Evidence> {
    (listener.send_q > 0 && listener.recv_q >= listener.send_q).then(|| {
        Evidence::refutes(
            Rank::Strong,
            format!(
                "the accept queue of {endpoint} is full ({} of {}), which is silence enough",
                listener.recv_q, listener.send_q
            ),
            Source::listeners(endpoint),
        )
    })
}
