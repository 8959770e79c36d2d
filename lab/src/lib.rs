//! Real Debian hosts with injected faults. Development only.
//!
//! A [`Scenario`] is data and short shell scripts; a [`trial`] plays it on a fresh host booted by [`Host`] from the
//! cached [`root`] and asserts, in order: the site answers, the fault is seen by a client, the tool names exactly the
//! expected root, the site answers again and the tool agrees. Nothing in a host names the fault: no path, unit, comment.
//! A lab that cannot run fails; it never skips.
#![allow(
    clippy::disallowed_methods,
    reason = "the lab builds and breaks hosts: touching the machine is its work"
)]
#![allow(
    clippy::print_stdout,
    reason = "progress and results are for the terminal of a developer"
)]

pub mod apt;
mod baseline;
mod client;
mod demo;
mod elsewhere;
mod errands;
mod evidence;
mod foresight;
mod host;
mod outcome;
mod pace;
mod pairs;
mod repair;
mod root;
mod runner;
mod scenario;
mod scenarios;
mod stack;
mod terminal;
mod told;
mod traffic;
mod trial;
mod verdict;
mod visitors;

pub use demo::{demo, hold};
pub use errands::{Errand, SHOWN, Shown, all as errands};
pub use host::Host;
pub use outcome::{Mode, Outcome};
pub use root::{install, room};
pub use runner::{Options, Summary, last_run, run, screen};
pub use scenario::{Audit, Crowd, Expect, Fix, Held, Interrupt, Link, Scenario, Step, Traffic};
pub use scenarios::all;
pub use stack::Stack;
