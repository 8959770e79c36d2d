//! `why502 diagnose --like FILE`: a visitor's report beside the server's own verdict.

use crate::{cli, report::like::Like};
use anyhow::Context;
use diagnose::{World, visit::operator::Line};
use host::{Host, Looks};
use std::{path::Path, time::Duration};

/// Room around the moment of the report.
const ROOM: Duration = Duration::from_secs(600);
/// As far back as `--since` goes.
const LONGEST: Duration = Duration::from_secs(366 * 86400);

/// The line in the file, or in the JSON in it.
pub fn read(file: &Path) -> anyhow::Result<Line> {
    let bytes = super::bundle::bytes(file)?;
    let json = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
    let line = json.as_ref().and_then(|it| it.get("operator")?.as_str());
    let text = String::from_utf8_lossy(&bytes);
    Line::find(line.unwrap_or(&text)).with_context(|| {
        format!(
            "{}: no line that begins with why502-check is in it, whole; it is what why502 check prints last",
            file.display()
        )
    })
}

/// That site, back to that moment.
pub fn scope(host: &dyn Host, scope: &cli::Scope, report: Option<&Line>) -> cli::Scope {
    let mut scope = scope.clone();
    if let Some(report) = report {
        let age = host.now().unwrap_or_default().since(report.at) + ROOM;
        scope.since = scope.since.max(age.min(LONGEST));
        let site = report.place().map(|place| place.host);
        scope.site = scope.site.or(site);
    }
    scope
}

/// What the logs hold of it.
pub fn find(host: &dyn Host, world: &World, report: &Line) -> Like {
    Like::of(report, &diagnose::visit::like::find(host, world, report))
}
