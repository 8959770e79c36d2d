//! A case written down in a few lines: the only thing that tests of causes use, so that the API behind it may change.
//!
//! A fixture starts healthy; each call breaks one thing. `check` judges it with every cause there is.

use crate::{
    Case, Question, Symptom,
    case::{Asked, Backend, MadeBy, Mended, NameSight, Neighbours, PeerSight, Progress, errno},
    causes,
    dependencies::DependencySight,
    judge::judge,
    observe::peers::unasked,
    scoreboard::{OwnCount, StatusPage},
    topology::{
        BackendKind, Claim, FpmPool, Listen, ListenAddress, Place, Protocol, Route, Settings, Target,
    },
    world::{BackendLine, ConfigTest, Nginx, World},
};
use host::{
    Endpoint, Look, Timestamp, Unseen,
    answer::{Bytes, Connect, Conversation, End, KernelLine, Socket, SocketState},
    looks::{Account, Accounts, JournalLine, Process, ProcessState, Scoreboard, Unit},
};
use logscan::{Complaint, Phase, Trouble};
use std::{path::PathBuf, sync::Arc, time::Duration};

mod needs;
mod network;
mod offers;
pub mod traffic;
mod wiring;

pub use needs::{answers, denies, processes, refuses, silent, unclear};
pub use network::{link, neighbour};
pub use wiring::{endpoint, heard, http_talk, shaken, stat};

/// Noon of a quiet day.
pub const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// A case in the making.
#[derive(Clone, Debug)]
pub struct Fixture {
    pub world: World,
    pub route: Option<Route>,
    pub symptoms: Vec<Symptom>,
    pub peers: Vec<PeerSight>,
    pub dependencies: Vec<DependencySight>,
    pub asked: Look<Asked>,
    pub names: Vec<NameSight>,
    pub flows: crate::case::Flows,
    pub neighbours: Neighbours,
    pub mended: Option<Mended>,
    pub demand: Option<crate::traffic::Demand>,
}

impl Fixture {
    /// `fastcgi_pass unix:/run/php/php8.2-fpm.sock`, served by an enabled php8.2-fpm.service that runs for an hour.
    pub fn php_fpm() -> Self {
        let path = PathBuf::from("/run/php/php8.2-fpm.sock");
        let written = Place {
            file: "/etc/php/8.2/fpm/pool.d/www.conf".into(),
            line: 41,
            column: 0,
        };
        let pool = FpmPool {
            name: "www".into(),
            unit: "php8.2-fpm.service".into(),
            version: Some("8.2".into()),
            listen: Some(ListenAddress::Unix(path.clone())),
            written: written.clone(),
            pm: "dynamic".into(),
            max_children: Some(5),
            backlog: Some(511),
            ..FpmPool::default()
        };
        let claim = Claim {
            address: ListenAddress::Unix(path.clone()),
            kind: BackendKind::PhpFpm,
            unit: Some(pool.unit.clone()),
            pool: Some(pool.name.clone()),
            written,
        };
        let mut fixture = Self::serving(
            Endpoint::Unix(path),
            Protocol::FastCgi,
            "php8.2-fpm.service",
            claim,
        );
        fixture.world.pools.push(pool.clone());
        if let Some(backend) = fixture.backend_mut() {
            backend.pool = Some(pool);
        }
        fixture
    }

    /// `proxy_pass http://127.0.0.1:8000`, served by an enabled app.service (gunicorn) that runs for an hour.
    pub fn gunicorn() -> Self {
        Self::http(
            BackendKind::Gunicorn,
            "app.service",
            8000,
            "/etc/systemd/system/app.service",
        )
    }

    /// `proxy_pass http://127.0.0.1:7080`, served by Apache.
    pub fn apache() -> Self {
        Self::http(
            BackendKind::Apache,
            "apache2.service",
            7080,
            "/etc/apache2/ports.conf",
        )
    }

    /// `proxy_pass http://127.0.0.1:3000`, served by a single Node.js process.
    pub fn node() -> Self {
        let mut fixture = Self::http(
            BackendKind::Node,
            "web.service",
            3000,
            "/etc/systemd/system/web.service",
        );
        if let Ok(processes) = &mut fixture.world.processes {
            processes.retain(|process| process.pid == 500);
        }
        if let Some(backend) = fixture.backend_mut() {
            backend.pids = vec![500];
        }
        fixture
    }

