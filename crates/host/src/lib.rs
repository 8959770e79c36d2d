//! The outside world, to look at. Nothing in this crate changes a host.
//!
//! Three answers are kept apart everywhere, because confusing the last two is how a diagnosis goes wrong:
//! `Ok(Some(_))` it is so, `Ok(None)` we looked and it is not there, `Err(Unseen)` we could not look.
//!
//! A look is a [`Query`] and its raw [`Answer`]. Raw answers are what recordings hold; `looks` parses them, so
//! tomorrow's parser runs on today's recording.

pub mod answer;
pub mod browser;
pub mod consult;
pub mod live;
pub mod looks;
pub mod memory;
pub mod query;
pub mod recorded;
pub mod redact;
mod time;
mod unseen;
pub mod visit;

pub use answer::Answer;
pub use live::Live;
pub use looks::Looks;
pub use query::{Banner, Endpoint, Query, Stance, Talk, Tool};
pub use time::Timestamp;
pub use unseen::{Look, Unseen};

/// Something that can be asked. Asking never changes the host, never panics, and always returns within the
/// query's own time limit ([`Query::deadline`]).
pub trait Host: Send + Sync {
    /// The raw answer to one look.
    fn ask(&self, query: &Query) -> Look<Answer>;
}
