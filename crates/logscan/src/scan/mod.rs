//! Whole logs, of any size, in memory that does not grow with them.
//!
//! A log comes as blocks of whole lines, in any order and on several threads; each thread counts for itself, and counts
//! are merged. Two passes over access logs: [`AccessScan::failures`] searches for lines that can be a 5xx or 499 and reads
//! only those; [`AccessScan::everything`] reads every line. [`ErrorScan`] types nginx's own complaints, [`BackendScan`]
//! reads what php-fpm, Apache, gunicorn and uWSGI wrote.

mod access;
mod backend;
mod bursts;
mod cells;
mod clock;
mod error;
mod everyone;
mod flow;
mod kind;
mod route;
mod top;
mod trusted;

pub use access::AccessScan;
pub use backend::{BackendKind, BackendScan};
pub use bursts::{Burst, Share, bursts};
pub use cells::{Cells, Key, Series};
pub use error::ErrorScan;
pub use everyone::{By, Everyone, Request, origin};
pub use flow::{Flow, Spread, Times, Wait};
pub use kind::{Kind, guess, well_known};
pub use top::{Load, Ranked, Top, Weight};
pub use trusted::Trusted;

/// Lines kept of those that fit nothing, of each log.
const SAMPLES: usize = 3;
/// Characters kept of each.
const SAMPLE: usize = 200;

/// Which moments count: seconds since 1970, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// From then on.
    pub since: i64,
    /// Until then.
    pub until: i64,
}

impl Window {
    /// All of time.
    pub const ALL: Self = Self {
        since: i64::MIN,
        until: i64::MAX,
    };

    /// That moment counts.
    pub fn holds(&self, at: i64) -> bool {
        (self.since..=self.until).contains(&at)
    }
}

/// How much of a log was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Lines, or entries where a log has entries of several lines.
    pub lines: u64,
    /// Lines that were tried and fit nothing.
    pub unfit: u64,
    /// The first of those, made harmless.
    pub samples: Vec<String>,
}

impl Seen {
    fn unfit(&mut self, line: &[u8]) {
        self.unfit += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(crate::text::show(line, SAMPLE));
        }
    }

    /// Adds what another thread saw.
    pub fn merge(&mut self, other: Self) {
        self.lines += other.lines;
        self.unfit += other.unfit;
        self.samples.extend(other.samples);
        self.samples.truncate(SAMPLES);
    }
}

/// Lines without their ends, and without the hole of NULs that a log truncated under its writer begins with.
fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(without_hole(line))
    })
}

fn without_hole(line: &[u8]) -> &[u8] {
    if line.first() != Some(&0) {
        return line;
    }
    let hole = line.iter().take_while(|byte| **byte == 0).count();
    &line[hole..]
}

/// A number of digits, as far as they go; `-` and nothing are 0.
fn number(value: &[u8]) -> u64 {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit()).take(18);
    digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))
}

/// `0.123` -> microseconds.
fn micros(value: &[u8]) -> u64 {
    let whole = number(value);
    let dot = value.iter().position(|byte| *byte == b'.').unwrap_or(value.len());
    let fraction = value.get(dot + 1..).unwrap_or_default();
    let digits = (0..6).map(|at| fraction.get(at).filter(|byte| byte.is_ascii_digit()));
    let small = digits.fold(0, |sum, digit| {
        sum * 10 + digit.map_or(0, |digit| u64::from(digit - b'0'))
    });
    whole.saturating_mul(1_000_000).saturating_add(small)
}