    fn http(kind: BackendKind, unit: &str, port: u16, file: &str) -> Self {
        let ip = std::net::IpAddr::from([127, 0, 0, 1]);
        let claim = Claim {
            address: ListenAddress::Tcp { ip: Some(ip), port },
            kind,
            unit: Some(unit.into()),
            pool: None,
            written: Place {
                file: file.into(),
                line: 5,
                column: 0,
            },
        };
        Self::serving(Endpoint::from((ip, port)), Protocol::Http, unit, claim)
    }

    fn serving(endpoint: Endpoint, protocol: Protocol, unit: &str, claim: Claim) -> Self {
        let mut world = World::unseen(NOW, NOW.before(Duration::from_secs(7200)));
        world.boot = Ok(NOW.before(Duration::from_secs(86400)));
        world.nginx.push(nginx());
        world.accounts = Ok(Accounts::parse(
            b"root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\n",
            b"root:x:0:\nwww-data:x:33:\n",
        ));
        world.units = Ok(vec![running_unit(unit)]);
        world.processes = Ok(vec![
            process(500, 1, unit),
            process(501, 500, unit),
            process(502, 500, unit),
        ]);
        world.sockets = Ok(vec![listener(&endpoint, &[500, 501, 502])]);
        world.claims.push(claim.clone());
        world.journal = Ok(Vec::new());
        world.kernel = Ok(Vec::new());
        world.somaxconn = Ok(4096);
        let route = route(&endpoint, protocol);
        world.routes.push(route.clone());
        let backend = Backend {
            kind: Some(claim.kind),
            unit: Some(unit.into()),
            pids: vec![500, 501, 502],
            claim: Some(claim),
            pool: None,
        };
        let peers = vec![peer(endpoint, Some(backend))];
        let asked = Ok(asked(None));
        let (names, neighbours) = (Vec::new(), Neighbours::default());
        Self {
            world,
            route: Some(route),
            symptoms: Vec::new(),
            peers,
            dependencies: Vec::new(),
            asked,
            names,
            flows: Vec::new(),
            neighbours,
            mended: None,
            demand: None,
        }
    }

    /// The finished case.
    pub fn case(self) -> Case {
        Case {
            world: Arc::new(self.world),
            route: self.route,
            symptoms: self.symptoms,
            peers: self.peers,
            dependencies: self.dependencies,
            asked: self.asked,
            names: self.names,
            flows: self.flows,
            neighbours: self.neighbours,
            mended: self.mended,
            demand: self.demand,
            unseen: Vec::new(),
        }
    }

    /// nginx said so, ten times in the last minute, and it still fails.
    /// PHP wrote this to the error log by way of nginx, and the answer was no good.
    pub fn php_says(self, text: &str) -> Self {
        self.complains(Trouble::BackendStderr(text.into()), Phase::ReadingHeader)
    }

    /// nginx asks over TLS and does not accept the certificate, with this code of X509_verify_cert_error_string(3).
    pub fn distrusts(self, code: u32, text: &str) -> Self {
        let text = text.into();
        self.speaks(Protocol::Https)
            .complains(Trouble::TlsVerify { code, text }, Phase::Handshaking)
    }

    pub fn complains(mut self, trouble: Trouble, phase: Phase) -> Self {
        let complaint = Complaint {
            trouble,
            phase: Some(phase),
            peer: None,
        };
        let id = format!("s{}", self.symptoms.len() + 1);
        let peer = self.peers.first().map(|peer| peer.endpoint.clone());
        self.symptoms.push(Symptom {
            id,
            complaint: Some(complaint),
            status: Some(502),
            made_by: MadeBy::Nginx,
            peer,
            request: Some("GET / HTTP/1.1".into()),
            count: 10,
            first: NOW.before(Duration::from_secs(60)),
            last: NOW.before(Duration::from_secs(1)),
            times: vec![
                NOW.before(Duration::from_secs(60)),
                NOW.before(Duration::from_secs(1)),
            ],
            upstream_seconds: Vec::new(),
            sample: "a line".into(),
            log: "/var/log/nginx/error.log".into(),
        });
        self
    }

