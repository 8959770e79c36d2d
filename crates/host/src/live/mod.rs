//! This machine, looked at. The only place that touches it.
//!
//! A look may hang for good: a dead NFS mount, a process in state D, a tool that waits. So looks are made by *lookers*:
//! child processes, the same binary started again with [`LOOKER_WORD`]. A looker that is not back by the deadline is
//! killed with its whole process group and never waited for; the program itself can always go on, and exit.

#![expect(clippy::disallowed_methods, reason = "this is the module that looks")]

mod browser;
mod clock;
mod connect;
mod consult;
mod dns;
mod enter;
mod files;
mod inert;
mod kernel;
pub mod leveldb;
mod look;
mod lookers;
mod mask;
mod names;
mod processes;
mod proxies;
mod refusal;
mod room;
mod run;
mod sessions;
mod sockets;
mod tools;
mod trust;
mod wire;

pub use inert::{Inert, Watch};
pub use look::looker_main;
pub use run::{DIRS as PROGRAM_DIRS, find as find_program};
pub use trust::{check as trusted, check_nginx_args as trusted_nginx_args};

use crate::{Answer, Host, Look, Query, Unseen};
use lookers::Lookers;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// First argument that makes the program a looker; `main` then calls [`looker_main`] and nothing else.
pub const LOOKER_WORD: &str = "__look";

/// This machine.
pub struct Live {
    lookers: Lookers,
    until: Option<Limit>,
}

/// When looking ends, and how long that was from the beginning.
struct Limit {
    at: Instant,
    after: Duration,
}

impl Live {
    /// Looks through children of this very program, whose `main` must honour [`LOOKER_WORD`].
    pub fn new() -> Self {
        Self::through("/proc/self/exe")
    }

    /// Looks through children of another program that honours [`LOOKER_WORD`]; for tests.
    pub fn through(looker: impl Into<PathBuf>) -> Self {
        Self {
            lookers: Lookers::new(looker.into()),
            until: None,
        }
    }

    /// Begins no look after so long: a host on which every look takes its whole time is not looked at for hours.
    pub fn for_the_next(after: Duration) -> Self {
        let at = Instant::now() + after;
        Self {
            until: Some(Limit { at, after }),
            ..Self::new()
        }
    }

    /// The time to look is over.
    pub fn is_over(&self) -> bool {
        self.until.as_ref().is_some_and(|it| it.at <= Instant::now())
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

impl Host for Live {
    fn ask(&self, query: &Query) -> Look<Answer> {
        if *query == Query::Clock {
            return Ok(Answer::Clock(clock::now()));
        }
        if let Some(limit) = self.until.as_ref().filter(|_| self.is_over()) {
            return Err(Unseen::TimedOut {
                what: query.subject(),
                after: limit.after,
            });
        }
        self.lookers.ask(query).unwrap_or_else(|error| {
            Err(Unseen::Unusable {
                what: query.subject(),
                why: format!("the child process that looks failed: {error}"),
            })
        })
    }
}

impl Query {
    /// This look leaves its looker in another namespace or with other rights, so nobody may use it again.
    fn taints(&self) -> bool {
        match self {
            Self::Sockets { netns_of } | Self::Dns { netns_of, .. } => netns_of.is_some(),
            Self::Connect { stance, .. } | Self::Consult { stance, .. } => {
                stance.identity.is_some() || stance.inside.is_some()
            }
            // a /proc file that blocks may have cost the looker a thread
            Self::Processes => true,
            Self::Later { look, .. } => look.taints(),
            _ => false,
        }
    }

    /// What we want to see, as a message names it.
    fn subject(&self) -> String {
        match self {
            Self::Clock => "the clock".into(),
            Self::File { path, .. } | Self::Dir { path } | Self::Stat { path, .. } => {
                path.display().to_string()
            }
            Self::DeletedFiles => "deleted files that are open".into(),
            Self::FileSizes { dir } => format!("the files below {}", dir.display()),
            Self::Processes => "the processes".into(),
            Self::Sockets { netns_of: None } => "the sockets".into(),
            Self::Sockets { netns_of: Some(pid) } => format!("the sockets of process {pid}'s network"),
            Self::Run(tool) => tools::name(tool),
            Self::Connect { to, talk, .. } => format!("{} with {to}", talk.name()),
            Self::Consult { to, service, .. } => format!("{service} at {to}"),
            Self::Dns { server, name, .. } => format!("{name} at DNS server {server}"),
            Self::SystemName { name } => format!("the addresses of {name}"),
            Self::Cookies { jar, .. } => jar.file.display().to_string(),
            Self::Kept { profile, .. } => profile.dir.display().to_string(),
            Self::Visit(visit) => format!("{} at {}", visit.host, visit.to),
            Self::Proxies => "the proxy settings".into(),
            Self::KernelLog => "the kernel log".into(),
            Self::Space { path } => format!("room on the file system of {}", path.display()),
            Self::Later { ms, look } => format!("{}, {ms} ms later", look.subject()),
        }
    }
}
