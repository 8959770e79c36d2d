//! Where a location passes its requests.

use super::address::strip_prefix_ignoring_case;
use super::{Address, Statement, Values};
use crate::{Place, Text};

/// How nginx speaks to what it passes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `proxy_pass` in `http`.
    Http,
    /// `fastcgi_pass`.
    Fastcgi,
    /// `uwsgi_pass`.
    Uwsgi,
    /// `scgi_pass`.
    Scgi,
    /// `grpc_pass`.
    Grpc,
    /// `memcached_pass`.
    Memcached,
    /// `proxy_pass` in `stream`: bytes as they come.
    Stream,
}

impl Protocol {
    /// Those of `http`.
    pub const IN_HTTP: [Self; 6] = [
        Self::Http,
        Self::Fastcgi,
        Self::Uwsgi,
        Self::Scgi,
        Self::Grpc,
        Self::Memcached,
    ];

    /// What its directives start with: `proxy` in `proxy_read_timeout`.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Http | Self::Stream => "proxy",
            Self::Fastcgi => "fastcgi",
            Self::Uwsgi => "uwsgi",
            Self::Scgi => "scgi",
            Self::Grpc => "grpc",
            Self::Memcached => "memcached",
        }
    }

    /// `proxy_pass`, `fastcgi_pass`…
    pub fn directive(self) -> &'static str {
        match self {
            Self::Http | Self::Stream => "proxy_pass",
            Self::Fastcgi => "fastcgi_pass",
            Self::Uwsgi => "uwsgi_pass",
            Self::Scgi => "scgi_pass",
            Self::Grpc => "grpc_pass",
            Self::Memcached => "memcached_pass",
        }
    }

    /// Schemes its target may start with, and whether they mean TLS.
    fn schemes(self) -> &'static [(&'static [u8], bool)] {
        match self {
            Self::Http => &[(b"http://", false), (b"https://", true)],
            Self::Grpc => &[(b"grpc://", false), (b"grpcs://", true)],
            Self::Uwsgi => &[(b"uwsgi://", false), (b"suwsgi://", true)],
            Self::Fastcgi | Self::Scgi | Self::Memcached | Self::Stream => &[],
        }
    }

    /// Only `proxy_pass` of `http` has one: 80 or 443.
    fn default_port(self, tls: bool) -> Option<u16> {
        (self == Self::Http).then_some(if tls { 443 } else { 80 })
    }
}

/// What a pass directive names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address or a host name.
    Address(Address),
    /// An `upstream { }` block.
    Group(Text),
    /// It has variables. `constant` is what they come to where plain `set`s decide it alone; nginx still looks a
    /// host name in it up at run time, unless the name is also written out in some other pass.
    Variable {
        /// The value, if it does not vary.
        constant: Option<Box<Target>>,
    },
}

impl Target {
    /// What it is in the end, where that is known.
    pub fn known(&self) -> Option<&Self> {
        match self {
            Self::Variable { constant } => constant.as_deref(),
            known => Some(known),
        }
    }
}

/// A pass directive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// How to speak.
    pub protocol: Protocol,
    /// Whom to ask.
    pub target: Target,
    /// TLS to the backend (`https://`, `grpcs://`, `suwsgi://`, `proxy_ssl on` in `stream`).
    pub tls: bool,
    /// The path given with the address (`/` in `http://app:8080/`), which replaces the location's own.
    pub uri: Option<Text>,
    /// The argument as written.
    pub written: Text,
    /// Of the whole directive.
    pub place: Place,
    /// Of the address argument.
    pub address_place: Place,
    /// It stands in the location around this `if` or `limit_except`, which has none of its own.
    pub inherited: bool,
}

impl Pass {
    /// Reads a pass directive. `is_group` knows the names of the upstream blocks.
    pub(super) fn new(
        protocol: Protocol,
        statement: &Statement,
        values: &Values,
        is_group: &dyn Fn(&[u8]) -> bool,
    ) -> Option<Self> {
        let arg = statement.args.first()?;
        let constant = values.evaluate(&arg.text);
        let known = constant
            .as_ref()
            .map(|text| Written::read(protocol, text.as_bytes()));
        let as_written = Written::read(protocol, arg.text.as_bytes());
        let target = known.as_ref().map(|known| known.target(protocol, is_group));
        let target = match arg.text.has_variables() {
            true => Target::Variable {
                constant: target.map(Box::new),
            },
            false => target?,
        };
        Some(Self {
            protocol,
            target,
            tls: known.as_ref().unwrap_or(&as_written).tls,
            uri: (!as_written.uri.is_empty()).then(|| as_written.uri.into()),
            written: arg.text.clone(),
            place: statement.place.clone(),
            address_place: arg.place.clone(),
            inherited: false,
        })
    }
}

/// The parts of a target.
struct Written<'a> {
    tls: bool,
    authority: &'a [u8],
    uri: &'a [u8],
}

impl<'a> Written<'a> {
    fn read(protocol: Protocol, text: &'a [u8]) -> Self {
        let mut schemes = protocol.schemes().iter();
        let found = schemes.find_map(|(scheme, tls)| Some((strip_prefix_ignoring_case(text, scheme)?, *tls)));
        let (rest, tls) = found
            .or(variable_scheme(text).map(|rest| (rest, false)))
            .unwrap_or((text, false));
        let end = if protocol == Protocol::Http {
            authority_end(rest)
        } else {
            rest.len()
        };
        let (authority, uri) = rest.split_at_checked(end).unwrap_or((rest, b""));
        Self {
            tls,
            authority,
            uri: uri.strip_prefix(b":").unwrap_or(uri),
        }
    }

    /// A name without a port that is the name of an upstream block is that block (`ngx_http_upstream_add`).
    fn target(&self, protocol: Protocol, is_group: &dyn Fn(&[u8]) -> bool) -> Target {
        if is_group(self.authority) {
            return Target::Group(self.authority.into());
        }
        Target::Address(Address::parse(self.authority, protocol.default_port(self.tls)))
    }
}

/// What follows the scheme in `$scheme://…`.
fn variable_scheme(text: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(text, b"://")?;
    text.starts_with(b"$").then(|| text.get(at + 3..))?
}

/// A unix path ends at the next colon, anything else at its path or query.
fn authority_end(text: &[u8]) -> usize {
    match strip_prefix_ignoring_case(text, b"unix:") {
        Some(path) => memchr::memchr(b':', path).map_or(text.len(), |at| at + b"unix:".len()),
        None => memchr::memchr2(b'/', b'?', text).unwrap_or(text.len()),
    }
}
