//! `--only`: some steps of a plan, with those that they need.

use remedy::{Plan, Step};

/// Keeps these steps (numbered from one) and says what came along. A file's edit brings the tests, reloads and starts
/// behind it that let it take effect: an edit that nobody reads mends nothing. Whatever starts or reloads a program brings the tests before it.
///
/// # Errors
/// A number that the plan does not have.
pub fn only(mut plan: Plan, numbers: &[usize]) -> Result<(Plan, Vec<usize>), String> {
    let count = plan.steps.len();
    if let Some(number) = numbers.iter().find(|number| **number > count) {
        return Err(format!("the plan has no step {number}: it has {count}"));
    }
    if numbers.is_empty() {
        return Ok((plan, Vec::new()));
    }
    let is_chosen = |index: usize| numbers.contains(&(index + 1));
    let steps = &plan.steps;
    let needed = |index: usize| {
        let mut chosen = (0..count).filter(|other| is_chosen(*other));
        chosen.any(|other| needs(&steps[other], other, &steps[index], index))
    };
    let along: Vec<usize> = (0..count)
        .filter(|index| !is_chosen(*index) && needed(*index))
        .collect();
    let keeps = |index: &usize| is_chosen(*index) || along.contains(index);
    plan.steps = (0..count)
        .filter(keeps)
        .map(|index| steps[index].clone())
        .collect();
    Ok((plan, along.iter().map(|index| index + 1).collect()))
}

fn needs(chosen: &Step, at: usize, other: &Step, there: usize) -> bool {
    match (chosen, other) {
        (
            Step::Write { .. },
            Step::Test { .. }
            | Step::Reload { .. }
            | Step::DaemonReload
            | Step::Start { .. }
            | Step::Restart { .. },
        ) => there > at,
        (Step::Start { .. } | Step::Restart { .. } | Step::Reload { .. }, Step::Test { .. }) => there < at,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use remedy::{Proof, Test, UnitState};

    fn plan() -> Plan {
        let unit = || "app.service".to_owned();
        let from = UnitState {
            active: "inactive".into(),
            main_pid: None,
        };
        let write = Step::Write {
            path: "/etc/a".into(),
            from: None,
            to: None,
        };
        let test = Step::Test { test: Test::Apache };
        Plan {
            schema: Plan::SCHEMA.into(),
            cause: "c".into(),
            subject: "s".into(),
            why: "w".into(),
            title: "t".into(),
            class: diagnose::Class::Ask,
            relief: false,
            steps: vec![
                write,
                Step::DaemonReload,
                test,
                Step::Start { unit: unit(), from },
            ],
            proof: Proof::default(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn steps_come_with_what_they_need() {
        type Row<'a> = (&'a [usize], Option<&'a [usize]>, usize);
        let rows: [Row<'_>; 6] = [
            (&[], Some(&[]), 4),
            (&[1], Some(&[2, 3, 4]), 4),
            (&[4], Some(&[3]), 2),
            (&[2], Some(&[]), 1),
            (&[1, 4], Some(&[2, 3]), 4),
            (&[5], None, 0),
        ];
        for (numbers, along, kept) in rows {
            let got = only(plan(), numbers).ok();
            assert_eq!(
                got.as_ref().map(|(_, along)| along.as_slice()),
                along,
                "{numbers:?}"
            );
            assert_eq!(got.map_or(0, |(plan, _)| plan.steps.len()), kept, "{numbers:?}");
        }
    }

    #[test]
    fn another_choice_is_another_plan() {
        let (some, _) = only(plan(), &[2]).unwrap();
        assert_ne!(some.id(), plan().id());
    }
}
