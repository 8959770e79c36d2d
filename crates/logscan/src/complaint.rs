//! What nginx said went wrong, one variant per message that stands behind a failed request or a failed start.

pub(crate) mod config;
pub(crate) mod errno;
pub(crate) mod limits;
mod peer;
pub(crate) mod phase;
pub(crate) mod resolver;
mod syscall;
mod tls;
mod upstream;

use crate::Level;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// One typed message of nginx's error log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// What went wrong.
    pub trouble: Trouble,
    /// What nginx was doing.
    pub phase: Option<Phase>,
    /// Whom it was talking to, from the `upstream: "…"` field or from the message itself.
    pub peer: Option<Peer>,
}

/// The upstream of a message: `fastcgi://unix:/run/php.sock:`, `http://127.0.0.1:80/path`, or an upstream's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// `http`, `https`, `fastcgi`, `uwsgi`, `suwsgi`, `scgi`, `grpc`, `grpcs`, `memcached`, or empty if not said.
    pub scheme: String,
    /// Where.
    pub address: PeerAddress,
}

/// Where a peer is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// An address and port.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
    /// A name: of an `upstream {}` (`no live upstreams`) or a host with perhaps a port.
    Name(String),
}

/// What nginx was doing: the `while …` of its message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// `while connecting to upstream`
    Connecting,
    /// `while SSL handshaking to upstream`
    Handshaking,
    /// `while sending request to upstream`
    Sending,
    /// `while reading response header from upstream`
    ReadingHeader,
    /// `while reading upstream`: the header was already passed on, so the client sees a cut body and no 502
    ReadingBody,
    /// `while reading client request body` and its like
    ReadingClient,
    /// `while sending to client`
    SendingToClient,
    /// `while resolving`
    Resolving,
    /// Any other.
    Other,
}

/// What went wrong. An errno is Linux's number, and 0 where the message names none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// `connect() … failed (ERRNO: …)`
    Connect(i32),
    /// `upstream timed out (110: …)`; the phase says while doing what
    TimedOut,
    /// `recv() failed`, `readv() failed`, `SSL_read() failed`
    Receive(i32),
    /// `send() failed`, `writev() failed`, `sendfile() failed`, `SSL_write() failed` towards the upstream
    Send(i32),
    /// `upstream prematurely closed connection`
    ClosedEarly,
    /// `upstream sent too big header`
    HeaderTooBig,
    /// `upstream sent no valid HTTP/1.0 header`
    NotHttp,
    /// `upstream sent invalid header`, `upstream sent invalid status`, `duplicate header line`, `Content-Length and
    /// Transfer-Encoding`, `unexpected EOF`, `invalid chunked response`, and other refused answers; the text as said
    InvalidResponse(String),
    /// `upstream sent unsupported FastCGI protocol version`, `unexpected FastCGI record`, and the like
    NotFastCgi(String),
    /// `upstream sent too large http2 frame`, `invalid http2 …`, `upstream rejected request with error`
    NotHttp2(String),
    /// `no live upstreams`: never a cause
    NoLiveUpstreams,
    /// `upstream server temporarily disabled`: an echo too
    PeerDisabled,
    /// `NAME could not be resolved (CODE: …)`: 1 format error, 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED, 110 timed out
    Unresolved {
        /// The name.
        name: String,
        /// nginx's code.
        code: u16,
    },
    /// `send() failed (…) while resolving`, `recv() failed (…) while resolving, resolver: …`
    ResolverUnreachable {
        /// The errno.
        errno: i32,
        /// The resolver's address as said.
        resolver: Option<String>,
    },
    /// `unexpected … response for NAME` and other bad answers of a resolver
    ResolverOdd(String),
    /// `no resolver defined to resolve NAME`
    NoResolver(String),
    /// `[emerg] host not found in upstream "NAME"` (or in resolver): at start or reload only
    HostNotFound {
        /// The name.
        name: String,
        /// Where in the config.
        place: Option<Place>,
    },
    /// `SSL_do_handshake() failed (SSL: …)` to an upstream
    Tls {
        /// `wrong version number`, `alert 40`… the text inside the parentheses.
        reason: String,
        /// The alert number, if one was sent.
        alert: Option<u8>,
    },
    /// `upstream SSL certificate verify error: (CODE:text)`
    TlsVerify {
        /// OpenSSL's code: 10 expired, 18 self-signed, 19, 20, 21 unknown issuer.
        code: u32,
        /// OpenSSL's text.
        text: String,
    },
    /// `upstream SSL certificate does not match "NAME"`
    TlsName(String),
    /// `peer closed connection in SSL handshake`
    TlsClosed,
    /// `FastCGI sent in stderr: "…"`; often a warning beside a good answer
    BackendStderr(String),
    /// `N worker_connections are not enough`
    WorkerConnections(u64),
    /// Any message with `(24: Too many open files)`
    TooManyFiles,
    /// `open()`, `mkdir()`, `pwrite()` of one of nginx's own temp files or caches failed
    TempFile {
        /// The errno: 13, 28.
        errno: i32,
        /// The file.
        path: PathBuf,
    },
    /// One of nginx's own logs could not be opened or written
    LogWrite {
        /// The errno: 13, 28.
        errno: i32,
        /// The log.
        path: PathBuf,
    },
    /// `bind() to ADDRESS failed`: a listen of nginx itself
    ListenFailed {
        /// The errno: 98, 99, 13.
        errno: i32,
        /// The address as said.
        address: String,
    },
    /// `bind(ADDRESS) failed … while connecting to upstream` (proxy_bind)
    BindFailed(i32),
    /// `limiting requests`, `limiting connections`
    Limited(String),
    /// `client intended to send too large body`
    BodyTooLarge,
    /// `[emerg] … in FILE:LINE`: the config can't be used
    BadConfig {
        /// What is wrong.
        text: String,
        /// Where.
        place: Option<Place>,
    },
    /// `worker process PID exited on signal N`
    WorkerDied {
        /// The signal.
        signal: i32,
    },
    /// The request does not fit the backend's protocol or buffer: `uwsgi request is too big`, `invalid request block
    /// size`
    RequestTooBig(String),
    /// A line of a backend's own log (php-fpm, gunicorn, uwsgi, Apache), only in pasted text
    BackendLog(String),
    /// A line of an access log, or no more than a status: only in pasted text
    Status(u16),
    /// `access forbidden by rule`, `open() … failed (2…)` of a static file, scanner noise on the client's side, start
    /// and stop notices: nothing that makes a 502
    Unrelated,
}

