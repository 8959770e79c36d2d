//! The servers a scenario starts from: nginx as Debian lays it out, a shop on one backend, a neighbour on another.

use crate::Scenario;

const COMMON: &str = include_str!("stacks/common.sh");
/// Lays into a running host what makes a diagnosis hard and is the reason for nothing.
pub(crate) const NOISE: &str = include_str!("stacks/noise.sh");

/// How the shop's backend is wired to nginx.
#[derive(Clone, Copy, Debug)]
pub enum Stack {
    /// php-fpm on its packaged unix socket.
    FpmUnix,
    /// php-fpm on 127.0.0.1:9000.
    FpmTcp,
    /// php-fpm on its packaged unix socket; the shop keeps its goods in MariaDB.
    FpmMariaDb,
    /// php-fpm on its packaged unix socket; the shop counts its visits in Redis.
    FpmRedis,
    /// Apache with mod_php on 127.0.0.1:7080.
    Apache,
    /// gunicorn on a unix socket under its own unit.
    GunicornUnix,
    /// gunicorn on 127.0.0.1:8000 under its own unit.
    GunicornTcp,
    /// gunicorn on 127.0.0.1:8000; the shop keeps its goods in PostgreSQL.
    GunicornPostgres,
    /// A node program on 127.0.0.1:3000 under its own unit.
    Node,
    /// uWSGI with a Python program on 127.0.0.1:3031.
    Uwsgi,
    /// gunicorn reached by a name that nginx asks dnsmasq for at run time.
    Dns,
    /// A server on another machine.
    Remote,
    /// A Python program behind TLS on 127.0.0.1:8443; nginx names and verifies it.
    TlsPython,
    /// A node program behind TLS on 127.0.0.1:3443; nginx names and verifies it.
    TlsNode,
}

impl Stack {
    fn script(self) -> &'static str {
        match self {
            Self::FpmUnix => include_str!("stacks/fpm_unix.sh"),
            Self::FpmTcp => include_str!("stacks/fpm_tcp.sh"),
            Self::FpmMariaDb => include_str!("stacks/fpm_mariadb.sh"),
            Self::FpmRedis => include_str!("stacks/fpm_redis.sh"),
            Self::Apache => include_str!("stacks/apache.sh"),
            Self::GunicornUnix => include_str!("stacks/gunicorn_unix.sh"),
            Self::GunicornTcp => include_str!("stacks/gunicorn_tcp.sh"),
            Self::GunicornPostgres => include_str!("stacks/gunicorn_postgres.sh"),
            Self::Node => include_str!("stacks/node.sh"),
            Self::Uwsgi => include_str!("stacks/uwsgi.sh"),
            Self::Dns => include_str!("stacks/dns.sh"),
            Self::Remote => include_str!("stacks/remote.sh"),
            Self::TlsPython => concat!(
                include_str!("stacks/tls.sh"),
                include_str!("stacks/tls_python.sh")
            ),
            Self::TlsNode => concat!(include_str!("stacks/tls.sh"), include_str!("stacks/tls_node.sh")),
        }
    }
}

impl Stack {
    /// The units of the shop's backend, as an operator would restart them.
    pub(crate) fn units(self) -> &'static str {
        match self {
            Self::FpmUnix | Self::FpmTcp | Self::FpmMariaDb | Self::FpmRedis => "php8.2-fpm",
            Self::Apache => "apache2",
            Self::GunicornUnix
            | Self::GunicornTcp
            | Self::GunicornPostgres
            | Self::Node
            | Self::Uwsgi
            | Self::Dns
            | Self::TlsPython
            | Self::TlsNode => "app",
            Self::Remote => "",
        }
    }
}

impl Scenario {
    /// The script that sets the whole host up: files, what the scenario prepares, then the servers.
    pub fn setup(&self) -> String {
        [COMMON, self.stack.script(), self.prepare, "start_servers"].join("\n")
    }
}
