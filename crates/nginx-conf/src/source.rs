//! One file and places in it.

use crate::Directive;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// Bytes of one file of a [`Tree`](crate::Tree): `start..end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// Which file: index into [`Tree::files`](crate::Tree::files).
    pub file: u32,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

/// Where something stands, for people and for edits; says it without the tree.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file as nginx opened it.
    pub file: Arc<Path>,
    /// From 1.
    pub line: u32,
    /// In bytes, from 1.
    pub column: u32,
    /// Offset of the first byte in the file.
    pub start: usize,
    /// Offset one past the last byte.
    pub end: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// One file of a configuration, with what was read from it.
#[derive(Clone, Debug)]
pub struct Source {
    path: Arc<Path>,
    bytes: Arc<[u8]>,
    /// Offset of the first byte of each line; never empty.
    line_starts: Vec<u32>,
    pub(crate) directives: Vec<Directive>,
}

impl Source {
    /// Larger files are read up to here only; offsets are 32 bits wide.
    pub(crate) const LARGEST: usize = 256 << 20;

    pub(crate) fn new(path: &Path, bytes: Arc<[u8]>) -> Self {
        let ends = memchr::memchr_iter(b'\n', bytes.get(..Self::LARGEST).unwrap_or(&bytes));
        let line_starts = std::iter::once(0).chain(ends.map(|at| at as u32 + 1)).collect();
        Self {
            path: path.into(),
            bytes,
            line_starts,
            directives: Vec::new(),
        }
    }

    /// As nginx opened it.
    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// What is in it.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// Its directives; `include` is still an `include`.
    pub fn directives(&self) -> &[Directive] {
        &self.directives
    }

    /// Line (from 1) that holds the byte at `offset`.
    pub fn line_of(&self, offset: u32) -> u32 {
        self.line_starts.partition_point(|start| *start <= offset) as u32
    }

    /// The whole of a line (from 1), without its end; empty past the last one.
    pub fn line(&self, number: u32) -> &[u8] {
        let index = number.saturating_sub(1) as usize;
        let start = self
            .line_starts
            .get(index)
            .map_or(self.bytes.len(), |start| *start as usize);
        let rest = self.bytes.get(start..).unwrap_or_default();
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    pub(crate) fn line_start(&self, offset: u32) -> u32 {
        let index = self.line_of(offset).saturating_sub(1) as usize;
        self.line_starts.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn place(&self, start: u32, end: u32) -> Place {
        Place {
            file: self.path.clone(),
            line: self.line_of(start),
            column: start - self.line_start(start) + 1,
            start: start as usize,
            end: end as usize,
        }
    }
}
