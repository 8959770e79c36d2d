//! Typed looks: one method asks and parses. The parsers are plain functions over raw answers.

mod account;
pub mod bans;
mod browser;
pub mod certificate;
pub mod denial;
pub mod firewall;
pub(crate) mod journal;
mod kernel;
mod mounts;
mod network;
mod packages;
mod process;
pub mod scoreboard;
pub mod unit;

pub use account::{Account, Accounts};
pub use firewall::Firewall;
pub use journal::JournalLine;
pub use kernel::{Boot, Netstat, Pressure, Resource, Stall};
pub use mounts::{Mount, mount_of};
pub use network::{Link, Neighbour, Ping, Route, RouteTo, Tracked};
pub use packages::{PackageAct, PackageChange};
pub use process::{Process, ProcessState};
pub use scoreboard::Scoreboard;
pub use unit::Unit;

use crate::{
    Endpoint, Host, Look, Query, Stance, Talk, Timestamp, Tool, Unseen,
    answer::{
        Answer, Blob, Conversation, DeletedFile, DnsReply, FileSize, KernelLine, Output, Socket, Space, Stat,
    },
    browser::{Jar, Kept, Profile, StoredCookie},
    consult::{Consultation, Login, Service},
    query::{Part, RecordKind},
    visit::ProxySetting,
};
use jiff::tz::TimeZone;
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
};

/// Files up to this size are read whole, bytes.
pub const WHOLE_FILE: u64 = 16 << 20;

macro_rules! expect_answer {
    ($host:expr, $query:expr, $variant:ident) => {{
        let query = $query;
        match $host.ask(&query)? {
            Answer::$variant(it) => Ok(it),
            other => Err(mismatch(&query, &other)),
        }
    }};
}

/// Asking in types. Implemented for every [`Host`].
pub trait Looks: Host {
    /// The host's clock.
    fn now(&self) -> Look<Timestamp> {
        expect_answer!(self, Query::Clock, Clock)
    }

    /// A whole file, or [`Unseen::TooBig`].
    fn file(&self, path: &Path) -> Look<Option<Vec<u8>>> {
        match self.blob(path, Part::Head(WHOLE_FILE))? {
            Some(blob) if blob.size > WHOLE_FILE => Err(Unseen::TooBig {
                what: path.display().to_string(),
                bytes: blob.size,
            }),
            found => Ok(found.map(|blob| blob.bytes.0)),
        }
    }

    /// The last bytes of a file that may be of any size.
    fn tail(&self, path: &Path, bytes: u64) -> Look<Option<Blob>> {
        self.blob(path, Part::Tail(bytes))
    }

    /// One end of a file.
    fn blob(&self, path: &Path, part: Part) -> Look<Option<Blob>> {
        let path = path.to_owned();
        expect_answer!(self, Query::File { path, part }, File)
    }

    /// Names in a directory.
    fn dir(&self, path: &Path) -> Look<Option<Vec<String>>> {
        let path = path.to_owned();
        expect_answer!(self, Query::Dir { path }, Dir)
    }

    /// What stands at a path, in our own mount namespace.
    fn stat(&self, path: &Path) -> Look<Option<Stat>> {
        self.stat_seen_by(path, None)
    }

    /// What stands at a path, as that process sees it.
    fn stat_seen_by(&self, path: &Path, seen_by: Option<u32>) -> Look<Option<Stat>> {
        let path = path.to_owned();
        expect_answer!(self, Query::Stat { path, seen_by }, Stat)
    }

    /// Blocks and inodes of the file system that this path lies on.
    fn space(&self, path: &Path) -> Look<Option<Space>> {
        let path = path.to_owned();
        expect_answer!(self, Query::Space { path }, Space)
    }

    /// Deleted files that processes hold open, largest first.
    fn deleted_files(&self) -> Look<Vec<DeletedFile>> {
        expect_answer!(self, Query::DeletedFiles, DeletedFiles)
    }

    /// Regular files below a directory, largest first.
    fn file_sizes(&self, dir: &Path) -> Look<Vec<FileSize>> {
        let dir = dir.to_owned();
        expect_answer!(self, Query::FileSizes { dir }, FileSizes)
    }

    /// What is mounted where, as a process sees it or as we do; later mounts lie over earlier ones.
    fn mounts(&self, seen_by: Option<u32>) -> Look<Vec<Mount>> {
        let who = seen_by.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
        let file = self.file(Path::new(&format!("/proc/{who}/mountinfo")))?;
        Ok(file.map_or_else(Vec::new, |file| mounts::parse(&file)))
    }

    /// Every process.
    fn processes(&self) -> Look<Vec<Process>> {
        let raw = expect_answer!(self, Query::Processes, Processes)?;
        Ok(raw.iter().filter_map(Process::parse).collect())
    }

