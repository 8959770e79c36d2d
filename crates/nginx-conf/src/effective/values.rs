//! Variables that are always the same: a plain `set` with nothing variable in it.

use super::Scope;
use crate::Text;
use std::collections::HashMap;
use std::sync::Arc;

/// What variables come to at one level, over what they come to around it. `None`: it depends.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    own: HashMap<Text, Option<Text>>,
    around: Option<Arc<Values>>,
}

/// Longer values are taken for unknown: `set $a $a$a;` doubles.
const LONGEST: usize = 4096;

impl Values {
    /// After the `set`s of a block have run, in their order.
    pub(super) fn with(self: &Arc<Self>, scope: &Scope) -> Self {
        let mut values = Self {
            own: HashMap::new(),
            around: Some(self.clone()),
        };
        for statement in scope.own("set") {
            let (Some(name), Some(value)) = (statement.arg(0), statement.arg(1)) else {
                continue;
            };
            let value = values.evaluate(value);
            values.own.insert(variable(name), value);
        }
        let others = [
            "auth_request_set",
            "set_by_lua",
            "set_by_lua_file",
            "set_unescape_uri",
            "set_random",
        ];
        let others = others.iter().flat_map(|name| scope.own(name));
        values
            .own
            .extend(others.filter_map(|statement| Some((variable(statement.arg(0)?), None))));
        values
    }

    /// After a block that may run or not (`if`): what it sets to something else depends from now on.
    pub(super) fn perhaps(&mut self, scope: &Scope) {
        for (name, value) in Arc::new(Self::default()).with(scope).own {
            if self.get(name.as_bytes()) != value.as_ref() {
                self.own.insert(name, None);
            }
        }
    }

    fn get(&self, name: &[u8]) -> Option<&Text> {
        match self.own.get(name) {
            Some(value) => value.as_ref(),
            None => self.around.as_ref()?.get(name),
        }
    }

    /// The text with all variables put in; `None` where one is unknown. What follows the first variable that always
    /// starts with a slash is left out: nothing behind it can be part of an address.
    pub(super) fn evaluate(&self, text: &Text) -> Option<Text> {
        let mut value = Vec::new();
        let mut rest = text.as_bytes();
        while let Some(dollar) = memchr::memchr(b'$', rest) {
            value.extend_from_slice(rest.get(..dollar)?);
            let (name, after) = name(rest.get(dollar + 1..)?)?;
            if matches!(name, b"request_uri" | b"uri" | b"document_uri") && !value.is_empty() {
                value.push(b'/');
                return Some(value.into());
            }
            value.extend_from_slice(self.get(name)?.as_bytes());
            (value.len() <= LONGEST).then_some(())?;
            rest = after;
        }
        value.extend_from_slice(rest);
        Some(value.into())
    }
}

fn variable(name: &Text) -> Text {
    let name = name.as_bytes();
    name.strip_prefix(b"$").unwrap_or(name).into()
}

/// The name behind a `$`, braces off, and what follows it.
fn name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(inside) = text.strip_prefix(b"{") {
        let end = memchr::memchr(b'}', inside)?;
        return Some((inside.get(..end)?, inside.get(end + 1..)?));
    }
    let length = text
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .count();
    text.split_at_checked(length).filter(|(name, _)| !name.is_empty())
}
