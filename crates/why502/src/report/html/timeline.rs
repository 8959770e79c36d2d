//! Requests and failures over time, and what happened.

use super::{
    parts::{head, scroll, unbroken},
    plot::{Axis, Scale, bar, hint, percent},
};
use crate::{
    report::{
        account::{Account, Event, Kind, Lane, Timeline, chronicle},
        logs::grouped,
    },
    scan::Log,
};
use logscan::{
    access::Column,
    scan::{Burst, Kind as LogKind},
};
use maud::{Markup, html};

/// Pixels: a caption and the strip of marks, the upper plot, the space between, the lower plot, the labels.
const MARKS: u32 = 38;
const UPPER: u32 = 96;
const GAP: u32 = 26;
const LOWER: u32 = 96;
const LABELS: u32 = 24;

/// The section.
pub fn section(account: &Account<'_>) -> Option<Markup> {
    let timeline = account.timeline()?;
    let events = chronicle(account);
    Some(html! {
        figure {
            (plot(account, &timeline, &events, "timeline"))
            (legend(account, &timeline, &events))
        }
        @if !events.is_empty() { (list(account, &events)) }
        (lanes(account, &timeline))
        (numbers(account, &timeline))
    })
}

/// Requests above, failures by upstream below, one time under both; bursts behind them, changes and fixes across.
pub fn plot(account: &Account<'_>, timeline: &Timeline, events: &[Event], id: &str) -> Markup {
    let axis = Axis::of(timeline);
    let requests = timeline.columns.iter().map(|it| it.requests).max().unwrap_or(0);
    let lost = timeline.columns.iter().map(|it| it.lost()).max().unwrap_or(0);
    let upper = if requests > 0 { UPPER + GAP } else { 0 };
    let (foot, end) = (MARKS + UPPER, MARKS + upper + LOWER);
    let title = format!("{id}-plot-title");
    html! {
        svg.plot width="100%" height=(end + LABELS) role="group" aria-labelledby=(title) {
            title id=(title) { (describe(account, timeline)) }
            @for (index, burst) in account.worst() { (band(&axis, index, burst, end)) }
            @if requests > 0 {
                @let scale = Scale::to(requests, UPPER);
                (scale.grid(foot))
                g aria-hidden="true" {
                    @for (nth, column) in timeline.columns.iter().enumerate() {
                        (bar(&axis, nth, f64::from(foot), scale.pixels(column.requests), "asked"))
                        (bar(&axis, nth, f64::from(foot), scale.pixels(column.lost()), "lost"))
                    }
                }
                g.axis aria-hidden="true" { line x1="0" x2="100%" y1=(foot) y2=(foot) {} }
                (scale.labels(foot))
                (caption(12, "requests"))
            }
            @let scale = Scale::to(lost, LOWER);
            (scale.grid(end))
            g aria-hidden="true" {
                @for (nth, column) in timeline.columns.iter().enumerate() { (stack(&axis, nth, &column.failed, &scale, end)) }
            }
            (scale.labels(end))
            (caption(if requests > 0 { end - LOWER - 6 } else { 12 }, if account.has_access() { "failed, by upstream" } else { "complaints, by upstream" }))
            (axis.labels(end, &(account.story.zone)()))
            @for (nth, column) in timeline.columns.iter().enumerate().filter(|it| it.1.requests + it.1.lost() > 0) {
                (hint(&axis, nth, end, &says(account, timeline, nth, column.requests, column.lost())))
            }
            @for event in events { (mark(&axis, event, end)) }
            @for (index, burst) in account.worst() { (number(&axis, index, burst)) }
        }
    }
}

fn caption(foot: u32, text: &str) -> Markup {
    html! { text.caption x="0" y=(foot) aria-hidden="true" { (text) } }
}

/// Failures of a column by upstream, one on another.
fn stack(axis: &Axis, nth: usize, failed: &[u64], scale: &Scale, foot: u32) -> Markup {
    let heights: Vec<f64> = failed.iter().map(|count| scale.pixels(*count)).collect();
    html! {
        @for (lane, height) in heights.iter().enumerate() {
            @let below: f64 = heights.iter().take(lane).sum();
            (bar(axis, nth, f64::from(foot) - below, *height, &format!("lane{lane}")))
        }
    }
}

