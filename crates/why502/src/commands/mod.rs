//! One file a command.

pub mod diagnose;
pub mod dns;
pub mod explain;
pub mod pages;
pub mod ports;
