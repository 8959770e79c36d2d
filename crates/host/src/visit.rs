//! A visit: one request as a visitor's browser makes it, to an address of the site.

use crate::browser::Jar;
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, time::Duration};

/// How long a visitor's connection may take to be made; the first packet may have to be sent twice.
pub const TO_CONNECT: Duration = Duration::from_millis(3500);
/// How long TLS may take after that, and the way through a proxy before it.
pub const TO_SHAKE: Duration = Duration::from_millis(4000);
/// How long a page may take after that.
pub const TO_ANSWER: Duration = Duration::from_secs(20);

/// One request. Always `GET`: it is what a browser sends, and servers answer `HEAD` otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Visit {
    /// The site's address.
    pub to: SocketAddr,
    /// The site's name, without a port: the name asked for in TLS, and whose cookies are sent.
    pub host: String,
    /// As the Host header has it: with the port where that is not the scheme's own.
    pub authority: String,
    /// Over TLS.
    pub tls: bool,
    /// Path and query.
    pub target: String,
    /// Over HTTP/2 (with TLS only), else HTTP/1.1.
    pub http2: bool,
    /// With the cookies that stand there, if the site proves over TLS that it is the site, or never asked for TLS.
    /// The answer then holds no body.
    pub cookies: Option<Jar>,
    /// Through this proxy.
    pub proxy: Option<SocketAddr>,
    /// What the site's log tells the request by: it is part of the User-Agent.
    pub id: String,
    /// Which one of several that are alike.
    pub nth: u32,
}

impl Visit {
    /// How the program names itself to the site.
    pub fn user_agent(&self) -> String {
        format!("why502/{} (check {})", env!("CARGO_PKG_VERSION"), self.id)
    }
}

/// A proxy that programs here are told to go through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxySetting {
    /// Where it is set: `https_proxy`, `Firefox: network.proxy.type`.
    pub name: String,
    /// As it stands there, without a user and a password.
    pub value: String,
}
