//! Reading MySQL's packets: integers, strings and rows out of hostile bytes.
//! dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html, mariadb.com/kb/en/clientserver-protocol

use crate::consult::Refusal;

/// A packet's payload, read from the front. What is not there is `None`, never a panic.
pub(super) struct Packet<'a>(pub(super) &'a [u8]);

impl<'a> Packet<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// Little-endian, of so many bytes.
    pub(super) fn integer(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.take(bytes)?;
        Some(
            taken
                .iter()
                .rev()
                .fold(0, |number, byte| number << 8 | u64::from(*byte)),
        )
    }

    /// Up to a NUL, which is taken too; where none comes, all that is left.
    pub(super) fn text(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let text = &self.0[..end];
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        text
    }

    /// A length-encoded string; `Some(None)` is NULL.
    pub(super) fn counted(&mut self) -> Option<Option<&'a [u8]>> {
        let length = match self.integer(1)? {
            0xfb => return Some(None),
            0xfc => self.integer(2)?,
            0xfd => self.integer(3)?,
            0xfe => self.integer(8)?,
            small => small,
        };
        self.take(usize::try_from(length).ok()?).map(Some)
    }

    /// Every value of a row.
    pub(super) fn row(mut self) -> Vec<String> {
        let mut row = Vec::new();
        while !self.0.is_empty() {
            let Some(value) = self.counted() else { break };
            row.push(lossy(value.unwrap_or_default()));
        }
        row
    }
}

/// The name of a column: the fifth string of its definition.
pub(super) fn column(definition: &[u8]) -> String {
    let row = Packet(definition).row();
    row.get(4).map(|name| name.to_lowercase()).unwrap_or_default()
}

/// `ff`, number, perhaps `#` and an SQL state, text.
pub(super) fn refusal(payload: &[u8]) -> Option<Refusal> {
    let mut packet = Packet(payload.strip_prefix(&[0xff])?);
    let code = packet.integer(2)?.to_string();
    if packet.0.first() == Some(&b'#') {
        packet.take(6)?;
    }
    let text = lossy(packet.0).chars().take(super::MAX_CELL).collect();
    Some(Refusal { code, text })
}

/// A packet that ends a list.
pub(super) fn is_end(payload: &[u8]) -> bool {
    payload.first() == Some(&0xfe) && payload.len() < 9
}

pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_strings_and_rows() {
        let mut packet = Packet(&[0x39, 0x30, b'a', 0, b'b']);
        assert_eq!(packet.integer(2), Some(12345));
        assert_eq!(packet.text(), b"a");
        assert_eq!(packet.text(), b"b");
        assert_eq!(packet.integer(1), None);
        let row = Packet(&[1, b'x', 0xfb, 0xfc, 2, 0, b'y', b'z']).row();
        assert_eq!(row, ["x", "", "yz"]);
    }

    #[test]
    fn a_refusal_with_and_without_state() {
        for (bytes, code, text) in [
            (
                &b"\xff\x10\x04Too many connections"[..],
                "1040",
                "Too many connections",
            ),
            (b"\xff\x15\x04#28000Access denied", "1045", "Access denied"),
        ] {
            let refusal = refusal(bytes).expect("a refusal");
            assert_eq!((refusal.code.as_str(), refusal.text.as_str()), (code, text));
        }
        assert_eq!(refusal(b"\x00"), None);
        assert_eq!(refusal(b"\xff\x15"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = (Packet(&bytes).row(), column(&bytes), refusal(&bytes), is_end(&bytes));
        }
    }
}
