//! One file: tokens -> directives. Whatever is wrong, the rest of the file is still read.

use crate::text::shown;
use crate::token::{Token, TokenKind, Tokens};
use crate::{Body, Directive, Fault, Mistake, Source, Span, Text, Tree, Word, grammar, lua};
use std::path::Path;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Deeper blocks are left out, so that walking a tree never runs out of stack.
const DEEPEST: usize = 64;

/// Reads one file. An `include` stays as it is; [`load`](crate::load) follows them.
pub fn parse(file: &Path, bytes: &[u8]) -> (Tree, Vec<Mistake>) {
    let (source, mistakes) = read(file, bytes.into(), 0);
    let prefix = file.parent().unwrap_or(Path::new("")).to_owned();
    (
        Tree {
            files: vec![source],
            prefix,
        },
        mistakes,
    )
}

/// Reads one file as the one with index `file` of a tree.
pub(crate) fn read(path: &Path, bytes: Arc<[u8]>, file: u32) -> (Source, Vec<Mistake>) {
    let kept = bytes.get(..Source::LARGEST).map(Arc::from);
    let cut = kept.is_some() && bytes.len() > Source::LARGEST;
    let mut source = Source::new(path, kept.unwrap_or(bytes));
    let bytes = source.bytes().clone();
    let mut builder = Builder::new(&bytes, file, &source);
    if cut {
        builder.fault(bytes.len(), bytes.len(), Fault::TooBig);
    }
    let (directives, faults) = builder.run();
    let mistakes = faults.into_iter().map(|(start, end, fault)| Mistake {
        place: source.place(start as u32, end.min(bytes.len()) as u32),
        fault,
    });
    let mistakes = mistakes.collect();
    source.directives = directives;
    (source, mistakes)
}

/// A block that is being read.
struct Frame {
    words: Vec<Word>,
    inside: Vec<Directive>,
}

impl Frame {
    fn name(&self) -> &[u8] {
        self.words.first().map_or(b"", |word| word.value.as_bytes())
    }

    fn start(&self) -> u32 {
        self.words.first().map_or(0, |word| word.span.start)
    }
}

struct Builder<'b> {
    bytes: &'b [u8],
    file: u32,
    source: &'b Source,
    tokens: Tokens<'b>,
    /// The words of the directive that is being read.
    words: Vec<Word>,
    top: Vec<Directive>,
    open: Vec<Frame>,
    /// Blocks open beyond [`DEEPEST`].
    too_deep: usize,
    /// The first block whose `}` does not stand under its directive: most likely where a `}` is missing.
    crooked: Option<Span>,
}

type Found = (usize, usize, Fault);

