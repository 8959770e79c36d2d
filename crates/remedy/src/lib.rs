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

mod bytes;
mod draft;
mod plan;
pub mod show;
mod step;

pub use draft::{CannotDraft, draft};
pub use plan::{Plan, PlanId, Proof};
pub use step::{Access, Content, FlowRule, Hands, ProcessId, Step, StepFailed, Test, Undo, UnitState};
