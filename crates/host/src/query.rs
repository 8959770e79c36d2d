//! What can be asked: a closed list, so that a new look is a reviewed change and every recording can name its answer.

mod banner;
mod endpoint;
mod stance;

pub use banner::Banner;
pub use endpoint::Endpoint;
pub use stance::{Identity, Stance};

use crate::{
    Timestamp,
    browser::{Jar, Profile},
    consult::{Login, Service},
    visit::{TO_ANSWER, TO_CONNECT, TO_SHAKE, Visit},
};
use serde::{Deserialize, Serialize};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// One look at a host.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Query {
    /// The host's clock. A recorded host answers with the time of its recording.
    Clock,
    /// Bytes of a regular file (never of a device, pipe or socket).
    File {
        /// Where.
        path: PathBuf,
        /// Which end, and at most how many bytes.
        part: Part,
    },
    /// Names in a directory, sorted.
    Dir {
        /// Where.
        path: PathBuf,
    },
    /// What stands at a path, as the process sees it whose mount namespace and root are meant.
    Stat {
        /// Where.
        path: PathBuf,
        /// `None` is our own mount namespace.
        seen_by: Option<u32>,
    },
    /// Blocks and inodes of the file system that a path lies on, in our own mount namespace.
    Space {
        /// Any path on it.
        path: PathBuf,
    },
    /// Deleted files that processes hold open, largest first.
    DeletedFiles,
    /// Regular files below a directory, largest first: not over links, not on other file systems, a few levels down.
    FileSizes {
        /// Where.
        dir: PathBuf,
    },
    /// Every process, raw.
    Processes,
    /// Sockets of one network namespace.
    Sockets {
        /// A process that lives in the namespace; `None` is our own.
        netns_of: Option<u32>,
    },
    /// A read-only command of the closed list.
    Run(Tool),
    /// Open a connection, perhaps say a greeting, hear the first bytes of the answer.
    Connect {
        /// Whom to call.
        to: Endpoint,
        /// As whom, and from where.
        stance: Stance,
        /// What to say.
        talk: Talk,
    },
    /// Log in to a server as an application does, and ask it how it is: read-only questions of a closed list.
    Consult {
        /// Whom to call.
        to: Endpoint,
        /// As whom, and from where.
        stance: Stance,
        /// What kind of server it is.
        service: Service,
        /// The application's own login; `None`: do not try one, only see whether it greets.
        login: Option<Login>,
    },
    /// One question to one DNS server over UDP (TCP where truncated).
    Dns {
        /// The server.
        server: SocketAddr,
        /// The name asked for.
        name: String,
        /// `A`, `AAAA` or `NS`.
        kind: RecordKind,
        /// Whose network namespace; `None` is our own.
        netns_of: Option<u32>,
    },
    /// The name as the system's own resolver library answers it (`getent ahosts`), `/etc/hosts` included.
    SystemName {
        /// The name asked for.
        name: String,
    },
    /// The cookies that a browser has stored for a host: names and sizes, never values.
    Cookies {
        /// Where they stand.
        jar: Jar,
        /// The site's host.
        host: String,
    },
    /// What else a browser keeps of a site.
    Kept {
        /// Which profile.
        profile: Box<Profile>,
        /// The site's host.
        host: String,
    },
    /// One request as a visitor's browser makes it.
    Visit(Box<Visit>),
    /// Proxies that programs of this session are told of.
    Proxies,
    /// The kernel's ring buffer.
    KernelLog,
    /// Another look, made some time from now: with the same look made at once it tells what moved in between. A query
    /// of its own, so that a recording holds both answers and a replay need not wait. Not nested.
    Later {
        /// How long to wait first, in milliseconds.
        ms: u64,
        /// The look.
        look: Box<Query>,
    },
}

/// Which end of a file. Sizes in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Part {
    /// The first bytes.
    Head(u64),
    /// The last bytes.
    Tail(u64),
}

/// A record type of DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RecordKind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Name servers of a zone.
    Ns,
    /// The name that a name stands for.
    Cname,
    /// IPv4 addresses with their signatures, from a resolver that is told not to check them (CD, RFC 4035 section 3.2.2).
    UncheckedA,
    /// The same of IPv6.
    UncheckedAaaa,
    /// The same of a zone's name servers.
    UncheckedNs,
}

