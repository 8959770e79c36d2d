//! What is set at one level (main, http, server, location, if) and what it inherits.

use super::unit;
use crate::{Body, Directive, Place, Text, Tree};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One argument and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arg {
    /// As nginx sees it.
    pub text: Text,
    /// As written, quotes included.
    pub place: Place,
}

/// One directive without a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its name.
    pub name: Text,
    /// Its arguments.
    pub args: Vec<Arg>,
    /// From its name to its `;`.
    pub place: Place,
}

impl Statement {
    pub(super) fn new(tree: &Tree, directive: &Directive) -> Self {
        let args = directive.args.iter();
        let args = args.map(|word| Arg {
            text: word.value.clone(),
            place: tree.place(word.span),
        });
        Self {
            name: directive.name.value.clone(),
            args: args.collect(),
            place: tree.place(directive.span),
        }
    }

    /// The argument at `index`, from 0.
    pub fn arg(&self, index: usize) -> Option<&Text> {
        self.args.get(index).map(|arg| &arg.text)
    }

    /// What follows `key` in the first argument that starts with it: `parameter("weight=")`.
    pub fn parameter(&self, key: &str) -> Option<&[u8]> {
        self.args
            .iter()
            .find_map(|arg| arg.text.as_bytes().strip_prefix(key.as_bytes()))
    }

    /// One argument is exactly `word`.
    pub fn has(&self, word: &str) -> bool {
        self.args.iter().any(|arg| arg.text == *word)
    }
}

/// A value in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Where it is set; `None` where it is nginx's default.
    pub place: Option<Place>,
}

/// One level of the configuration, linked to the levels around it.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    own: HashMap<Text, Vec<Statement>>,
    around: Option<Arc<Scope>>,
}

impl Scope {
    /// The statements of `directives` at this level, blocks left out.
    pub(super) fn new<'t>(
        tree: &Tree,
        directives: impl Iterator<Item = &'t Directive>,
        around: Option<&Arc<Scope>>,
    ) -> Arc<Self> {
        let mut own: HashMap<Text, Vec<Statement>> = HashMap::new();
        for directive in directives.filter(|directive| directive.body == Body::None) {
            let statement = Statement::new(tree, directive);
            own.entry(statement.name.clone()).or_default().push(statement);
        }
        Arc::new(Self {
            own,
            around: around.cloned(),
        })
    }

    /// The statements with this name at this very level.
    pub fn own(&self, name: &str) -> &[Statement] {
        self.own.get(name.as_bytes()).map_or(&[], Vec::as_slice)
    }

    /// The statements with this name in effect. nginx inherits all or nothing: those of the innermost level that has
    /// any, and a level with one `proxy_set_header` of its own inherits none.
    pub fn all(&self, name: &str) -> &[Statement] {
        let mut level = Some(self);
        while let Some(scope) = level {
            if !scope.own(name).is_empty() {
                return scope.own(name);
            }
            level = scope.around.as_deref();
        }
        &[]
    }

    /// The statement in effect for a directive that may be given once.
    pub fn one(&self, name: &str) -> Option<&Statement> {
        self.all(name).last()
    }

    /// The level around this one.
    pub fn around(&self) -> Option<&Arc<Scope>> {
        self.around.as_ref()
    }

    /// First argument, read by `read`; the default where the directive is not given or its value makes no sense.
    pub fn value<T>(&self, name: &str, default: T, read: impl Fn(&[u8]) -> Option<T>) -> Setting<T> {
        let found = self.one(name).and_then(|statement| {
            let value = read(statement.arg(0)?.as_bytes())?;
            Some(Setting {
                value,
                place: Some(statement.place.clone()),
            })
        });
        found.unwrap_or(Setting {
            value: default,
            place: None,
        })
    }

    /// A directive whose first argument is a time.
    pub fn time(&self, name: &str, default: Duration) -> Setting<Duration> {
        self.value(name, default, unit::time)
    }

    /// A directive whose first argument is a size in bytes.
    pub fn size(&self, name: &str, default: u64) -> Setting<u64> {
        self.value(name, default, unit::size)
    }

    /// A directive whose first argument is a number.
    pub fn number(&self, name: &str, default: u64) -> Setting<u64> {
        self.value(name, default, |text| std::str::from_utf8(text).ok()?.parse().ok())
    }

    /// A directive that is `on` or `off`.
    pub fn flag(&self, name: &str, default: bool) -> Setting<bool> {
        self.value(name, default, |text| match text.to_ascii_lowercase().as_slice() {
            b"on" => Some(true),
            b"off" => Some(false),
            _ => None,
        })
    }

    /// A directive whose first argument is text.
    pub fn text(&self, name: &str, default: &str) -> Setting<Text> {
        self.value(name, default.into(), |text| Some(text.into()))
    }
}
