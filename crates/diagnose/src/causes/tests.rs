use super::ALL;
use crate::{Class, cause::Told, judge::deeper};
use std::collections::BTreeSet;

#[test]
fn ids_are_kebab_case_and_unique_and_name_their_file() {
    let mut seen = BTreeSet::new();
    for cause in ALL {
        assert!(seen.insert(cause.id), "{} is declared twice", cause.id);
        assert!(
            cause
                .id
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        );
        let file = format!("/{}.rs", cause.id.replace('-', "_"));
        assert!(
            cause.file.ends_with(&file),
            "{} lives in {}",
            cause.id,
            cause.file
        );
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "reads our own sources, not a host")]
fn no_file_is_forgotten() {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/src/causes");
    let files: BTreeSet<String> = std::fs::read_dir(here)
        .expect("our own sources")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !["mod.rs", "tests.rs"].contains(&name.as_str()))
        .collect();
    let listed = ALL
        .iter()
        .map(|cause| format!("{}.rs", cause.id.replace('-', "_")))
        .collect();
    assert_eq!(files, listed);
}

#[test]
fn docs_answer_the_four_questions() {
    for cause in ALL {
        for heading in ["# What happens", "# How to tell", "# Fix", "# Not this if"] {
            assert!(
                cause.doc.contains(heading),
                "{}: the doc has no '{heading}'",
                cause.id
            );
        }
    }
}

#[test]
fn titles_read_alike() {
    for cause in ALL {
        let title = cause.title;
        assert!(
            !title.ends_with('.') && title.len() <= 60,
            "{}: {title}",
            cause.id
        );
        let first_word = title.split(' ').next().unwrap_or_default();
        let name = first_word.chars().skip(1).any(char::is_uppercase) || first_word.starts_with("Apache");
        assert!(
            title.starts_with(char::is_lowercase) || name,
            "{}: {title}",
            cause.id
        );
    }
}

#[test]
fn no_cause_is_its_own_effect() {
    for cause in ALL {
        for id in cause.effect_of {
            assert!(
                ALL.iter().any(|it| it.id == *id),
                "{} is an effect of the unknown {id}",
                cause.id
            );
        }
        assert!(
            !deeper(cause, ALL).contains(cause.id),
            "{} is its own effect",
            cause.id
        );
    }
}

#[test]
fn a_cause_that_is_judged_has_a_lab_scenario() {
    for cause in ALL {
        if let Told::OnHost { lab, .. } = cause.told {
            assert!(!lab.is_empty(), "{}: no lab scenario", cause.id);
        }
    }
}

/// The reason stands where `explain` and the manual show it.
#[test]
fn what_may_be_mended_is_mended_or_says_why_a_person_must() {
    for cause in ALL {
        let Told::OnHost { remedies, .. } = cause.told else {
            continue;
        };
        let fix = cause
            .doc
            .split("# ")
            .find(|it| it.starts_with("Fix"))
            .unwrap_or_default();
        let none: fn(&crate::Case) -> Vec<crate::Remedy> = crate::remedy::none;
        let for_a_person = std::ptr::fn_addr_eq(remedies, none);
        if matches!(cause.class, Class::Auto | Class::Ask) && for_a_person {
            assert!(
                fix.contains("Only a person"),
                "{}: why has it no remedy?",
                cause.id
            );
        }
        assert!(
            fix.trim().len() > "Fix".len() + 10,
            "{}: what is the remedy?",
            cause.id
        );
    }
}

#[test]
fn what_is_not_ours_to_change_has_no_remedy() {
    for cause in ALL {
        if let (Class::Never | Class::Inform, Told::OnHost { remedies, .. }) = (cause.class, &cause.told) {
            let none: fn(&crate::Case) -> Vec<crate::Remedy> = crate::remedy::none;
            assert!(std::ptr::fn_addr_eq(*remedies, none), "{} has a remedy", cause.id);
        }
    }
}
