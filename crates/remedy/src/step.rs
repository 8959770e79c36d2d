//! All that why502 can do to a host, on one screen: preview, review, apply and undo each match on the whole of it.

mod flow;
mod hands;
mod network;
mod site;

pub use flow::FlowRule;
pub use hands::{Hands, Patience, StepFailed};
pub use network::{NameCache, Network, Owner, Route};
pub use site::{Belongings, Shelf};

use diagnose::limits::Reclaimable;
use host::Endpoint;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

/// One change. Each says what it expects to find, so that it can refuse a host that has moved on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Step {
    /// A config test that must pass before what follows; changes nothing.
    Test {
        /// Which.
        test: Test,
    },
    /// A file's content; `None` is absence. Bytes outside the edit stay as they are.
    Write {
        /// The file.
        path: PathBuf,
        /// What stands there.
        from: Option<Content>,
        /// What shall stand there.
        to: Option<Content>,
    },
    /// Mode and owner of a file or directory.
    SetAccess {
        /// What.
        path: PathBuf,
        /// As found.
        from: Access,
        /// As it shall be.
        to: Access,
    },
    /// `systemctl daemon-reload`
    DaemonReload,
    /// `systemctl start`
    Start {
        /// The unit.
        unit: String,
        /// As found.
        from: UnitState,
    },
    /// `systemctl stop`
    Stop {
        /// The unit.
        unit: String,
        /// As found.
        from: UnitState,
    },
    /// `systemctl restart`, after forensics.
    Restart {
        /// The unit.
        unit: String,
        /// As found: with another main process somebody else restarted it already.
        from: UnitState,
        /// Processes whose state is written down first.
        forensics: Vec<ProcessId>,
        /// Its php-fpm pools that can be asked what they do.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pools: Vec<PoolTraces>,
    },
    /// `systemctl reload`, or SIGHUP to a master that no unit owns.
    Reload {
        /// The unit.
        unit: Option<String>,
        /// Its main process.
        master: ProcessId,
    },
    /// `systemctl enable`, `disable`, `mask`, `unmask`.
    SetUnitFile {
        /// The unit.
        unit: String,
        /// `enabled`, `disabled`, `masked`
        from: String,
        /// The same words.
        to: String,
    },
    /// `loginctl enable-linger`, `disable-linger`
    SetLinger {
        /// Login name.
        user: String,
        /// Numeric id: the user's systemd is `user@UID.service`.
        uid: u32,
        /// As it shall be; it was the other.
        on: bool,
    },
    /// Ends processes, TERM and then KILL, after forensics.
    EndProcesses {
        /// With their children as found.
        processes: Vec<ProcessId>,
    },
    /// SIGQUIT to an nginx master: it takes no more connections, and ends when its workers have served theirs.
    QuitNginx {
        /// The master.
        master: ProcessId,
    },
    /// A rule put before the one that stops a flow, in the running packet filter.
    AcceptFlow {
        /// The rule.
        rule: FlowRule,
    },
    /// Takes such a rule out again.
    RefuseFlow {
        /// The rule.
        rule: FlowRule,
    },
    /// A kernel setting, now.
    Sysctl {
        /// `net.core.somaxconn`
        key: String,
        /// As found.
        from: String,
        /// As it shall be.
        to: String,
    },
    /// `setsebool -P NAME on|off`
    SelinuxBoolean {
        /// `httpd_can_network_connect`
        name: String,
        /// As it shall be; it was the other.
        on: bool,
    },
    /// `semanage port -a|-m|-d`: the type that this host gives to a TCP port beside its policy.
    SelinuxPort {
        /// The port.
        port: u16,
        /// As found; `None` where the policy decides alone.
        from: Option<String>,
        /// As it shall be.
        to: Option<String>,
    },
    /// What a browser keeps of one site is taken out of its profile and kept beside the journal.
    TakeOut {
        /// Which, and where.
        shelf: Box<Shelf>,
    },
    /// It is put back.
    PutBack {
        /// Which, and where.
        shelf: Box<Shelf>,
    },
    /// A cache of names forgets what it holds.
    FlushNames {
        /// Which.
        cache: NameCache,
    },
    /// `resolvconf -u`: /etc/resolv.conf made anew of what resolvconf knows.
    RebuildResolvConf,
    /// An interface is set up anew by the tool that owns it.
    ResetInterface {
        /// `eth0`
        name: String,
        /// Who owns it.
        by: Owner,
        /// As found.
        found: Network,
    },
    /// An interface gets back what it had.
    RestoreInterface {
        /// `eth0`
        name: String,
        /// Who owns it.
        by: Owner,
        /// What it had.
        found: Network,
    },
    /// `ip route flush cache`: what redirects and packet sizes the kernel learnt on the way.
    FlushRoutes,
    /// `ip route replace ROUTE`, `ip route del ROUTE`: a route of the main table, until the interface is set up anew.
    SetRoute {
        /// `eth0`
        device: String,
        /// As found; `None` is absence.
        from: Option<Box<Route>>,
        /// As it shall be, to the same place.
        to: Option<Box<Route>>,
    },
    /// `ip neigh flush to ADDRESS dev DEVICE`
    FlushNeighbour {
        /// The neighbour.
        address: IpAddr,
        /// The interface.
        device: String,
    },
    /// `conntrack -D -d ADDRESS -p tcp --dport PORT`
    FlushConntrack {
        /// The peer.
        to: Endpoint,
        /// Its UDP flows, not its TCP connections.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        udp: bool,
    },
    /// `ip link set NAME up|down`
    SetInterface {
        /// `eth0`
        name: String,
        /// As it shall be; it was the other.
        up: bool,
    },
    /// The directory that nginx makes for a cache goes, unless the file that declares the cache is there.
    DropCache {
        /// The directory.
        dir: PathBuf,
        /// The file.
        declared: PathBuf,
    },
    /// `apt-get clean`, `journalctl --vacuum-size=100M`: a tool gives back the room that it took.
    Reclaim {
        /// Whose.
        of: Reclaimable,
        /// So much there is, as found.
        bytes: u64,
    },
    /// `systemctl reboot`
    Reboot,
}

