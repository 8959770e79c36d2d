//! Where the time went: the connection, the head of the answer, the rest of it.

use super::plot::{Axis, moment, percent};
use crate::report::account::{Account, Timeline};
use logscan::{
    access::Column,
    scan::{Kind, Spread, Times, Wait},
};
use maud::{Markup, html};

/// Pixels of a plot.
const HEIGHT: u32 = 72;
/// Microseconds at the foot of a plot; each line above is ten times that.
const FOOT: f64 = 1_000.0;

/// The variables that tell it, with what each is a name of.
const COLUMNS: [(Wait, Column, &str); 3] = [
    (Wait::Connect, Column::UpstreamConnect, "$upstream_connect_time"),
    (Wait::Header, Column::UpstreamHeader, "$upstream_header_time"),
    (
        Wait::Response,
        Column::UpstreamResponse,
        "$upstream_response_time",
    ),
];

/// The section; nothing where there is no access log.
pub fn section(account: &Account<'_>) -> Option<Markup> {
    let timeline = account.timeline_of_times().filter(|_| account.has_access())?;
    let mut all = Times::default();
    timeline.columns.iter().for_each(|it| all.merge(&it.times));
    let told = Wait::ALL.map(|wait| all.of(wait).count() > 0);
    Some(html! {
        (missing(account))
        @if told.contains(&true) {
            p { "Each bar reaches from the time that half of the tries took to the time that 95 of 100 did not exceed. A step up is ten times as long." }
            @for wait in Wait::ALL.into_iter().filter(|it| all.of(*it).count() > 0) { (plot(account, &timeline, wait, all.of(wait))) }
            (table(account, &timeline, &all))
        }
    })
}

/// What the logs have no time of.
fn missing(account: &Account<'_>) -> Markup {
    let logs = account.story.logs.iter().filter_map(|log| match &log.kind {
        Kind::Access(format) => Some((log, format)),
        _ => None,
    });
    let lacking: Vec<(String, Vec<&str>)> = logs
        .map(|(log, format)| {
            let lacks = COLUMNS.iter().filter(|it| !format.has(it.1)).map(|it| it.2);
            (log.name.clone(), lacks.collect())
        })
        .filter(|(_, lacks): &(String, Vec<&str>)| !lacks.is_empty())
        .collect();
    html! {
        @for (log, lacks) in &lacking {
            p.quiet {
                code { (log) } " is written without "
                @for (nth, name) in lacks.iter().enumerate() { @if nth > 0 { ", " } code { (name) } }
                ": what that would tell is not here. Name it in the " code { "log_format" } " and it will be."
            }
        }
    }
}

fn called(wait: Wait) -> &'static str {
    match wait {
        Wait::Connect => "connecting to the upstream",
        Wait::Header => "waiting for the head of its answer",
        Wait::Response => "receiving the rest",
        Wait::Whole => "all of a try",
    }
}

fn plot(account: &Account<'_>, timeline: &Timeline, wait: Wait, all: &Spread) -> Markup {
    let axis = Axis::of(timeline);
    let top = top(all.longest());
    let id = format!("latency-{wait:?}");
    html! {
        figure.latency {
            figcaption { strong { (called(wait)) } }
            svg.plot width="100%" height=(HEIGHT + 24) role="img" aria-labelledby=(id) {
                title id=(id) { (called(wait)) ": half within " (span(all.percentile(50))) ", 95 of 100 within " (span(all.percentile(95))) ", the longest " (span(Some(all.longest()))) }
                (grid(top))
                @for (index, burst) in account.worst() {
                    @if let (Some(left), Some(right)) = (axis.at(burst.start), axis.at(burst.end + 1)) {
                        rect.band data-burst=(index + 1) x=(percent(left)) width=(percent((right - left).max(0.4))) y="0" height=(HEIGHT) {}
                    }
                }
                @for (nth, column) in timeline.columns.iter().enumerate() { (range(&axis, nth, column.times.of(wait), top, account, timeline)) }
                (labels(top))
                (axis.labels(HEIGHT, &(account.story.zone)()))
            }
        }
    }
}

/// Tens above the foot that hold this.
fn top(longest: u64) -> f64 {
    (longest as f64 / FOOT).max(10.0).log10().ceil().clamp(1.0, 6.0)
}