    /// Connecting fails with this errno, in the log and just now.
    pub fn connect_fails(mut self, errno: i32) -> Self {
        for peer in &mut self.peers {
            peer.connect = Ok(conversation(Connect::Failed(errno)));
        }
        self.complains(Trouble::Connect(errno), Phase::Connecting)
    }

    /// Connection refused, in the log and just now, and nothing listens.
    pub fn refused(self) -> Self {
        self.nobody_listens().connect_fails(errno::ECONNREFUSED)
    }

    /// No listener on any of the route's peers.
    pub fn nobody_listens(mut self) -> Self {
        self.world.sockets = Ok(Vec::new());
        self
    }

    /// The unit is down: `active_state`, `result` as systemd says; its processes are gone.
    pub fn unit_is(mut self, active_state: &str, result: &str) -> Self {
        self.world.processes = Ok(Vec::new());
        if let Some(backend) = self.backend_mut() {
            backend.pids.clear();
        }
        if let Ok(unit) = &mut self.world.units
            && let Some(unit) = unit.first_mut()
        {
            unit.active_state = active_state.into();
            unit.sub_state = if active_state == "failed" {
                "failed".into()
            } else {
                "dead".into()
            };
            unit.result = result.into();
            unit.main_pid = None;
            unit.last_ended = Some(NOW.before(Duration::from_secs(61)));
            unit.active_until = unit.last_ended;
        }
        self
    }

    /// Changes the unit.
    pub fn unit(mut self, change: impl FnOnce(&mut Unit)) -> Self {
        if let Ok(units) = &mut self.world.units
            && let Some(unit) = units.first_mut()
        {
            change(unit);
        }
        self
    }

    /// The command line of the unit.
    pub fn runs(self, command: &str) -> Self {
        self.unit(|unit| {
            let program = command.split(' ').next().unwrap_or_default();
            let shown =
                format!("{{ path={program} ; argv[]={command} ; ignore_errors=no ; start_time=[n/a] }}");
            unit.properties.insert("ExecStart".into(), shown);
            unit.exec_start = command.into();
        })
    }

    /// A line in the unit's journal, that many seconds ago.
    pub fn journal(mut self, seconds_ago: u64, by: &str, text: &str) -> Self {
        let unit = self
            .backend_mut()
            .and_then(|backend| backend.unit.clone())
            .unwrap_or_default();
        if let Ok(journal) = &mut self.world.journal {
            let at = NOW.before(Duration::from_secs(seconds_ago));
            journal.push(JournalLine {
                at,
                unit,
                by: by.into(),
                pid: 1,
                priority: 6,
                text: text.into(),
            });
        }
        self
    }

    /// A line the backend itself wrote to its unit's journal, that many seconds ago.
    pub fn says(self, seconds_ago: u64, text: &str) -> Self {
        self.journal(seconds_ago, "app", text)
    }

    /// The life of the unit in systemd's words: `(seconds ago, verb)` with verb `Starting`, `Started`, `Stopping`,
    /// `Stopped`, `Failed to start`, or the rest of a line `UNIT: …`.
    pub fn life(mut self, steps: &[(u64, &str)]) -> Self {
        let unit = self
            .backend_mut()
            .and_then(|backend| backend.unit.clone())
            .unwrap_or_default();
        for (seconds_ago, step) in steps {
            let verb = [
                "Starting",
                "Started",
                "Stopping",
                "Stopped",
                "Reloading",
                "Reloaded",
                "Failed to start",
            ]
            .contains(step);
            let text = if verb {
                format!("{step} {unit} - The backend.")
            } else {
                format!("{unit}: {step}")
            };
            self = self.journal(*seconds_ago, "systemd", &text);
        }
        self
    }

    /// A line of the backend's own log file, that many seconds ago.
    pub fn logs(mut self, seconds_ago: u64, text: &str) -> Self {
        let backend = self.backend_mut().cloned().unwrap_or_default();
        self.world.backend_log.push(BackendLine {
            at: Some(NOW.before(Duration::from_secs(seconds_ago))),
            path: "/var/log/backend.log".into(),
            kind: backend.kind.unwrap_or(BackendKind::Other),
            unit: backend.unit,
            text: text.into(),
        });
        self
    }

