//! Plots as SVG that stretches: across in percent, so that the same plot fits a telephone and a sheet of paper with its text
//! at full size; up and down in pixels.

use crate::report::{account::Timeline, logs::grouped};
use jiff::{Timestamp, tz::TimeZone};
use maud::{Markup, html};

/// Time across a plot.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    from: i64,
    step: i64,
    columns: usize,
}

/// Distances of labels that people can count in, seconds.
const TICKS: &[i64] = &[
    5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
];
/// Labels at most.
const LABELS: i64 = 6;

impl Axis {
    /// Of a timeline.
    pub fn of(timeline: &Timeline) -> Self {
        Self {
            from: timeline.from,
            step: timeline.step,
            columns: timeline.columns.len().max(1),
        }
    }

    /// Where a column begins, per cent.
    pub fn left(&self, column: usize) -> f64 {
        column as f64 * self.width()
    }

    /// How wide a column is, per cent.
    pub fn width(&self) -> f64 {
        100.0 / self.columns as f64
    }

    /// Where a moment is, per cent; `None` outside.
    pub fn at(&self, moment: i64) -> Option<f64> {
        let length = self.step as f64 * self.columns as f64;
        let percent = (moment - self.from) as f64 * 100.0 / length;
        (0.0..=100.0).contains(&percent).then_some(percent)
    }

    /// Labels under it.
    pub fn labels(&self, top: u32, zone: &TimeZone) -> Markup {
        let length = self.step.saturating_mul(self.columns as i64);
        let step = TICKS
            .iter()
            .copied()
            .find(|it| it * LABELS >= length)
            .unwrap_or(length.max(1));
        let format = match step {
            ..60 => "%H:%M:%S",
            60..86_400 => "%H:%M",
            _ => "%-d %b",
        };
        let offset = Timestamp::from_second(self.from)
            .map_or(0, |at| i64::from(at.to_zoned(zone.clone()).offset().seconds()));
        let first = self.from + (-(self.from + offset)).rem_euclid(step);
        html! {
            g.axis aria-hidden="true" {
                line x1="0" x2="100%" y1=(top) y2=(top) {}
                @for (nth, at) in (0..=LABELS).map(|nth| (nth, first + nth * step)) {
                    // a label at the very edge would be cut
                    @if let Some(x) = self.at(at).filter(|x| (2.0..=96.0).contains(x)) {
                        g.every-other[nth % 2 == 1] {
                            line x1=(percent(x)) x2=(percent(x)) y1=(top) y2=(top + 4) {}
                            text x=(percent(x)) y=(top + 17) { (moment(at, format, zone)) }
                        }
                    }
                }
            }
        }
    }
}

/// `12.5%`
pub fn percent(value: f64) -> String {
    format!("{value:.3}%")
}

/// A moment by the host's clock.
pub fn moment(at: i64, format: &str, zone: &TimeZone) -> String {
    match Timestamp::from_second(at) {
        Ok(at) => at.to_zoned(zone.clone()).strftime(format).to_string(),
        Err(_) => "?".to_owned(),
    }
}

/// Counts up a plot: pixels from its foot.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    most: u64,
    height: u32,
}

impl Scale {
    /// Up to a round number that holds this.
    pub fn to(most: u64, height: u32) -> Self {
        let most = most.max(1);
        let power = 10u64.saturating_pow(most.ilog10());
        let round = [1, 2, 5, 10]
            .iter()
            .map(|it| power.saturating_mul(*it))
            .find(|it| *it >= most);
        Self {
            most: round.unwrap_or(most),
            height,
        }
    }

    /// Pixels; what is not nothing is never drawn as nothing.
    pub fn pixels(&self, value: u64) -> f64 {
        match value {
            0 => 0.0,
            _ => (value as f64 * f64::from(self.height) / self.most as f64).max(2.0),
        }
    }

    /// Lines behind a plot whose foot is at `foot`: its top and its middle.
    pub fn grid(&self, foot: u32) -> Markup {
        html! {
            g.grid aria-hidden="true" {
                @for (_, up) in self.lines() { line x1="0" x2="100%" y1=(foot - up) y2=(foot - up) {} }
            }
        }
    }

    /// What they stand for, in front of it.
    pub fn labels(&self, foot: u32) -> Markup {
        html! {
            g.grid aria-hidden="true" {
                @for (value, up) in self.lines() { text x="0" y=(foot - up + 11) { (grouped(value)) } }
            }
        }
    }

    fn lines(&self) -> impl Iterator<Item = (u64, u32)> {
        let middle = self
            .most
            .is_multiple_of(2)
            .then_some((self.most / 2, self.height / 2));
        std::iter::once((self.most, self.height)).chain(middle)
    }
}

/// One bar of a column.
pub fn bar(axis: &Axis, column: usize, foot: f64, height: f64, class: &str) -> Markup {
    let (left, width) = (axis.left(column), axis.width());
    html! {
        @if height > 0.0 {
            rect class=(class) x=(percent(left + width * 0.08)) width=(percent(width * 0.84))
                y=(format!("{:.1}", foot - height)) height=(format!("{height:.1}")) {}
        }
    }
}

/// What a mouse over a column tells.
pub fn hint(axis: &Axis, column: usize, height: u32, says: &str) -> Markup {
    html! {
        rect.hint x=(percent(axis.left(column))) width=(percent(axis.width())) y="0" height=(height) { title { (says) } }
    }
}

/// A bar in a cell of a table: a part of a whole.
pub fn share(part: u64, whole: u64) -> Markup {
    let width = (part as f64 * 100.0 / whole.max(1) as f64).min(100.0);
    html! {
        svg.share width="100%" height="8" aria-hidden="true" {
            rect.rest x="0" y="0" width="100%" height="8" rx="2" {}
            @if part > 0 { rect.part x="0" y="0" width=(percent(width.max(1.0))) height="8" rx="2" {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        for (most, expected) in [
            (0, 1),
            (1, 1),
            (3, 5),
            (11, 20),
            (999, 1000),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(Scale::to(most, 100).most, expected, "{most}");
        }
        let scale = Scale::to(1_000_000, 100);
        assert_eq!(
            (scale.pixels(0), scale.pixels(1), scale.pixels(1_000_000)),
            (0.0, 2.0, 100.0)
        );
    }

    #[test]
    fn labels_stand_at_round_times_of_the_hosts_clock() {
        let axis = Axis {
            from: 1_763_813_867,
            step: 30,
            columns: 120,
        };
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let drawn = axis.labels(0, &zone).into_string();
        for label in [">13:20<", ">13:30<"] {
            assert!(drawn.contains(label), "{drawn}");
        }
        assert!(!drawn.contains(">12:"), "{drawn}");
    }
}
