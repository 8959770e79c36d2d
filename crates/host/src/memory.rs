//! A host written down as a table of looks and answers: for tests, and the heart of every replay.

use crate::{Answer, Host, Look, Query, Unseen};
use std::collections::BTreeMap;

/// Answers what it was told, and nothing else.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    looks: BTreeMap<Query, Look<Answer>>,
}

impl Memory {
    /// Adds or replaces one look.
    pub fn set(&mut self, query: Query, answer: Look<Answer>) -> &mut Self {
        self.looks.insert(query, answer);
        self
    }

    /// Every look and its answer.
    pub fn iter(&self) -> impl Iterator<Item = (&Query, &Look<Answer>)> {
        self.looks.iter()
    }
}

impl Host for Memory {
    fn ask(&self, query: &Query) -> Look<Answer> {
        self.looks.get(query).cloned().unwrap_or_else(|| {
            Err(Unseen::NotRecorded {
                what: format!("{query:?}"),
            })
        })
    }
}
