//! What an application needs beside itself: the databases, caches and brokers it is configured with, and how each of them
//! answers when asked with the application's own login.

mod ask;
mod dsn;
mod files;
mod find;
mod gather;
mod scan;
mod servers;

pub(crate) use ask::look;

use crate::topology::Place;
use host::{
    Endpoint, Look,
    answer::Connect,
    consult::{Admission, Consultation, Refusal, Secret, Service},
    looks::Unit,
};
use std::fmt;

/// A server that an application is configured with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Which kind.
    pub service: Service,
    /// Where.
    pub at: Where,
    /// Database, or what comes nearest: a vhost, a number. Empty: none.
    pub database: String,
    /// Account; empty: none.
    pub user: String,
    /// How the application proves who it is.
    pub credential: Credential,
    /// Where that is written.
    pub written: Place,
}

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// At an address or a socket.
    Endpoint(Endpoint),
    /// At whatever the name means.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
}

impl fmt::Display for Where {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(endpoint) => endpoint.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// A password, as far as it is our business: whether there is one, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The application uses none.
    None,
    /// It stands in a file.
    Kept(Secret),
    /// The application gets it in a way that can't be followed: from code, or from elsewhere.
    Elsewhere,
}

/// A dependency, looked at just now.
#[derive(Clone, Debug)]
pub struct DependencySight {
    /// As configured.
    pub dependency: Dependency,
    /// Its address now; `None` where its name has none.
    pub endpoint: Option<Endpoint>,
    /// What it said.
    pub heard: Look<Consultation>,
    /// The unit that serves it on this host, or would.
    pub unit: Option<Unit>,
    /// TCP connections to it of the application's account.
    pub held: Held,
}

/// TCP connections of one account to one address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Open.
    pub open: usize,
    /// Asked for and not answered.
    pub asking: usize,
}

impl DependencySight {
    /// It is reached and speaks: whatever it says.
    pub fn answers(&self) -> Option<bool> {
        if self.endpoint.is_none() {
            return Some(false);
        }
        let heard = self.heard.as_ref().ok()?;
        match (&heard.connect, &heard.admission) {
            (Connect::Accepted, Admission::Silent | Admission::Closed) => Some(false),
            (Connect::Accepted, Admission::Unclear(_)) => None,
            (Connect::Accepted, _) => Some(true),
            _ => Some(false),
        }
    }

    /// Its no to the login.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.heard.as_ref().ok()?.admission {
            Admission::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// What it told once the login was accepted.
    pub fn told(&self) -> Option<&Consultation> {
        let heard = self.heard.as_ref().ok()?;
        (heard.admission == Admission::Admitted).then_some(heard)
    }

    /// How it does not answer, in words: `refuses connections`, `takes the connection and says nothing`.
    pub fn silence(&self) -> &'static str {
        let Some(heard) = self.heard.as_ref().ok().filter(|_| self.endpoint.is_some()) else {
            return "has no address: its name does not resolve";
        };
        match (heard.connect, &heard.admission) {
            (Connect::Failed(2), _) => "has no socket there",
            (Connect::Failed(111), _) => "refuses connections: nothing listens there",
            (Connect::Failed(_), _) => "can't be connected to",
            (Connect::TimedOut, _) => "does not answer connections",
            (_, Admission::Closed) => "closes every connection",
            _ => "takes the connection and says nothing",
        }
    }
}