    /// A line of the kernel, that many seconds ago.
    pub fn kernel(mut self, seconds_ago: u64, text: &str) -> Self {
        if let Ok(kernel) = &mut self.world.kernel {
            let at = NOW.before(Duration::from_secs(seconds_ago));
            kernel.push(KernelLine {
                at,
                text: text.into(),
            });
        }
        self
    }

    /// The main process of the last run started and ended that many seconds ago, with systemd's result, code
    /// (`exited`, `killed`, `dumped`) and status.
    pub fn ran(mut self, from: u64, to: u64, code: &str, status: u32) -> Self {
        let ago = |seconds| NOW.before(Duration::from_secs(seconds));
        self = self.unit(|unit| {
            unit.last_started = Some(ago(from));
            unit.active_since = Some(ago(from));
            unit.active_until = Some(ago(to));
            unit.last_ended = Some(ago(to));
            let number = match code {
                "exited" => 1,
                "killed" => 2,
                _ => 3,
            };
            for (name, value) in [
                ("ExecMainStartTimestamp", format!("@{}", ago(from).secs())),
                ("ExecMainExitTimestamp", format!("@{}", ago(to).secs())),
                ("ExecMainCode", number.to_string()),
                ("ExecMainStatus", status.to_string()),
            ] {
                unit.properties.insert(name.into(), value);
            }
        });
        self
    }

    /// All processes that are not the first (the master) are in this state; the first too where it is alone.
    pub fn workers_are(mut self, state: ProcessState) -> Self {
        if let Ok(processes) = &mut self.world.processes {
            let alone = processes.len() == 1;
            for process in processes.iter_mut().skip(usize::from(!alone)) {
                process.state = state;
            }
        }
        self
    }

    /// The youngest worker alone is otherwise.
    pub fn last_worker(mut self, change: impl FnOnce(&mut Process)) -> Self {
        let processes = self.world.processes.as_mut().expect("processes");
        change(processes.last_mut().expect("a worker"));
        self
    }

    /// The listener's queue: connections that wait, and how many may.
    pub fn queue(mut self, waiting: u32, limit: u32) -> Self {
        if let Ok(sockets) = &mut self.world.sockets
            && let Some(socket) = sockets.first_mut()
        {
            (socket.recv_q, socket.send_q) = (waiting, limit);
        }
        self
    }

    /// A second look at the backend: the queue stays as it is, so many of so many workers are idle, and this much CPU.
    pub fn second_look(self, idle: (usize, usize), cpu_ticks: u64) -> Self {
        let waiting = match self.world.sockets.as_deref() {
            Ok([socket, ..]) => socket.recv_q,
            _ => 0,
        };
        let still = if cpu_ticks == 0 { idle.1 } else { 0 };
        self.peer(|peer| {
            peer.progress = Some(Progress {
                apart: Duration::from_millis(400),
                queue: (waiting, waiting),
                cpu_ticks,
                still: (still, idle.1),
                idle,
            });
        })
    }

    /// The backend's status page, served by a worker or beside them, counts so many busy, idle and waiting.
    pub fn counts(self, busy: u32, idle: u32, waiting: u32, apart: bool) -> Self {
        let heard = Scoreboard {
            busy,
            idle,
            waiting,
            reached: 2,
        };
        self.page_says(Some(heard), apart)
    }

    /// That page was asked, and nobody answered.
    pub fn page_is_silent(self, apart: bool) -> Self {
        self.page_says(None, apart)
    }

    fn page_says(self, heard: Option<Scoreboard>, apart: bool) -> Self {
        self.peer(|peer| {
            let page = StatusPage {
                at: peer.endpoint.clone(),
                path: "/status".into(),
                site: None,
                apart,
            };
            peer.own_count = Some(OwnCount { page, heard });
        })
    }

    /// nginx waited that long for each of the failed requests, seconds.
    pub fn waited(mut self, seconds: &[f64]) -> Self {
        if let Some(symptom) = self.symptoms.last_mut() {
            symptom.upstream_seconds = seconds.to_vec();
        }
        self
    }

    /// The last kind of failure was met by this request.
    pub fn requests(mut self, request: &str) -> Self {
        if let Some(symptom) = self.symptoms.last_mut() {
            symptom.request = Some(request.into());
        }
        self
    }

