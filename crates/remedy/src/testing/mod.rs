//! A host in memory that can be changed, and what every plan must survive on it: `harness::survives(&plan)`.
#![allow(unused_imports, reason = "a kit")]
#![allow(clippy::disallowed_methods, reason = "journals are cut as a crash would")]

pub(crate) mod harness;
mod memory;
mod plans;
mod stage;

pub(crate) use memory::{FakeHands, FakeHost, Fault};
pub(crate) use plans::{FPM, access, content, every_step, plan, restart, start, write};
pub(crate) use stage::{FakeClock, Site, Stage, author};
