//! `location`, `if` and `limit_except` blocks.

use super::pattern::Pattern;
use super::{Pass, Protocol, Scope, Values};
use crate::{Directive, Place, Text, Tree};
use std::sync::Arc;

/// A block inside a server block that can have settings and a pass directive of its own.
#[derive(Clone, Debug)]
pub struct Location {
    /// What requests it takes.
    pub kind: Kind,
    /// All its arguments, one space between: `~ \.php$`, `= /`, `($arg_a = 1)`.
    pub written: Text,
    /// What is set in it and around it.
    pub scope: Arc<Scope>,
    /// Where it passes requests to.
    pub pass: Option<Pass>,
    /// Blocks inside it, in order.
    pub inside: Vec<Location>,
    /// From its first word to its last argument.
    pub place: Place,
}

/// What requests a [`Location`] takes.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `location = /path`
    Exact(Text),
    /// `location /path`
    Prefix(Text),
    /// `location ^~ /path`: no regular expression is tried after it.
    PrefixFinal(Text),
    /// `location ~ pattern`, `location ~* pattern`
    Regex(Pattern),
    /// `location @name`; the name with its `@`.
    Named(Text),
    /// `if (condition)`
    If,
    /// `limit_except METHOD…`
    LimitExcept,
}

/// Nested deeper, blocks are left out.
const DEEPEST: usize = 48;

/// What is known while the blocks of a server are read.
pub(super) struct Reader<'a> {
    pub(super) tree: &'a Tree,
    pub(super) is_group: &'a dyn Fn(&[u8]) -> bool,
    /// Of the server block: every location starts from it, a nested one too.
    pub(super) values: Arc<Values>,
}

impl Reader<'_> {
    /// The blocks of a server or location.
    pub(super) fn blocks<'t>(
        &self,
        directives: impl Iterator<Item = &'t Directive>,
        around: &Around<'_>,
        depth: usize,
    ) -> Vec<Location> {
        let blocks = directives.filter_map(|directive| Some((directive, Kind::of(directive)?)));
        blocks
            .filter(|_| depth < DEEPEST)
            .map(|(directive, kind)| self.block(directive, kind, around, depth))
            .collect()
    }

    fn block(&self, directive: &Directive, kind: Kind, around: &Around<'_>, depth: usize) -> Location {
        let tree = self.tree;
        let scope = Scope::new(tree, tree.inside(directive), Some(around.scope));
        let start = if kind.is_part() {
            around.values
        } else {
            &self.values
        };
        let mut values = start.with(&scope);
        if !kind.is_part() {
            unsure_after_ifs(tree, directive, &mut values);
        }
        let values = Arc::new(values);
        let own = Protocol::IN_HTTP.into_iter().find_map(|protocol| {
            let statement = scope.own(protocol.directive()).last()?;
            Pass::new(protocol, statement, &values, self.is_group)
        });
        let inherited = around.pass.filter(|_| kind.is_part()).cloned();
        let pass = own.or(inherited.map(|pass| Pass {
            inherited: true,
            ..pass
        }));
        let here = Around {
            scope: &scope,
            values: &values,
            pass: pass.as_ref(),
        };
        let inside = self.blocks(tree.inside(directive), &here, depth + 1);
        Location {
            kind,
            written: written(directive),
            pass,
            inside,
            place: head(tree, directive),
            scope,
        }
    }
}

/// The block around the one that is read.
pub(super) struct Around<'a> {
    pub(super) scope: &'a Arc<Scope>,
    pub(super) values: &'a Arc<Values>,
    pub(super) pass: Option<&'a Pass>,
}

/// What an `if` of this block sets is set only sometimes.
pub(super) fn unsure_after_ifs(tree: &Tree, directive: &Directive, values: &mut Values) {
    for condition in tree.inside(directive).filter(|directive| directive.is("if")) {
        values.perhaps(&Scope::new(tree, tree.inside(condition), None));
    }
}

fn head(tree: &Tree, directive: &Directive) -> Place {
    let last = directive.args.last().unwrap_or(&directive.name).span;
    let end = if last.file == directive.name.span.file {
        last.end
    } else {
        directive.name.span.end
    };
    tree.place(crate::Span {
        end,
        ..directive.name.span
    })
}

fn written(directive: &Directive) -> Text {
    let args: Vec<&[u8]> = directive.args.iter().map(|word| word.value.as_bytes()).collect();
    args.join(b" ".as_slice()).into()
}

impl Kind {
    /// A part of the location around it, with that one's pass directive unless it has its own.
    fn is_part(&self) -> bool {
        matches!(self, Self::If | Self::LimitExcept)
    }

    fn of(directive: &Directive) -> Option<Self> {
        match directive.name.value.as_bytes() {
            b"location" => Self::location(directive),
            b"if" => Some(Self::If),
            b"limit_except" => Some(Self::LimitExcept),
            _ => None,
        }
    }

    /// The modifier is a word of its own or stuck to the rest (`ngx_http_core_location`).
    fn location(directive: &Directive) -> Option<Self> {
        let first = directive.arg(0)?.as_bytes();
        let (modifier, rest) = match directive.arg(1) {
            Some(rest) => (first, rest.as_bytes()),
            None => stuck(first),
        };
        Some(match modifier {
            b"=" => Self::Exact(rest.into()),
            b"^~" => Self::PrefixFinal(rest.into()),
            b"~" => Self::Regex(Pattern::new(rest.into(), false)),
            b"~*" => Self::Regex(Pattern::new(rest.into(), true)),
            _ if rest.starts_with(b"@") => Self::Named(rest.into()),
            _ => Self::Prefix(rest.into()),
        })
    }
}

fn stuck(text: &[u8]) -> (&[u8], &[u8]) {
    let modifiers: [&[u8]; 4] = [b"=", b"^~", b"~*", b"~"];
    let mut found = modifiers
        .iter()
        .filter_map(|modifier| Some((*modifier, text.strip_prefix(*modifier)?)));
    found.next().unwrap_or((b"", text))
}
