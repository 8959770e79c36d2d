//! What is configured and what runs: nginx -> site -> location -> upstream -> peer, with where each is written.

use host::Endpoint;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

/// A place in a file, counted from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line.
    pub line: u32,
    /// The column; 0 where only the line is known.
    pub column: u32,
}

impl Place {
    /// A line of a file.
    pub fn line(file: &Path, line: u32) -> Self {
        let file = file.to_owned();
        Self {
            file,
            line,
            column: 0,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// One path a request can take through nginx to a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Its master process, as index into [`crate::World::nginx`].
    pub nginx: usize,
    /// Name of the site for people: the first server_name, or its listen address.
    pub site: String,
    /// Every server_name.
    pub names: Vec<String>,
    /// Where the site listens; wildcard addresses as such.
    pub listen: Vec<Listen>,
    /// The location as written: `/`, `~ \.php$`, `@app`, `= /x`.
    pub location: String,
    /// What nginx speaks to the backend.
    pub protocol: Protocol,
    /// Whom it asks.
    pub target: Target,
    /// The directive as written: `fastcgi_pass unix:/run/php/php8.2-fpm.sock`.
    pub pass: String,
    /// Where its address is written.
    pub written: Place,
    /// What the location inherits and sets.
    pub settings: Settings,
}

/// A listen address of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listen {
    /// Where.
    pub endpoint: Endpoint,
    /// With TLS.
    pub tls: bool,
}

/// What nginx speaks to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// proxy_pass http://
    Http,
    /// proxy_pass https://
    Https,
    /// fastcgi_pass
    FastCgi,
    /// uwsgi_pass
    Uwsgi,
    /// scgi_pass
    Scgi,
    /// grpc_pass
    Grpc,
    /// grpc_pass grpcs://
    Grpcs,
    /// memcached_pass
    Memcached,
    /// stream proxy_pass
    Stream,
}

/// Whom a route asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A literal address or socket.
    Endpoint(Endpoint),
    /// A host name resolved once, when nginx read its config.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
    /// An `upstream {}` block.
    Group {
        /// Its name.
        name: String,
        /// Its servers.
        servers: Vec<GroupServer>,
    },
    /// Resolved for each request by nginx's own resolver.
    Variable {
        /// As written.
        text: String,
        /// The host name where it can be told (a constant `set`, or from the log).
        host: Option<String>,
        /// The port where it can be told.
        port: Option<u16>,
    },
}

/// One `server` line of an `upstream {}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupServer {
    /// A literal address, a socket, or a name with port.
    pub address: Target,
    /// `down`
    pub down: bool,
    /// `backup`
    pub backup: bool,
    /// `resolve`: re-resolved at run time
    pub resolve: bool,
    /// Where it is written.
    pub written: Place,
}

/// What a location inherits and sets, as far as causes ask for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// *_connect_timeout
    pub connect_timeout: Option<Duration>,
    /// *_read_timeout
    pub read_timeout: Option<Duration>,
    /// *_buffer_size: room for the answer's header, bytes
    pub header_buffer: Option<u64>,
    /// `resolver` addresses
    pub resolvers: Vec<SocketAddr>,
    /// Where `resolver` is written
    pub resolver_written: Option<Place>,
    /// `resolver_timeout`
    pub resolver_timeout: Option<Duration>,
    /// proxy_next_upstream is `off`, or nginx may not retry
    pub no_retry: bool,
    /// `root` or `alias` of the location
    pub root: Option<PathBuf>,
    /// CGI parameters as configured, for FastCGI
    pub fastcgi_params: Vec<(String, String)>,
    /// How nginx shakes hands with the backend, where it speaks TLS
    pub tls: BackendTls,
    /// `proxy_http_version`: `1.0` unless set (1.1 from nginx 1.29.7 on)
    pub http_version: Option<String>,
    /// proxy_set_header as in effect: field and value
    pub set_headers: Vec<(String, String)>,
    /// Idle connections to the backend are kept for so long: `keepalive` of the upstream block, its `keepalive_timeout`
    pub keepalive: Option<Duration>,
    /// `large_client_header_buffers`: bytes that a request's header may have, all buffers together
    pub request_header: Option<u64>,
    /// Where some of these are written
    pub places: SettingPlaces,
}

/// Where settings are written; `None` where nginx's default is in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingPlaces {
    /// *_read_timeout
    pub read_timeout: Option<Place>,
    /// *_buffer_size
    pub header_buffer: Option<Place>,
    /// *_next_upstream
    pub next_upstream: Option<Place>,
    /// `keepalive` of the upstream block
    pub keepalive: Option<Place>,
}

/// `proxy_ssl_*` (or `grpc_ssl_*`, `uwsgi_ssl_*`) of a location.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendTls {
    /// `server_name on`: the handshake names the host it wants (SNI)
    pub server_name: bool,
    /// `name`: whom nginx names and expects in the certificate; by default the host of the pass directive
    pub name: Option<String>,
    /// `verify on`
    pub verify: bool,
    /// `trusted_certificate`: whom nginx trusts
    pub trusted: Option<PathBuf>,
    /// `protocols`, as written
    pub protocols: Option<String>,
    /// `ciphers`, as written
    pub ciphers: Option<String>,
}

