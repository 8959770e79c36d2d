//! Mending a host: what a cause asks for becomes a plan that a person reads, and only then is done, step by step, with
//! each intent written down before it and a proof behind it.
//!
//! ```text
//! draft(host, &diagnosis, finding, remedy) -> Plan       looks again; every step holds the state it expects and leaves
//! review(&plan, &policy, &past)            -> objections, pure
//! apply(&plan, hands, journal)             -> done, or taken back
//! prove(host, &plan.proof, baseline)       -> the site answers through nginx and no other site broke, or undo
//! undo(&plan, hands, journal)              -> as it was; also after a crash: the journal alone says what is left
//! ```
//!
//! Only [`live`] changes a host, and only by a journaled [`Step`].

mod apply;
mod bytes;
mod clock;
mod draft;
mod fix;
pub mod history;
pub mod journal;
pub mod live;
pub mod memory;
mod nature;
pub mod outcome;
mod own_table;
mod plan;
mod policy;
mod prove;
pub mod review;
pub mod show;
mod step;
pub mod store;
#[cfg(test)]
#[allow(dead_code, missing_docs, reason = "a kit: not every test uses every piece")]
pub(crate) mod testing;
mod traces;
mod undo;

pub use clock::{Clock, WallClock};
pub use draft::{CannotDraft, Wish, draft, grant};
pub use fix::Fixer;
pub use history::{HalfDone, Past};
pub use journal::{Journal, Phase};
pub use outcome::{Conflict, End, FixError, Outcome, Progress, Stuck, Unproved, Why};
pub use plan::{Holds, Page, Plan, PlanId, Proof};
pub use policy::{Agreed, Facts, Policy};
pub use prove::{Baseline, status_of};
pub use review::{Objection, review};
pub use step::{
    Access, Belongings, Content, FlowRule, Hands, NameCache, Network, Owner, Patience, PoolTraces, ProcessId,
    Route, Shelf, Step, StepFailed, Test, Undo, UnitState,
};
pub use store::{Author, Fix, FixId, Opened, Store, StoreError};
