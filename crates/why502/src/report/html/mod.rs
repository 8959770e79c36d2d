//! A report as one page: nothing is fetched, nothing runs. Pure.
//!
//! Everything from a host is escaped where it is written, by `maud`; then [`inert`] makes an end of control characters and of
//! those that turn text around, in the whole page. The page's policy lets a browser use its own style and nothing else.

mod answer;
mod bursts;
mod foresight;
mod latency;
mod load;
mod now;
mod page;
mod parts;
mod past;
mod plot;
mod sources;
mod timeline;

use super::account::Account;
use host::redact::without_secrets;
use logscan::text::is_deceptive;

/// The page.
pub fn render(account: &Account<'_>) -> String {
    inert(&without_secrets_of_text(&page::page(account).into_string()))
}

/// What stands between tags loses its secrets; the tags are ours.
fn without_secrets_of_text(page: &str) -> String {
    let pieces = page.split_inclusive(['<', '>']);
    let clean = pieces.map(|piece| match piece.strip_suffix('<') {
        Some(text) => without_secrets(text).into_owned() + "<",
        None => piece.to_owned(),
    });
    clean.collect()
}

/// Without a character that a browser, or a terminal it is printed to, could take for more than text.
fn inert(page: &str) -> String {
    let mut inert = String::with_capacity(page.len());
    for c in page.chars() {
        match c {
            '\n' => inert.push(c),
            c if c.is_control() || is_deceptive(c) => {
                inert.push_str(&format!("\\u{{{:X}}}", u32::from(c)));
            }
            c => inert.push(c),
        }
    }
    inert
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_text_around_is_spelled_out() {
        for (text, expected) in [
            ("plain\nlines", "plain\nlines"),
            ("\u{202e}cba\u{7}\u{9b}\0", "\\u{202E}cba\\u{7}\\u{9B}\\u{0}"),
            ("grün 日本", "grün 日本"),
        ] {
            assert_eq!(inert(text), expected);
        }
    }
}
