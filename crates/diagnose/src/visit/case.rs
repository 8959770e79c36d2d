//! What a check saw: plain data, all that judging may use.

use super::{answer::Page, place::Place};
use crate::case::NameAnswer;
use host::{
    Look, Timestamp, Unseen,
    answer::{Conversation, TlsSight},
    browser::{Jar, Kept, Profile, StoredCookie},
    looks::{Link, RouteTo},
    visit::{ProxySetting, Visit},
};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

/// What a person asked for.
#[derive(Clone, Debug)]
pub struct Question {
    /// The page.
    pub place: Place,
    /// Resolvers to ask beside the configured ones.
    pub resolvers: Vec<SocketAddr>,
    /// Requests at most, of all kinds.
    pub requests: u32,
    /// Milliseconds from one request to the next.
    pub every_ms: u64,
    /// Whose browsers' profiles are looked at; `None`: nobody's.
    pub home: Option<PathBuf>,
    /// Only this profile.
    pub profile: Option<PathBuf>,
}

/// What was seen.
#[derive(Clone, Debug)]
pub struct Check {
    /// The page.
    pub place: Place,
    /// When it began, by this machine's clock.
    pub at: Timestamp,
    /// What the site's log tells these requests by.
    pub id: String,
    /// This machine.
    pub machine: Machine,
    /// What each source says of the site's name, the system first; empty for an address.
    pub names: Vec<NameAsked>,
    /// What this system gives for a name that nobody can have (RFC 6761); asked where the site seems to be inside.
    pub nowhere: Vec<IpAddr>,
    /// Another name that the site's name stands for.
    pub alias: Option<String>,
    /// Where the page leads, whose name has no address.
    pub dead_end: Option<Place>,
    /// Every request, in order.
    pub asked: Vec<Asked>,
    /// The browsers' profiles.
    pub browsers: Vec<BrowserSight>,
    /// Certificates this machine trusts, PEM.
    pub roots: Option<Vec<u8>>,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
}

/// This machine, as far as it stands between a browser and a site.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The way out over IPv4, and over IPv6.
    pub ways_out: [Look<RouteTo>; 2],
    /// Its interfaces.
    pub links: Look<Vec<Link>>,
    /// Lines of `/etc/hosts` for the name: their number, and the address.
    pub hosts_file: Vec<(u32, IpAddr)>,
    /// Proxies that its programs are told of.
    pub proxies: Vec<ProxySetting>,
    /// The proxy that applies to this page, with its address.
    pub proxy: Option<(ProxySetting, Look<Vec<SocketAddr>>)>,
}

/// One source's word on the name.
#[derive(Clone, Debug)]
pub struct NameAsked {
    /// Who was asked.
    pub by: By,
    /// What it said.
    pub answer: Look<NameAnswer>,
    /// It said failure, and gave this answer once it was told not to check signatures.
    pub unchecked: Option<Unchecked>,
}

/// An answer of a resolver that was told not to check signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unchecked {
    /// The addresses.
    pub addresses: Vec<IpAddr>,
    /// When their signatures hold: from, until.
    pub signed: Vec<(Timestamp, Timestamp)>,
    /// It refuses the root zone in the same way, so that nothing that is signed holds for it; `None`: it can't ask the root.
    pub refuses_root: Option<bool>,
}

/// Who was asked for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum By {
    /// The system's library, `/etc/hosts` included: what a browser gets.
    System,
    /// A server of `/etc/resolv.conf`.
    Configured(SocketAddr),
    /// One that the user named.
    Given(SocketAddr),
    /// One of the zone's own.
    Zone(SocketAddr),
}

/// Why a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// To see this address at all.
    Address,
    /// The same over HTTP/2.
    Http2,
    /// A redirect led there.
    Redirect,
    /// To see how often it fails.
    Again,
    /// Through the proxy that programs here are told of.
    Proxy,
    /// With the cookies of the profile of that number in [`Check::browsers`].
    Cookies(usize),
    /// Over TLS, because a browser remembers that the site wants it.
    Promise,
    /// In the clear, because nothing good came over TLS: a network that wants a login answers there.
    Portal,
}

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Why.
    pub why: Why,
    /// For which page.
    pub place: Place,
    /// The request.
    pub visit: Visit,
    /// How it went.
    pub talk: Look<Conversation>,
    /// What came, if it was HTTP.
    pub page: Option<Page>,
}

impl Asked {
    /// A page came that is no failure of a server.
    pub fn works(&self) -> bool {
        self.page.as_ref().is_some_and(|page| !page.fails())
    }

    /// We made the request, and no good page came.
    pub fn fails(&self) -> bool {
        self.talk.is_ok() && !self.works()
    }

    /// A page came that finds no fault with the request's size, and is no failure of a server.
    pub fn suits(&self) -> bool {
        let too_large = |status| matches!(status, 400 | 431 | 494);
        self.page
            .as_ref()
            .is_some_and(|page| !page.fails() && !too_large(page.status))
    }

