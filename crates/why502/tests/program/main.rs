//! The built program against real software. Every test is on a host of its own: fresh process, mount, network and
//! host name namespaces with a real nginx in them. Needs root and Debian's nginx; without them it fails.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive real software, and panic where it does not do as told"
)]

mod bundle;
mod canary;
mod check;
mod chromium;
mod config;
mod fix;
mod healthy;
mod load;
mod logs;
mod recording;
mod report;
mod rights;
mod scan;
mod stage;
mod terminal;
mod ticket;
mod usage;
mod visitor;