/// What is said once connected. Every greeting is harmless: it changes nothing on a server that speaks the
/// protocol and is refused by one that does not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Talk {
    /// Connect, then close.
    Nothing,
    /// Connect and hear what the server says unasked (MySQL, SSH, SMTP greet first).
    Listen,
    /// One HTTP/1.1 request with `Connection: close`.
    Http {
        /// `GET` or `HEAD`.
        method: String,
        /// Path and query.
        target: String,
        /// The Host header.
        host: String,
        /// Over TLS, with this server name.
        tls: Option<String>,
        /// How long to wait for the first byte, in milliseconds.
        patience_ms: u64,
    },
    /// A `HEAD` over HTTP/1.1 that leaves it to the server how long the connection stays open.
    HttpKept {
        /// Path and query.
        target: String,
        /// The Host header.
        host: String,
        /// How long to wait for the first byte, in milliseconds.
        patience_ms: u64,
    },
    /// The opening handshake of a WebSocket (RFC 6455 section 4.1); once it is granted or refused we leave.
    Upgrade {
        /// Path and query.
        target: String,
        /// The Host header.
        host: String,
        /// Over TLS, with this server name.
        tls: Option<String>,
        /// How long to wait for the first byte, in milliseconds.
        patience_ms: u64,
    },
    /// A TLS handshake with this server name (`None`: no SNI).
    Tls {
        /// Server name.
        sni: Option<String>,
    },
    /// FastCGI `GET_VALUES` (answered by the protocol layer, runs no script).
    FastCgi,
    /// A FastCGI request with these parameters (as nginx would send).
    FastCgiRequest {
        /// CGI parameters in order.
        params: Vec<(String, String)>,
        /// How long to wait for the first byte, in milliseconds.
        patience_ms: u64,
    },
    /// `HEAD /` over the uwsgi protocol.
    Uwsgi,
    /// `HEAD /` over HTTP, behind a PROXY protocol header that names this host as the client.
    Proxied,
    /// The HTTP/2 preface with an empty SETTINGS frame.
    H2,
    /// Redis `PING`.
    Redis,
    /// PostgreSQL `SSLRequest` (answered by one byte).
    Postgres,
}

impl Talk {
    /// Short name for reports and for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "connect",
            Self::Listen => "listen",
            Self::Http { tls: None, .. } => "HTTP",
            Self::Http { tls: Some(_), .. } => "HTTPS",
            Self::HttpKept { .. } => "HTTP with keep-alive",
            Self::Upgrade { .. } => "WebSocket",
            Self::Tls { .. } => "TLS",
            Self::FastCgi | Self::FastCgiRequest { .. } => "FastCGI",
            Self::Uwsgi => "uwsgi",
            Self::Proxied => "PROXY protocol",
            Self::H2 => "HTTP/2",
            Self::Redis => "Redis",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// Read-only commands: the closed list of what we may run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tool {
    /// `nginx -T` with the running master's own `-c`, `-p` and `-g`: test, then dump the config with its file names.
    NginxDump {
        /// The binary of the running master, or the one on PATH.
        exe: PathBuf,
        /// The arguments of the running master that choose the config.
        args: Vec<String>,
    },
    /// `nginx -V`.
    NginxVersion {
        /// The binary.
        exe: PathBuf,
    },
    /// `systemctl show` of these units, the properties of [`crate::looks::unit::PROPERTIES`].
    UnitsShow {
        /// Unit names.
        units: Vec<String>,
    },
    /// `systemctl list-unit-files --type=service,socket` (name, state, preset).
    UnitFiles,
    /// `systemctl list-units --all --type=service,socket` (name, load, active and sub state): what systemd has in
    /// memory, failed units and instances of templates included.
    UnitsLoaded,
    /// `journalctl -o json` of these units (their own lines and systemd's about them).
    Journal {
        /// Unit names; empty is the whole journal.
        units: Vec<String>,
        /// Not older than this.
        since: Timestamp,
        /// At most the last so many lines.
        lines: u32,
    },
    /// `nft -j list ruleset`.
    NftRuleset,
    /// `iptables-save -c`, or one of its siblings.
    IptablesSave {
        /// `ip6tables-…`.
        v6: bool,
        /// `…-legacy-save`.
        legacy: bool,
    },
    /// `php-fpm -t` of this binary.
    FpmTest {
        /// `/usr/sbin/php-fpm8.2`.
        exe: PathBuf,
    },
    /// `apachectl configtest`.
    ApacheTest,
    /// `rpm -qa --last`.
    RpmHistory,
    /// `getsebool` of these booleans of SELinux.
    Getsebool {
        /// `httpd_can_network_connect`
        names: Vec<String>,
    },
    /// `semanage port -l`.
    SemanagePorts,
    /// `ip -j route get` for this address.
    RouteGet {
        /// Destination.
        to: IpAddr,
    },
    /// `ip -j address show`: interfaces with their addresses.
    Links,
    /// `ip -j route show table main`
    Routes {
        /// `ip -6`
        v6: bool,
    },
    /// `ip -j neigh show to` this address.
    Neighbour {
        /// The neighbour.
        of: IpAddr,
    },
    /// `ping -M do`: two echo requests that no router may fragment.
    Ping {
        /// To whom.
        to: IpAddr,
        /// Length of each packet with its headers, bytes.
        bytes: u16,
    },
    /// `conntrack -L` of flows to this address.
    Conntrack {
        /// Whom the flows ask.
        to: IpAddr,
    },
    /// fail2ban or CrowdSec.
    Bans(Banner),
}

