//! The text of a format between its variables.

use crate::glance;

/// A text of a few bytes that is looked for line after line.
#[derive(Clone, Debug)]
pub(super) struct Literal {
    bytes: Box<[u8]>,
    /// Its first eight bytes, compared at once.
    head: u64,
    /// Which bits of those are its own.
    mask: u64,
}

impl Literal {
    pub(super) fn new(text: &str) -> Self {
        let eight = |fill: &dyn Fn(u8) -> u8| {
            let mut eight = [0; 8];
            for (to, byte) in eight.iter_mut().zip(text.bytes()) {
                *to = fill(byte);
            }
            u64::from_le_bytes(eight)
        };
        Self {
            bytes: text.as_bytes().into(),
            head: eight(&|byte| byte),
            mask: eight(&|_| u8::MAX),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// It stands at the beginning.
    #[inline]
    pub(super) fn begins(&self, rest: &[u8]) -> bool {
        match rest.first_chunk::<8>() {
            Some(head) => {
                u64::from_le_bytes(*head) & self.mask == self.head
                    && (self.bytes.len() <= 8 || rest.starts_with(&self.bytes))
            }
            None => rest.starts_with(&self.bytes),
        }
    }

    /// Where it stands first. It is short and stands near: its first byte is quicker to find than a searcher to start.
    #[inline]
    pub(super) fn find(&self, rest: &[u8]) -> Option<usize> {
        let Some(first) = self.bytes.first() else {
            return Some(0);
        };
        let at = glance::find(*first, rest)?;
        if self.begins(&rest[at..]) {
            return Some(at);
        }
        let mut others = memchr::memchr_iter(*first, &rest[at + 1..]).map(|next| at + 1 + next);
        others.find(|at| self.begins(&rest[*at..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_found_where_a_plain_search_finds_it(text in "[ab\"]{0,12}", line in "[ab\"]{0,40}") {
            let literal = Literal::new(&text);
            prop_assert_eq!(literal.find(line.as_bytes()), line.find(&text));
            for at in 0..=line.len() {
                prop_assert_eq!(literal.begins(&line.as_bytes()[at..]), line[at..].starts_with(&text));
            }
        }
    }
}