/// An address someone is configured to listen on. `ip: None` is every address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListenAddress {
    /// TCP.
    Tcp {
        /// The address; `None` is any.
        ip: Option<IpAddr>,
        /// The port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
}

impl ListenAddress {
    /// A connection to `endpoint` would reach a listener bound like this (`::` takes IPv4 too, as Linux does by default).
    pub fn covers(&self, endpoint: &Endpoint) -> bool {
        match (self, endpoint) {
            (Self::Unix(ours), Endpoint::Unix(asked)) => same_path(ours, asked),
            (Self::Tcp { ip, port }, Endpoint::Tcp(asked)) => {
                *port == asked.port() && ip_covers(*ip, asked.ip())
            }
            _ => false,
        }
    }
}

impl From<&Endpoint> for ListenAddress {
    fn from(endpoint: &Endpoint) -> Self {
        match endpoint {
            Endpoint::Unix(path) => Self::Unix(path.clone()),
            Endpoint::Tcp(at) => Self::Tcp {
                ip: Some(at.ip()),
                port: at.port(),
            },
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { ip: Some(ip), port } => write!(f, "{}", SocketAddr::new(*ip, *port)),
            Self::Tcp { ip: None, port } => write!(f, "*:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

fn ip_covers(bound: Option<IpAddr>, asked: IpAddr) -> bool {
    match bound {
        None => true,
        Some(IpAddr::V6(v6)) if v6.is_unspecified() => true,
        Some(IpAddr::V4(v4)) if v4.is_unspecified() => asked.is_ipv4(),
        Some(ip) => ip == asked,
    }
}

/// `/var/run` is a link to `/run` on every systemd host.
pub fn same_path(a: &std::path::Path, b: &std::path::Path) -> bool {
    let real = |path: &std::path::Path| match path.strip_prefix("/var/run") {
        Ok(rest) => PathBuf::from("/run").join(rest),
        Err(_) => path.to_owned(),
    };
    real(a) == real(b)
}

/// Kinds of application server, told by binary, command line or unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendKind {
    /// php-fpm
    PhpFpm,
    /// Apache httpd
    Apache,
    /// gunicorn
    Gunicorn,
    /// uWSGI
    Uwsgi,
    /// Puma, Unicorn, Passenger
    Ruby,
    /// Node.js
    Node,
    /// Java
    Java,
    /// Another nginx, HAProxy, Varnish, Envoy, Caddy, Traefik: an inner proxy
    Proxy,
    /// Anything else
    Other,
}

impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PhpFpm => "php-fpm",
            Self::Apache => "Apache",
            Self::Gunicorn => "gunicorn",
            Self::Uwsgi => "uWSGI",
            Self::Ruby => "Ruby",
            Self::Node => "Node.js",
            Self::Java => "Java",
            Self::Proxy => "proxy",
            Self::Other => "application",
        })
    }
}

/// Someone is configured to listen somewhere: a php-fpm pool, Apache's `Listen`, a unit's command line, a socket unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Where.
    pub address: ListenAddress,
    /// Which kind of server.
    pub kind: BackendKind,
    /// The unit that runs it, if one does.
    pub unit: Option<String>,
    /// The php-fpm pool, the uWSGI app, the virtual host.
    pub pool: Option<String>,
    /// Where that is written.
    pub written: Place,
}

/// A php-fpm pool as configured (values of the running one may differ).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FpmPool {
    /// `www`
    pub name: String,
    /// Its unit: `php8.2-fpm.service`.
    pub unit: String,
    /// PHP version from the path: `8.2`.
    pub version: Option<String>,
    /// `listen`
    pub listen: Option<ListenAddress>,
    /// Where `listen` is written.
    pub written: Place,
    /// `static`, `dynamic`, `ondemand`
    pub pm: String,
    /// `pm.max_children`
    pub max_children: Option<u32>,
    /// `listen.backlog`
    pub backlog: Option<u32>,
    /// `request_terminate_timeout`, seconds; `None` where off
    pub terminate_timeout: Option<f64>,
    /// `pm.max_requests`; `None` where unlimited
    pub max_requests: Option<u32>,
    /// `pm.status_path`: the page on which it says what each of its workers does.
    pub status_path: Option<String>,
    /// `pm.status_listen`: where that page is served though all workers are busy (PHP 8).
    pub status_listen: Option<ListenAddress>,
    /// `slowlog`
    pub slow_log: Option<PathBuf>,
    /// Every key as written, with its line.
    pub settings: Vec<(String, String, u32)>,
}
/// Ports on which that nginx serves sites that ask a backend.
pub fn ports_of(routes: &[Route], nginx: usize) -> BTreeSet<u16> {
    let routes = routes.iter().filter(|route| route.nginx == nginx);
    let listens = routes.flat_map(|route| &route.listen);
    listens.filter_map(|it| Some(it.endpoint.tcp()?.port())).collect()
}