    /// Every process, that many milliseconds from now.
    fn processes_later(&self, ms: u64) -> Look<Vec<Process>> {
        let look = Box::new(Query::Processes);
        let raw = expect_answer!(self, Query::Later { ms, look }, Processes)?;
        Ok(raw.iter().filter_map(Process::parse).collect())
    }

    /// Sockets of a network namespace, that many milliseconds from now.
    fn sockets_later(&self, netns_of: Option<u32>, ms: u64) -> Look<Vec<Socket>> {
        let look = Box::new(Query::Sockets { netns_of });
        expect_answer!(self, Query::Later { ms, look }, Sockets)
    }

    /// Sockets of a network namespace.
    fn sockets(&self, netns_of: Option<u32>) -> Look<Vec<Socket>> {
        expect_answer!(self, Query::Sockets { netns_of }, Sockets)
    }

    /// A command of the closed list.
    fn run(&self, tool: Tool) -> Look<Output> {
        expect_answer!(self, Query::Run(tool), Output)
    }

    /// These units, in the order systemd gives them; unknown ones have [`Unit::load_state`] `not-found`.
    fn units(&self, names: &[String]) -> Look<Vec<Unit>> {
        let units = names.to_vec();
        let output = self.run(Tool::UnitsShow { units })?;
        Ok(unit::parse(&output.stdout.0))
    }

    /// The last journal lines of these units since then, oldest first.
    fn journal(&self, units: &[String], since: Timestamp, lines: u32) -> Look<Vec<JournalLine>> {
        let units = units.to_vec();
        let output = self.run(Tool::Journal { units, since, lines })?;
        Ok(journal::parse(&output.stdout.0))
    }

    /// A connection, and what was heard.
    fn connect(&self, to: &Endpoint, stance: &Stance, talk: Talk) -> Look<Conversation> {
        let (to, stance) = (to.clone(), stance.clone());
        expect_answer!(self, Query::Connect { to, stance, talk }, Conversation)
    }

    /// A server, asked as an application would.
    fn consult(
        &self,
        to: &Endpoint,
        stance: &Stance,
        service: Service,
        login: Option<&Login>,
    ) -> Look<Consultation> {
        let (to, stance, login) = (to.clone(), stance.clone(), login.cloned());
        expect_answer!(
            self,
            Query::Consult {
                to,
                stance,
                service,
                login
            },
            Consultation
        )
    }

    /// One DNS question.
    fn dns(&self, server: SocketAddr, name: &str, kind: RecordKind, netns_of: Option<u32>) -> Look<DnsReply> {
        let name = name.to_owned();
        expect_answer!(
            self,
            Query::Dns {
                server,
                name,
                kind,
                netns_of
            },
            Dns
        )
    }

    /// The name as programs on this host resolve it.
    fn system_name(&self, name: &str) -> Look<Vec<IpAddr>> {
        let name = name.to_owned();
        expect_answer!(self, Query::SystemName { name }, SystemName)
    }

    /// The profiles of browsers under a home, and what of them can't be seen.
    fn browser_profiles(&self, home: &Path) -> (Vec<Profile>, Vec<Unseen>) {
        browser::profiles(self, home)
    }

    /// The profile of a browser in a directory that a person named.
    fn browser_profile(&self, dir: &Path) -> Look<Profile> {
        browser::at(self, dir)
    }

    /// The cookies of a profile for a host, with the place where they stand; `None` where it has no cookies at all.
    fn cookies(&self, profile: &Profile, host: &str) -> Look<Option<(Jar, Vec<StoredCookie>)>> {
        for file in profile.cookie_files() {
            let (family, host) = (profile.family, host.to_owned());
            let jar = Jar { family, file };
            let query = Query::Cookies {
                jar: jar.clone(),
                host,
            };
            if let Some(cookies) = expect_answer!(self, query, Cookies)? {
                return Ok(Some((jar, cookies)));
            }
        }
        Ok(None)
    }

    /// What a profile keeps of a site beside cookies.
    fn kept(&self, profile: &Profile, host: &str) -> Look<Kept> {
        let (profile, host) = (Box::new(profile.clone()), host.to_owned());
        expect_answer!(self, Query::Kept { profile, host }, Kept)
    }

    /// Proxies that programs of this session are told of.
    fn proxies(&self) -> Look<Vec<ProxySetting>> {
        expect_answer!(self, Query::Proxies, Proxies)
    }

    /// The kernel's ring buffer.
    fn kernel_log(&self) -> Look<Vec<KernelLine>> {
        expect_answer!(self, Query::KernelLog, KernelLog)
    }

    /// What the firewall refuses, from `nft` and `iptables-save`, whichever this host has.
    fn firewall(&self) -> Look<Firewall> {
        firewall::look(self)
    }

