//! Guard rails: what must not be done, whoever asks. Each rule is a pure function of the plan, the policy and the facts.

use crate::{
    Access, Plan, Step,
    policy::{Agreed, Facts, Policy, may_change},
    show,
};
use diagnose::{Class, traffic::proxies, verdict::Outcome};
use serde::Serialize;
use std::{
    collections::BTreeSet,
    path::{Component, Path},
};

/// Why a plan may not be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Objection {
    /// The rule's name.
    pub rule: &'static str,
    /// What is wrong, and what a person could do, in one sentence.
    pub says: String,
}

/// Minutes.
const LONGEST_BAN: u32 = 24 * 60;

/// One rule: `Some` sentence is an objection.
pub type Rule = fn(&Plan, &Policy, &Facts) -> Option<String>;

/// Every rule.
pub const RULES: &[(&str, Rule)] = &[
    ("class", class),
    ("agreement", agreement),
    ("reversible", reversible),
    ("reboot", reboot),
    ("reboot-last", reboot_last),
    ("roots", roots),
    ("access", access),
    ("restart-interval", restart_interval),
    ("disk-full", disk_full),
    ("crash-loop", crash_loop),
    ("ban", ban),
    ("one-at-a-time", one_at_a_time),
    ("verdict", verdict),
    ("blast-radius", blast_radius),
];

/// Everything that speaks against it; empty where it may be done.
pub fn review(plan: &Plan, policy: &Policy, facts: &Facts) -> Vec<Objection> {
    let objections = RULES.iter().filter_map(|(rule, judge)| {
        let says = judge(plan, policy, facts)?;
        Some(Objection { rule, says })
    });
    objections.collect()
}

/// A cause of class `never` or `inform` has no plan.
fn class(plan: &Plan, _: &Policy, _: &Facts) -> Option<String> {
    let forbidden = matches!(plan.class, Class::Never | Class::Inform);
    forbidden.then(|| format!("{} is mended by a person only", plan.cause))
}

/// A person decides about class `ask`.
fn agreement(plan: &Plan, _: &Policy, facts: &Facts) -> Option<String> {
    let unasked = plan.class == Class::Ask && facts.agreed == Agreed::Nobody;
    unasked.then(|| "a person must agree to this plan".to_owned())
}

/// What can't be taken back needs a person.
fn reversible(plan: &Plan, _: &Policy, facts: &Facts) -> Option<String> {
    let step = plan.steps.iter().position(|step| !step.is_reversible())?;
    (facts.agreed == Agreed::Nobody).then(|| {
        format!(
            "step {} can't be taken back, so a person must agree to it",
            step + 1
        )
    })
}

/// Agreeing to a plan is not agreeing to a reboot.
fn reboot(plan: &Plan, _: &Policy, facts: &Facts) -> Option<String> {
    let reboots = plan.steps.contains(&Step::Reboot);
    (reboots && facts.agreed < Agreed::ToAReboot).then(|| {
        "it restarts the whole host, which must be agreed to by name: why502 fix --agree-reboot".to_owned()
    })
}

/// Nothing can be done behind a reboot.
fn reboot_last(plan: &Plan, _: &Policy, _: &Facts) -> Option<String> {
    let at = plan.steps.iter().position(|step| *step == Step::Reboot)?;
    (at + 1 != plan.steps.len()).then(|| "steps behind a reboot would not be done".to_owned())
}

/// Files are changed below allowed roots only.
fn roots(plan: &Plan, policy: &Policy, _: &Facts) -> Option<String> {
    let paths = plan.steps.iter().filter_map(Step::path);
    let outside = paths.into_iter().find(|path| !is_below(path, policy))?;
    Some(format!(
        "{} is outside of what why502 may change",
        outside.display()
    ))
}

fn is_below(path: &Path, policy: &Policy) -> bool {
    let plain = path
        .components()
        .all(|it| matches!(it, Component::RootDir | Component::Normal(_)));
    plain && may_change(path, &policy.roots)
}

