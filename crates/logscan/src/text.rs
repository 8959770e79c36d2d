//! Safe printing of strangers' bytes.

use std::fmt::Write as _;

/// `bytes` as one printable line of at most `max` characters, cut with `…` between escapes, never inside one.
///
/// Control characters, terminal escapes, direction overrides and invisible characters are written as escapes
/// (`\n`, `\x1B`, `\u{202E}`), bytes that are not UTF-8 as `\xHH`. The time taken is bounded by `max`, not by the input.
pub fn show(bytes: impl AsRef<[u8]>, max: usize) -> String {
    let bytes = bytes.as_ref();
    // no character is longer than four bytes, so a window of max + 1 of them overflows whenever `bytes` would
    let window = bytes
        .get(..max.saturating_mul(4).saturating_add(4))
        .unwrap_or(bytes);
    let mut line = Line {
        out: String::new(),
        length: 0,
        max,
        room: None,
    };
    for chunk in window.utf8_chunks() {
        let valid = chunk.valid().chars().map(shown);
        let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02X}"));
        if valid
            .chain(invalid)
            .try_for_each(|piece| line.push(&piece))
            .is_err()
        {
            return line.out;
        }
    }
    line.out
}

struct Line {
    out: String,
    length: usize,
    max: usize,
    /// The longest prefix of `out` that leaves room for the ellipsis.
    room: Option<usize>,
}

struct Full;

impl Line {
    fn push(&mut self, piece: &str) -> Result<(), Full> {
        if self.room.is_none() && self.length + piece.chars().count() + 1 > self.max {
            self.room = Some(self.out.len());
        }
        self.length += piece.chars().count();
        if self.length > self.max {
            self.out.truncate(self.room.unwrap_or(0));
            self.out.push_str(if self.max > 0 { "…" } else { "" });
            return Err(Full);
        }
        self.out.push_str(piece);
        Ok(())
    }
}

fn shown(c: char) -> String {
    let mut piece = String::new();
    let _ = match c {
        '\n' => piece.write_str("\\n"),
        '\r' => piece.write_str("\\r"),
        '\t' => piece.write_str("\\t"),
        c if c.is_ascii_control() => write!(piece, "\\x{:02X}", u32::from(c)),
        c if c.is_control() || is_deceptive(c) => write!(piece, "\\u{{{:X}}}", u32::from(c)),
        c => piece.write_char(c),
    };
    piece
}

/// Characters that reorder, hide or break a line: Unicode's bidi controls, zero-width and tag characters, line separators.
pub fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strangers_bytes_become_one_harmless_line() {
        let rows: &[(&[u8], usize, &str)] = &[
            (b"plain", 10, "plain"),
            (b"", 10, ""),
            (b"exactly10!", 10, "exactly10!"),
            (b"exactly 11!", 10, "exactly 1…"),
            (b"a\x1b[31mred", 40, "a\\x1B[31mred"),
            (b"one\ntwo\r\tthree\0\x7f", 40, "one\\ntwo\\r\\tthree\\x00\\x7F"),
            ("\u{9b}31m".as_bytes(), 40, "\\u{9B}31m"),
            (
                "abc\u{202e}cba\u{200b}".as_bytes(),
                40,
                "abc\\u{202E}cba\\u{200B}",
            ),
            (b"\xff\xfeok\xc3", 40, "\\xFF\\xFEok\\xC3"),
            ("grün".as_bytes(), 40, "grün"),
            ("grüne Wiese".as_bytes(), 4, "grü…"),
            (b"ab\x1bcd", 5, "ab…"),
            (b"abc", 1, "…"),
            (b"abc", 0, ""),
            (b"backslash \\x20 stays", 40, "backslash \\x20 stays"),
        ];
        for (bytes, max, expected) in rows {
            assert_eq!(show(bytes, *max), *expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_megabyte_costs_no_more_than_its_shown_part() {
        assert_eq!(show(vec![b'x'; 1 << 20], 5), "xxxx…");
        assert_eq!(show("é".repeat(1 << 19), 5), "éééé…");
    }

    proptest! {
        #[test]
        fn never_longer_than_asked_and_never_with_controls(bytes: Vec<u8>, max in 0usize..100) {
            let line = show(&bytes, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(!line.chars().any(|c| c.is_control() || is_deceptive(c)));
        }
    }
}
