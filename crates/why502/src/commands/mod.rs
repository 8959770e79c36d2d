//! One file a command.

pub mod audit;
pub mod bundle;
pub mod check;
pub mod client;
pub mod diagnose;
pub mod dns;
pub mod explain;
pub mod fix;
pub mod history;
mod like;
pub mod load;
pub mod logs;
pub mod pages;
pub mod ports;
pub mod reading;
pub mod recurrence;
pub mod redact;
pub mod report;
mod site;
pub mod ticket;
pub mod undo;
mod who;
