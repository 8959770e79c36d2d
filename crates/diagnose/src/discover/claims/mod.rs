//! Who is configured to listen where, whether it runs or not: what links a dead backend to the address it serves.

pub(super) mod apache;
mod app_files;
mod command_line;
pub(super) mod environment;
pub(super) mod fpm;
mod script;
pub(super) mod service;
pub(super) mod spoken;
pub(super) mod unit_file;
pub(super) mod user;
pub(super) mod uwsgi;
