//! Restarts and reloads that somebody asked for, and which failures they can explain.

use crate::{Case, Symptom, backend_log, case::PeerSight, service};
use host::{Timestamp, looks::Unit};
use logscan::Phase;
use std::time::Duration;

/// Time an application may need to listen after systemd calls it started, as long as it answers in the end.
const LOADING: Duration = Duration::from_secs(30);

/// From the order to stop or reload until it ran again.
#[derive(Clone, Copy)]
pub struct Window {
    /// The order.
    pub from: Timestamp,
    /// It ran again; the same as `from` where only the order is known.
    pub to: Timestamp,
}

impl Window {
    /// A refused connection may come a while after the start, until the application has loaded; a cut request may not.
    pub fn holds(&self, at: Timestamp, symptom: Option<&Symptom>) -> bool {
        let phase = symptom
            .and_then(|it| it.complaint.as_ref())
            .and_then(|complaint| complaint.phase);
        let late = if phase == Some(Phase::Connecting) {
            LOADING
        } else {
            service::SLACK
        };
        at >= self.from.before(service::SLACK) && at <= self.to.after(late)
    }
}

/// Every stop and reload that was asked for, with its end; of systemd, and of the daemon's own words.
pub fn windows(case: &Case, peer: &PeerSight, unit: &Unit) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut from = None;
    for line in service::systemd_lines(case, unit) {
        if line.text.starts_with("Stopping ") || line.text.starts_with("Reloading ") {
            from = from.or(Some(line.at));
        } else if line.text.starts_with("Started ") || line.text.starts_with("Reloaded ") {
            windows.extend(from.take().map(|from| Window { from, to: line.at }));
        }
    }
    let told = service::said(case, peer);
    let told = told
        .iter()
        .filter(|line| backend_log::is_told_to_restart(line.text))
        .filter_map(|line| line.at);
    windows.extend(told.map(|at| Window { from: at, to: at }));
    windows
}
