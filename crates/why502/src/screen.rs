//! Drawing for people: width, colours, wrapping. Strangers' text passes through [`safe`] or [`brief`], which let no
//! escape code and no secret through, and nothing else reaches a terminal.

use anstyle::{AnsiColor, Style};
use host::redact::without_secrets;
use std::fmt::Write;

/// Bold.
pub const STRONG: Style = Style::new().bold();
/// For what fails.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// For what is well.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// For where it was seen; readable on light and dark.
pub const QUIET: Style = Style::new().dimmed();

/// Longest piece of strangers' text on a screen, characters.
const LONGEST: usize = 400;

/// As wide as the column of labels.
pub const COLUMN: &str = "          ";

/// Columns to draw in: the terminal's, 80 in a pipe, never more than people read with ease.
pub fn width() -> usize {
    let columns = terminal_size::terminal_size().map_or(80, |(terminal_size::Width(columns), _)| columns);
    usize::from(columns).clamp(40, 100)
}

/// Text from logs, configs and the network, made harmless.
pub fn safe(text: &str) -> String {
    brief(text, LONGEST)
}

/// The same, whole: for what somebody agrees to.
pub fn exact(text: &str) -> String {
    brief(text, usize::MAX)
}

/// The same in at most so many characters.
pub fn brief(text: impl AsRef<[u8]>, most: usize) -> String {
    let text = String::from_utf8_lossy(text.as_ref());
    logscan::text::show(without_secrets(&text).as_ref(), most)
}

/// A label in a column of its own, then wrapped text, made harmless.
pub fn paragraph(page: &mut String, style: Style, label: &str, text: &str) {
    let wrapped = wrap(&exact(text), COLUMN, COLUMN);
    let body = wrapped.strip_prefix(COLUMN).unwrap_or(&wrapped);
    let _ = writeln!(page, "{style}{label:<10}{style:#}{body}");
}

/// Wraps one paragraph; the first line starts with `first`, the others with `rest`. A word that is wider than all of it (a
/// URL, a path) stays whole, so that it can be copied.
pub fn wrap(text: &str, first: &str, rest: &str) -> String {
    let options = textwrap::Options::new(width())
        .initial_indent(first)
        .subsequent_indent(rest)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options)
}

/// `42 s`, `3 min`, `5 h`, `2 days`; whole seconds, as logs have them.
pub fn age(age: std::time::Duration) -> String {
    match age.as_secs() {
        0 => "0 s".to_owned(),
        _ => diagnose::words::span(age),
    }
}
