//! What somebody asks for by name, where nobody judged the host: a visitor's machine.

use super::{CannotDraft, desk::Desk, finish};
use crate::{Holds, Plan, Proof};
use diagnose::{Class, Diagnosis, Measure};
use host::Host;
use std::time::Duration;

/// What is asked for, why, and what must hold afterwards.
#[derive(Clone, Debug)]
pub struct Wish {
    /// What it is against: an id of the catalogue.
    pub cause: &'static str,
    /// What it is about: a name, an interface, a site.
    pub subject: String,
    /// What is seen now, one sentence.
    pub why: String,
    /// What is done, imperative, lower case, one line.
    pub title: String,
    /// By these.
    pub measures: Vec<Measure>,
    /// What must hold within `patience`, or all of it is taken back.
    pub holds: Vec<Holds>,
    /// How long that may take to come about.
    pub patience: Duration,
}

/// Turns a wish into exact steps. Looks only.
///
/// # Errors
/// Where a measure can't be made into steps, or nothing is left to do.
pub fn grant(host: &dyn Host, wish: &Wish) -> Result<Plan, CannotDraft> {
    let diagnosis = Diagnosis::unasked(host);
    let mut desk = Desk::new(host, &diagnosis);
    finish(&mut desk, &wish.measures)?;
    Ok(Plan {
        schema: Plan::SCHEMA.to_owned(),
        cause: wish.cause.to_owned(),
        subject: wish.subject.clone(),
        why: wish.why.clone(),
        title: wish.title.clone(),
        class: Class::Ask,
        relief: false,
        steps: desk.steps,
        proof: Proof {
            holds: wish.holds.clone(),
            warm_up_ms: wish.patience.as_millis().try_into().unwrap_or(u64::MAX),
            ..Proof::default()
        },
        notes: desk.notes,
    })
}