fn describe(account: &Account<'_>, timeline: &Timeline) -> String {
    let story = &account.story;
    let until = timeline.from + timeline.step * timeline.columns.len() as i64;
    let (requests, lost) = timeline
        .columns
        .iter()
        .fold((0, 0), |sum, it| (sum.0 + it.requests, sum.1 + it.lost()));
    format!(
        "From {} to {}: {} requests, {} failed",
        story.moment(timeline.from, "%-d %b %H:%M:%S"),
        story.moment(until, "%-d %b %H:%M:%S"),
        grouped(requests),
        grouped(lost)
    )
}

fn says(account: &Account<'_>, timeline: &Timeline, nth: usize, requests: u64, lost: u64) -> String {
    let at = timeline.from + timeline.step * nth as i64;
    let from = account.story.moment(at, "%-d %b %H:%M:%S");
    let until = account.story.moment(at + timeline.step, "%H:%M:%S");
    let failed = match lost {
        0 => "none failed".to_owned(),
        lost => format!("{} failed", grouped(lost)),
    };
    match requests {
        0 => format!("{from} to {until}: {failed}"),
        requests => format!("{from} to {until}: {} requests, {failed}", grouped(requests)),
    }
}

/// Behind the plots, as long as the burst lasts.
fn band(axis: &Axis, index: usize, burst: &Burst, height: u32) -> Markup {
    html! {
        @if let Some((left, width)) = spread(axis, burst) {
            rect.band data-burst=(index + 1) x=(percent(left)) width=(percent(width)) y=(MARKS) height=(height - MARKS) {}
        }
    }
}

/// Above the plots: its number, which leads to it.
fn number(axis: &Axis, index: usize, burst: &Burst) -> Markup {
    let says = format!("Burst {}: {} failed", index + 1, grouped(burst.lost));
    html! {
        @if let Some((left, width)) = spread(axis, burst) {
            a.number href={ "#burst-" (index + 1) } aria-label=(says) {
                title { (says) }
                @let middle = (left + width / 2.0).clamp(1.5, 98.5);
                svg x=(percent(middle)) y=(MARKS - 11) overflow="visible" {
                    circle r="9" {}
                    text y="4" { (index + 1) }
                }
            }
        }
    }
}

/// From where, how wide; per cent, wide enough to be seen.
fn spread(axis: &Axis, burst: &Burst) -> Option<(f64, f64)> {
    let begins = axis.at(burst.start);
    let ends = axis.at(burst.end.saturating_add(1));
    let (left, right) = match (begins, ends) {
        (None, None) => return None,
        (begins, ends) => (begins.unwrap_or(0.0), ends.unwrap_or(100.0)),
    };
    Some((left, (right - left).max(0.4)))
}

/// A change or a fix, across the plots.
fn mark(axis: &Axis, event: &Event, height: u32) -> Markup {
    let (class, path) = match event.kind {
        Kind::Change => ("change", "M-6 0H6L0 9Z"),
        Kind::Fix => ("fix", "M0 -2L6 4L0 10L-6 4Z"),
        Kind::Begins | Kind::Ends => return html! {},
    };
    html! {
        @if let Some(x) = axis.at(event.at) {
            g.mark.(class) {
                title { (event.says) }
                line x1=(percent(x)) x2=(percent(x)) y1=(MARKS) y2=(height) {}
                svg x=(percent(x)) y=(MARKS - 10) overflow="visible" { path d=(path) {} }
            }
        }
    }
}

fn legend(account: &Account<'_>, timeline: &Timeline, events: &[Event]) -> Markup {
    let lanes = timeline.upstreams.iter().enumerate().filter(|it| it.1.failed > 0);
    html! {
        figcaption {
            @if account.requests() > 0 {
                span.key { (swatch("asked")) "requests" } " "
                span.key { (swatch("lost")) "of these failed" } " "
            }
            @for (nth, lane) in lanes {
                span.key { (swatch(&format!("lane{nth}"))) (name(lane)) ": " (grouped(lane.failed)) " failed" } " "
            }
            span.key { (swatch("band")) "a burst, with its number" } " "
            @for (kind, word) in [(Kind::Change, "a change just before"), (Kind::Fix, "why502 did something")] {
                @if let Some(event) = events.iter().find(|it| it.kind == kind) { span.key { (swatch(class(event.kind))) (word) } " " }
            }
        }
    }
}

fn swatch(class: &str) -> Markup {
    html! { svg.swatch width="12" height="12" aria-hidden="true" { rect class=(class) width="12" height="12" rx="2" {} } }
}