/// A program's test of its own config.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "of")]
pub enum Test {
    /// `nginx -t` with the arguments that choose the running config.
    Nginx {
        /// The binary.
        exe: PathBuf,
        /// `-c`, `-p`, `-g` of the running master.
        args: Vec<String>,
    },
    /// `php-fpm -t`
    PhpFpm {
        /// `/usr/sbin/php-fpm8.2`
        exe: PathBuf,
    },
    /// `apachectl configtest`
    Apache,
    /// `systemd-analyze verify`
    Unit {
        /// The unit.
        unit: String,
    },
    /// `nft -c -f`
    Nft {
        /// The ruleset file.
        path: PathBuf,
    },
}

/// What a file holds, and who may use it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// All of it. Text where it is UTF-8, so that a person can read the journal.
    #[serde(with = "crate::bytes")]
    pub bytes: Vec<u8>,
    /// Mode and owner.
    pub access: Access,
    /// Extended attributes, the SELinux label among them, hex.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// Permission bits and owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// `0o640`
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// A unit as a plan found it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitState {
    /// `active`, `inactive`, `failed`…
    pub active: String,
    /// Its main process.
    pub main_pid: Option<u32>,
}

/// A process that can't be taken for another one that got its number later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// Start time in clock ticks since boot: field 22 of /proc/PID/stat.
    pub started: u64,
}

/// What a php-fpm pool tells of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolTraces {
    /// `www`
    pub pool: String,
    /// Its status page: where it is served, and `pm.status_path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<(Endpoint, String)>,
    /// `slowlog`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slow_log: Option<PathBuf>,
}

/// How a step is taken back: derived from it, never written by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undo {
    /// By this step, in reverse order.
    By(Step),
    /// By [`Hands::again`] once all that stands before it in the plan is as it was: a reload, a restart.
    Again,
    /// It changed nothing, or nothing that could be put back: what it ended is gone.
    Nothing,
}

impl Step {
    /// How it is taken back.
    pub fn undo(&self) -> Undo {
        match self.clone() {
            step @ (Self::Write { .. }
            | Self::SetAccess { .. }
            | Self::SetUnitFile { .. }
            | Self::Sysctl { .. }
            | Self::SelinuxPort { .. }
            | Self::SetRoute { .. }) => Undo::By(step.turned()),
            Self::SelinuxBoolean { name, on } => Undo::By(Self::SelinuxBoolean { name, on: !on }),
            Self::SetInterface { name, up } => Undo::By(Self::SetInterface { name, up: !up }),
            Self::TakeOut { shelf } => Undo::By(Self::PutBack { shelf }),
            Self::PutBack { shelf } => Undo::By(Self::TakeOut { shelf }),
            Self::ResetInterface { name, by, found } => Undo::By(Self::RestoreInterface { name, by, found }),
            Self::RestoreInterface { name, by, found } => Undo::By(Self::ResetInterface { name, by, found }),
            Self::SetLinger { user, uid, on } => Undo::By(Self::SetLinger { user, uid, on: !on }),
            Self::AcceptFlow { rule } => Undo::By(Self::RefuseFlow { rule }),
            Self::RefuseFlow { rule } => Undo::By(Self::AcceptFlow { rule }),
            // whatever main process it has by then
            Self::Start { unit, from } => Undo::By(Self::Stop {
                unit,
                from: UnitState {
                    main_pid: None,
                    ..from
                },
            }),
            Self::Stop { unit, from } => Undo::By(Self::Start { unit, from }),
            // it did not run before
            Self::Restart { unit, from, .. } if matches!(&*from.active, "failed" | "inactive") => {
                Undo::By(Self::Stop { unit, from })
            }
            Self::DaemonReload
            | Self::DropCache { .. }
            | Self::Restart { .. }
            | Self::Reload { .. }
            | Self::FlushNames { .. }
            | Self::RebuildResolvConf => Undo::Again,
            Self::Test { .. }
            | Self::EndProcesses { .. }
            | Self::QuitNginx { .. }
            | Self::FlushRoutes
            | Self::FlushNeighbour { .. }
            | Self::FlushConntrack { .. }
            | Self::Reclaim { .. }
            | Self::Reboot => Undo::Nothing,
        }
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes, {:?}", self.bytes.len(), self.access)
    }
}
