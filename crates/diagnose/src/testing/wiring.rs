//! Fixtures about where nginx asks, where a backend listens, and what stands between them.

use super::{Fixture, NOW, conversation, listener};
use crate::{
    Symptom,
    case::MadeBy,
    topology::{ListenAddress, Target},
    world::{FirewallAction, FirewallRule, FlowMatch, PathStep},
};
use host::{
    Endpoint,
    answer::{Bytes, Connect, Conversation, End, FileKind, Stat},
};
use logscan::{Phase, Trouble};
use std::{path::PathBuf, time::Duration};

impl Fixture {
    /// Both sides on a unix socket: nginx asks it, the backend's unit claims it and listens on it.
    pub fn on_unix(mut self, path: &str) -> Self {
        let path = PathBuf::from(path);
        let endpoint = Endpoint::Unix(path.clone());
        for claim in &mut self.world.claims {
            claim.address = ListenAddress::Unix(path.clone());
        }
        self.world.sockets = Ok(vec![listener(&endpoint, &[500, 501, 502])]);
        let claim = self.world.claims.first().cloned();
        if let Some(peer) = self.peers.first_mut()
            && let Some(backend) = &mut peer.backend
        {
            backend.claim = claim;
        }
        self.asks(endpoint)
    }

    /// nginx asks this address, with the backend where it was.
    pub fn asks(mut self, endpoint: Endpoint) -> Self {
        for route in self.route.iter_mut().chain(&mut self.world.routes) {
            let directive = route.pass.split(' ').next().unwrap_or_default().to_owned();
            route.pass = format!("{directive} {endpoint}");
            route.target = Target::Endpoint(endpoint.clone());
        }
        if let Some(peer) = self.peers.first_mut() {
            peer.endpoint = endpoint;
        }
        self
    }

    /// nginx asks this TCP address, with the backend where it was.
    pub fn asks_at(self, address: &str) -> Self {
        self.asks(Endpoint::Tcp(address.parse().expect("an address")))
    }

    /// Connecting times out, in the log and just now.
    pub fn connect_times_out(self) -> Self {
        self.peer(|peer| peer.connect = Ok(conversation(Connect::TimedOut)))
            .complains(Trouble::TimedOut, Phase::Connecting)
    }

    /// A packet filter rule that meets the flow to the first peer.
    pub fn rule(self, action: FirewallAction, matches: FlowMatch, packets: Option<u64>, owner: &str) -> Self {
        let port = self
            .peers
            .first()
            .and_then(|peer| peer.endpoint.tcp())
            .map(|at| at.port());
        let place = match owner {
            "nftables" => "table inet filter chain input handle 7",
            _ => "filter INPUT rule 3",
        };
        let rule = FirewallRule {
            text: format!("tcp dport {} {action:?}", port.unwrap_or_default()),
            place: place.into(),
            action,
            matches,
            packets,
            owner: owner.into(),
            command: "nft -a list ruleset".into(),
        };
        self.peer(|peer| peer.firewall = Ok(vec![rule]))
    }

    /// A directory above the socket.
    pub fn dir(self, path: &str, mode: u32, uid: u32, gid: u32) -> Self {
        self.step(path.into(), stat(FileKind::Dir, mode, uid, gid))
    }

    /// The socket itself, last step of its path.
    pub fn socket(self, mode: u32, uid: u32, gid: u32) -> Self {
        let path = self
            .peers
            .first()
            .and_then(|peer| peer.endpoint.unix().map(PathBuf::from));
        self.step(path.unwrap_or_default(), stat(FileKind::Socket, mode, uid, gid))
    }

    fn step(self, path: PathBuf, stat: Stat) -> Self {
        let step = PathStep {
            path,
            stat: Ok(Some(stat)),
        };
        self.peer(|peer| peer.path.push(step))
    }

    /// The last step has an access control list.
    pub fn acl_on_last_step(&mut self) {
        let steps = self.peers.iter_mut().filter_map(|peer| peer.path.last_mut());
        for step in steps {
            if let Ok(Some(stat)) = &mut step.stat {
                stat.has_acl = true;
            }
        }
    }

    /// The upstream answered with this status and nginx passed it on.
    pub fn passed_on(mut self, status: u16) -> Self {
        let peer = self.peers.first().map(|peer| peer.endpoint.clone());
        self.symptoms.push(Symptom {
            id: format!("s{}", self.symptoms.len() + 1),
            complaint: None,
            status: Some(status),
            made_by: MadeBy::Upstream,
            peer,
            request: Some("GET / HTTP/1.1".into()),
            count: 10,
            first: NOW.before(Duration::from_secs(60)),
            last: NOW.before(Duration::from_secs(1)),
            upstream_seconds: vec![0.002],
            sample: "a line".into(),
            log: "/var/log/nginx/access.log".into(),
        });
        self
    }
}

/// What stands at a path.
pub fn stat(kind: FileKind, mode: u32, uid: u32, gid: u32) -> Stat {
    Stat {
        kind,
        mode,
        uid,
        gid,
        size: 0,
        inode: 7,
        modified: NOW,
        link_to: None,
        has_acl: false,
    }
}

/// What a port said when asked in that protocol.
pub fn heard(protocol: &str, bytes: &[u8]) -> (String, Conversation) {
    let said = Conversation {
        heard: Bytes(bytes.to_vec()),
        end: End::Closed,
        ..conversation(Connect::Accepted)
    };
    (protocol.to_owned(), said)
}
