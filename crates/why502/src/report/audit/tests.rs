use super::*;
use diagnose::{audit, survey::Survey};
use host::{Timestamp, memory::Memory};

/// A report of one finding with a place and one without, and a rule that could not look.
fn report() -> (Report, Audit) {
    let hit = |subject: &str, place: Option<(&str, u32, u32)>| audit::Hit {
        subject: subject.into(),
        place: place.map(|(file, line, column)| diagnose::topology::Place {
            file: file.into(),
            line,
            column,
        }),
        says: format!("{subject} is \u{1b}[31mso"),
        why: "it breaks".into(),
        change: "mend it".into(),
        source: diagnose::evidence::Source::command("true"),
        remedies: Vec::new(),
    };
    let of = |id: &str, hit| Found {
        rule: audit::by_id(id).expect("a rule"),
        hit,
    };
    let audit = Audit {
        found: vec![
            of(
                "socket-in-tmp",
                hit("/tmp/a.sock", Some(("/etc/nginx/sites enabled/a", 7, 22))),
            ),
            of("old-libraries", hit("app.service", None)),
        ],
        blind: vec![(
            audit::by_id("security-updates").expect("a rule"),
            host::Unseen::NotRecorded { what: "lists".into() },
        )],
        asked: audit::ALL.to_vec(),
    };
    let plan = Plan {
        id: "p".into(),
        title: "do it".into(),
    };
    let looked = Looked {
        host: "h".into(),
        at: Timestamp::from_secs(1_700_000_000),
        took_ms: 5,
    };
    (Report::of(&audit, &[Some(plan), None], &looked), audit)
}

/// A rule with all its texts.
fn is_whole(rule: &serde_json::Value) {
    for text in [
        "/id",
        "/shortDescription/text",
        "/fullDescription/text",
        "/help/text",
    ] {
        let text = rule.pointer(text).and_then(|it| it.as_str());
        assert!(text.is_some_and(|it| !it.is_empty()), "{rule}");
    }
    let level = rule.pointer("/defaultConfiguration/level").expect("a level");
    assert!(["note", "warning", "error"].contains(&level.as_str().unwrap_or_default()));
}

/// What GitHub's code scanning demands of an upload, and what SARIF 2.1.0 says of the types.
#[test]
fn sarif_is_what_github_takes() {
    let (report, audit) = report();
    let text = sarif::render(&report, &audit.asked).expect("renders");
    let sarif: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(sarif["version"], "2.1.0");
    assert!(
        sarif["$schema"]
            .as_str()
            .is_some_and(|it| it.contains("sarif-2.1.0"))
    );
    let run = &sarif["runs"][0];
    let driver = &run["tool"]["driver"];
    assert!(driver["name"].is_string());
    let rules = driver["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), audit::ALL.len());
    rules.iter().for_each(is_whole);
    let results = run["results"].as_array().expect("results");
    assert_eq!(results.len(), 2);
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("an index") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(
            result["message"]["text"]
                .as_str()
                .is_some_and(|it| !it.is_empty())
        );
        let place = &result["locations"][0]["physicalLocation"];
        let uri = place["artifactLocation"]["uri"].as_str().expect("a uri");
        assert!(
            !uri.is_empty() && !uri.starts_with('/') && !uri.contains(' '),
            "{uri}"
        );
        assert!(
            place["region"]["startLine"]
                .as_u64()
                .is_some_and(|line| line >= 1)
        );
        assert!(
            result["partialFingerprints"]
                .as_object()
                .is_some_and(|it| !it.is_empty())
        );
    }
    assert!(run["invocations"][0]["executionSuccessful"].is_boolean());
    assert_eq!(
        run["invocations"][0]["toolExecutionNotifications"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn a_screen_says_where_why_and_what_and_nothing_raw() {
    let (report, _) = report();
    let page = text::draw(&report, false);
    for said in [
        "/etc/nginx/sites enabled/a:7:22",
        "-> mend it",
        "It breaks",
        "(socket-in-tmp)",
        "Could not look",
        " 1+",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    assert!(!anstream::adapter::strip_str(&page).to_string().contains('\u{1b}'));
}

#[test]
fn every_rule_explains_itself() {
    for rule in audit::ALL {
        let page = text::explain(rule);
        for heading in [
            "What it sees",
            "How it becomes a 502",
            "The change",
            "Quiet where",
        ] {
            assert!(page.contains(heading), "{}", rule.id);
        }
    }
}

#[test]
fn json_of_a_configuration_alone_asks_only_what_it_can_tell() {
    let survey: Survey = diagnose::survey::of_config(&Memory::default(), std::path::Path::new("/nginx.conf"));
    let audit = audit::audit(&survey, audit::ALL, audit::Needs::Config);
    assert!(audit.blind.is_empty() && audit.asked.len() < audit::ALL.len());
}
