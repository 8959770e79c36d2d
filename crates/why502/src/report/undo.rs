//! `why502/undo/1`: what taking a fix back would do, or did. The types are the schema.

use super::fix::{self, Step};
use crate::screen::{BAD, GOOD, STRONG, paragraph};
use schemars::JsonSchema;
use serde::Serialize;

/// What `why502 undo --json` prints.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Always `why502/undo/1`.
    pub schema: &'static str,
    /// Version of the program.
    pub version: &'static str,
    /// The fix; null where there is none to take back.
    pub id: Option<String>,
    /// The cause it was for.
    pub cause: String,
    /// What it did.
    pub title: String,
    /// Where it stood.
    pub stood: String,
    /// What taking it back does, in this order; numbered as in the plan.
    pub steps: Vec<Step>,
    /// How it ended.
    pub outcome: Outcome,
    /// The same in plain words, with what to do next.
    pub outcome_says: String,
    /// Where somebody edited what would be put back.
    pub conflict: Option<Conflict>,
}

/// How taking back ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was printed and nothing was done.
    Planned,
    /// The host is as it was before the fix.
    Undone,
    /// There was nothing to take back.
    Nothing,
    /// Somebody edited what would be put back, or another fix is under way; nothing was touched.
    Refused,
    /// Some of it could not be taken back.
    HalfDone,
}

/// Two versions of one thing.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Conflict {
    /// The file, where it is one.
    pub path: Option<String>,
    /// As the fix left it.
    pub left: String,
    /// As it is now.
    pub found: String,
    /// From the one to the other, a unified diff.
    pub diff: Option<String>,
}

impl Report {
    /// Where there is none to take back.
    pub fn nothing(says: String) -> Self {
        Self {
            schema: "why502/undo/1",
            version: env!("CARGO_PKG_VERSION"),
            id: None,
            cause: String::new(),
            title: String::new(),
            stood: String::new(),
            steps: Vec::new(),
            outcome: Outcome::Nothing,
            outcome_says: says,
            conflict: None,
        }
    }

    /// Of a fix that is to be taken back by these steps.
    pub fn of(fix: &remedy::Fix, steps: &[(usize, remedy::Step)]) -> Self {
        let plan = fix.plan();
        Self {
            id: Some(fix.id().to_string()),
            cause: plan.cause.clone(),
            title: plan.title.clone(),
            stood: fix.journal.phase().says().to_owned(),
            steps: steps
                .iter()
                .map(|(index, step)| Step::of(index + 1, step))
                .collect(),
            outcome: Outcome::Planned,
            ..Self::nothing(String::new())
        }
    }

    /// What it will do, for people.
    pub fn draw(&self) -> String {
        let mut page = String::new();
        let Some(id) = &self.id else { return page };
        paragraph(
            &mut page,
            STRONG,
            "Undo",
            &format!("{} ({}), fix {id}: {}", self.title, self.cause, self.stood),
        );
        fix::draw_steps(&mut page, &self.steps);
        let disturbs: Vec<&str> = self
            .steps
            .iter()
            .filter_map(|step| step.disturbs.as_deref())
            .collect();
        if !disturbs.is_empty() {
            paragraph(&mut page, STRONG, "Disturbs", &disturbs.join("; "));
        }
        page
    }

    /// How it ended, for people.
    pub fn draw_end(&self) -> String {
        let (style, label) = match self.outcome {
            Outcome::Undone => (GOOD, "Undone"),
            Outcome::Nothing => (GOOD, "Nothing"),
            Outcome::Planned => (STRONG, "Not done"),
            Outcome::Refused => (BAD, "Not done"),
            Outcome::HalfDone => (BAD, "Half done"),
        };
        let mut page = String::new();
        if let Some(diff) = self.conflict.as_ref().and_then(|it| it.diff.as_deref()) {
            fix::draw_diff(&mut page, diff);
        }
        page + &fix::draw_lines(style, label, &self.outcome_says)
    }
}