    /// The last kind of failure was seen from then to then, seconds ago.
    pub fn seen(mut self, first: u64, last: u64) -> Self {
        if let Some(symptom) = self.symptoms.last_mut() {
            symptom.first = NOW.before(Duration::from_secs(first));
            symptom.last = NOW.before(Duration::from_secs(last));
            symptom.times = vec![symptom.first, symptom.last];
        }
        self
    }

    /// The last kind of failure was seen in these seconds, so many ago.
    pub fn seen_at(mut self, ago: &[u64]) -> Self {
        let last = ago.last().copied().unwrap_or_default();
        self = self.seen(ago.first().copied().unwrap_or_default(), last);
        if let Some(symptom) = self.symptoms.last_mut() {
            symptom.times = ago
                .iter()
                .map(|ago| NOW.before(Duration::from_secs(*ago)))
                .collect();
        }
        self
    }

    /// Other paths of the route succeed meanwhile.
    pub fn others_succeed(mut self) -> Self {
        self.neighbours = Neighbours {
            succeeded: 40,
            interleaved: true,
            in_a_row: 0,
            sent_once: 0,
            failing_paths: vec!["/report".into()],
            good_paths: vec!["/".into(), "/cart".into()],
            last_success: Some(NOW),
        };
        self
    }

    /// What the daemon says of its own config.
    pub fn config_test(mut self, passed: bool, says: &str) -> Self {
        let unit = self
            .backend_mut()
            .and_then(|backend| backend.unit.clone())
            .unwrap_or_default();
        let test = ConfigTest {
            passed,
            says: says.into(),
            place: None,
            command: "daemon -t".into(),
        };
        self.world.config_tests.insert(unit, Ok(test));
        self
    }

    /// Another listener on the host.
    pub fn also_listens(mut self, endpoint: Endpoint, pids: &[u32]) -> Self {
        if let Ok(sockets) = &mut self.world.sockets {
            sockets.push(listener(&endpoint, pids));
        }
        self
    }

    /// The request works when asked now.
    pub fn works_now(mut self) -> Self {
        self.asked = Ok(asked(Some(200)));
        self
    }

    /// The first peer.
    pub fn peer(mut self, change: impl FnOnce(&mut PeerSight)) -> Self {
        if let Some(peer) = self.peers.first_mut() {
            change(peer);
        }
        self
    }

    /// Any other change.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn backend_mut(&mut self) -> Option<&mut Backend> {
        self.peers.first_mut()?.backend.as_mut()
    }

    /// Judges with every cause: this one does not stand.
    #[track_caller]
    pub fn check_not(self, id: &str) {
        let verdict = judge(&[self.case()], causes::ALL);
        let found: Vec<_> = verdict.findings.iter().filter(|it| it.cause == id).collect();
        assert!(found.is_empty(), "{found:#?}");
    }

    /// Judges with every cause: `found backend-stopped`, `found a <- b` (b is an effect of a), `torn a b`,
    /// `unexplained`, `recovered a`.
    #[track_caller]
    pub fn check(self, expect: &str) {
        let verdict = judge(&[self.case()], causes::ALL);
        verdict.findings.iter().for_each(offers::is_sound);
        let of = |role| {
            let mut ids: Vec<&str> = verdict
                .findings
                .iter()
                .filter(|it| it.role == role)
                .map(|it| it.cause)
                .collect();
            ids.sort_unstable();
            ids.join(" ")
        };
        let mut got = format!(
            "{:?} {}{}",
            verdict.outcome,
            of(crate::Role::Root),
            of(crate::Role::Contributing)
        );
        let effects = of(crate::Role::Effect);
        if !effects.is_empty() {
            got = format!("{got} <- {effects}");
        }
        assert_eq!(got.to_lowercase().trim(), expect, "{:#?}", verdict.findings);
    }
}

fn nginx() -> Nginx {
    let accounts = Accounts::parse(b"www-data:x:33:33::/var/www:/bin/sh\n", b"www-data:x:33:\n");
    let account: Option<Account> = accounts.by_name("www-data");
    Nginx {
        master: Some(100),
        unit: Some("nginx.service".into()),
        workers: vec![101],
        account,
        loaded_at: Some(NOW.before(Duration::from_secs(3600))),
        test: Ok(ConfigTest {
            passed: true,
            says: String::new(),
            place: None,
            command: "nginx -t".into(),
        }),
        newer_files: Vec::new(),
        version: Some("1.22.1".into()),
        error_logs: vec!["/var/log/nginx/error.log".into()],
        access_logs: Vec::new(),
        names: Vec::new(),
        worker_connections: Some((768, Place::line("/etc/nginx/nginx.conf".as_ref(), 8))),
        http_dir: Some("/etc/nginx/conf.d".into()),
        has_limits: false,
        may_cache: true,
        has_quiet_limits: false,
        limit_zones: Vec::new(),
        proxies: Vec::new(),
        main: Some(Place::line("/etc/nginx/nginx.conf".as_ref(), 1)),
    }
}

