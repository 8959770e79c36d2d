//! Schema `why502/logs/1`.

use super::{Story, called, key, series::stepped};
use crate::report::json::Inert;
use host::redact::without_secrets;
use logscan::scan::{Burst, Load, Series, Share, Weight};
use serde::{Serialize, Serializer};
use serde_json::{Value, json as value};
use std::io::{self, BufWriter, Write};

#[derive(Serialize)]
struct Failing {
    site: String,
    upstream: String,
    status: Option<u16>,
    says: String,
    count: u64,
}

/// The document; what can be long is written as it is read.
#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    partial: bool,
    took_ms: u64,
    bytes: u64,
    lost: u64,
    bursts: Vec<Value>,
    step_seconds: i64,
    failures: Steps<'a>,
    complaints: Vec<Failing>,
    warnings: Vec<Failing>,
    load: Vec<Value>,
    total: Option<Value>,
    logs: Vec<Value>,
    trouble: &'a [String],
}

struct Steps<'a>(&'a Story<'a>);

#[derive(Serialize)]
struct Step {
    at: String,
    failing: Failing,
}

impl Serialize for Steps<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(stepped(self.0).into_iter().map(|(at, series, count)| Step {
            at: stamp(at),
            failing: failing(series, count),
        }))
    }
}

/// Writes the document.
///
/// # Errors
/// Of `to`.
pub fn json(story: &Story<'_>, to: impl Write) -> io::Result<()> {
    let bursts = story.bursts.iter().enumerate();
    let document = Document {
        schema: "why502/logs/1",
        partial: story.scanned.partial,
        took_ms: u64::try_from(story.took.as_millis()).unwrap_or(u64::MAX),
        bytes: story.scanned.bytes,
        lost: story.lost(),
        bursts: bursts.map(|(index, it)| burst(story, index, it)).collect(),
        step_seconds: story.step(),
        failures: Steps(story),
        complaints: totals(&story.scanned.complaints),
        warnings: totals(&story.scanned.warnings),
        load: story.by.iter().map(|by| list(story, *by)).collect(),
        total: (!story.by.is_empty()).then(|| load(&story.scanned.everyone.total)),
        logs: logs(story),
        trouble: story.trouble,
    };
    let mut to = Inert(BufWriter::with_capacity(64 << 10, to));
    serde_json::to_writer_pretty(&mut to, &document)?;
    to.write_all(b"\n")?;
    to.flush()
}

fn burst(story: &Story<'_>, index: usize, burst: &Burst) -> Value {
    let shares = |all: &[Share]| {
        all.iter()
            .map(|it| failing(&it.series, it.count))
            .collect::<Vec<_>>()
    };
    let causes = story.causes.iter().filter(|it| it.burst == index);
    value!({
        "site": text(&burst.site),
        "start": stamp(burst.start),
        "end": stamp(burst.end),
        "lost": burst.lost,
        "how": shares(&burst.how),
        "nginx_said": shares(&burst.said),
        "cause": causes.map(|it| value!({
            "id": it.id,
            "says": it.says,
            "written_down": it.written_down,
            "trigger": it.trigger.as_ref().map(|it| value!({"says": it.says, "at": it.at.to_string()})),
        })).next(),
    })
}

fn totals(cells: &logscan::scan::Cells) -> Vec<Failing> {
    cells
        .totals()
        .into_iter()
        .map(|(series, count)| failing(series, count))
        .collect()
}

fn list(story: &Story<'_>, by: logscan::scan::By) -> Value {
    let top = story.scanned.everyone.by(by);
    let rows = top.ranked(Weight::Time, story.top);
    value!({
        "by": called(by),
        "distinct": top.distinct(),
        "requests_may_lack": top.error(),
        "top": rows.iter().map(|it| value!({"key": without_secrets(&key(by, &it.key)), "load": load(&it.load)})).collect::<Vec<_>>(),
    })
}

fn logs(story: &Story<'_>) -> Vec<Value> {
    let log = |(log, seen): (&crate::scan::Log, &logscan::scan::Seen)| {
        value!({
            "name": log.name,
            "files": log.files.iter().map(|it| it.path.display().to_string()).collect::<Vec<_>>(),
            "lines": seen.lines,
            "unfit": seen.unfit,
            "unfit_samples": seen.samples.iter().map(|it| without_secrets(it)).collect::<Vec<_>>(),
        })
    };
    story.logs.iter().zip(&story.scanned.seen).map(log).collect()
}

fn failing(series: &Series, count: u64) -> Failing {
    Failing {
        site: text(&series.site),
        upstream: text(&series.upstream),
        status: Some(series.status).filter(|it| *it > 0),
        // of requests only our own words are kept, of what programs wrote theirs too
        says: match series.status {
            0 => without_secrets(&series.says).into_owned(),
            _ => series.says.clone(),
        },
        count,
    }
}

fn load(load: &Load) -> Value {
    value!({
        "requests": load.requests,
        "failures": load.failures,
        "bytes": load.bytes,
        "worker_seconds": load.micros as f64 / 1e6,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn stamp(at: i64) -> String {
    jiff::Timestamp::from_second(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}
