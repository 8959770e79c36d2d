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

    /// What it was told of this look.
    pub fn get(&self, query: &Query) -> Option<&Look<Answer>> {
        self.looks.get(query)
    }

    /// Adds a look unless it is there already; the answer it has then.
    pub fn first(&mut self, query: Query, answer: Look<Answer>) -> Look<Answer> {
        self.looks.entry(query).or_insert(answer).clone()
    }

    /// Every look and its answer.
    pub fn iter(&self) -> impl Iterator<Item = (&Query, &Look<Answer>)> {
        self.looks.iter()
    }
}

impl Host for Memory {
    fn ask(&self, query: &Query) -> Look<Answer> {
        self.get(query)
            .cloned()
            .unwrap_or_else(|| Err(Unseen::NotRecorded { what: what(query) }))
    }
}

/// What was asked about, for people.
fn what(query: &Query) -> String {
    match query {
        Query::File { path, .. } | Query::Dir { path } | Query::Stat { path, .. } => {
            path.display().to_string()
        }
        Query::Run(tool) => format!("{tool:?}"),
        query => format!("{query:?}"),
    }
}