/// An upstream in words.
fn name(lane: &Lane) -> String {
    match (lane.is_rest, &lane.name[..]) {
        (true, _) => "others".to_owned(),
        (false, b"") => "no upstream named".to_owned(),
        (false, name) => String::from_utf8_lossy(name).into_owned(),
    }
}

/// One moment after another.
pub fn list(account: &Account<'_>, events: &[Event]) -> Markup {
    html! {
        ol.chronicle {
            @for event in events {
                li class=(class(event.kind)) {
                    time { (account.story.moment(event.at, "%-d %b %H:%M:%S")) }
                    span.kind { (word(event.kind)) }
                    span { (unbroken(&event.says)) @if let Some(burst) = event.burst { " " a href={ "#burst-" (burst + 1) } { "(burst " (burst + 1) ")" } } }
                }
            }
        }
    }
}

fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Change => "change",
        Kind::Begins => "begins",
        Kind::Fix => "fix",
        Kind::Ends => "ends",
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Change => "Changed",
        Kind::Begins => "Fails",
        Kind::Fix => "why502",
        Kind::Ends => "Ends",
    }
}

/// Each upstream on a line of its own.
fn lanes(account: &Account<'_>, timeline: &Timeline) -> Markup {
    let axis = Axis::of(timeline);
    let table = html! {
        table {
            caption { "By upstream" }
            (head(&["upstream", "over time", "requests", "failed", "share"], 2))
            tbody {
                @for (nth, lane) in timeline.upstreams.iter().enumerate() {
                    tr {
                        th scope="row" { code { (name(lane)) } }
                        td.spark { (spark(&axis, timeline, nth)) }
                        td.n { (grouped(lane.requests)) }
                        td.n { (grouped(lane.failed)) }
                        td.n { (super::answer::share(lane.failed, lane.requests)) }
                    }
                }
            }
        }
    };
    html! {
        @if account.requests() > 0 {
            (scroll("By upstream", table))
            @if is_unnamed(account) {
                p.quiet {
                    "A log is written without " code { "$upstream_addr" }
                    ": its failures are told by the upstream that nginx complained of meanwhile, if it was one; what did not fail stands under “no upstream named”."
                }
            }
        }
    }
}

/// Lines of some access log do not say which upstream was asked.
fn is_unnamed(account: &Account<'_>) -> bool {
    let lacks = |log: &Log| match &log.kind {
        LogKind::Access(format) => !format.has(Column::UpstreamAddr),
        _ => false,
    };
    account.story.logs.iter().any(lacks)
}

fn spark(axis: &Axis, timeline: &Timeline, lane: usize) -> Markup {
    const HEIGHT: u32 = 28;
    let most = timeline
        .columns
        .iter()
        .map(|it| it.asked[lane].max(it.failed[lane]))
        .max();
    let scale = Scale::to(most.unwrap_or(1), HEIGHT);
    html! {
        svg width="100%" height=(HEIGHT) aria-hidden="true" {
            @for (nth, column) in timeline.columns.iter().enumerate() {
                (bar(axis, nth, f64::from(HEIGHT), scale.pixels(column.asked[lane]), "asked"))
                (bar(axis, nth, f64::from(HEIGHT), scale.pixels(column.failed[lane]), "lost"))
            }
        }
    }
}

/// What is drawn, as a table.
fn numbers(account: &Account<'_>, timeline: &Timeline) -> Markup {
    let filled = timeline
        .columns
        .iter()
        .enumerate()
        .filter(|it| it.1.requests + it.1.lost() > 0);
    let lanes = || timeline.upstreams.iter().enumerate().filter(|it| it.1.failed > 0);
    let names: Vec<String> = lanes().map(|(_, lane)| name(lane)).collect();
    let columns = ["from", "requests", "failed"]
        .into_iter()
        .chain(names.iter().map(String::as_str));
    let table = html! {
        table {
            (head(&columns.collect::<Vec<_>>(), 1))
            tbody {
                @for (nth, column) in filled {
                    tr {
                        th scope="row" { (account.story.moment(timeline.from + timeline.step * nth as i64, "%-d %b %H:%M:%S")) }
                        td.n { (grouped(column.requests)) }
                        td.n { (grouped(column.lost())) }
                        @for (lane, _) in lanes() { td.n { (grouped(column.failed[lane])) } }
                    }
                }
            }
        }
    };
    html! { details { summary { "The numbers of the plot" } (scroll("The numbers of the plot", table)) } }
}
