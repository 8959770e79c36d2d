//! From what a host told us to why it answers 502. Looks go through [`host::Host`]; nothing here does I/O of its own,
//! asks the time, or fails.
//!
//! ```text
//! discover::discover(host, &options)         -> World: nginx instances, sites, routes, backends
//! observe::observe(host, world)              -> Vec<Case>: one failing route each, and all that was seen of it
//! judge::judge(&cases, causes::ALL)          -> Verdict, pure
//! audit::audit(&survey::look(host), …)       -> what will fail tomorrow, where nothing does today
//! ```

pub mod audit;
pub mod backend_log;
pub mod ban;
pub mod case;
pub mod cause;
pub mod causes;
pub mod code;
pub mod dependencies;
mod diagnosis;
pub mod discover;
pub mod elsewhere;
pub mod evidence;
pub mod exception;
pub mod explain;
pub mod fault;
pub mod filtered;
pub mod freeing;
pub mod guard;
pub mod handshake;
pub mod hop;
pub mod jobs;
pub mod judge;
pub mod limits;
pub mod load;
pub mod masters;
pub mod naming;
pub mod needs;
pub mod observe;
pub mod oom;
mod options;
pub mod own_limits;
pub mod passage;
pub mod php;
pub mod queue;
pub mod reach;
pub mod refusal;
pub mod remedy;
pub mod restart;
pub(crate) mod rhythm;
pub mod scoreboard;
pub mod service;
pub mod space;
pub mod speech;
pub mod stale;
pub mod survey;
#[cfg(test)]
#[allow(dead_code, missing_docs, reason = "a kit: not every test uses every piece")]
pub(crate) mod testing;
pub mod topology;
pub mod traffic;
pub mod trigger;
pub mod verdict;
pub mod visit;
pub mod words;
pub mod workers;
pub mod world;

pub use case::{Case, Symptom};
pub use cause::{Cause, CauseId, Class, Opinion};
pub use diagnosis::{Diagnosis, conclude, diagnose};
pub use evidence::{Evidence, Rank, Side, Source};
pub use observe::Question;
pub use options::Options;
pub use remedy::{Allowance, Limited, Measure, Remedy, Whole};
pub use verdict::{Finding, Role, Verdict};
pub use world::World;
