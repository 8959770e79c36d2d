use super::ALL;
use crate::{causes, survey::Survey, testing::Fixture};
use std::collections::BTreeSet;

#[test]
fn ids_are_kebab_case_and_unique_and_name_their_file() {
    let mut seen = BTreeSet::new();
    for rule in ALL {
        assert!(seen.insert(rule.id), "{} is declared twice", rule.id);
        assert!(causes::by_id(rule.id).is_none(), "{} is a cause", rule.id);
        let file = format!("/{}.rs", rule.id.replace('-', "_"));
        assert!(rule.file.ends_with(&file), "{} lives in {}", rule.id, rule.file);
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "reads our own sources, not a host")]
fn no_file_is_forgotten_and_each_fires_and_stays_quiet() {
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/src/audit");
    for entry in std::fs::read_dir(here).expect("our own sources") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .replace('_', "-");
        if ["mod", "tests"].contains(&name.as_str()) {
            continue;
        }
        assert!(super::by_id(&name).is_some(), "{name} is not listed");
        let source = std::fs::read_to_string(&path).expect("our own source");
        for needed in ["fn fires", "fn stays_quiet"] {
            assert!(source.contains(needed), "{name}: no test '{needed}…'");
        }
    }
}

#[test]
fn docs_answer_the_four_questions() {
    for rule in ALL {
        for heading in [
            "# What it sees",
            "# How it becomes a 502",
            "# The change",
            "# Quiet where",
        ] {
            assert!(
                rule.doc.contains(heading),
                "{}: the doc has no '{heading}'",
                rule.id
            );
        }
        let title = rule.title;
        assert!(!title.ends_with('.') && title.len() <= 60, "{}: {title}", rule.id);
    }
}

#[test]
fn what_is_foreseen_is_known() {
    for rule in ALL {
        for id in rule.foresees {
            assert!(
                causes::by_id(id).is_some(),
                "{} foresees the unknown {id}",
                rule.id
            );
        }
    }
}

/// Of hosts that are well and carefully set up, no rule says anything.
#[test]
fn careful_hosts_are_left_in_peace() {
    let careful = [
        Fixture::php_fpm(),
        Fixture::gunicorn().runs("/opt/gunicorn --timeout 50 a:b"),
        Fixture::apache(),
        Fixture::node(),
    ];
    for fixture in careful {
        let survey = Survey::of(fixture.unit(|unit| unit.restart = "on-failure".into()));
        for rule in ALL {
            assert_eq!(survey.told(rule), Vec::<String>::new(), "{}", rule.id);
            assert!((rule.check)(&survey).unseen.is_empty(), "{}", rule.id);
        }
    }
}
