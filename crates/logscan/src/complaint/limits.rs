//! nginx's own limits and the end of its workers.

use super::{Parts, Trouble};

pub(crate) const NOT_ENOUGH: &str = "worker_connections are not enough";

pub(super) fn trouble(parts: &Parts<'_>) -> Option<Trouble> {
    connections(parts.body)
        .or_else(|| limited(parts.body))
        .or_else(|| died(parts.body))
}

/// `… for N listening sockets` is a config error at start, not a limit met under load.
fn connections(body: &str) -> Option<Trouble> {
    let (count, rest) = body.split_once(' ')?;
    let rest = rest.strip_prefix(NOT_ENOUGH)?;
    let count = count.parse().ok()?;
    (!rest.starts_with(" for ")).then_some(Trouble::WorkerConnections(count))
}

/// A dry run refuses nothing.
fn limited(body: &str) -> Option<Trouble> {
    if body.starts_with("client intended to send too large body") {
        return Some(Trouble::BodyTooLarge);
    }
    let what = body.strip_prefix("limiting ")?;
    let real =
        (what.starts_with("requests") || what.starts_with("connections")) && !what.contains(", dry run");
    real.then(|| Trouble::Limited(body.to_owned()))
}

/// `worker process 123 exited on signal 9 (core dumped)`
fn died(body: &str) -> Option<Trouble> {
    let (_, signal) = body
        .strip_prefix("worker process ")?
        .split_once(" exited on signal ")?;
    Some(Trouble::WorkerDied {
        signal: signal.split(' ').next()?.parse().ok()?,
    })
}
