//! Pieces that several sections are made of.

use maud::{Markup, html};

/// What may be wider than a telephone: it scrolls by itself, by keyboard too, and never the page.
pub fn scroll(label: &str, table: Markup) -> Markup {
    html! { div.scroll tabindex="0" role="region" aria-label=(label) { (table) } }
}

/// The head of a table; columns from `numbers` on hold numbers.
pub fn head(columns: &[&str], numbers: usize) -> Markup {
    html! {
        thead { tr { @for (nth, name) in columns.iter().enumerate() { th.n[nth >= numbers] scope="col" { (name) } } } }
    }
}

/// A sentence of ours in which no number is broken at the end of a line.
pub fn unbroken(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let digit = |at: Option<usize>| at.and_then(|at| chars.get(at)).is_some_and(char::is_ascii_digit);
    let joins = |at: usize| {
        let three = (1..=3).all(|ahead| digit(Some(at + ahead)));
        chars[at] == ' ' && digit(at.checked_sub(1)) && three && !digit(Some(at + 4))
    };
    (0..chars.len())
        .map(|at| if joins(at) { '\u{202f}' } else { chars[at] })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_thousands_are_joined() {
        for (text, expected) in [
            ("2 297 requests", "2\u{202f}297 requests"),
            ("1 234 567", "1\u{202f}234\u{202f}567"),
            ("22 Nov 12:23", "22 Nov 12:23"),
            ("by 127 0001 times", "by 127 0001 times"),
            (" 297", " 297"),
            ("", ""),
        ] {
            assert_eq!(unbroken(text), expected);
        }
    }
}
