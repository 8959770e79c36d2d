//! JSON that is harmless on a terminal.

use std::io::{self, Write};

/// Makes JSON [`inert`] on its way: what is too long to be held whole.
pub struct Inert<W>(pub W);

impl<W: Write> Write for Inert<W> {
    /// Takes whole characters, which is what a serializer writes.
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
        if part.iter().all(is_plain) {
            self.0.write_all(part)?;
        } else {
            let text = str::from_utf8(part).map_err(io::Error::other)?;
            self.0.write_all(inert(text).as_bytes())?;
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The same JSON without a character that moves a terminal's cursor or turns its text around: JSON itself lets DEL, C1
/// controls and Unicode's invisible characters stand as they are. They can only be within strings.
pub fn inert(json: &str) -> String {
    let mut inert = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !(c.is_control() || logscan::text::is_deceptive(c)) {
            inert.push(c);
            continue;
        }
        let escapes = c
            .encode_utf16(&mut [0; 2])
            .iter()
            .map(|unit| format!("\\u{unit:04x}"))
            .collect::<String>();
        inert.push_str(&escapes);
    }
    inert
}
