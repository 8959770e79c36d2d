//! Failures over time.

use super::Story;
use logscan::scan::Series;
use std::fmt::Write;

/// Steps of a sparkline at most.
const COLUMNS: usize = 60;
/// Characters of a field of a spreadsheet.
const FIELD: usize = 300;

/// Counts in steps, in order: when each begins, what, how often.
pub(super) fn stepped<'a>(story: &'a Story<'_>) -> Vec<(i64, &'a Series, u64)> {
    story.failed().stepped(story.step())
}

/// Failures of all that was read as one line of bars, and the moments it begins and ends.
pub(super) fn sparkline(story: &Story<'_>) -> Option<(String, i64, i64)> {
    let cells = story.failed().cells();
    let (first, last) = (cells.first()?.0, cells.last()?.0);
    let width = last.saturating_sub(first).saturating_add(1);
    let columns = usize::try_from(width).unwrap_or(COLUMNS).clamp(1, COLUMNS);
    let mut heights = vec![0u64; columns];
    for (at, _, count) in cells {
        let column = i128::from(at - first) * columns as i128 / i128::from(width);
        if let Some(height) = usize::try_from(column).ok().and_then(|at| heights.get_mut(at)) {
            *height += count;
        }
    }
    Some((bars(&heights), first, last))
}

/// A bar for each; what is not nothing is never drawn as nothing.
pub(super) fn bars(heights: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = heights.iter().copied().max().unwrap_or(0).max(1);
    let bar = |height: &u64| match height {
        0 => ' ',
        _ => {
            BARS[usize::try_from(height.saturating_mul(7) / most)
                .unwrap_or(7)
                .min(7)]
        }
    };
    heights.iter().map(bar).collect()
}

/// `time,site,upstream,status,says,count`, times in UTC.
pub fn csv(story: &Story<'_>) -> String {
    let mut page = String::from("time,site,upstream,status,says,count\n");
    for (at, series, count) in stepped(story) {
        let time = jiff::Timestamp::from_second(at).map_or_else(|_| at.to_string(), |at| at.to_string());
        let (site, upstream, says) = (
            field(&series.site),
            field(&series.upstream),
            field(series.says.as_bytes()),
        );
        let _ = writeln!(page, "{time},{site},{upstream},{},{says},{count}", series.status);
    }
    if story.scanned.partial {
        page.push_str("# partial: reading was interrupted\n");
    }
    page
}

/// Quoted, harmless to a terminal, and no formula to a spreadsheet.
fn field(bytes: &[u8]) -> String {
    let text = crate::screen::brief(bytes, FIELD);
    let formula = text.starts_with(['=', '+', '-', '@']);
    format!(
        "\"{}{}\"",
        if formula { "'" } else { "" },
        text.replace('"', "\"\"")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_show_what_is_there() {
        for (heights, expected) in [
            (&[][..], ""),
            (&[0, 0], "  "),
            (&[1, 1000, 0, 500], "▁█ ▄"),
            (&[u64::MAX, 1], "▁▁"),
        ] {
            let drawn = bars(heights);
            assert_eq!(drawn.chars().count(), expected.chars().count(), "{heights:?}");
            if heights.len() > 2 {
                assert_eq!(drawn, expected);
            }
        }
    }

    #[test]
    fn a_spreadsheet_gets_no_formula_and_no_escape_code() {
        for (text, expected) in [
            ("shop.example", "\"shop.example\""),
            ("=1+1", "\"'=1+1\""),
            ("a\"b,c", "\"a\"\"b,c\""),
            ("\x1b[31m\n", "\"\\x1B[31m\\n\""),
            ("", "\"\""),
        ] {
            assert_eq!(field(text.as_bytes()), expected, "{text:?}");
        }
    }
}