/// A place in a config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u32,
}

/// A message as read: what it says and what decides how to understand it.
pub(crate) struct Said<'a> {
    /// The message without its fields.
    pub(crate) message: &'a str,
    /// The `upstream` field.
    pub(crate) upstream: Option<&'a str>,
    /// The `resolver` field.
    pub(crate) resolver: Option<&'a str>,
    pub(crate) level: Level,
}

/// A message taken apart, as the families see it.
struct Parts<'a> {
    /// The message without its `while …`.
    body: &'a str,
    phase: Option<Phase>,
    said: &'a Said<'a>,
}

/// Each family knows its own messages, so their order decides nothing but speed.
type Family = fn(&Parts<'_>) -> Option<Trouble>;
const FAMILIES: [Family; 6] = [
    syscall::trouble,
    upstream::trouble,
    tls::trouble,
    resolver::trouble,
    limits::trouble,
    config::trouble,
];

impl Complaint {
    pub(crate) fn of(said: &Said<'_>) -> Complaint {
        let (body, phase) = phase::split(said.message);
        let parts = Parts { body, phase, said };
        let trouble = FAMILIES
            .iter()
            .find_map(|family| family(&parts))
            .unwrap_or(Trouble::Unrelated);
        let peer = said
            .upstream
            .and_then(Peer::parse)
            .or_else(|| peer::in_message(body));
        Complaint { trouble, phase, peer }
    }

    /// The TCP address of its peer.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self.peer.as_ref()?.address {
            PeerAddress::Tcp(address) => Some(address),
            PeerAddress::Unix(_) | PeerAddress::Name(_) => None,
        }
    }

    /// The unix socket of its peer.
    pub fn unix(&self) -> Option<&Path> {
        match &self.peer.as_ref()?.address {
            PeerAddress::Unix(path) => Some(path),
            PeerAddress::Tcp(_) | PeerAddress::Name(_) => None,
        }
    }

    /// It says that nginx answered 502, and not why.
    pub fn is_bare(&self) -> bool {
        self.is_echo() || self.trouble == Trouble::Status(502)
    }

    /// nginx was doing that.
    pub fn during(&self, phase: Phase) -> bool {
        self.phase == Some(phase)
    }

    /// It only repeats that an earlier failure took a peer out of use.
    pub fn is_echo(&self) -> bool {
        matches!(self.trouble, Trouble::NoLiveUpstreams | Trouble::PeerDisabled)
    }
}
