//! The tree of directives, over one file or many.

use crate::{Place, Source, Span, Text};
use std::path::{Path, PathBuf};

/// One word: a directive's name or an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What nginx makes of it: quotes off, escapes resolved.
    pub value: Text,
    /// As written, quotes included.
    pub span: Span,
}

/// What follows a directive's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// `;`
    None,
    /// `{ … }`
    Block(Vec<Directive>),
    /// The inside of a `…_by_lua_block { … }`, braces excluded.
    Code(Span),
    /// `include …;` that was resolved: the files, in order, as indices into [`Tree::files`].
    Include(Vec<u32>),
}

/// `name argument… ;` or `name argument… { … }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive {
    /// Its first word. In `map`, `geo`, `types` and their like: the key.
    pub name: Word,
    /// The words after it.
    pub args: Vec<Word>,
    /// What follows the words.
    pub body: Body,
    /// From its first word to its `;` or `}`.
    pub span: Span,
}

impl Directive {
    /// The argument at `index`, from 0, as nginx sees it.
    pub fn arg(&self, index: usize) -> Option<&Text> {
        self.args.get(index).map(|word| &word.value)
    }

    /// The directives between its braces, includes unresolved; none where it has no block.
    pub fn block(&self) -> &[Directive] {
        match &self.body {
            Body::Block(inside) => inside,
            _ => &[],
        }
    }

    /// Its name is `name`.
    pub fn is(&self, name: &str) -> bool {
        self.name.value == *name
    }
}

/// A configuration. Owns its bytes, so it can be kept.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(crate) files: Vec<Source>,
    pub(crate) prefix: PathBuf,
}

impl Tree {
    /// The files in the order nginx first opens them; the first is the main one. Never empty.
    pub fn files(&self) -> &[Source] {
        &self.files
    }

    /// nginx's prefix (`nginx -p`, `--prefix=`): what relative log, root and temp paths are relative to.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// The directory of the main file: what `include` and certificate paths are relative to.
    pub fn conf_dir(&self) -> &Path {
        let main = self.files.first().map(|file| &**file.path());
        main.and_then(Path::parent).unwrap_or(Path::new(""))
    }

    /// Every directive at the top, included files in the place of their `include`.
    pub fn top(&self) -> Flat<'_> {
        self.flat(self.files.first().map_or(&[], |file| file.directives()))
    }

    /// Every directive inside this one's block, included files in the place of their `include`.
    pub fn inside<'t>(&'t self, directive: &'t Directive) -> Flat<'t> {
        self.flat(directive.block())
    }

    fn flat<'t>(&'t self, directives: &'t [Directive]) -> Flat<'t> {
        Flat {
            tree: self,
            pending: vec![directives.iter()],
        }
    }

    /// Where a span stands.
    pub fn place(&self, span: Span) -> Place {
        match self.files.get(span.file as usize) {
            Some(file) => file.place(span.start, span.end),
            None => Place {
                file: Path::new("").into(),
                line: 0,
                column: 0,
                start: 0,
                end: 0,
            },
        }
    }

    /// The bytes of a span, as written.
    pub fn bytes(&self, span: Span) -> &[u8] {
        let file = self.files.get(span.file as usize);
        let range = span.start as usize..span.end as usize;
        file.and_then(|file| file.bytes().get(range)).unwrap_or_default()
    }
}

/// Directives of one block, included files in the place of their `include`. Ends: the loader records no include
/// that closes a circle.
#[derive(Clone, Debug)]
pub struct Flat<'t> {
    tree: &'t Tree,
    pending: Vec<std::slice::Iter<'t, Directive>>,
}

impl<'t> Iterator for Flat<'t> {
    type Item = &'t Directive;

    fn next(&mut self) -> Option<&'t Directive> {
        while let Some(top) = self.pending.last_mut() {
            match top.next() {
                None => drop(self.pending.pop()),
                Some(Directive {
                    body: Body::Include(files),
                    ..
                }) => self.open(files),
                found => return found,
            }
        }
        None
    }
}

impl<'t> Flat<'t> {
    fn open(&mut self, files: &'t [u32]) {
        let files = files
            .iter()
            .rev()
            .filter_map(|file| self.tree.files.get(*file as usize));
        self.pending.extend(files.map(|file| file.directives().iter()));
    }
}
