//! Regular expressions of `location ~` and `server_name ~`.

use crate::Text;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::OnceLock;

/// A pattern, compiled when first asked. nginx uses PCRE; what only PCRE knows (look-around, back-references) is
/// not understood here, and then the answer is "unknown".
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As written, without the `~` or `~*`.
    pub text: Text,
    /// `~*`.
    pub ignore_case: bool,
    compiled: OnceLock<Option<Regex>>,
}

/// Bytes of compiled program; larger ones are "unknown".
const LARGEST: usize = 1 << 20;

impl Pattern {
    pub(super) fn new(text: Text, ignore_case: bool) -> Self {
        Self {
            text,
            ignore_case,
            compiled: OnceLock::new(),
        }
    }

    /// It matches; `None` where that is unknown.
    pub fn matches(&self, subject: &[u8]) -> Option<bool> {
        let compiled = self.compiled.get_or_init(|| self.compile());
        compiled.as_ref().map(|regex| regex.is_match(subject))
    }

    fn compile(&self) -> Option<Regex> {
        let text = std::str::from_utf8(self.text.as_bytes()).ok()?;
        let mut builder = RegexBuilder::new(text);
        builder
            .unicode(false)
            .case_insensitive(self.ignore_case)
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST);
        builder.build().ok()
    }
}
