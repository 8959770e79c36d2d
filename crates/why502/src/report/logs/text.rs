//! For people, on one screen.

use super::{Story, called, key, series, site};
use crate::screen::{BAD, GOOD, QUIET, STRONG, safe, wrap};
use anstyle::Style;
use logscan::scan::{Burst, By, Load, Share, Weight};
use std::{fmt::Write, time::Duration};

/// Columns of the page.
const INDENT: &str = "      ";

/// The page.
pub fn text(story: &Story<'_>) -> String {
    let mut page = String::new();
    headline(story, &mut page);
    bursts(story, &mut page);
    steps(story, &mut page);
    warnings(story, &mut page);
    let load = story.scanned.everyone.total;
    if !story.by.is_empty() && load.requests > 0 && load.micros == 0 {
        let _ = writeln!(
            page,
            "\n{QUIET}These logs have no times, so nothing is told of worker-seconds.{QUIET:#}"
        );
    }
    for by in story.by {
        list(story, *by, &mut page);
    }
    foot(story, &mut page);
    page
}

/// `1.2 GB of 4.0 GB, 2.1 GB/s, 2 s left`
pub fn progress(read: u64, total: u64, took: Duration) -> String {
    let rate = read as f64 / took.as_secs_f64().max(0.001);
    let left = total.saturating_sub(read) as f64 / rate.max(1.0);
    let left = if total > read {
        format!(", {left:.0} s left")
    } else {
        String::new()
    };
    format!(
        "{} of {}, {}/s{left}",
        bytes(read),
        bytes(total.max(read)),
        bytes(rate as u64)
    )
}

fn headline(story: &Story<'_>, page: &mut String) {
    let lost = story.lost();
    let (style, says) = match (story.scanned.partial, lost) {
        (true, _) => (
            BAD,
            format!("Partial, reading was interrupted: {} so far", failed(story, lost)),
        ),
        (false, 0) => (GOOD, "No request failed with 5xx or 499.".to_owned()),
        (false, _) => {
            let in_bursts: u64 = story.bursts.iter().map(|it| it.lost).sum();
            let scattered = match lost.saturating_sub(in_bursts) {
                0 => String::new(),
                some => format!(", {some} scattered"),
            };
            (
                STRONG,
                format!(
                    "{} in {}{scattered}",
                    failed(story, lost),
                    count(story.bursts.len() as u64, "burst")
                ),
            )
        }
    };
    let _ = writeln!(page, "{style}{says}{style:#}");
    if let Some((bars, from, until)) = series::sparkline(story) {
        let (from, until) = (
            story.moment(from, "%d %b %H:%M:%S"),
            story.moment(until, "%d %b %H:%M:%S"),
        );
        let _ = writeln!(page, "  {BAD}{bars}{BAD:#}\n  {QUIET}{from} to {until}{QUIET:#}");
    }
}

fn failed(story: &Story<'_>, lost: u64) -> String {
    let access = std::ptr::eq(story.failed(), &story.scanned.failures);
    count(
        lost,
        if access {
            "request lost"
        } else {
            "complaint of nginx"
        },
    )
}

/// `1 burst`, `3 bursts`; of several words the first is counted.
pub fn count(number: u64, thing: &str) -> String {
    let (first, rest) = thing
        .split_once(' ')
        .map_or((thing, String::new()), |it| (it.0, format!(" {}", it.1)));
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {first}{plural}{rest}", grouped(number))
}

/// The worst, in order of time.
fn bursts(story: &Story<'_>, page: &mut String) {
    let mut worst: Vec<(usize, &Burst)> = story.bursts.iter().enumerate().collect();
    worst.sort_by_key(|(_, burst)| std::cmp::Reverse(burst.lost));
    let left_out = worst.len().saturating_sub(story.top);
    worst.truncate(story.top);
    worst.sort_by_key(|(index, _)| *index);
    for (index, burst) in worst {
        one_burst(story, index, burst, page);
    }
    if left_out > 0 {
        let left_out = grouped(left_out as u64);
        let _ = writeln!(
            page,
            "{QUIET}  and {left_out} lesser; --top or --json lists them{QUIET:#}"
        );
    }
}

fn one_burst(story: &Story<'_>, index: usize, burst: &Burst, page: &mut String) {
    let site = safe(&site(burst));
    let seconds = u64::try_from(burst.end.saturating_sub(burst.start)).unwrap_or(0);
    let span = format!(
        "{} to {} ({})",
        story.moment(burst.start, "%d %b %H:%M:%S"),
        story.moment(burst.end, "%H:%M:%S"),
        crate::screen::age(Duration::from_secs(seconds + 1))
    );
    let _ = writeln!(
        page,
        "\n{STRONG}{site}{STRONG:#}  {span}  {BAD}{}{BAD:#}",
        failed(story, burst.lost)
    );
    for share in burst.how.iter().take(3) {
        line(page, "", share);
    }
    for share in burst
        .said
        .iter()
        .take(2)
        .filter(|share| !burst.how.contains(share))
    {
        line(page, "nginx said: ", share);
    }
    if let Some(cause) = story.causes.iter().find(|it| it.burst == index) {
        let text = format!("{} (why502 explain {})", safe(&cause.says), cause.id);
        let word = if cause.written_down {
            "  written down while it failed: "
        } else {
            "  cause: "
        };
        let _ = writeln!(page, "{}", wrap(&text, word, "         "));
        if let Some(trigger) = &cause.trigger {
            let at = story.moment(trigger.at.secs(), "%H:%M:%S");
            let text = format!("{}, {at}", safe(&trigger.says));
            let _ = writeln!(page, "{}", wrap(&text, "  just before: ", "         "));
        }
    }
}

