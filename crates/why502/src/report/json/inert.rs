//! JSON that is harmless on a terminal.

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
