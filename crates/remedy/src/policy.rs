//! What may be done at all, and how much of it at once.

use crate::FixId;
use diagnose::verdict::Outcome;
use host::Timestamp;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

/// Roots that are nginx's alone: their own mode and owner decide whether its workers can write their temp files.
const NGINX: [&str; 2] = ["/var/lib/nginx", "/var/cache/nginx"];

/// Whether something may be changed: what stands below a root, but not a root itself unless it is nginx's.
pub(crate) fn may_change(path: &Path, roots: &[PathBuf]) -> bool {
    let is_own = |root: &PathBuf| NGINX.iter().any(|own| root == Path::new(own));
    roots
        .iter()
        .any(|root| path.starts_with(root) && (path != root || is_own(root)))
}

/// What may be done on this host. The default is for a person at a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Files and directories may be changed below these.
    pub roots: Vec<PathBuf>,
    /// No two restarts of one unit within this time.
    pub between_restarts: Duration,
    /// Steps of one plan.
    pub steps: usize,
    /// Units started, stopped, restarted or reloaded by one plan.
    pub units: usize,
    /// Steps that disturb live traffic in one plan.
    pub disturbances: usize,
    /// Bytes that must be free where services write, for a restart.
    pub free_for_restart: u64,
}

impl Default for Policy {
    fn default() -> Self {
        let roots = [
            "/etc",
            "/run",
            "/var/run",
            "/var/lib/nginx",
            "/var/cache/nginx",
            "/var/lib/php",
            "/usr/local/etc",
            "/usr/local/nginx",
            "/opt",
            "/srv",
            "/var/www",
        ];
        Self {
            roots: roots.map(PathBuf::from).to_vec(),
            between_restarts: Duration::from_secs(600),
            steps: 32,
            units: 4,
            disturbances: 3,
            free_for_restart: 16 << 20,
        }
    }
}

/// How far somebody agreed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreed {
    /// Nobody was asked: a daemon that may do what policy allows.
    #[default]
    Nobody,
    /// A person agreed to what the plan shows; so does `--yes`.
    ToThePlan,
    /// And to a restart of the host, by name.
    ToAReboot,
}

/// What a review goes by, besides the plan.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The verdict that the plan follows from.
    pub verdict: Outcome,
    /// The time.
    pub now: Timestamp,
    /// Fixes before: [`crate::history::list`].
    pub past: Vec<crate::history::Past>,
    /// A fix that is half done: [`crate::history::half_done`].
    pub open: Option<FixId>,
    /// The least bytes that are free on a file system where services write; `None` where that is not known.
    pub free: Option<u64>,
    /// Units that systemd starts again and again, by name.
    pub crash_looping: BTreeSet<String>,
    /// How far somebody agreed.
    pub agreed: Agreed,
}
