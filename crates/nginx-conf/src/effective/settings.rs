//! What is in effect for a pass directive, with nginx's defaults where nothing is set.
//! Defaults from <https://nginx.org/en/docs/http/ngx_http_proxy_module.html> and its sisters, which agree.

use super::{Address, Protocol, Scope, Setting, Statement, unit};
use crate::{Place, Text};
use std::path::{Path, PathBuf};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// nginx's default for buffers is one memory page: 4096 bytes on x86-64.
pub const PAGE: u64 = 4096;

/// A `resolver` in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    /// Name servers, port 53 where none is written.
    pub servers: Vec<Address>,
    /// `valid=`: how long answers are kept, instead of their own time to live.
    pub valid: Option<Duration>,
    /// False with `ipv4=off`.
    pub ipv4: bool,
    /// False with `ipv6=off`.
    pub ipv6: bool,
    /// `resolver_timeout`, default 30 s.
    pub timeout: Duration,
    /// Of the directive.
    pub place: Place,
}

/// `*_next_upstream` and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextUpstream {
    /// When the next peer is tried; default `error timeout`.
    pub on: Vec<Text>,
    /// `*_next_upstream_tries`, default 0: no limit.
    pub tries: u64,
    /// `*_next_upstream_timeout`, default 0: no limit.
    pub timeout: Duration,
    /// Of the directive; `None` where it is the default.
    pub place: Option<Place>,
}

/// `root` or `alias` in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// As written.
    pub written: Text,
    /// Absolute, under the prefix if need be; `None` where it has variables.
    pub path: Option<PathBuf>,
    /// It is an `alias`: the location's own path is not added to it.
    pub is_alias: bool,
    /// Of the directive; `None` for the default, `html` under the prefix.
    pub place: Option<Place>,
}

impl Scope {
    /// `*_connect_timeout`, default 60 s.
    pub fn connect_timeout(&self, protocol: Protocol) -> Setting<Duration> {
        self.time(&format!("{}_connect_timeout", protocol.prefix()), MINUTE)
    }

    /// `*_read_timeout`: between two reads of the answer, default 60 s; in `stream` `proxy_timeout`, default 10 min.
    pub fn read_timeout(&self, protocol: Protocol) -> Setting<Duration> {
        match protocol {
            Protocol::Stream => self.time("proxy_timeout", 10 * MINUTE),
            _ => self.time(&format!("{}_read_timeout", protocol.prefix()), MINUTE),
        }
    }

    /// `*_send_timeout`: between two writes of the request, default 60 s; in `stream` `proxy_timeout`.
    pub fn send_timeout(&self, protocol: Protocol) -> Setting<Duration> {
        match protocol {
            Protocol::Stream => self.read_timeout(protocol),
            _ => self.time(&format!("{}_send_timeout", protocol.prefix()), MINUTE),
        }
    }

    /// `*_buffer_size` in bytes, which the whole head of an answer must fit into; default one [`PAGE`].
    pub fn buffer_size(&self, protocol: Protocol) -> Setting<u64> {
        self.size(&format!("{}_buffer_size", protocol.prefix()), PAGE)
    }

    /// `*_buffers`: how many and how many bytes each; default 8 of one [`PAGE`].
    pub fn buffers(&self, protocol: Protocol) -> Setting<(u64, u64)> {
        self.count_and_size(&format!("{}_buffers", protocol.prefix()), (8, PAGE))
    }

    /// `large_client_header_buffers`: how many and how many bytes each a request's header may take; default 4 of 8 KiB.
    pub fn request_header_buffers(&self) -> Setting<(u64, u64)> {
        self.count_and_size("large_client_header_buffers", (4, 2 * PAGE))
    }

    fn count_and_size(&self, name: &str, default: (u64, u64)) -> Setting<(u64, u64)> {
        let set = self.one(name).and_then(|statement| {
            let count = std::str::from_utf8(statement.arg(0)?.as_bytes())
                .ok()?
                .parse()
                .ok()?;
            let value = (count, unit::size(statement.arg(1)?.as_bytes())?);
            Some(Setting {
                value,
                place: Some(statement.place.clone()),
            })
        });
        set.unwrap_or(Setting {
            value: default,
            place: None,
        })
    }