fn line(page: &mut String, who: &str, share: &Share) {
    let it = &share.series;
    let status = if it.status > 0 {
        format!("{} ", it.status)
    } else {
        String::new()
    };
    let upstream = match &it.upstream[..] {
        b"" => String::new(),
        upstream => format!(" ({})", String::from_utf8_lossy(upstream)),
    };
    let says = safe(format!("{who}{status}{}{upstream}", it.says).trim_end());
    let _ = writeln!(page, "{INDENT}{:>9}  {says}", grouped(share.count));
}

/// The table of `--bucket`.
fn steps(story: &Story<'_>, page: &mut String) {
    if story.bucket.is_none() {
        return;
    }
    let mut rows: Vec<(i64, u64)> = Vec::new();
    for (at, _, count) in series::stepped(story) {
        match rows.last_mut() {
            Some(row) if row.0 == at => row.1 += count,
            _ => rows.push((at, count)),
        }
    }
    let most = rows.iter().map(|it| it.1).max().unwrap_or(1);
    page.push('\n');
    for (at, count) in rows {
        let bar = "█".repeat(
            usize::try_from(count.saturating_mul(40) / most)
                .unwrap_or(0)
                .max(1),
        );
        let _ = writeln!(
            page,
            "  {} {:>9} {BAD}{bar}{BAD:#}",
            story.moment(at, "%d %b %H:%M:%S"),
            grouped(count)
        );
    }
}

fn warnings(story: &Story<'_>, page: &mut String) {
    let all = story.scanned.warnings.totals();
    if all.is_empty() {
        return;
    }
    let _ = writeln!(page, "\n{STRONG}Backends said{STRONG:#}");
    for (series, number) in all.into_iter().take(story.top) {
        let says = safe(&format!(
            "{}: {}",
            String::from_utf8_lossy(&series.site),
            series.says
        ));
        let _ = writeln!(
            page,
            "{}",
            wrap(&says, &format!("{:>9}  ", grouped(number)), "           ")
        );
    }
}

fn list(story: &Story<'_>, by: By, page: &mut String) {
    let everyone = &story.scanned.everyone;
    let (top, total) = (everyone.by(by), &everyone.total);
    let about = if top.error() > 0 {
        format!("about {}", grouped(top.distinct()))
    } else {
        grouped(top.distinct())
    };
    let _ = writeln!(
        page,
        "\n{STRONG}By {}{STRONG:#}  {QUIET}{about} in all{QUIET:#}",
        called(by)
    );
    let _ = writeln!(
        page,
        "{QUIET}  worker-s     %   requests     %   failed      sent{QUIET:#}"
    );
    for row in top.ranked(Weight::Time, story.top) {
        let Load {
            requests,
            failures,
            bytes: sent,
            micros,
        } = row.load;
        let style = if failures * 10 > requests {
            BAD
        } else {
            Style::new()
        };
        let _ = writeln!(
            page,
            "{:>10.1} {:>5.1} {:>10} {:>5.1} {style}{:>8}{style:#} {:>9}  {}",
            micros as f64 / 1e6,
            percent(micros, total.micros),
            grouped(requests),
            percent(requests, total.requests),
            grouped(failures),
            bytes(sent),
            crate::screen::brief(key(by, &row.key), 60),
        );
    }
    if top.error() > 0 {
        let _ = writeln!(
            page,
            "{QUIET}  each may lack up to {} requests: there were more than are told apart{QUIET:#}",
            grouped(top.error())
        );
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 * 100.0 / whole as f64
    }
}

/// How much was read, and what was not understood.
fn foot(story: &Story<'_>, page: &mut String) {
    let lines: u64 = story.scanned.seen.iter().map(|it| it.lines).sum();
    let _ = writeln!(
        page,
        "\n{QUIET}{} in {}, {} of {}, {:.1} s{QUIET:#}",
        count(lines, "line"),
        count(story.logs.len() as u64, "log"),
        bytes(story.scanned.bytes),
        count(story.logs.iter().map(|log| log.files.len() as u64).sum(), "file"),
        story.took.as_secs_f64(),
    );
    for (log, seen) in story
        .logs
        .iter()
        .zip(&story.scanned.seen)
        .filter(|it| it.1.unfit > 0)
    {
        let says = format!("not understood: {} of {}", count(seen.unfit, "line"), log.name);
        let _ = writeln!(page, "{QUIET}{}{QUIET:#}", safe(&says));
        for sample in &seen.samples {
            let _ = writeln!(page, "{QUIET}  {}{QUIET:#}", crate::screen::brief(sample, 76));
        }
    }
    for trouble in story.trouble {
        let _ = writeln!(
            page,
            "{QUIET}{}{QUIET:#}",
            wrap(&safe(trouble), "not read: ", "    ")
        );
    }
}

/// `12 345`
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_easy_to_read() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1 000"), (1_234_567, "1 234 567")] {
            assert_eq!(grouped(number), expected);
        }
        assert_eq!(count(1, "request lost"), "1 request lost");
        assert_eq!(count(2, "request lost"), "2 requests lost");
        assert_eq!(
            progress(1_000_000_000, 4_000_000_000, Duration::from_secs(1)),
            "1.0 GB of 4.0 GB, 1.0 GB/s, 3 s left"
        );
        assert_eq!(progress(10, 0, Duration::ZERO), "10 B of 10 B, 10.0 kB/s");
    }
}
