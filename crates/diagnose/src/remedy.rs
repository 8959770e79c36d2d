//! What would mend a case, as plain values. A cause only says which measures; the `remedy` crate looks at the host
//! again, turns them into exact steps, and does them.

use crate::{
    Case, Class,
    limits::Reclaimable,
    topology::{Claim, ListenAddress, Place, Protocol},
    world::FirewallRule,
};
use host::Endpoint;
use std::{net::IpAddr, path::PathBuf};

/// One way to mend a case: measures that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    /// What it does, imperative, lower case, one line: `start php8.2-fpm.service`.
    pub title: String,
    /// Who may act: never laxer than the class of the cause allows.
    pub class: Class,
    /// It only makes the site answer again; the root stays and is still to be mended by a person.
    pub relief: bool,
    /// What is to be done, in this order.
    pub measures: Vec<Measure>,
}

/// One thing to do, as far as the case knows it. Closed on purpose: a cause can ask for nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Start a unit. Its own config test, if it has one, must pass first.
    Start {
        /// `php8.2-fpm.service`
        unit: String,
    },
    /// Stop a unit that somebody else's place is taken by.
    Stop {
        /// `apache2.service`
        unit: String,
    },
    /// Take back `systemctl mask`.
    Unmask {
        /// The unit.
        unit: String,
    },
    /// Have a unit started at boot.
    Enable {
        /// The unit.
        unit: String,
    },
    /// Let the systemd of a user, with the user's services, run while nobody is logged in.
    Linger {
        /// Login name.
        user: String,
        /// Numeric id.
        uid: u32,
    },
    /// Stop and start a unit, after what its processes were doing was written down.
    Restart {
        /// The unit.
        unit: String,
        /// Processes to look at before, at most a few: those that are stuck.
        forensics: Vec<u32>,
    },
    /// Let a unit read its config again without ending what it serves; its config test must pass first.
    Reload {
        /// The unit.
        unit: String,
    },
    /// `nginx -t`, then have the running nginx read its files again.
    ReloadNginx {
        /// Index into [`crate::World::nginx`].
        nginx: usize,
    },
    /// End processes that no unit owns any more (TERM, after some time KILL), each with its children.
    EndProcesses {
        /// Their ids.
        pids: Vec<u32>,
    },
    /// Let one of several nginx masters finish what it serves and end.
    QuitNginx {
        /// Its process.
        master: u32,
    },
    /// Another address, or another word, in place of one in a directive of nginx's files.
    NginxReplace {
        /// Where the directive or its argument begins.
        at: Place,
        /// What stands there: `unix:/run/php/php8.1-fpm.sock`.
        old: String,
        /// What shall stand there.
        new: String,
    },
    /// A directive of nginx in the same block as another, in place of one of that name that stands there already.
    NginxSet {
        /// Where a directive of that block, or its argument, begins, beside which it goes.
        beside: Place,
        /// `fastcgi_buffer_size`
        name: String,
        /// `32k`: everything between the name and the semicolon.
        value: String,
    },
    /// Fewer requests of one kind: a zone in a file of its own that nginx's `http` block includes, and
    /// the limit in the location that passes them on. For an nginx that has no such limit yet.
    NginxLimit {
        /// The file, which is not there yet.
        file: PathBuf,
        /// A directive of the location.
        beside: Place,
        /// Which requests.
        of: Limited,
        /// How many of them still come through.
        allowed: Allowance,
    },
    /// Answers for visitors of whom nothing is known, kept for seconds and given to the next: a cache in a file of its own
    /// that nginx's `http` block includes, used in the location that passes requests on. For an nginx that has none yet.
    NginxCache {
        /// The file, which is not there yet.
        file: PathBuf,
        /// A directive of the location.
        beside: Place,
        /// What nginx speaks there: each has directives of its own.
        protocol: Protocol,
        /// Which pages: `/item.php`; `*` is any one segment.
        paths: Vec<String>,
        /// How long an answer is fresh.
        seconds: u32,
    },
    /// Refuse some addresses for a while, by the program that bans on this host or by a set of nftables of our own.
    Ban {
        /// A few, none of which speaks for others.
        addresses: Vec<IpAddr>,
        /// The ports on which they are refused.
        ports: Vec<u16>,
        /// Until it ends by itself, where no other program decides that.
        minutes: u32,
    },
    /// A key of an INI file (php-fpm pool, uWSGI): its value where it stands, or a new line in that section.
    IniSet {
        /// The file.
        file: PathBuf,
        /// `www` of `[www]`.
        section: String,
        /// `listen.owner`
        key: String,
        /// The value.
        value: String,
    },
    /// Let a server listen on another address, where its own files say so (php-fpm pool, Apache's `Listen` and virtual
    /// hosts, a unit's command line), then restart it.
    Listen {
        /// Who, and where that is written.
        claim: Claim,
        /// The new address.
        to: ListenAddress,
    },
    /// A setting of a unit by a drop-in of its own: `[Service] Restart=on-failure`.
    UnitSet {
        /// The unit.
        unit: String,
        /// `Service`
        section: String,
        /// `Restart`
        key: String,
        /// `on-failure`. An empty one first for keys that add up (`ExecStart=`).
        values: Vec<String>,
    },
    /// The last version of a file that its own config test accepts: an editor's or a package's backup beside it.
    RestoreBackup {
        /// The file.
        file: PathBuf,
        /// The unit whose config test decides.
        unit: String,
    },
    /// A directive of Apache's made a comment, with all its lines; a config test must pass before what follows.
    CommentOut {
        /// One of its lines.
        at: Place,
    },
    /// Mode, owner and group of a directory or file; `None` stays as it is. Never more than it takes.
    Access {
        /// What.
        path: PathBuf,
        /// Permission bits: `0o750`.
        mode: Option<u32>,
        /// User id.
        uid: Option<u32>,
        /// Group id.
        gid: Option<u32>,
    },
    /// A kernel setting, now and for good.
    Sysctl {
        /// `net.core.somaxconn`
        key: String,
        /// `4096`
        value: String,
    },
    /// A boolean of SELinux's policy, now and for good.
    SelinuxBoolean {
        /// `httpd_can_network_connect`
        name: String,
        /// Its value.
        on: bool,
    },
    /// A TCP port's type in SELinux's policy.
    SelinuxPort {
        /// The port.
        port: u16,
        /// `http_port_t`
        name: String,
    },
    /// Let one flow through, in the tool that owns the rule which stops it, and there for good too.
    Accept {
        /// The rule that stops it.
        rule: FirewallRule,
        /// Where the flow goes.
        to: Endpoint,
    },
    /// Another value of a directive of Apache's own configuration, where it stands already.
    ApacheSet {
        /// `MaxRequestWorkers`
        directive: String,
        /// `50`
        value: String,
    },
    /// Owner of nginx's own temp directories, and of the way to them.
    NginxTemp {
        /// Index into [`crate::World::nginx`].
        nginx: usize,
        /// The directory that its workers could not use.
        at: PathBuf,
    },
    /// Name servers of the host, in the tool that owns /etc/resolv.conf.
    Resolver {
        /// In order of preference.
        servers: Vec<IpAddr>,
    },
    /// Have a browser forget a site, and no other.
    ForgetSite {
        /// The browser's profile.
        profile: host::browser::Profile,
        /// The site's host.
        host: String,
        /// And this of all sites, asked for by name.
        whole: Vec<Whole>,
    },
    /// Have every cache of names on this host forget what it holds.
    FlushNames,
    /// Set an interface up anew, by the tool that owns it.
    ResetInterface {
        /// `eth0`
        name: String,
    },
    /// Forget one neighbour (ARP, NDP).
    FlushNeighbour {
        /// Its address.
        address: IpAddr,
    },
    /// Forget the tracked connections to one address.
    FlushConntrack {
        /// The peer.
        to: Endpoint,
        /// UDP flows, not TCP connections.
        udp: bool,
    },
    /// Send no larger packets to one address than pass, and be sent none.
    PathMtu {
        /// The peer.
        to: IpAddr,
        /// The largest that passed, bytes.
        bytes: u16,
    },
    /// Put the default route back that the configuration of an interface names.
    DefaultRoute {
        /// IPv6, not IPv4.
        v6: bool,
    },
    /// Set a network interface up.
    InterfaceUp {
        /// `eth0`
        name: String,
    },
    /// Have a tool give back the room that it took.
    Reclaim {
        /// Whose.
        of: Reclaimable,
    },
    /// Restart the host.
    Reboot,
}

