//! Fixtures about where nginx asks, where a backend listens, and what stands between them.

use super::{Fixture, NOW, conversation, listener, process, running_unit};
use crate::{
    Symptom,
    case::{Backend, MadeBy, NameAnswer, NameSight, NameSource, Spoken},
    topology::{BackendKind, Claim, ListenAddress, Place, Protocol, Target},
    world::{Change, ChangeKind, ConfigTest, FirewallAction, FirewallRule, FlowMatch, PathStep},
};
use host::looks::JournalLine;
use host::{
    Endpoint, Talk,
    answer::{Bytes, Connect, Conversation, End, FileKind, Stat, TlsSight},
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

    /// nginx asks this socket, with the backend where it was.
    pub fn asks_unix(self, path: &str) -> Self {
        self.asks(Endpoint::Unix(path.into()))
    }

    /// nginx asks this address over HTTP, and no backend is known or runs.
    pub fn nothing(address: &str) -> Self {
        let mut fixture = Self::gunicorn().asks(endpoint(address)).nobody_listens().orphan();
        fixture.world.claims.clear();
        fixture.world.units = Ok(Vec::new());
        fixture.world.processes = Ok(Vec::new());
        fixture
    }

    /// nginx speaks this protocol.
    pub fn speaks(mut self, protocol: Protocol) -> Self {
        for route in self.route.iter_mut().chain(&mut self.world.routes) {
            route.protocol = protocol;
        }
        self
    }

    /// The first peer was asked so, and answered.
    pub fn heard(self, spoken: Spoken) -> Self {
        self.peer(|peer| peer.speaks.push(spoken))
    }

    /// nginx speaks FastCGI.
    pub fn fastcgi(mut self) -> Self {
        for route in self.route.iter_mut().chain(&mut self.world.routes) {
            route.protocol = Protocol::FastCgi;
        }
        self
    }

    /// The backend now listens there and is configured so; nginx asks as before, where nobody is known any more.
    pub fn moves_to(mut self, address: &str) -> Self {
        let at = endpoint(address);
        if let Some(claim) = self.world.claims.first_mut() {
            claim.address = ListenAddress::from(&at);
        }
        self.world.sockets = Ok(vec![listener(&at, &[500, 501, 502])]);
        self.orphan()
    }

    /// Nobody is known to serve what nginx asks.
    pub fn orphan(self) -> Self {
        self.peer(|peer| peer.backend = None)
    }

    /// The unit of the first claim is known to serve what nginx asks.
    pub fn own_again(mut self) -> Self {
        let claim = self.world.claims.first().cloned();
        if let (Some(peer), Some(claim)) = (self.peers.first_mut(), claim) {
            peer.backend = Some(Backend {
                kind: Some(claim.kind),
                unit: claim.unit.clone(),
                claim: Some(claim),
                ..Backend::default()
            });
        }
        self
    }

    /// That unit is known to serve what nginx asks.
    pub fn owned_by(self, unit: &str) -> Self {
        let backend = Backend {
            unit: Some(unit.into()),
            ..Backend::default()
        };
        self.peer(|peer| peer.backend = Some(backend))
    }

    /// Another unit, long up, whose process listens there.
    pub fn also_runs(mut self, unit: &str, argv: &[&str], address: &str) -> Self {
        if let (Ok(processes), Ok(units)) = (&mut self.world.processes, &mut self.world.units) {
            let pid = 600 + u32::try_from(processes.len()).unwrap_or_default();
            let mut new = process(pid, 1, unit);
            new.argv = argv.iter().map(|arg| (*arg).to_owned()).collect();
            let program = argv.first().and_then(|arg| arg.rsplit('/').next());
            new.comm = program.unwrap_or_default().into();
            new.started_ticks = 100;
            processes.push(new);
            units.push(running_unit(unit));
            return self.also_listens(endpoint(address), &[pid]);
        }
        self
    }

    /// A unit is configured to listen there.
    pub fn claims(mut self, unit: &str, kind: BackendKind, address: &str) -> Self {
        self.world.claims.push(Claim {
            address: ListenAddress::from(&endpoint(address)),
            kind,
            unit: Some(unit.into()),
            pool: None,
            written: Place {
                file: "/etc/claimed.conf".into(),
                line: 3,
                column: 0,
            },
        });
        self
    }

    /// Another unit, as systemd has it; it ran once.
    pub fn unit_in_state(mut self, name: &str, load_state: &str, active_state: &str) -> Self {
        let mut unit = running_unit(name);
        (unit.load_state, unit.active_state) = (load_state.into(), active_state.into());
        if let Ok(units) = &mut self.world.units {
            units.push(unit);
        }
        self
    }

    /// Another site asks this address.
    pub fn also_asked(mut self, address: &str) -> Self {
        if let Some(mut other) = self.route.clone() {
            other.site = "other.example".into();
            other.target = Target::Endpoint(endpoint(address));
            self.world.routes.push(other);
        }
        self
    }

    /// nginx asks by this name, resolved when it read its config.
    pub fn named(mut self, name: &str) -> Self {
        let port = self
            .peers
            .first()
            .and_then(|peer| peer.endpoint.tcp())
            .map_or(0, |at| at.port());
        for route in self.route.iter_mut().chain(&mut self.world.routes) {
            route.target = Target::Name {
                host: name.into(),
                port,
            };
            route.pass = format!("proxy_pass http://{name}:{port}");
        }
        self.peer(|peer| peer.name = Some(name.into()))
    }

    /// nginx asks by this name, resolved for each request.
    pub fn resolved_each_time(mut self, name: &str) -> Self {
        for route in self.route.iter_mut().chain(&mut self.world.routes) {
            route.target = Target::Variable {
                text: "http://$backend".into(),
                host: Some(name.into()),
                port: Some(80),
            };
        }
        self
    }

    /// What that source says of the route's name.
    pub fn name_says(mut self, by: NameSource, answer: NameAnswer) -> Self {
        let name = self.route.as_ref().and_then(|route| match &route.target {
            Target::Name { host, .. } => Some(host.clone()),
            Target::Variable { host, .. } => host.clone(),
            _ => None,
        });
        self.names.push(NameSight {
            name: name.unwrap_or_default(),
            by,
            answer: Ok(answer),
        });
        self
    }

    /// nginx could not resolve this name for a request.
    pub fn unresolved(self, name: &str, code: u16) -> Self {
        let trouble = Trouble::Unresolved {
            name: name.into(),
            code,
        };
        let mut fixture = self.resolved_each_time(name).complains(trouble, Phase::Resolving);
        fixture.peers.clear();
        fixture
    }

    /// nginx could not find this name when it was started, and does not run.
    pub fn host_not_found(self, name: &str) -> Self {
        let trouble = Trouble::HostNotFound {
            name: name.into(),
            place: None,
        };
        self.named(name)
            .nginx_down("failed")
            .nginx_test_fails("host not found in upstream", "/etc/nginx/sites-enabled/shop", 12)
            .complains(trouble, Phase::Other)
    }

    /// nginx does not run; its unit is in that state.
    pub fn nginx_down(mut self, active_state: &str) -> Self {
        for nginx in &mut self.world.nginx {
            (nginx.master, nginx.loaded_at) = (None, None);
            nginx.workers.clear();
        }
        self.unit_in_state("nginx.service", "loaded", active_state)
    }

    /// `nginx -t` fails there.
    pub fn nginx_test_fails(mut self, says: &str, file: &str, line: u32) -> Self {
        for nginx in &mut self.world.nginx {
            nginx.test = Ok(ConfigTest {
                passed: false,
                says: says.into(),
                place: Some(Place {
                    file: file.into(),
                    line,
                    column: 0,
                }),
                command: "nginx -t".into(),
            });
        }
        self
    }

    /// nginx wrote this line into its unit's journal.
    pub fn nginx_journal(self, seconds_ago: u64, text: &str) -> Self {
        self.nginx_line(seconds_ago, "nginx", text)
    }

    /// systemd wrote this line about nginx's unit.
    pub fn nginx_journal_by_systemd(self, seconds_ago: u64, text: &str) -> Self {
        self.nginx_line(seconds_ago, "systemd", text)
    }

    fn nginx_line(mut self, seconds_ago: u64, by: &str, text: &str) -> Self {
        if let Ok(journal) = &mut self.world.journal {
            journal.push(JournalLine {
                at: NOW.before(Duration::from_secs(seconds_ago)),
                unit: "nginx.service".into(),
                by: by.into(),
                pid: 100,
                priority: 3,
                text: text.into(),
            });
        }
        self
    }

    /// The file on disk names another address than the one nginx asks.
    pub fn disk_says(mut self, address: &str) -> Self {
        let at = endpoint(address);
        for route in self.route.iter_mut().chain(&mut self.world.routes) {
            let directive = route.pass.split(' ').next().unwrap_or_default().to_owned();
            route.pass = format!("{directive} {at}");
            route.target = Target::Endpoint(at.clone());
        }
        self
    }

    /// A file of nginx's config is newer than what it runs.
    pub fn newer(mut self, file: &str, seconds_ago: u64) -> Self {
        for nginx in &mut self.world.nginx {
            nginx
                .newer_files
                .push((file.into(), NOW.before(Duration::from_secs(seconds_ago))));
        }
        self
    }

    /// A config file was edited that many seconds ago.
    pub fn edited(mut self, seconds_ago: u64, file: &str) -> Self {
        self.world.changes.push(Change {
            at: NOW.before(Duration::from_secs(seconds_ago)),
            kind: ChangeKind::ConfigEdit,
            says: "modified".into(),
            about: file.into(),
        });
        self
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
            _ => "iptables filter INPUT rule 3",
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
            times: Vec::new(),
            upstream_seconds: vec![0.002],
            sample: "a line".into(),
            log: "/var/log/nginx/access.log".into(),
        });
        self
    }
}

