//! `upstream { }` blocks (<https://nginx.org/en/docs/http/ngx_http_upstream_module.html>).

use super::{Address, Scope, Statement, unit};
use crate::{Directive, Place, Text, Tree};
use std::sync::Arc;
use std::time::Duration;

/// One `upstream { }` block.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Its name.
    pub name: Text,
    /// Its servers, in order.
    pub peers: Vec<Peer>,
    /// Idle connections each worker keeps; `None` without `keepalive`.
    pub keepalive: Option<u64>,
    /// Name of the shared memory zone.
    pub zone: Option<Text>,
    /// All its statements: `least_conn`, `hash`, `ip_hash`, `resolver`, `keepalive_timeout`…
    pub scope: Arc<Scope>,
    /// Of the block's first word.
    pub place: Place,
}

/// One `server` of an upstream block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address; port 80 where none is written.
    pub address: Address,
    /// Default 1.
    pub weight: u64,
    /// Failures within `fail_timeout` that take it out; default 1, 0 never.
    pub max_fails: u64,
    /// Default 10 s.
    pub fail_timeout: Duration,
    /// Default 0: no limit.
    pub max_conns: u64,
    /// Asked only when the others are out.
    pub backup: bool,
    /// Never asked.
    pub down: bool,
    /// Its name is looked up again at run time.
    pub resolve: bool,
    /// Of the whole directive.
    pub place: Place,
    /// Of the address argument.
    pub address_place: Place,
}

impl Upstream {
    pub(super) fn new(tree: &Tree, directive: &Directive, around: &Arc<Scope>) -> Option<Self> {
        let scope = Scope::new(tree, tree.inside(directive), Some(around));
        let first = |name| {
            scope
                .own(name)
                .first()
                .and_then(|statement: &Statement| statement.arg(0))
        };
        Some(Self {
            name: directive.arg(0)?.clone(),
            peers: scope.own("server").iter().filter_map(Peer::new).collect(),
            keepalive: first("keepalive").and_then(|count| number(count.as_bytes())),
            zone: first("zone").cloned(),
            place: tree.place(directive.name.span),
            scope,
        })
    }

    /// nginx compares names of upstreams without regard to case.
    pub fn is(&self, name: &[u8]) -> bool {
        self.name.as_bytes().eq_ignore_ascii_case(name)
    }
}

impl Peer {
    fn new(statement: &Statement) -> Option<Self> {
        const DEFAULT_PORT: u16 = 80;
        let arg = statement.args.first()?;
        let count = |key, default| statement.parameter(key).and_then(number).unwrap_or(default);
        let fail_timeout = statement.parameter("fail_timeout=").and_then(unit::time);
        Some(Self {
            address: Address::parse(arg.text.as_bytes(), Some(DEFAULT_PORT)),
            weight: count("weight=", 1),
            max_fails: count("max_fails=", 1),
            fail_timeout: fail_timeout.unwrap_or(Duration::from_secs(10)),
            max_conns: count("max_conns=", 0),
            backup: statement.has("backup"),
            down: statement.has("down"),
            resolve: statement.has("resolve"),
            place: statement.place.clone(),
            address_place: arg.place.clone(),
        })
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