    /// How the kernel would send packets to an address, from our own network namespace.
    fn route_to(&self, to: IpAddr) -> Look<RouteTo> {
        let output = self.run(Tool::RouteGet { to })?;
        RouteTo::parse(&output.stdout.0, &output.stderr.0).ok_or_else(|| odd("ip route get", &output))
    }

    /// The interfaces of our own network namespace.
    fn links(&self) -> Look<Vec<Link>> {
        let output = self.run(Tool::Links)?;
        Link::parse_all(&output.stdout.0).ok_or_else(|| odd("ip address show", &output))
    }

    /// The routes of our own network namespace, of the main table.
    fn routes(&self, v6: bool) -> Look<Vec<Route>> {
        let output = self.run(Tool::Routes { v6 })?;
        Route::parse_all(&output.stdout.0).ok_or_else(|| odd("ip route show", &output))
    }

    /// What the kernel knows of a neighbour on one of its links.
    fn neighbour(&self, of: IpAddr) -> Look<Option<Neighbour>> {
        let output = self.run(Tool::Neighbour { of })?;
        Neighbour::parse(&output.stdout.0).ok_or_else(|| odd("ip neigh show", &output))
    }

    /// Two echo requests of that many bytes, headers included, that must not be fragmented.
    fn ping(&self, to: IpAddr, bytes: u16) -> Look<Ping> {
        let output = self.run(Tool::Ping { to, bytes })?;
        Ping::parse(output.status, &output.stdout.0, &output.stderr.0).ok_or_else(|| odd("ping", &output))
    }

    /// The flows to this address that the kernel tracks, TCP and UDP; empty where it tracks none.
    fn tracked(&self, to: SocketAddr) -> Look<Vec<Tracked>> {
        const MOST: usize = 200;
        let text = match self.run(Tool::Conntrack { to: to.ip() }) {
            Err(Unseen::NoTool { .. }) => self
                .file(Path::new("/proc/net/nf_conntrack"))?
                .unwrap_or_default(),
            output => output?.stdout.0,
        };
        Ok(Tracked::parse_all(&text, (to.ip(), to.port()), MOST))
    }

    /// The last changes of packages, oldest first; empty on a host that keeps no record of them.
    fn package_changes(&self) -> Look<Vec<PackageChange>> {
        packages::look(self)
    }

    /// The host's time zone, in which most logs are written: `/etc/localtime`, UTC where that is not there.
    fn time_zone(&self) -> Look<TimeZone> {
        let file = self.file(Path::new("/etc/localtime"))?;
        let zone = file.and_then(|tzif| TimeZone::tzif("localtime", &tzif).ok());
        Ok(zone.unwrap_or(TimeZone::UTC))
    }

    /// When the machine started.
    fn boot(&self) -> Look<Option<Boot>> {
        let stat = self.blob(Path::new("/proc/stat"), Part::Head(WHOLE_FILE))?;
        Ok(stat.and_then(|stat| Boot::parse(&stat.bytes.0)))
    }

    /// Network counters, of the namespace of a process or of our own.
    fn netstat(&self, netns_of: Option<u32>) -> Look<Option<Netstat>> {
        let who = netns_of.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
        let file = self.file(Path::new(&format!("/proc/{who}/net/netstat")))?;
        Ok(file.map(|file| Netstat::parse(&file)))
    }

    /// How much time is lost in waiting for a resource; `None` where the kernel does not tell (before 4.20, or off).
    fn pressure(&self, of: Resource) -> Look<Option<Pressure>> {
        let file = self.file(Path::new(of.file()))?;
        Ok(file.map(|file| Pressure::parse(&file)))
    }

    /// `/etc/passwd` and `/etc/group`.
    fn accounts(&self) -> Look<Accounts> {
        let passwd = self.file(Path::new("/etc/passwd"))?.unwrap_or_default();
        let group = self.file(Path::new("/etc/group"))?.unwrap_or_default();
        Ok(Accounts::parse(&passwd, &group))
    }
}

impl<H: Host + ?Sized> Looks for H {}

/// A tool of another make answered.
fn odd(what: &str, output: &Output) -> Unseen {
    let said = String::from_utf8_lossy(&output.stderr.0);
    Unseen::Unusable {
        what: what.to_owned(),
        why: said
            .lines()
            .next()
            .unwrap_or("not the answer it gives elsewhere")
            .to_owned(),
    }
}

fn mismatch(query: &Query, answer: &Answer) -> Unseen {
    let kind = format!("{answer:?}");
    Unseen::Unusable {
        what: format!("{query:?}"),
        why: format!(
            "answered with {}",
            kind.split('(').next().unwrap_or("something else")
        ),
    }
}