    /// When and how often the next peer is tried.
    pub fn next_upstream(&self, protocol: Protocol) -> NextUpstream {
        let name = format!("{}_next_upstream", protocol.prefix());
        let statement = self.one(&name);
        let on = statement.map(|statement| statement.args.iter().map(|arg| arg.text.clone()).collect());
        NextUpstream {
            on: on.unwrap_or_else(|| vec!["error".into(), "timeout".into()]),
            tries: self.number(&format!("{name}_tries"), 0).value,
            timeout: self.time(&format!("{name}_timeout"), Duration::ZERO).value,
            place: statement.map(|statement| statement.place.clone()),
        }
    }

    /// `proxy_http_version`, default `1.0`.
    pub fn proxy_http_version(&self) -> Setting<Text> {
        self.text("proxy_http_version", "1.0")
    }

    /// `proxy_set_header` (or `grpc_set_header`) in effect: field and value. All those of one level, or none of it.
    pub fn set_headers(&self, protocol: Protocol) -> Vec<(&Text, &Text)> {
        pairs(self.all(&format!("{}_set_header", protocol.prefix())))
    }

    /// `fastcgi_param`, `uwsgi_param`, `scgi_param` in effect: name and value. All those of one level, or none of it.
    pub fn params(&self, protocol: Protocol) -> Vec<(&Text, &Text)> {
        pairs(self.all(&format!("{}_param", protocol.prefix())))
    }

    /// Where temporary files of answers are kept (`proxy_temp_path`…); `None`: compiled in.
    pub fn temp_path(&self, protocol: Protocol) -> Option<&Statement> {
        self.one(&format!("{}_temp_path", protocol.prefix()))
    }

    /// A setting of TLS to the backend by what follows `proxy_ssl_`, `grpc_ssl_`, `uwsgi_ssl_`: `verify`, `name`,
    /// `server_name`, `trusted_certificate`, `verify_depth`, `protocols`, `ciphers`, `certificate`…
    pub fn backend_tls(&self, protocol: Protocol, what: &str) -> Option<&Statement> {
        self.one(&format!("{}_ssl_{what}", protocol.prefix()))
    }

    /// Connections to the backend are kept for the next request: `fastcgi_keep_conn on`.
    pub fn fastcgi_keep_conn(&self) -> Setting<bool> {
        self.flag("fastcgi_keep_conn", false)
    }

    /// The `resolver` in effect; without one nginx resolves no name at run time.
    pub fn resolver(&self) -> Option<Resolver> {
        const DNS: u16 = 53;
        let statement = self.one("resolver")?;
        let servers = statement.args.iter().map(|arg| arg.text.as_bytes());
        let servers = servers.filter(|text| !text.contains(&b'='));
        Some(Resolver {
            servers: servers.map(|text| Address::parse(text, Some(DNS))).collect(),
            valid: statement.parameter("valid=").and_then(unit::time),
            ipv4: !statement.has("ipv4=off"),
            ipv6: !statement.has("ipv6=off"),
            timeout: self.time("resolver_timeout", MINUTE / 2).value,
            place: statement.place.clone(),
        })
    }

    /// `root` or `alias`, whichever the innermost level has. `prefix` is nginx's.
    pub fn root(&self, prefix: &Path) -> Root {
        let mut level = Some(self);
        while let Some(scope) = level {
            let alias = scope.own("alias").last();
            if let Some(statement) = alias.or(scope.own("root").last()) {
                return root(statement, alias.is_some(), prefix);
            }
            level = scope.around().map(AsRef::as_ref);
        }
        Root {
            written: "html".into(),
            path: Some(prefix.join("html")),
            is_alias: false,
            place: None,
        }
    }
}

fn root(statement: &Statement, is_alias: bool, prefix: &Path) -> Root {
    let written = statement.arg(0).cloned().unwrap_or_default();
    let path = (!written.has_variables()).then(|| prefix.join(written.as_path()));
    Root {
        written,
        path,
        is_alias,
        place: Some(statement.place.clone()),
    }
}

fn pairs(statements: &[Statement]) -> Vec<(&Text, &Text)> {
    statements
        .iter()
        .filter_map(|statement| Some((statement.arg(0)?, statement.arg(1)?)))
        .collect()
}
