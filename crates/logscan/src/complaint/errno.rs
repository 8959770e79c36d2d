//! Errnos in messages.

/// Texts of the errnos that matter, with Linux's numbers: other systems number them otherwise.
const TEXTS: [(&str, i32); 17] = [
    ("No such file or directory", 2),
    ("Resource temporarily unavailable", 11),
    ("Permission denied", 13),
    ("Invalid argument", 22),
    ("Too many open files", 24),
    ("No space left on device", 28),
    ("Read-only file system", 30),
    ("Broken pipe", 32),
    ("Address family not supported", 97),
    ("Address already in use", 98),
    ("Cannot assign requested address", 99),
    ("Network is unreachable", 101),
    ("Connection reset by peer", 104),
    ("Connection timed out", 110),
    ("Connection refused", 111),
    ("No route to host", 113),
    ("Disk quota exceeded", 122),
];

/// The errno in a text like `(111: Connection refused)`, `(2 or 13)` or `Connection refused`.
pub(crate) fn parse(text: &str) -> Option<i32> {
    let number = leading_number(text);
    let is_linux = |(phrase, known): &(&str, i32)| number == Some(*known) && text.contains(phrase);
    if TEXTS.iter().any(is_linux) {
        number
    } else {
        named(text).or(number)
    }
}

/// The errno whose text is said.
pub(crate) fn named(text: &str) -> Option<i32> {
    TEXTS
        .iter()
        .find(|(phrase, _)| text.contains(phrase))
        .map(|(_, number)| *number)
}

fn leading_number(text: &str) -> Option<i32> {
    let text = text.trim_start_matches([' ', '(']);
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errnos_are_linux_numbers() {
        let rows = [
            (" (111: Connection refused)", Some(111)),
            (" (61: Connection refused)", Some(111)),
            (" (2 or 13)", Some(2)),
            (" (104)", Some(104)),
            (": Connection refused", Some(111)),
            (" (95: Operation not supported)", Some(95)),
            (" (99999999999)", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
