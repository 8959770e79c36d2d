//! Every scenario, in the order of the catalogue of causes. One fault, one file.

use crate::Scenario;

mod backend_stopped;
mod controls;

/// The one list.
static ALL: &[&[Scenario]] = &[backend_stopped::SCENARIOS, controls::SCENARIOS];

/// All scenarios, in the order in which they are played and reported.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    ALL.iter().copied().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_everything_is_explained() {
        let mut names = BTreeSet::new();
        for scenario in all() {
            assert!(names.insert(scenario.name), "{} is there twice", scenario.name);
            assert!(scenario.about.len() > 40, "{}: say what it does", scenario.name);
        }
    }
}