/// Nobody gets to write who is not named: 666 and 777 are never an answer.
fn access(plan: &Plan, _: &Policy, _: &Facts) -> Option<String> {
    let opens = |from: Option<&Access>, to: &Access| {
        // a sticky directory that was open stays one
        let new = to.mode & !from.map_or(0, |from| from.mode);
        new & 0o002 != 0 || new & 0o6000 != 0
    };
    let step = plan.steps.iter().find(|step| match step {
        Step::SetAccess { from, to, .. } => opens(Some(from), to),
        Step::Write {
            from, to: Some(to), ..
        } => opens(from.as_ref().map(|it| &it.access), &to.access),
        _ => false,
    })?;
    let path = step.path()?.display();
    Some(format!(
        "{path} would be writable for everybody, or run as its owner"
    ))
}

/// What a restart did not heal another won't.
fn restart_interval(plan: &Plan, policy: &Policy, facts: &Facts) -> Option<String> {
    let units = restarted(plan);
    let minutes = policy.between_restarts.as_secs() / 60;
    let mut past = facts.past.iter().flat_map(|past| &past.restarts);
    let (unit, at) = past
        .find(|(unit, at)| units.contains(unit.as_str()) && facts.now.since(*at) < policy.between_restarts)?;
    Some(format!(
        "{unit} was restarted at {at}; why502 restarts a unit at most once in {minutes} minutes"
    ))
}

/// A service that can't write does not come back.
fn disk_full(plan: &Plan, policy: &Policy, facts: &Facts) -> Option<String> {
    let units = restarted(plan);
    let unit = units.first()?;
    // a plan that makes room first may start what died for want of it
    let made: u64 = plan
        .steps
        .iter()
        .map_while(|step| match step {
            Step::Restart { .. } | Step::Start { .. } => None,
            Step::Reclaim { bytes, .. } => Some(*bytes),
            _ => Some(0),
        })
        .sum();
    let free = facts
        .free
        .filter(|free| free.saturating_add(made) < policy.free_for_restart)?;
    Some(format!(
        "the disk is full ({free} bytes are free): {unit} may not come back; free some space first"
    ))
}

/// systemd restarts it already.
fn crash_loop(plan: &Plan, _: &Policy, facts: &Facts) -> Option<String> {
    // a plan that also mends its config or unit may start it
    let mends = plan.steps.iter().any(|step| step.path().is_some());
    let units = restarted(plan);
    let unit = units.iter().find(|unit| facts.crash_looping.contains(**unit))?;
    (!mends).then(|| format!("{unit} ends again each time it is started: another restart changes nothing"))
}

/// A ban has an end, and is for one address of a stranger.
fn ban(plan: &Plan, _: &Policy, _: &Facts) -> Option<String> {
    let bans = plan.steps.iter().filter_map(|step| match step {
        Step::RefuseFlow { rule } => rule.ban(),
        _ => None,
    });
    bans.into_iter().find_map(|(addresses, minutes)| {
        if let Some(address) = addresses.iter().find(|it| proxies::is_proxy(**it, &[])) {
            return Some(format!(
                "{address} is of an inner network or of a CDN: whoever stands behind it would be refused too"
            ));
        }
        let endless = minutes.is_some_and(|minutes| !(1..=LONGEST_BAN).contains(&minutes));
        endless.then(|| "the ban has no end within a day".to_owned())
    })
}

/// One plan at a time.
fn one_at_a_time(_: &Plan, _: &Policy, facts: &Facts) -> Option<String> {
    let open = facts.open.as_ref()?;
    Some(format!("fix {open} is half done: why502 undo {open} first"))
}

/// Only a cause that was found is mended.
fn verdict(_: &Plan, _: &Policy, facts: &Facts) -> Option<String> {
    match facts.verdict {
        Outcome::Found => None,
        Outcome::Torn => {
            Some("it is open which cause is the root: what would settle it comes first".to_owned())
        }
        Outcome::Unexplained => Some("the cause was not found".to_owned()),
        Outcome::Recovered | Outcome::Healthy => Some("nothing fails now".to_owned()),
    }
}

/// Too much at once is not a repair.
fn blast_radius(plan: &Plan, policy: &Policy, _: &Facts) -> Option<String> {
    let units: BTreeSet<&str> = plan.steps.iter().filter_map(Step::unit).collect();
    let disturbing = plan
        .steps
        .iter()
        .filter(|step| show::disturbs(step).is_some())
        .count();
    let counts = [
        (plan.steps.len(), policy.steps, "steps"),
        (units.len(), policy.units, "units"),
        (disturbing, policy.disturbances, "steps that disturb live traffic"),
    ];
    let (count, most, of) = counts.into_iter().find(|(count, most, _)| count > most)?;
    Some(format!("it has {count} {of}, and policy allows {most}"))
}