impl Query {
    /// The time this look may take. A look that is not back by then is [`crate::Unseen::TimedOut`].
    pub fn deadline(&self) -> Duration {
        match self {
            Self::Clock => Duration::from_millis(100),
            Self::File { .. } => Duration::from_millis(2500),
            Self::Dir { .. } | Self::Stat { .. } | Self::Space { .. } => Duration::from_millis(1000),
            Self::DeletedFiles | Self::FileSizes { .. } => Duration::from_millis(800),
            Self::Processes | Self::Sockets { .. } | Self::KernelLog => Duration::from_millis(1500),
            Self::Run(tool) => tool.deadline(),
            Self::Connect { talk, .. } => talk.deadline(),
            // one that hangs costs the whole of it
            Self::Consult { .. } => Duration::from_millis(1900),
            Self::Dns { .. } => Duration::from_millis(1200),
            Self::SystemName { .. } => Duration::from_millis(1500),
            Self::Cookies { .. } => Duration::from_millis(2500),
            Self::Kept { .. } => Duration::from_millis(5000),
            Self::Proxies => Duration::from_millis(1000),
            // and the way back
            Self::Visit(_) => TO_CONNECT + TO_SHAKE + TO_ANSWER + Duration::from_millis(1500),
            Self::Later { ms, look } => Duration::from_millis(*ms) + look.deadline(),
        }
    }
}

impl Tool {
    fn deadline(&self) -> Duration {
        match self {
            Self::NginxDump { .. } | Self::FpmTest { .. } | Self::ApacheTest => Duration::from_millis(2500),
            // systemd reads every unit file for this, and answers nobody else meanwhile; semanage is a Python program
            Self::UnitFiles | Self::UnitsShow { .. } | Self::SemanagePorts => Duration::from_millis(2500),
            // two packets, a second of waiting, and a machine that may be busy
            Self::Ping { .. } => Duration::from_millis(2500),
            Self::RpmHistory | Self::Journal { .. } => Duration::from_millis(2000),
            _ => Duration::from_millis(1500),
        }
    }
}

impl Talk {
    fn deadline(&self) -> Duration {
        let connect_and_close = Duration::from_millis(1500);
        match self {
            Self::Http { patience_ms, .. }
            | Self::HttpKept { patience_ms, .. }
            | Self::Upgrade { patience_ms, .. }
            | Self::FastCgiRequest { patience_ms, .. } => {
                connect_and_close + Duration::from_millis(*patience_ms)
            }
            _ => connect_and_close,
        }
    }
}
