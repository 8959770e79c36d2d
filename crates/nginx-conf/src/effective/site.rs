//! `server { }` blocks of `http` and `stream`.

use super::location::{Around, Reader, unsure_after_ifs};
use super::pattern::Pattern;
use super::{Listen, Location, Pass, Protocol, Scope, Values};
use crate::{Directive, Place, Text, Tree};
use std::sync::Arc;

/// A `server { }` of `http`.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where it listens; never empty.
    pub listens: Vec<Listen>,
    /// Its names, in order; may be empty.
    pub names: Vec<ServerName>,
    /// Its blocks in order: locations, and `if`s of its own.
    pub locations: Vec<Location>,
    /// What is set in it and around it.
    pub scope: Arc<Scope>,
    /// Of the word `server`.
    pub place: Place,
}

/// One name of `server_name` (<https://nginx.org/en/docs/http/server_names.html>).
#[derive(Clone, Debug)]
pub struct ServerName {
    /// As nginx sees it, in lower case unless it is an expression.
    pub text: Text,
    /// Where it stands.
    pub place: Place,
    pattern: Option<Pattern>,
}

impl ServerName {
    fn new(text: &Text, place: &Place) -> Self {
        let pattern = text
            .as_bytes()
            .strip_prefix(b"~")
            .map(|pattern| Pattern::new(pattern.into(), true));
        let text = if pattern.is_some() {
            text.clone()
        } else {
            text.as_bytes().to_ascii_lowercase().into()
        };
        Self {
            text,
            place: place.clone(),
            pattern,
        }
    }

    /// How well it fits a host in lower case: kind of name first, then the longer the better.
    pub(super) fn fit(&self, host: &[u8]) -> Option<(u8, usize)> {
        let own = self.text.as_bytes();
        if let Some(pattern) = &self.pattern {
            return pattern.matches(host)?.then_some((3, 0));
        }
        if let Some(tail) = own
            .strip_prefix(b"*")
            .or(Some(own).filter(|own| own.starts_with(b".")))
        {
            let bare = own.first() == Some(&b'.') && tail.strip_prefix(b".") == Some(host);
            let fits = host.len() > tail.len() && host.ends_with(tail);
            return if bare {
                Some((0, 0))
            } else {
                fits.then_some((1, usize::MAX - tail.len()))
            };
        }
        if let Some(head) = own.strip_suffix(b"*") {
            return (host.len() > head.len() && host.starts_with(head))
                .then_some((2, usize::MAX - head.len()));
        }
        (own == host).then_some((0, 0))
    }
}

impl Site {
    pub(super) fn new(
        tree: &Tree,
        directive: &Directive,
        http: &Arc<Scope>,
        is_group: &dyn Fn(&[u8]) -> bool,
    ) -> Self {
        let scope = Scope::new(tree, tree.inside(directive), Some(http));
        let mut values = Arc::new(Values::default()).with(&scope);
        unsure_after_ifs(tree, directive, &mut values);
        let reader = Reader {
            tree,
            is_group,
            values: Arc::new(values),
        };
        let around = Around {
            scope: &scope,
            values: &reader.values,
            pass: None,
        };
        let locations = reader.blocks(tree.inside(directive), &around, 0);
        let names = scope
            .own("server_name")
            .iter()
            .flat_map(|statement| &statement.args);
        let names = names.map(|arg| ServerName::new(&arg.text, &arg.place)).collect();
        let place = tree.place(directive.name.span);
        Self {
            listens: listens(&scope),
            names,
            locations,
            place,
            scope,
        }
    }

    /// What the error log calls it (`server: …`): its first name, a leading dot left out; empty without one.
    pub fn logged_as(&self) -> &[u8] {
        let first = self
            .names
            .first()
            .map_or(b"".as_slice(), |name| name.text.as_bytes());
        first.strip_prefix(b".").unwrap_or(first)
    }

    /// Every location with a pass directive of its own, outer ones first.
    pub fn passes(&self) -> Vec<(&Location, &Pass)> {
        let mut found = Vec::new();
        let mut todo: Vec<&Location> = self.locations.iter().rev().collect();
        while let Some(location) = todo.pop() {
            let own = location.pass.as_ref().filter(|pass| !pass.inherited);
            found.extend(own.map(|pass| (location, pass)));
            todo.extend(location.inside.iter().rev());
        }
        found
    }
}

fn listens(scope: &Scope) -> Vec<Listen> {
    let written: Vec<Listen> = scope.own("listen").iter().filter_map(Listen::new).collect();
    if written.is_empty() {
        vec![Listen::default()]
    } else {
        written
    }
}

/// A `server { }` of `stream`.
#[derive(Clone, Debug)]
pub struct StreamServer {
    /// Where it listens.
    pub listens: Vec<Listen>,
    /// Its `proxy_pass`.
    pub pass: Option<Pass>,
    /// What is set in it and around it.
    pub scope: Arc<Scope>,
    /// Of the word `server`.
    pub place: Place,
}

impl StreamServer {
    pub(super) fn new(
        tree: &Tree,
        directive: &Directive,
        stream: &Arc<Scope>,
        is_group: &dyn Fn(&[u8]) -> bool,
    ) -> Self {
        let scope = Scope::new(tree, tree.inside(directive), Some(stream));
        let values = Arc::new(Values::default()).with(&scope);
        let statement = scope.own(Protocol::Stream.directive()).last();
        let pass = statement.and_then(|statement| Pass::new(Protocol::Stream, statement, &values, is_group));
        let tls = scope.flag("proxy_ssl", false).value;
        let pass = pass.map(|pass| Pass { tls, ..pass });
        let listens = scope.own("listen").iter().filter_map(Listen::new).collect();
        Self {
            listens,
            pass,
            place: tree.place(directive.name.span),
            scope,
        }
    }
}