fn restarted(plan: &Plan) -> BTreeSet<&str> {
    let restarts = plan.steps.iter().filter_map(|step| match step {
        Step::Restart { unit, .. } | Step::Start { unit, .. } => Some(unit.as_str()),
        _ => None,
    });
    restarts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        FixId, FlowRule, Phase,
        history::Past,
        testing::{FPM, access as mode, plan, restart, start, write},
    };
    use host::Timestamp;

    const NOW: Timestamp = Timestamp::from_secs(1_795_369_501);

    fn facts() -> Facts {
        Facts {
            verdict: Outcome::Found,
            now: NOW,
            past: Vec::new(),
            open: None,
            free: Some(1 << 30),
            crash_looping: BTreeSet::new(),
            agreed: Agreed::ToThePlan,
        }
    }

    fn edit(path: &str) -> Plan {
        plan(vec![write(path, Some("a"), Some("b"))])
    }

    fn set_mode(from: u32, to: u32) -> Plan {
        plan(vec![Step::SetAccess {
            path: "/run/php.sock".into(),
            from: mode(from),
            to: mode(to),
        }])
    }

    fn check(plan: &Plan, facts: &Facts, expected: &[&str]) {
        let found: Vec<&str> = review(plan, &Policy::default(), facts)
            .iter()
            .map(|it| it.rule)
            .collect();
        assert_eq!(found, expected, "{plan:?}");
    }

    fn unasked() -> Facts {
        Facts {
            agreed: Agreed::Nobody,
            ..facts()
        }
    }

    fn of_class(class: Class, plan: Plan) -> Plan {
        Plan { class, ..plan }
    }

    #[test]
    fn a_sound_plan_has_nothing_against_it() {
        check(&edit("/etc/nginx/nginx.conf"), &facts(), &[]);
        check(
            &of_class(Class::Auto, edit("/etc/nginx/nginx.conf")),
            &unasked(),
            &[],
        );
        check(&plan(vec![restart("active")]), &facts(), &[]);
    }

    #[test]
    fn class() {
        for class in [Class::Never, Class::Inform] {
            check(&of_class(class, edit("/etc/a")), &facts(), &["class"]);
        }
    }

    #[test]
    fn agreement() {
        check(&of_class(Class::Ask, edit("/etc/a")), &unasked(), &["agreement"]);
    }

    #[test]
    fn reversible() {
        let end = Step::EndProcesses {
            processes: Vec::new(),
        };
        let room = Step::Reclaim {
            of: diagnose::limits::Reclaimable::Journal,
            bytes: 1 << 30,
        };
        for step in [restart("active"), end, room] {
            check(
                &of_class(Class::Auto, plan(vec![step])),
                &unasked(),
                &["reversible"],
            );
        }
    }

    #[test]
    fn reboot() {
        let reboots = plan(vec![Step::Reboot]);
        let by_name = Facts {
            agreed: Agreed::ToAReboot,
            ..facts()
        };
        check(&reboots, &facts(), &["reboot"]);
        check(&reboots, &by_name, &[]);
        check(
            &plan(vec![Step::Reboot, start("failed")]),
            &by_name,
            &["reboot-last"],
        );
    }

    #[test]
    fn ban() {
        let refuse = |address: &str, minutes| {
            let rule = FlowRule::Own {
                addresses: vec![address.parse().expect("an address")],
                ports: vec![80],
                minutes,
            };
            plan(vec![Step::RefuseFlow { rule }])
        };
        check(&refuse("203.0.113.9", 60), &facts(), &[]);
        for (address, minutes) in [
            ("172.67.1.1", 60),
            ("127.0.0.1", 60),
            ("10.1.2.3", 60),
            ("203.0.113.9", 0),
            ("203.0.113.9", 7 * 24 * 60),
        ] {
            check(&refuse(address, minutes), &facts(), &["ban"]);
        }
    }

    #[test]
    fn roots() {
        for path in [
            "/usr/bin/nginx",
            "/etc",
            "/etc/../bin/sh",
            "/root/.ssh/authorized_keys",
            "etc/a",
            "/etcetera/a",
            "/var/lib",
            "/var/lib/nginxes",
        ] {
            check(&edit(path), &facts(), &["roots"]);
        }
        for path in [
            "/etc/a",
            "/run/php/a.sock",
            "/usr/local/etc/x/y",
            "/var/lib/nginx",
        ] {
            check(&edit(path), &facts(), &[]);
        }
    }

    #[test]
    fn access() {
        for to in [0o666, 0o777, 0o602, 0o4755, 0o2755] {
            check(&set_mode(0o600, to), &facts(), &["access"]);
        }
        for (from, to) in [(0o600, 0o660), (0o755, 0o711), (0o1777, 0o1777), (0o2750, 0o2770)] {
            check(&set_mode(from, to), &facts(), &[]);
        }
    }

    #[test]
    fn restart_interval() {
        let plans = [plan(vec![restart("active")]), plan(vec![start("failed")])];
        for (ago, expected) in [(599, &["restart-interval"][..]), (601, &[])] {
            let facts = Facts {
                past: vec![restarted_before(FPM, ago)],
                ..facts()
            };
            plans.iter().for_each(|plan| check(plan, &facts, expected));
        }
        let other = Facts {
            past: vec![restarted_before("other.service", 1)],
            ..facts()
        };
        check(&plans[0], &other, &[]);
    }

    fn restarted_before(unit: &str, secs: i64) -> Past {
        Past {
            id: id(),
            at: NOW,
            by: crate::testing::author(),
            cause: String::new(),
            subject: String::new(),
            title: String::new(),
            plan: crate::PlanId(String::new()),
            relief: false,
            phase: Phase::Kept,
            says: String::new(),
            restarts: vec![(unit.into(), Timestamp::from_secs(NOW.secs() - secs))],
        }
    }

    fn id() -> FixId {
        "20261122-174501-3f9a0c12de".parse().expect("an id")
    }

    #[test]
    fn disk_full() {
        let full = Facts {
            free: Some(4096),
            ..facts()
        };
        check(&plan(vec![restart("active")]), &full, &["disk-full"]);
        check(&edit("/etc/a"), &full, &[]);
        let room = |bytes| Step::Reclaim {
            of: diagnose::limits::Reclaimable::AptCache,
            bytes,
        };
        check(&plan(vec![room(90 << 20), start("failed")]), &full, &[]);
        check(&plan(vec![room(9 << 20), start("failed")]), &full, &["disk-full"]);
        check(
            &plan(vec![start("failed"), room(90 << 20)]),
            &full,
            &["disk-full"],
        );
        check(
            &plan(vec![restart("active")]),
            &Facts {
                free: None,
                ..facts()
            },
            &[],
        );
    }

    #[test]
    fn crash_loop() {
        let looping = Facts {
            crash_looping: [FPM.to_owned()].into(),
            ..facts()
        };
        check(&plan(vec![restart("activating")]), &looping, &["crash-loop"]);
        check(
            &plan(vec![write("/etc/a", None, Some("b")), restart("activating")]),
            &looping,
            &[],
        );
    }

    #[test]
    fn one_at_a_time() {
        let open = Facts {
            open: Some(id()),
            ..facts()
        };
        check(&edit("/etc/a"), &open, &["one-at-a-time"]);
    }

    #[test]
    fn verdict() {
        for verdict in [
            Outcome::Torn,
            Outcome::Unexplained,
            Outcome::Recovered,
            Outcome::Healthy,
        ] {
            check(&edit("/etc/a"), &Facts { verdict, ..facts() }, &["verdict"]);
        }
    }

    #[test]
    fn blast_radius() {
        let many = |count: usize| plan(vec![write("/etc/a", Some("a"), Some("b")); count]);
        let units = |count: usize| {
            let start = |n: usize| Step::Start {
                unit: format!("{n}.service"),
                from: crate::UnitState {
                    active: "inactive".into(),
                    main_pid: None,
                },
            };
            plan((0..count).map(start).collect())
        };
        check(&many(32), &facts(), &[]);
        check(&many(33), &facts(), &["blast-radius"]);
        check(&units(4), &facts(), &[]);
        check(&units(5), &facts(), &["blast-radius"]);
        check(&plan(vec![restart("active"); 4]), &facts(), &["blast-radius"]);
    }
}
