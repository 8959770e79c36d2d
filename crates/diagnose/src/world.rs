//! What was seen of the host as a whole, gathered before anyone judges it.

use crate::{
    code::CodeFile,
    guard::Guards,
    jobs::JobRun,
    limits::Limits,
    refusal::LimitZone,
    scoreboard::ApacheWorkers,
    topology::{BackendKind, Claim, FpmPool, Place, Route},
};
use host::{
    Look, Timestamp, Unseen,
    answer::{KernelLine, Socket, SocketState, Stat},
    looks::{Account, Accounts, JournalLine, Link, Process, Unit},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

/// The host as seen. Plain data: a replay gives the same.
#[derive(Clone, Debug)]
pub struct World {
    /// When it was seen.
    pub now: Timestamp,
    /// How far back logs were read.
    pub since: Timestamp,
    /// When the kernel booted: what start times of processes are counted from. See [`World::booted`].
    pub boot: Look<Timestamp>,
    /// nginx instances: running masters, or one that should run and does not.
    pub nginx: Vec<Nginx>,
    /// Every route of every instance.
    pub routes: Vec<Route>,
    /// Every process.
    pub processes: Look<Vec<Process>>,
    /// Sockets in nginx's network namespace.
    pub sockets: Look<Vec<Socket>>,
    /// Network interfaces; looked at only where a peer on another host fails.
    pub links: Look<Vec<Link>>,
    /// Users and groups.
    pub accounts: Look<Accounts>,
    /// Units that matter: nginx, owners of listeners, claimants; all that failed.
    pub units: Look<Vec<Unit>>,
    /// Who is configured to listen where.
    pub claims: Vec<Claim>,
    /// php-fpm pools.
    pub pools: Vec<FpmPool>,
    /// What is configured of Apache's workers.
    pub apache: ApacheWorkers,
    /// Services of users that should serve an address which nobody serves or claims.
    pub user_services: Vec<UserService>,
    /// Journal lines of those units since `since` (at least the last few of each), oldest first.
    pub journal: Look<Vec<JournalLine>>,
    /// Lines of the backends' own log files in that time, oldest first.
    pub backend_log: Vec<BackendLine>,
    /// The kernel log since `since`.
    pub kernel: Look<Vec<KernelLine>>,
    /// The running kernel and its files.
    pub kernel_files: Look<Kernel>,
    /// What changed on the host around that time, oldest first.
    pub changes: Vec<Change>,
    /// Runs of jobs of cron and of timers since then, oldest first; looked at only where requests had to wait.
    pub jobs: Vec<JobRun>,
    /// Config tests of units that failed, by unit.
    pub config_tests: BTreeMap<String, Look<ConfigTest>>,
    /// `net.core.somaxconn`
    pub somaxconn: Look<u32>,
    /// Memory that programs may still take without swapping, bytes: `MemAvailable` of proc_meminfo(5).
    pub memory_available: Look<u64>,
    /// How near the host is to its limits; looked at where something fails.
    pub limits: Limits,
    /// Code among visitors' uploads that PHP's complaints of the failures name, and what lies beside it.
    pub code: Vec<CodeFile>,
    /// SELinux and AppArmor; `None` where nothing was refused that they could have refused.
    pub guards: Option<Guards>,
    /// Everything we could not see, for the report.
    pub unseen: Vec<Unseen>,
}

/// An nginx master and its workers, or the nginx that should run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nginx {
    /// Master process; `None` if none runs.
    pub master: Option<u32>,
    /// Its unit, if systemd owns it.
    pub unit: Option<String>,
    /// Workers.
    pub workers: Vec<u32>,
    /// The account of the workers (from /proc; from the config where none runs).
    pub account: Option<Account>,
    /// When the oldest worker that still takes requests started: config older than this is in force.
    pub loaded_at: Option<Timestamp>,
    /// What `nginx -t` says about the files on disk.
    pub test: Look<ConfigTest>,
    /// Config files that changed after `loaded_at`, with the time.
    pub newer_files: Vec<(PathBuf, Timestamp)>,
    /// Version: `1.22.1`.
    pub version: Option<String>,
    /// Error logs that were read.
    pub error_logs: Vec<PathBuf>,
    /// Access logs as configured, each once; empty where `access_log off`.
    pub access_logs: Vec<AccessLog>,
    /// `worker_connections` where it is written; nginx takes 512 where it is not.
    pub worker_connections: Option<(u64, Place)>,
    /// A directory of which `http` includes every `*.conf`.
    pub http_dir: Option<PathBuf>,
    /// The names of all its sites.
    pub names: Vec<String>,
    /// Some `limit_req` or `limit_conn` stands somewhere.
    pub has_limits: bool,
    /// Some of them say nothing at the level `error`: `limit_req_log_level notice`.
    pub has_quiet_limits: bool,
    /// It keeps no answers yet, heeds what forbids keeping them, and asks visitors for no password or certificate itself.
    pub may_cache: bool,
    /// What they count in.
    pub limit_zones: Vec<LimitZone>,
    /// Whose word nginx takes for who the client is: `set_real_ip_from`, as written. Proxies and CDNs.
    pub proxies: Vec<String>,
    /// A directive of the main context, beside which others of it can stand.
    pub main: Option<Place>,
}