/// Requests that a limit is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limited {
    /// Of a method to a path.
    Route {
        /// `POST`
        method: String,
        /// `/wp-login.php`; `*` is any one segment.
        path: String,
    },
    /// Of one user agent.
    Agent(String),
}

/// How much a limit lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// From each address.
    Each {
        /// So many requests a minute.
        per_minute: u32,
        /// And so many more at once.
        burst: u32,
    },
    /// From all addresses together, so many at the same time.
    Together(u32),
}

/// What a browser keeps of all sites together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Its cached answers.
    Cache,
    /// Their local storage.
    LocalStorage,
    /// Their service workers.
    ServiceWorkers,
}

/// A title says what is done, not more.
const TITLE: usize = 160;

impl Remedy {
    /// Done after a person saw the plan and agreed.
    pub fn ask(title: impl AsRef<str>, measures: Vec<Measure>) -> Self {
        Self {
            title: logscan::text::show(title.as_ref(), TITLE),
            class: Class::Ask,
            relief: false,
            measures,
        }
    }

    /// May be done unattended where this holds.
    pub fn unattended_if(self, holds: bool) -> Self {
        let class = if holds { Class::Auto } else { self.class };
        Self { class, ..self }
    }

    /// The site answers again, and the root stays.
    pub fn relief(self) -> Self {
        Self { relief: true, ..self }
    }
}

/// For causes whose class is `never` or `inform`, or that only a person can mend.
pub fn none(_: &Case) -> Vec<Remedy> {
    Vec::new()
}