/// Each ten above the foot, and its height.
fn tens(top: f64) -> impl Iterator<Item = (&'static str, f64)> {
    const NAMES: [&str; 7] = ["1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s", "1000 s"];
    let y = move |nth: usize| f64::from(HEIGHT) * (1.0 - nth as f64 / top);
    NAMES
        .into_iter()
        .enumerate()
        .take(top as usize + 1)
        .skip(1)
        .map(move |(nth, name)| (name, y(nth)))
}

fn grid(top: f64) -> Markup {
    html! {
        g.grid aria-hidden="true" { @for (_, y) in tens(top) { line x1="0" x2="100%" y1=(y) y2=(y) {} } }
    }
}

/// Every other from the top on: they would stand on each other.
fn labels(top: f64) -> Markup {
    let tens: Vec<_> = tens(top).collect();
    html! {
        g.grid aria-hidden="true" { @for (name, y) in tens.iter().rev().step_by(2) { text x="0" y=(y + 11.0) { (name) } } }
    }
}

fn range(
    axis: &Axis,
    nth: usize,
    spread: &Spread,
    top: f64,
    account: &Account<'_>,
    timeline: &Timeline,
) -> Markup {
    let up = |micros: u64| f64::from(HEIGHT) * ((micros as f64 / FOOT).max(1.0).log10() / top).min(1.0);
    let (half, most) = (spread.percentile(50), spread.percentile(95));
    let (left, width) = (axis.left(nth), axis.width());
    html! {
        @if let (Some(low), Some(high)) = (half, most) {
            @let height = (up(high) - up(low)).max(3.0);
            @let y = (f64::from(HEIGHT) - up(low) - height).max(0.0);
            rect.range x=(percent(left + width * 0.08)) width=(percent(width * 0.84)) y=(format!("{y:.1}")) height=(format!("{height:.1}")) {
                title { (moment(timeline.from + timeline.step * nth as i64, "%-d %b %H:%M:%S", &(account.story.zone)())) ": half within " (span(half)) ", 95 of 100 within " (span(most)) }
            }
        }
    }
}

/// Usually, and in bursts.
fn table(account: &Account<'_>, timeline: &Timeline, all: &Times) -> Markup {
    let (mut quiet, mut loud) = (Times::default(), Times::default());
    for (nth, column) in timeline.columns.iter().enumerate() {
        let from = timeline.from + timeline.step * nth as i64;
        let in_burst = account
            .story
            .bursts
            .iter()
            .any(|it| it.start < from + timeline.step && it.end >= from);
        if in_burst {
            loud.merge(&column.times)
        } else {
            quiet.merge(&column.times)
        }
    }
    html! {
        div.scroll tabindex="0" role="region" aria-label="Times" {
            table {
                thead {
                    tr { th rowspan="2" scope="col" { "a try spent" } th.n colspan="2" scope="colgroup" { "outside of bursts" } th.n colspan="2" scope="colgroup" { "in bursts" } th.n rowspan="2" scope="col" { "the longest" } th.n rowspan="2" scope="col" { "tries" } }
                    tr { @for _ in 0..2 { th.n scope="col" { "half within" } th.n scope="col" { "95% within" } } }
                }
                tbody {
                    @for wait in Wait::ALL.into_iter().filter(|it| all.of(*it).count() > 0) {
                        tr {
                            th scope="row" { (called(wait)) }
                            @for times in [&quiet, &loud] { @for of in [50, 95] { td.n { (span(times.of(wait).percentile(of))) } } }
                            td.n { (span(Some(all.of(wait).longest()))) }
                            td.n { (crate::report::logs::grouped(all.of(wait).count())) }
                        }
                    }
                }
            }
        }
    }
}

/// `120 ms`, `4.2 s`; nginx counts in milliseconds.
fn span(micros: Option<u64>) -> String {
    match micros {
        None => "–".to_owned(),
        Some(..=1_000) => "1 ms".to_owned(),
        Some(it @ 1_001..1_000_000) => format!("{} ms", it / 1_000),
        Some(it @ 1_000_000..10_000_000) => format!("{:.1} s", it as f64 / 1e6),
        Some(it) => format!("{} s", it / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_their_scale() {
        for (micros, says, tens) in [
            (999, "1 ms", 1.0),
            (150_000, "150 ms", 3.0),
            (4_200_000, "4.2 s", 4.0),
            (60_000_000, "60 s", 5.0),
            (u64::MAX, "18446744073709 s", 6.0),
        ] {
            assert_eq!((span(Some(micros)).as_str(), top(micros)), (says, tens));
        }
        assert_eq!(span(None), "–");
    }
}