/// The running kernel, and what of it is on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// `6.1.0-18-amd64`, as uname(1) says it.
    pub release: String,
    /// Its modules are there: `/lib/modules/RELEASE` is not empty.
    pub has_modules: bool,
    /// Other kernels in /lib/modules.
    pub installed: Vec<String>,
    /// A package asks for a reboot: `/run/reboot-required`.
    pub reboot_required: bool,
}

/// An `access_log` of nginx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// The file.
    pub path: PathBuf,
    /// The text of its `log_format`; `None` is `combined`.
    pub format: Option<String>,
    /// The sites that write to it ([`Route::site`]); empty where that is not known.
    pub sites: Vec<String>,
}

/// What a daemon says of its own config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigTest {
    /// It would start.
    pub passed: bool,
    /// Its complaint, first line that names a reason.
    pub says: String,
    /// The place it names.
    pub place: Option<Place>,
    /// The command.
    pub command: String,
}

/// A packet filter rule that takes packets to, or answers from, some port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallRule {
    /// The rule as a person reads it, with table, chain and handle.
    pub text: String,
    /// `table inet filter chain input handle 7`, `filter OUTPUT rule 3`
    pub place: String,
    /// What it does to the packet.
    pub action: FirewallAction,
    /// How sure we are that it meets the flow asked about; rules that cannot are not listed.
    pub matches: FlowMatch,
    /// Packets counted, if it counts.
    pub packets: Option<u64>,
    /// Who wrote it: `ufw`, `firewalld`, `docker`, `fail2ban`, `nftables`, `iptables`
    pub owner: String,
    /// The command that shows it.
    pub command: String,
}

/// What a rule does to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirewallAction {
    /// Silence: a connection times out.
    Drop,
    /// An answer: refused at once.
    Reject,
}

/// Whether a rule meets a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowMatch {
    /// All its conditions are understood and hold.
    Yes,
    /// It has conditions we do not understand.
    Perhaps,
}

/// A line of a backend's own log file (its journal lines are in [`World::journal`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendLine {
    /// When, if the line says.
    pub at: Option<Timestamp>,
    /// The file.
    pub path: PathBuf,
    /// Which kind of server wrote it.
    pub kind: BackendKind,
    /// The unit, if known.
    pub unit: Option<String>,
    /// The text, lossy.
    pub text: String,
}

/// Something that changed on the host: what a trigger is chosen from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// What kind.
    pub kind: ChangeKind,
    /// One sentence.
    pub says: String,
    /// The unit, package or file it is about.
    pub about: String,
}

/// A service that the systemd of a user starts, not that of the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserService {
    /// Login name of its owner.
    pub user: String,
    /// Numeric id of its owner.
    pub uid: u32,
    /// `app.service`
    pub name: String,
    /// It is started with the owner's systemd.
    pub enabled: bool,
    /// The owner's systemd runs while nobody is logged in.
    pub lingers: Look<bool>,
    /// Where it is configured to listen; the unit named there is the user's.
    pub claim: Claim,
}

impl UserService {
    /// The unit of the system that the owner's systemd is: `user@1000.service`.
    pub fn manager(&self) -> String {
        format!("user@{}.service", self.uid)
    }
}

/// Kinds of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// A package was installed, upgraded or removed.
    PackageUpgrade,
    /// A config file was edited.
    ConfigEdit,
    /// Files of an application changed.
    Deploy,
    /// The host booted.
    Reboot,
    /// A unit was stopped, by a person or a program.
    UnitStop,
    /// A unit was started or restarted.
    UnitStart,
    /// A unit ended by itself.
    UnitEnd,
    /// A job of cron or a timer ran.
    ScheduledJob,
    /// Logs were rotated.
    LogRotation,
    /// A name resolves differently.
    DnsChange,
}

