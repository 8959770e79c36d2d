//! A site as one visitor meets it: looked at from the visitor's own machine, step by step, and judged whose its failure
//! is. [`look`] only asks, [`judge`] only thinks.

pub mod answer;
pub mod case;
pub mod hop;
mod judge;
pub mod like;
mod look;
pub mod operator;
pub mod place;
pub mod steps;
pub mod tls;

pub use answer::Page;
pub use case::{Check, Question};
pub use judge::{Judgement, Outcome, Whose, judge};
pub use look::look;
pub use place::Place;
