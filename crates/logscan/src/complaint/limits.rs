//! nginx's own limits and the end of its workers.

use super::{Parts, Trouble};

pub(super) fn trouble(parts: &Parts<'_>) -> Option<Trouble> {
    connections(parts.body)
        .or_else(|| limited(parts.body))
        .or_else(|| died(parts.body))
}

/// `… for N listening sockets` is a config error at start, not a limit met under load.
fn connections(body: &str) -> Option<Trouble> {
    const MARK: &str = " worker_connections are not enough";
    let (count, rest) = body.contains(MARK).then(|| body.split_once(MARK)).flatten()?;
    let count = count.rsplit(' ').next()?.parse().ok()?;
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
    let (process, signal) = body.split_once(" exited on signal ")?;
    let signal = signal.split(' ').next()?.parse().ok()?;
    process
        .starts_with("worker process ")
        .then_some(Trouble::WorkerDied { signal })
}