impl World {
    /// The names of all sites, as `--site` takes them.
    pub fn sites(&self) -> BTreeSet<&str> {
        let named = self.nginx.iter().flat_map(|nginx| &nginx.names);
        let asking = self.routes.iter().map(|route| &route.site);
        named.chain(asking).map(String::as_str).collect()
    }

    /// An empty world in which nothing could be seen: what tests and `discover` start from.
    pub fn unseen(now: Timestamp, since: Timestamp) -> Self {
        let not = |what: &str| Unseen::NotRecorded {
            what: what.to_owned(),
        };
        Self {
            now,
            since,
            boot: Err(not("boot time")),
            nginx: Vec::new(),
            routes: Vec::new(),
            processes: Err(not("processes")),
            sockets: Err(not("sockets")),
            links: Err(not("network interfaces")),
            accounts: Err(not("users and groups")),
            units: Err(not("units")),
            claims: Vec::new(),
            pools: Vec::new(),
            apache: ApacheWorkers::default(),
            user_services: Vec::new(),
            journal: Err(not("journal")),
            backend_log: Vec::new(),
            kernel: Err(not("kernel log")),
            kernel_files: Err(not("the files of the kernel")),
            changes: Vec::new(),
            jobs: Vec::new(),
            config_tests: BTreeMap::new(),
            somaxconn: Err(not("net.core.somaxconn")),
            memory_available: Err(not("free memory")),
            limits: Limits::default(),
            code: Vec::new(),
            guards: None,
            unseen: Vec::new(),
        }
    }

    /// The unit of that name.
    pub fn unit(&self, name: &str) -> Option<&Unit> {
        self.units.as_ref().ok()?.iter().find(|unit| unit.name == name)
    }

    /// When this system booted: its first process started then. A container shares the clock of its machine's kernel,
    /// `btime` of proc_stat(5) included, and boots later.
    pub fn booted(&self) -> Option<Timestamp> {
        let kernel = *self.boot.as_ref().ok()?;
        Some(self.process(1).map_or(kernel, |init| init.started(kernel)))
    }

    /// The process of that id.
    pub fn process(&self, pid: u32) -> Option<&Process> {
        let all = self.processes.as_ref().ok()?;
        all.iter().find(|process| process.pid == pid)
    }

    /// Processes of a unit, by cgroup.
    pub fn processes_of<'a>(&'a self, unit: &'a str) -> impl Iterator<Item = &'a Process> {
        let all = self.processes.as_ref().map_or(&[][..], Vec::as_slice);
        all.iter()
            .filter(move |process| process.unit.as_deref() == Some(unit))
    }

    /// Listeners in nginx's network namespace.
    pub fn listeners(&self) -> Look<impl Iterator<Item = &Socket>> {
        let sockets = self.sockets.as_ref().map_err(Clone::clone)?;
        Ok(sockets
            .iter()
            .filter(|socket| socket.state == SocketState::Listen))
    }

    /// Journal lines of one unit, oldest first.
    pub fn journal_of<'a>(&'a self, unit: &'a str) -> impl DoubleEndedIterator<Item = &'a JournalLine> {
        let all = self.journal.as_ref().map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |line| line.unit == unit)
    }

    /// Everything a unit's processes said, journal and own log files, oldest first: `(when, text, where it is)`.
    pub fn said_by<'a>(&'a self, unit: &'a str) -> Vec<Said<'a>> {
        let journal = self.journal_of(unit).map(|line| Said {
            at: Some(line.at),
            text: &line.text,
            source: crate::Source::journal(unit),
        });
        let files = self
            .backend_log
            .iter()
            .filter(move |line| line.unit.as_deref() == Some(unit));
        let mut said: Vec<Said<'a>> = journal
            .chain(files.map(|line| Said {
                at: line.at,
                text: &line.text,
                source: crate::Source::file(&line.path, None),
            }))
            .collect();
        said.sort_by_key(|line| line.at);
        said
    }
}

/// One line a backend wrote.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// When, if known.
    pub at: Option<Timestamp>,
    /// The text: hostile, escape before printing.
    pub text: &'a str,
    /// Where it stands.
    pub source: crate::Source,
}

/// A step of a path on the way to a socket, seen as nginx's worker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathStep {
    /// The directory or, last, the socket.
    pub path: PathBuf,
    /// What stands there.
    pub stat: Look<Option<Stat>>,
}