    /// It was connected, and nothing whole came in time.
    pub fn is_slow(&self) -> bool {
        let timed_out = |talk: &Conversation| talk.end == host::answer::End::TimedOut;
        self.connected() && self.page.is_none() && self.talk.as_ref().is_ok_and(timed_out)
    }

    /// It got as far as a connection.
    pub fn connected(&self) -> bool {
        let accepted = host::answer::Connect::Accepted;
        self.talk.as_ref().is_ok_and(|talk| talk.connect == accepted)
    }

    /// What TLS showed.
    pub fn tls(&self) -> Option<&TlsSight> {
        self.talk.as_ref().ok()?.tls.as_ref()
    }

    /// The outcome in a few words: `502 Bad Gateway`, `Connection refused`.
    pub fn outcome(&self) -> String {
        match (&self.page, &self.talk) {
            (Some(page), _) => status_says(page.status),
            (None, Ok(talk)) => super::answer::without_page(talk),
            (None, Err(unseen)) => unseen.to_string(),
        }
    }
}

/// One browser's profile.
#[derive(Clone, Debug)]
pub struct BrowserSight {
    /// Which.
    pub profile: Profile,
    /// Its cookies for the site, and where they stand.
    pub cookies: Look<Option<(Jar, Vec<StoredCookie>)>>,
    /// What else it keeps of the site.
    pub kept: Look<Kept>,
}

impl BrowserSight {
    /// `Firefox, profile default-release`
    pub fn name(&self) -> String {
        format!("{}, profile {}", self.profile.browser, self.profile.name)
    }

    /// The cookies it would send with this request.
    pub fn sends(&self, place: &Place, now: Timestamp) -> Vec<&StoredCookie> {
        let stored = self.cookies.as_ref().ok().and_then(Option::as_ref);
        let all = stored.map(|(_, cookies)| cookies.as_slice()).unwrap_or_default();
        all.iter()
            .filter(|it| it.goes_to(&place.target, place.tls, now))
            .collect()
    }

    /// An answer for exactly this page in its cache that is a failure, and that it shows without asking the site. Any other
    /// that it keeps is asked for anew, which a browser does with nginx's own 502.
    pub fn cached_failure(&self, place: &Place, now: Timestamp) -> Option<&host::browser::CachedAnswer> {
        let kept = self.kept.as_ref().ok()?;
        let url = place.to_string();
        let fails = |it: &&host::browser::CachedAnswer| it.status.is_some_and(|status| status >= 500);
        let shown = |it: &&host::browser::CachedAnswer| it.shown_until.is_some_and(|until| until > now);
        kept.answers
            .iter()
            .filter(|it| it.url == url)
            .find(|it| fails(it) && shown(it))
    }
}

impl Check {
    /// Requests as any visitor makes them to the page itself: no cookies, no proxy.
    pub fn plain(&self) -> impl Iterator<Item = &Asked> {
        let is_plain = |it: &&Asked| matches!(it.why, Why::Address | Why::Again | Why::Http2);
        self.asked.iter().filter(is_plain)
    }

    /// Addresses that a browser here gets for the name.
    pub fn system_addresses(&self) -> &[IpAddr] {
        self.names
            .iter()
            .find(|it| it.by == By::System)
            .map_or(&[], |it| it.addresses())
    }

    /// The request that tells most of the failure: the last answer of a visitor's way that is a failure, else the last
    /// request that failed at all.
    pub fn telling(&self) -> Option<&Asked> {
        let failing = |it: &&Asked| it.fails() && it.page.is_some();
        let of_way = |it: &&Asked| matches!(it.why, Why::Address | Why::Again | Why::Http2 | Why::Redirect);
        // an address that no browser here uses, and a protocol that is not spoken, tell nothing of it
        let ours = |it: &&Asked| self.is_systems(it) && !super::steps::is_refused_h2(it);
        let all = || self.asked.iter().filter(of_way).filter(ours);
        all().find(failing).or_else(|| all().find(|it| it.fails()))
    }
}

impl NameAsked {
    /// The addresses it knows.
    pub fn addresses(&self) -> &[IpAddr] {
        match &self.answer {
            Ok(NameAnswer::Addresses(found)) => found,
            _ => &[],
        }
    }
}

/// `502 Bad Gateway`: the status with the words of RFC 9110, where it has some.
pub fn status_says(status: u16) -> String {
    let words = match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        511 => "Network Authentication Required",
        520 => "Unknown Error",
        521 => "Web Server Is Down",
        522 => "Connection Timed Out",
        523 => "Origin Is Unreachable",
        524 => "A Timeout Occurred",
        525 => "SSL Handshake Failed",
        526 => "Invalid SSL Certificate",
        _ => return status.to_string(),
    };
    format!("{status} {words}")
}
