use super::*;
use crate::{Class, Source, cause::Group, testing::Fixture};
use logscan::{Phase, Trouble};

const fn made_up(id: CauseId, effect_of: &'static [CauseId], weigh: fn(&Case) -> Opinion) -> Cause {
    Cause {
        id,
        title: "made up",
        doc: "",
        group: Group::Process,
        class: Class::Inform,
        share_of: |_| 10,
        phrases: &[],
        effect_of,
        settled_by: ("look closer", "true"),
        told: Told::OnHost {
            weigh,
            advise: |_| String::new(),
            remedies: crate::remedy::none,
            lab: &[],
        },
        file: file!(),
    }
}

fn opinion(evidence: Vec<Evidence>) -> Opinion {
    Opinion {
        subject: "it".into(),
        evidence,
        says: String::new(),
    }
}
fn strong(_: &Case) -> Opinion {
    opinion(vec![Evidence::supports(
        Rank::Strong,
        "yes",
        Source::command("true"),
    )])
}
fn hint(_: &Case) -> Opinion {
    opinion(vec![Evidence::supports(
        Rank::Hint,
        "perhaps",
        Source::command("true"),
    )])
}
fn excluded(_: &Case) -> Opinion {
    opinion(vec![
        Evidence::supports(Rank::Decisive, "yes", Source::command("true")),
        Evidence::refutes(Rank::Decisive, "but no", Source::command("true")),
    ])
}

static ROOT: Cause = made_up("root", &[], strong);
static MIDDLE: Cause = made_up("middle", &["root"], hint);
static RIVAL: Cause = made_up("rival", &[], strong);
static WEAK: Cause = made_up("weak", &[], hint);
static EFFECT: Cause = made_up("effect", &["root"], strong);
static FAR: Cause = made_up("far", &["middle"], strong);
static EXCLUDED: Cause = made_up("excluded", &[], excluded);

#[track_caller]
fn check(causes: &[&'static Cause], expect: &str) {
    let cases = [Fixture::php_fpm().refused().case()];
    let mut reversed = causes.to_vec();
    reversed.reverse();
    for order in [causes, &reversed] {
        let verdict = judge(&cases, order);
        let mut all: Vec<String> = verdict
            .findings
            .iter()
            .map(|it| format!("{:?} {}", it.role, it.cause))
            .collect();
        all.sort();
        assert_eq!(format!("{:?}: {}", verdict.outcome, all.join(", ")), expect);
    }
}

#[test]
fn an_effect_is_not_a_root() {
    check(&[&EFFECT, &ROOT], "Found: Effect effect, Root root");
}
#[test]
fn an_effect_of_an_effect_is_not_a_root() {
    check(&[&FAR, &MIDDLE, &ROOT], "Found: Effect far, Root root");
}
#[test]
fn an_effect_without_its_root_stands_alone() {
    check(&[&EFFECT], "Found: Root effect");
}
#[test]
fn a_chain_holds_what_is_an_effect_of_all_that_follows() {
    static NEAR: Cause = made_up("near", &["far", "middle"], strong);
    static MIDDLE: Cause = made_up("middle", &["root"], strong);
    let cases = [Fixture::php_fpm().refused().case()];
    let verdict = judge(&cases, &[&NEAR, &FAR, &EFFECT, &MIDDLE, &ROOT]);
    let chain = verdict.chain(verdict.root().expect("a root"));
    let ids: Vec<CauseId> = chain.links.iter().map(|link| link.cause).collect();
    // `effect` comes from the root too, but not by way of these
    assert_eq!(ids, ["near", "far", "middle", "root"]);
}
#[test]
fn the_stronger_stands() {
    check(&[&WEAK, &ROOT], "Found: Root root");
}
#[test]
fn a_hint_alone_is_not_enough() {
    check(&[&WEAK], "Unexplained: ");
}
#[test]
fn equals_are_not_decided_by_order() {
    check(&[&ROOT, &RIVAL], "Torn: Contributing rival, Contributing root");
}
#[test]
fn what_is_decisively_excluded_never_stands() {
    check(&[&EXCLUDED], "Unexplained: ");
}
#[test]
fn no_case_is_healthy() {
    assert_eq!(judge(&[], &[&ROOT]).outcome, Outcome::Healthy);
}
#[test]
fn a_failure_that_comes_and_goes_is_not_over_because_one_try_went_well() {
    let once = Fixture::php_fpm().refused().works_now();
    assert_eq!(
        judge(&[once.clone().case()], &[&ROOT]).outcome,
        Outcome::Recovered
    );
    let mut comes_and_goes = once;
    comes_and_goes.neighbours.interleaved = true;
    assert_eq!(judge(&[comes_and_goes.case()], &[&ROOT]).outcome, Outcome::Found);
}
#[test]
fn an_address_that_fails_still_is_not_over_because_another_answers() {
    let mended = |it: &mut Fixture| {
        it.mended = Some(crate::case::Mended {
            seen: false,
            at: crate::testing::NOW,
            says: "started".into(),
        });
    };
    let mut half = Fixture::gunicorn().refused().works_now().with(mended);
    assert_eq!(
        judge(&[half.clone().case()], &[&ROOT]).outcome,
        Outcome::Recovered
    );
    half.neighbours.succeeded = 7;
    assert_eq!(judge(&[half.case()], &[&ROOT]).outcome, Outcome::Found);
}

#[test]
fn what_could_not_be_tried_is_not_said_to_work() {
    let ordered = |seen: bool| {
        let mended = crate::case::Mended {
            seen,
            at: crate::testing::NOW,
            says: "app.service was started".to_owned(),
        };
        let fixture = Fixture::gunicorn()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .requests("POST /order HTTP/1.1");
        fixture.with(|it| {
            it.asked = crate::testing::forbidden("the failing request, asked again");
            it.mended = Some(mended);
        })
    };
    let untried = |fixture: Fixture| {
        let verdict = judge(&[fixture.case()], &[]);
        assert_eq!(verdict.outcome, Outcome::Recovered);
        verdict.symptoms[0].untried.clone()
    };
    assert_eq!(
        untried(ordered(false)).as_deref(),
        Some("app.service was started")
    );
    assert_eq!(untried(ordered(true)), None);
    assert_eq!(untried(ordered(false).works_now()), None);
}
