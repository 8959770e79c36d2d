//! Splits a file into words by nginx's rules (`ngx_conf_read_token`, src/core/ngx_conf_file.c):
//! - a quote opens only at a word's start, and only white space, `;`, `{` or `)` may follow its end;
//! - in a bare word a quote, `#` and `}` are letters; white space, `;` and `{` end it, except the `{` of `${`;
//! - a backslash protects the next byte everywhere; in the word's value `\"`, `\'`, `\\` lose it, `\t`, `\r`, `\n`
//!   become what they say, and any other stays as it is;
//! - no word or comment may reach past 4096 bytes (`NGX_CONF_BUFFER`).

use crate::text::shown;
use crate::{Fault, Text};

/// nginx's buffer.
const BUFFER: usize = 4096;

/// One token; offsets are bytes from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Word(Text),
    Semicolon,
    Open,
    Close,
    Eof,
}

/// Reads tokens one after another; what is wrong with them gathers in `faults`, as `(start, end, fault)`.
pub(crate) struct Tokens<'b> {
    bytes: &'b [u8],
    at: usize,
    pub(crate) faults: Vec<(usize, usize, Fault)>,
}

impl<'b> Tokens<'b> {
    pub(crate) fn new(bytes: &'b [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            faults: Vec::new(),
        }
    }

    /// Notes what is wrong, up to a thousand times: more tells nobody anything.
    pub(crate) fn fault(&mut self, start: usize, end: usize, fault: Fault) {
        const MOST: usize = 1000;
        if self.faults.len() < MOST {
            self.faults.push((start, end, fault));
        }
    }

    /// Goes on behind code that is not nginx's.
    pub(crate) fn jump(&mut self, to: usize) {
        self.at = to;
    }

    pub(crate) fn next(&mut self) -> Token {
        self.skip_space_and_comments();
        let start = self.at;
        match self.bytes.get(start) {
            None => self.mark(TokenKind::Eof, 0),
            Some(b';') => self.mark(TokenKind::Semicolon, 1),
            Some(b'{') => self.mark(TokenKind::Open, 1),
            Some(b'}') => self.mark(TokenKind::Close, 1),
            Some(quote @ (b'"' | b'\'')) => self.quoted(start, *quote),
            Some(_) => self.bare(start),
        }
    }

    fn mark(&mut self, kind: TokenKind, length: usize) -> Token {
        self.at += length;
        Token {
            kind,
            start: self.at - length,
            end: self.at,
        }
    }

    fn skip_space_and_comments(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                byte if is_space(*byte) => self.at += 1,
                b'#' => self.skip_comment(),
                _ => return,
            }
        }
    }

    fn skip_comment(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        self.check_length(self.at, self.at + length + 1);
        self.at += length;
    }

    fn bare(&mut self, start: usize) -> Token {
        let end = bare_end(self.bytes, start);
        self.at = end;
        self.check_word_length(start, end);
        self.word(start, end, start, end)
    }

    fn quoted(&mut self, start: usize, quote: u8) -> Token {
        let Some(end) = quote_end(self.bytes, start + 1, quote) else {
            return self.cut_at_line_end(start, Fault::OpenQuote { quote: quote.into() });
        };
        self.check_word_length(start + 1, end + 1);
        let follower = self.bytes.get(end + 1).copied().unwrap_or(b';');
        if !is_space(follower) && !b";{)".contains(&follower) {
            let runs_over = self
                .bytes
                .get(start..end)
                .is_some_and(|text| text.contains(&b'\n'));
            if runs_over {
                return self.cut_at_line_end(start, Fault::OpenQuote { quote: quote.into() });
            }
            let found = shown(self.bytes.get(end + 1..end + 2).unwrap_or_default());
            self.fault(end + 1, end + 2, Fault::AfterQuote { found });
        }
        self.at = end + 1;
        self.word(start, end + 1, start + 1, end)
    }

    /// The closing quote is missing: most likely it was meant on this line, before the `;` or `{` that ends it.
    fn cut_at_line_end(&mut self, start: usize, fault: Fault) -> Token {
        self.fault(start, start + 1, fault);
        let line = self.bytes.get(start + 1..).unwrap_or_default();
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let inside = line.trim_ascii_end();
        let inside = inside
            .strip_suffix(b";")
            .or(inside.strip_suffix(b"{"))
            .unwrap_or(inside)
            .trim_ascii_end();
        self.at = start + 1 + inside.len();
        self.word(start, self.at, start + 1, self.at)
    }

    fn word(&self, start: usize, end: usize, inside: usize, inside_end: usize) -> Token {
        let raw = self.bytes.get(inside..inside_end).unwrap_or_default();
        Token {
            kind: TokenKind::Word(unescaped(raw)),
            start,
            end,
        }
    }

    /// nginx's buffer has to hold a word from its start up to the byte that ends it, and where that byte is a space
    /// the one after it too.
    fn check_word_length(&mut self, start: usize, end: usize) {
        let spaces = self.bytes.get(end).is_some_and(|byte| is_space(*byte));
        self.check_length(start, end + 1 + usize::from(spaces));
    }

    /// It finds out when the buffer is full and the file goes on.
    fn check_length(&mut self, start: usize, end: usize) {
        if end - start > BUFFER && self.bytes.len() > start + BUFFER {
            self.fault(start, start + BUFFER, Fault::TooLong);
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn bare_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut after_dollar = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' if after_dollar => {}
            b' ' | b'\t' | b'\r' | b'\n' | b';' | b'{' => return at,
            b'\\' => at += 1,
            _ => {}
        }
        // `${{`: the first `{` leaves the mark in place, as nginx does.
        after_dollar = *byte == b'$' || (*byte == b'{' && after_dollar);
        at += 1;
    }
    bytes.len()
}

fn quote_end(bytes: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        at += memchr::memchr2(quote, b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&quote) {
            return Some(at);
        }
        at += 2;
    }
}

fn unescaped(raw: &[u8]) -> Text {
    if memchr::memchr(b'\\', raw).is_none() {
        return raw.into();
    }
    let mut value = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [byte, after @ ..] = rest {
        let (out, used) = match (byte, after.first()) {
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(plain @ (b'"' | b'\'' | b'\\'))) => (*plain, 2),
            _ => (*byte, 1),
        };
        value.push(out);
        rest = rest.get(used..).unwrap_or_default();
    }
    value.into()
}
