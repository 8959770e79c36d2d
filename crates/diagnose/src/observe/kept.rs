//! nginx's logs as far as looks hold them: what a recorded host has in place of files.

use super::{access_logs::AccessLogs, error_logs};
use crate::{World, world::AccessLog};
use host::{Host, Looks, Unseen};
use jiff::tz::TimeZone;
use logscan::scan::Trusted;
use std::path::PathBuf;

/// The young part of one log, with what was rotated away of it.
#[derive(Debug)]
pub struct Kept {
    /// As it is configured; `None`: an error log.
    pub log: Option<AccessLog>,
    /// Whose `X-Forwarded-For` this nginx believes.
    pub trusted: Trusted,
    /// The file that is written to.
    pub path: PathBuf,
    /// Whole lines, oldest first.
    pub text: Vec<u8>,
}

/// All of them, and what could not be read.
pub fn logs(host: &dyn Host, world: &World) -> (Vec<Kept>, Vec<Unseen>) {
    let access = AccessLogs::read(host, world);
    let mut all: Vec<Kept> = access.texts(world).collect();
    let mut unseen = access.unseen;
    let zone = host.time_zone().unwrap_or(TimeZone::UTC);
    for (index, nginx) in world.nginx.iter().enumerate() {
        for path in &nginx.error_logs {
            match error_logs::text(host, world, (index, path), &zone) {
                Ok(text) => all.extend(text.map(|text| Kept {
                    log: None,
                    trusted: Trusted::default(),
                    path: path.clone(),
                    text,
                })),
                Err(why) => unseen.push(why),
            }
        }
    }
    (all, unseen)
}
