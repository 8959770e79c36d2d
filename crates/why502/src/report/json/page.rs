//! JSON that is harmless: on a terminal, and to whoever's secrets are in what it quotes.

use host::redact::without_secrets;
use serde::Serialize;
use std::io::{self, Write};

/// A document for machines: without secrets, and [`inert`].
///
/// # Errors
/// None that can happen with data that has string keys.
pub fn page(document: &impl Serialize) -> serde_json::Result<String> {
    let json = serde_json::to_string_pretty(document)?;
    Ok(inert(&each_string(&json)))
}

/// Each string by itself without secrets: our own names of fields announce none.
fn each_string(json: &str) -> String {
    let mut clean = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, from)) = rest.find('"').and_then(|at| rest.split_at_checked(at)) {
        let (literal, after) = from.split_at(literal_length(from));
        clean.push_str(before);
        clean.push_str(&quieted(literal));
        rest = after;
    }
    clean + rest
}

/// Bytes from a quote to the one that closes it.
fn literal_length(from: &str) -> usize {
    let mut escaped = true;
    let end = from.bytes().position(|byte| {
        let ends = !escaped && byte == b'"';
        // the first quote opens
        escaped = !escaped && byte == b'\\';
        ends
    });
    end.map_or(from.len(), |at| at + 1)
}

fn quieted(literal: &str) -> String {
    let text: Option<String> = serde_json::from_str(literal).ok();
    let clean = text.as_deref().map(without_secrets);
    match clean {
        Some(std::borrow::Cow::Owned(clean)) => serde_json::Value::String(clean).to_string(),
        _ => literal.to_owned(),
    }
}

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
fn inert(json: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strings_lose_their_secrets_and_fields_keep_their_names() {
        let document = serde_json::json!({
            "token": "plain words",
            "sample": "GET /?a=\"1\"&token=canary\\ HTTP/1.1",
            "count": 3,
        });
        let printed = page(&document).unwrap();
        let back: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(back["token"], "plain words");
        assert_eq!(back["sample"], "GET /?a=\"1\"&token=[redacted] HTTP/1.1");
        assert_eq!(back["count"], 3);
    }

    proptest! {
        #[test]
        fn it_stays_json_whatever_it_quotes(text in ".{0,40}(token=|Cookie: |\\\\\"|\\\\)?.{0,40}", key in "[\\\\\"a-z]{0,6}") {
            let printed = page(&serde_json::json!({ key.clone(): [text.clone(), 1] })).unwrap();
            let back: serde_json::Value = serde_json::from_str(&printed).unwrap();
            prop_assert_eq!(back.as_object().unwrap().values().next().unwrap()[0].as_str().unwrap(), without_secrets(&text));
        }
    }
}