impl<'b> Builder<'b> {
    fn new(bytes: &'b [u8], file: u32, source: &'b Source) -> Self {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        let start = if bytes.starts_with(MARK) { MARK.len() } else { 0 };
        let mut tokens = Tokens::new(bytes, start);
        if start != 0 {
            tokens.fault(0, start, Fault::ByteOrderMark);
        }
        let (words, top, open) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            bytes,
            file,
            source,
            tokens,
            words,
            top,
            open,
            too_deep: 0,
            crooked: None,
        }
    }

    fn fault(&mut self, start: usize, end: usize, fault: Fault) {
        self.tokens.fault(start, end, fault);
    }

    fn run(mut self) -> (Vec<Directive>, Vec<Found>) {
        loop {
            let token = self.tokens.next();
            match token.kind {
                TokenKind::Word(value) => {
                    let span = self.span(token.start, token.end);
                    self.words.push(Word { value, span });
                }
                TokenKind::Semicolon => self.semicolon(&token),
                TokenKind::Open => self.open_block(&token),
                TokenKind::Close => self.close_block(&token),
                TokenKind::Eof => break,
            }
        }
        self.end_of_file();
        (self.top, self.tokens.faults)
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span {
            file: self.file,
            start: start as u32,
            end: end as u32,
        }
    }

    fn siblings(&mut self) -> &mut Vec<Directive> {
        self.open
            .last_mut()
            .map_or(&mut self.top, |frame| &mut frame.inside)
    }

    fn among_pairs(&self) -> bool {
        self.open
            .last()
            .is_some_and(|frame| grammar::holds_pairs(frame.name()))
    }

    fn semicolon(&mut self, token: &Token) {
        let words = std::mem::take(&mut self.words);
        if words.is_empty() {
            return self.fault(token.start, token.end, Fault::NoDirective { found: ';' });
        }
        self.simple(words, token.end);
    }

    /// A directive without a block; more than one where a `;` was forgotten at a line's end.
    fn simple(&mut self, mut words: Vec<Word>, end: usize) {
        if !self.among_pairs() {
            while let Some(next) = self.forgotten_semicolon(&words) {
                let rest = words.split_off(next);
                self.push_unended(std::mem::replace(&mut words, rest));
            }
            self.check(&words);
        }
        self.push(words, Body::None, end);
    }

    fn push(&mut self, mut words: Vec<Word>, body: Body, end: usize) {
        if words.is_empty() || self.too_deep > 0 {
            return;
        }
        let args = words.split_off(1);
        let Some(name) = words.pop() else { return };
        let span = Span {
            end: end as u32,
            ..name.span
        };
        self.siblings().push(Directive {
            name,
            args,
            body,
            span,
        });
    }

    /// `words` are a directive that ought to have ended behind the last of them.
    fn push_unended(&mut self, words: Vec<Word>) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return;
        };
        let (start, end) = (last.span.start as usize, last.span.end as usize);
        let fault = Fault::NoSemicolon {
            name: shown(first.value.as_bytes()),
        };
        self.fault(start, end, fault);
        self.push(words, Body::None, end);
    }

    /// Index of the word that starts the next directive, where this one has more arguments than it can take.
    fn forgotten_semicolon(&self, words: &[Word]) -> Option<usize> {
        let (_, most) = grammar::count(words.first()?.value.as_bytes())?;
        (words.len() - 1 > most).then(|| self.name_on_own_line(words, grammar::is_known))?
    }

    fn name_on_own_line(&self, words: &[Word], is_name: impl Fn(&[u8]) -> bool) -> Option<usize> {
        let pairs = words.windows(2).enumerate();
        let mut found = pairs.filter_map(|(index, pair)| match pair {
            [before, word] => Some((index + 1, before, word)),
            _ => None,
        });
        found.find_map(|(index, before, word)| {
            let gap = before.span.end as usize..word.span.start as usize;
            let on_own_line = self.bytes.get(gap).is_some_and(|gap| gap.contains(&b'\n'));
            (on_own_line && is_name(word.value.as_bytes())).then_some(index)
        })
    }

    fn check(&mut self, words: &[Word]) {
        let [first, args @ ..] = words else { return };
        let name = first.value.as_bytes();
        let (start, end) = (first.span.start as usize, first.span.end as usize);
        if grammar::needs_block(name) {
            return self.fault(start, end, Fault::NoBlock { name: shown(name) });
        }
        if grammar::count(name).is_some_and(|(least, most)| args.len() < least || args.len() > most) {
            return self.fault(
                start,
                end,
                Fault::WrongCount {
                    name: shown(name),
                    found: args.len(),
                },
            );
        }
        let taken = self
            .name_on_own_line(words, grammar::is_known)
            .and_then(|index| words.get(index));
        if let Some(taken) = taken {
            let fault = Fault::Swallowed {
                by: shown(name),
                name: shown(taken.value.as_bytes()),
            };
            self.fault(taken.span.start as usize, taken.span.end as usize, fault);
        }
    }

    fn open_block(&mut self, token: &Token) {
        let mut words = std::mem::take(&mut self.words);
        if words.is_empty() {
            self.fault(token.start, token.end, Fault::NoDirective { found: '{' });
            words.push(Word {
                value: Text::default(),
                span: self.span(token.start, token.start),
            });
        }
        self.check_block(&mut words);
        let name = words.first().map_or(b"".as_slice(), |word| word.value.as_bytes());
        if grammar::holds_lua(name) {
            self.lua(words, token);
        } else if self.open.len() < DEEPEST {
            self.open.push(Frame {
                words,
                inside: Vec::new(),
            });
        } else {
            self.fault(token.start, token.end, Fault::TooDeep);
            self.push(words, Body::Block(Vec::new()), token.end);
            self.too_deep += 1;
        }
    }

    /// Before a `{`: is it this directive that has the block, or one behind a forgotten `;`?
    fn check_block(&mut self, words: &mut Vec<Word>) {
        let name = words.first().map_or(b"".as_slice(), |word| word.value.as_bytes());
        if self.among_pairs() {
            let (at, fault) = (
                words.first().map(|word| word.span),
                Fault::BlockAmongPairs { name: shown(name) },
            );
            at.into_iter()
                .for_each(|at| self.fault(at.start as usize, at.end as usize, fault.clone()));
        } else if grammar::count(name).is_some() {
            let next = self
                .name_on_own_line(words, grammar::may_have_block)
                .unwrap_or(words.len());
            let rest = words.split_off(next);
            match rest.is_empty() {
                false => self.push_unended(std::mem::replace(words, rest)),
                true => self.unended(words),
            }
        }
    }

    fn unended(&mut self, words: &[Word]) {
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return;
        };
        let fault = Fault::NoSemicolon {
            name: shown(first.value.as_bytes()),
        };
        self.fault(last.span.start as usize, last.span.end as usize, fault);
    }

    fn lua(&mut self, words: Vec<Word>, token: &Token) {
        let found = lua::block_end(self.bytes, token.end);
        if found.is_none() {
            let name = words
                .first()
                .map_or_else(String::new, |word| shown(word.value.as_bytes()));
            self.fault(token.start, token.end, Fault::OpenLua { name });
        }
        let code_end = found.unwrap_or(self.bytes.len());
        let end = (code_end + 1).min(self.bytes.len());
        self.tokens.jump(end);
        let code = self.span(token.end, code_end);
        self.push(words, Body::Code(code), end);
    }

    fn close_block(&mut self, token: &Token) {
        let words = std::mem::take(&mut self.words);
        if !words.is_empty() {
            self.push_unended(words);
        }
        if self.too_deep > 0 {
            self.too_deep -= 1;
        } else if let Some(frame) = self.open.pop() {
            self.note_crooked(&frame, token);
            self.push(frame.words, Body::Block(frame.inside), token.end);
        } else {
            self.fault(token.start, token.end, Fault::NothingToClose);
        }
    }

    /// A `}` that is the first of its line and not under the line that opened its block.
    fn note_crooked(&mut self, frame: &Frame, close: &Token) {
        if self.crooked.is_some() || self.indent(close.start as u32) != Some(close.start as u32) {
            return;
        }
        let width = |at: u32| Some(self.indent(at)? - self.source.line_start(at));
        if self.source.line_of(frame.start()) != self.source.line_of(close.start as u32)
            && width(frame.start()) != width(close.start as u32)
        {
            self.crooked = frame.words.first().map(|word| word.span);
        }
    }

    /// Offset of the first byte of the line around `at` that is not a space.
    fn indent(&self, at: u32) -> Option<u32> {
        let start = self.source.line_start(at);
        let line = self.bytes.get(start as usize..)?;
        let width = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
        Some(start + width as u32)
    }

    fn end_of_file(&mut self) {
        let words = std::mem::take(&mut self.words);
        if !words.is_empty() {
            self.push_unended(words);
        }
        self.blame_open_block();
        self.too_deep = 0;
        while let Some(frame) = self.open.pop() {
            self.push(frame.words, Body::Block(frame.inside), self.bytes.len());
        }
    }

    fn blame_open_block(&mut self) {
        let innermost = self.open.last().and_then(|frame| frame.words.first());
        let Some(innermost) = innermost.map(|word| word.span) else {
            return;
        };
        let at = self.crooked.unwrap_or(innermost);
        let (start, end) = (at.start as usize, at.end as usize);
        let name = shown(self.bytes.get(start..end).unwrap_or_default());
        self.fault(start, end, Fault::OpenBlock { name });
    }
}