/// `unix:/run/x.sock` or `127.0.0.1:80`
pub fn endpoint(address: &str) -> Endpoint {
    match address.strip_prefix("unix:") {
        Some(path) => Endpoint::Unix(path.into()),
        None => Endpoint::Tcp(address.parse().expect("an address")),
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

/// What a port said when asked so.
pub fn heard(talk: Talk, bytes: &[u8]) -> Spoken {
    let answer = Conversation {
        heard: Bytes(bytes.to_vec()),
        end: End::Closed,
        ..conversation(Connect::Accepted)
    };
    Spoken { talk, answer }
}

/// The question in plain HTTP.
pub fn http_talk() -> Talk {
    Talk::Http {
        method: "HEAD".into(),
        target: "/".into(),
        host: "shop.example".into(),
        tls: None,
        patience_ms: 700,
    }
}

/// A handshake with this name that completed in this version.
pub fn shaken(name: Option<&str>, version: &str) -> Spoken {
    let mut spoken = heard(
        Talk::Tls {
            sni: name.map(str::to_owned),
        },
        b"",
    );
    spoken.answer.tls = Some(TlsSight {
        completed: true,
        error: None,
        version: Some(version.to_owned()),
        alpn: None,
        certificates: Vec::new(),
    });
    spoken
}