/// An enabled unit that has run for an hour.
pub fn running_unit(name: &str) -> Unit {
    let hour_ago = Some(NOW.before(Duration::from_secs(3600)));
    Unit {
        name: name.into(),
        load_state: "loaded".into(),
        active_state: "active".into(),
        sub_state: "running".into(),
        result: "success".into(),
        file_state: "enabled".into(),
        main_pid: Some(500),
        restart: "no".into(),
        active_since: hour_ago,
        last_started: hour_ago,
        ..Unit::default()
    }
}

/// A sleeping process of a unit, an hour old.
pub fn process(pid: u32, ppid: u32, unit: &str) -> Process {
    Process {
        pid,
        ppid,
        comm: "worker".into(),
        argv: vec!["worker".into()],
        state: ProcessState::Sleeping,
        uid: 33,
        gid: 33,
        unit: Some(unit.into()),
        started_ticks: 8_280_000,
        ..Process::default()
    }
}

/// A listener with an empty queue of 511.
pub fn listener(endpoint: &Endpoint, pids: &[u32]) -> Socket {
    Socket {
        local: endpoint.clone(),
        remote: None,
        state: SocketState::Listen,
        recv_q: 0,
        send_q: 511,
        inode: 9000,
        uid: 0,
        pids: Some(pids.to_vec()),
        file_inode: None,
        v6_only: None,
    }
}

/// A peer that takes connections.
pub fn peer(endpoint: Endpoint, backend: Option<Backend>) -> PeerSight {
    PeerSight {
        connect: Ok(conversation(Connect::Accepted)),
        ..unasked(endpoint, backend)
    }
}

/// A connection of that outcome in which nothing was asked.
pub fn conversation(connect: Connect) -> Conversation {
    let heard = Bytes::default();
    Conversation {
        connect,
        connect_us: 100,
        heard,
        end: End::NotAsked,
        first_byte_ms: None,
        tls: None,
    }
}

fn asked(status: Option<u16>) -> Asked {
    Asked {
        question: Question {
            listen: Listen {
                endpoint: Endpoint::Tcp(([127, 0, 0, 1], 80).into()),
                tls: false,
            },
            stance: host::Stance::default(),
            method: "GET".into(),
            target: "/".into(),
            host: "shop.example".into(),
            patience_ms: 2000,
            upgrade: false,
        },
        request: "GET / of shop.example".into(),
        status: Some(status.unwrap_or(502)),
        command: "curl -s -H 'Host: shop.example' http://127.0.0.1/".into(),
        took: Duration::from_millis(2),
    }
}

fn route(endpoint: &Endpoint, protocol: Protocol) -> Route {
    let directive = if protocol == Protocol::FastCgi {
        "fastcgi_pass "
    } else {
        "proxy_pass http://"
    };
    Route {
        nginx: 0,
        site: "shop.example".into(),
        names: vec!["shop.example".into()],
        listen: vec![Listen {
            endpoint: Endpoint::from(([0, 0, 0, 0].into(), 80)),
            tls: false,
        }],
        location: "/".into(),
        protocol,
        target: Target::Endpoint(endpoint.clone()),
        pass: format!("{directive}{endpoint}"),
        written: Place {
            file: "/etc/nginx/sites-enabled/shop".into(),
            line: 12,
            column: 22,
        },
        settings: Settings {
            connect_timeout: Some(Duration::from_secs(60)),
            read_timeout: Some(Duration::from_secs(60)),
            header_buffer: Some(4096),
            ..Settings::default()
        },
    }
}

/// A look that was refused.
pub fn forbidden<T>(what: &str) -> Look<T> {
    Err(Unseen::Forbidden {
        what: what.into(),
        need: "root".into(),
    })
}
