//! Who is configured to listen where, whether it runs or not: what links a dead backend to the address it serves.

pub(super) mod apache;
pub(super) mod app_files;
pub(super) mod command_line;
pub(super) mod fpm;
pub(super) mod script;
pub(super) mod service;
pub(super) mod spoken;
pub(super) mod unit_file;
pub(super) mod uwsgi;
