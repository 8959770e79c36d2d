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
use maud::html;
use std::borrow::Cow;

/// The page.
pub fn render(account: &Account<'_>) -> String {
    inert(&without_secrets_of_text(&page::page(account).into_string()))
}

/// What stands between tags, and the values of attributes, lose their secrets; the rest is ours.
fn without_secrets_of_text(page: &str) -> String {
    let pieces = page.split_inclusive(['<', '>']);
    let clean = pieces.map(|piece| match piece.strip_suffix('<') {
        Some(text) => clean(text) + "<",
        None => {
            let parts = piece.split('"').enumerate();
            let tag = parts.map(|(nth, part)| {
                if nth % 2 == 1 {
                    clean(part)
                } else {
                    part.to_owned()
                }
            });
            tag.collect::<Vec<_>>().join("\"")
        }
    });
    clean.collect()
}

/// One piece of escaped text. A secret in quotes is told by them, so it is looked for in what a reader sees.
fn clean(escaped: &str) -> String {
    const ESCAPES: [(&str, &str); 4] = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
    let read = |text: String, (escape, is): &(&str, &str)| text.replace(escape, is);
    match without_secrets(&ESCAPES.iter().fold(escaped.to_owned(), read)) {
        Cow::Borrowed(_) => escaped.to_owned(),
        Cow::Owned(clean) => html! { (clean) }.into_string(),
    }
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

    #[test]
    fn a_secret_in_quotes_or_in_an_attribute_goes_and_the_page_stays() {
        let css = "<style>a > b::after { content: \"&\" }</style>";
        let says = "password=\"hunter2\" & <token: 'abcdef'>";
        let page = html! { (maud::PreEscaped(css)) a aria-label=(says) href="#1" { (says) } }.into_string();
        let gone = "password=&quot;[redacted]&quot; &amp; &lt;token: '[redacted]'&gt;";
        assert_eq!(
            without_secrets_of_text(&page),
            format!("{css}<a aria-label=\"{gone}\" href=\"#1\">{gone}</a>")
        );
        assert_eq!(without_secrets_of_text(css), css);
    }
}
