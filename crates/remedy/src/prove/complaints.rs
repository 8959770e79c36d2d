//! nginx's error log while a repair is proved: clients may meet what our own requests do not.

use diagnose::Question;
use host::{Host, Looks};
use logscan::{ErrorLine, Trouble, complaint::PeerAddress, error_log};
use std::path::PathBuf;

/// Bytes of a log's end that are looked at.
const FRESH: u64 = 256 << 10;
/// Characters kept of a line.
const SAMPLE: usize = 500;

/// The logs, and how long each was.
pub(super) struct Logs {
    logs: Vec<(PathBuf, u64)>,
}

impl Logs {
    /// What is in them now is past. A log that can't be read tells nothing.
    pub(super) fn now(host: &dyn Host, paths: &[PathBuf]) -> Self {
        let size = |path: &PathBuf| Some((path.clone(), host.tail(path, 1).ok()??.size));
        Self {
            logs: paths.iter().filter_map(size).collect(),
        }
    }

    /// A failure since then of a page that was to be mended, which no other peer of its upstream can have made good.
    pub(super) fn complaint(&self, host: &dyn Host, failing: &[Question]) -> Option<String> {
        self.logs.iter().find_map(|(path, size)| {
            let blob = host.tail(path, FRESH).ok()??;
            // shorter than it was: rotated
            let new = if blob.size < *size {
                blob.size
            } else {
                blob.size - size
            };
            let bytes = &blob.bytes.0;
            let from = bytes
                .len()
                .saturating_sub(usize::try_from(new).unwrap_or(usize::MAX));
            complaint(&bytes[from..], failing)
        })
    }
}

fn complaint(bytes: &[u8], failing: &[Question]) -> Option<String> {
    let entries = error_log::entries(bytes).map(|entry| &bytes[entry]);
    let parsed = entries.filter_map(|entry| Some((error_log::parse(entry)?, entry)));
    let ours: Vec<(ErrorLine, &[u8])> = parsed
        .filter(|(line, _)| begins_anew(&line.complaint.trouble))
        .filter(|(line, _)| failing.iter().any(|question| is_of(line, question)))
        .collect();
    let first = ours.first()?;
    let peer = |line: &ErrorLine| line.complaint.peer.as_ref().map(|peer| peer.address.clone());
    let one_peer = ours.iter().all(|(line, _)| same(peer(line), peer(&first.0)));
    let none_left = ours
        .iter()
        .find(|(line, _)| line.complaint.trouble == Trouble::NoLiveUpstreams);
    let (_, entry) = none_left.or(one_peer.then_some(first))?;
    Some(String::from_utf8_lossy(entry).chars().take(SAMPLE).collect())
}

fn same(one: Option<PeerAddress>, other: Option<PeerAddress>) -> bool {
    one == other
}

/// A timeout is of a request that began before; what a backend prints stands beside a good answer too.
fn begins_anew(trouble: &Trouble) -> bool {
    !matches!(
        trouble,
        Trouble::Unrelated | Trouble::TimedOut | Trouble::BackendStderr(_) | Trouble::PeerDisabled
    )
}

fn is_of(line: &ErrorLine, question: &Question) -> bool {
    let bare = |host: &str| {
        host.rsplit_once(':')
            .map_or(host, |(name, _)| name)
            .to_ascii_lowercase()
    };
    let path = |target: &str| target.split('?').next().unwrap_or_default().to_owned();
    let target = line
        .request
        .as_deref()
        .and_then(|request| request.split(' ').nth(1));
    line.host
        .as_deref()
        .is_some_and(|host| bare(host) == bare(&question.host))
        && target.is_some_and(|target| path(target) == path(&question.target))
}
