//! `why502 audit --fix`: one plan a finding, by the same way as `why502 fix`: shown, agreed to, written down, proved.

use super::Look;
use crate::{
    ask, cli,
    commands::{
        diagnose::hostname,
        fix::{doing::Doer, facts::facts, needs_root},
        history::hinted,
    },
    exit::Exit,
    interrupt::Interrupt,
    report::fix::{self, Fix, Outcome, Report, Shown},
};
use anyhow::Context;
use diagnose::audit::Found;
use host::{Looks, live::Live};
use remedy::{Agreed, Plan, Policy, Store, review};
use std::{collections::BTreeSet, io::Write};

/// Changes what was found, finding by finding.
pub fn run(options: &cli::Audit, live: &Live) -> anyhow::Result<Exit> {
    if !rustix::process::geteuid().is_root() {
        return needs_root("audit --fix");
    }
    let interrupt = Interrupt::listen().context("listening for Ctrl-C")?;
    let store = hinted(Store::open(&options.state.dir()))?;
    let session = Session {
        options,
        live,
        store: &store,
        interrupt: &interrupt,
    };
    let fixes = session.all()?;
    if options.json {
        let page = report(live, fixes.clone()).render()?;
        anstream::stdout().write_all(page.as_bytes())?;
    }
    let left = |fix: &Fix| !matches!(fix.outcome, Outcome::Fixed | Outcome::Relieved);
    Ok(if fixes.iter().any(left) {
        Exit::CauseFound
    } else {
        Exit::Good
    })
}

fn report(live: &Live, fixes: Vec<Fix>) -> Report {
    let found = if fixes.is_empty() { "healthy" } else { "found" };
    Report {
        schema: "why502/repair/1",
        version: env!("CARGO_PKG_VERSION"),
        host: hostname(live),
        at: live.now().unwrap_or_default().to_string(),
        verdict: found.to_owned(),
        says: format!("{} findings of an audit", fixes.len()),
        fixes,
    }
}

struct Session<'a> {
    options: &'a cli::Audit,
    live: &'a Live,
    store: &'a Store,
    interrupt: &'a Interrupt,
}

/// What a finding is known by from one look to the next.
type Key = (&'static str, String, String);

fn key(found: &Found) -> Key {
    let place = found.hit.place.as_ref().map(diagnose::audit::spot);
    (
        found.rule.id,
        found.hit.subject.clone(),
        place.unwrap_or_default(),
    )
}

impl Session<'_> {
    /// Numbers are those of the first look. After a change the host is looked at anew: plans follow what is there.
    fn all(&self) -> anyhow::Result<Vec<Fix>> {
        let mut look = Look::at(self.live, self.options)?;
        let chosen = self.chosen(&look)?;
        let (mut fixes, mut taken) = (Vec::new(), BTreeSet::new());
        while let Some(found) = next(&look, &chosen, &taken) {
            taken.insert(key(&found));
            let fix = self.one(&look, &found)?;
            self.say(&fix::draw_end(fix.outcome, &fix.outcome_says));
            self.say("\n");
            let changed = fix.id.is_some();
            fixes.push(fix);
            if self.interrupt.came() {
                break;
            }
            if changed {
                look = Look::at(self.live, self.options)?;
            }
        }
        if fixes.is_empty() {
            self.say("There is nothing that why502 can change here; why502 audit says what a person can.\n");
        }
        Ok(fixes)
    }

    fn chosen(&self, look: &Look) -> anyhow::Result<BTreeSet<Key>> {
        let found = &look.audit.found;
        let count = found.len();
        if let Some(number) = self.options.only.iter().find(|number| **number > count) {
            anyhow::bail!("there is no finding {number}: there are {count}");
        }
        let numbered = (1..).zip(found);
        let by_number = |number: &usize| self.options.only.contains(number);
        let takes = |(number, found): &(usize, &Found)| match self.options.only.is_empty() {
            true => !found.hit.remedies.is_empty(),
            false => by_number(number),
        };
        Ok(numbered.filter(takes).map(|(_, found)| key(found)).collect())
    }

    fn one(&self, look: &Look, found: &Found) -> anyhow::Result<Fix> {
        let mut fix = Fix::of(&found.finding(), 1);
        let plan = match look.plan(self.live, found) {
            Ok(plan) => plan,
            Err(says) => {
                self.say(&fix::draw_plan(&fix));
                fix.outcome_says = says;
                return Ok(fix);
            }
        };
        fix.plan = Some(Shown::of(&plan, &[]));
        fix.objections = self.objections(look, found, &plan)?;
        self.say(&fix::draw_plan(&fix));
        if let Some((outcome, says)) = self.refusal(&fix)? {
            (fix.outcome, fix.outcome_says) = (outcome, says.to_owned());
            return Ok(fix);
        }
        let done = self.doer().fix(&plan);
        (fix.outcome, fix.outcome_says, fix.id) = (done.outcome, done.says, done.id);
        Ok(fix)
    }

    fn objections(&self, look: &Look, found: &Found, plan: &Plan) -> anyhow::Result<Vec<String>> {
        let facts = facts(self.live, self.store, &look.diagnosis(found), Agreed::ToThePlan)?;
        let objections = review(plan, &Policy::default(), &facts);
        Ok(objections.into_iter().map(|it| it.says).collect())
    }

    /// Why nothing is done with the plan that was just shown; `None` is a yes. A host that moves on meanwhile is found out
    /// by the steps, each of which expects what was shown.
    fn refusal(&self, fix: &Fix) -> anyhow::Result<Option<(Outcome, &'static str)>> {
        if !fix.objections.is_empty() {
            return Ok(Some((Outcome::Refused, "nothing was done.")));
        }
        if self.options.plan {
            return Ok(Some((
                Outcome::Planned,
                "it is only shown; why502 audit --fix does it.",
            )));
        }
        if self.options.yes {
            return Ok(None);
        }
        if self.options.json || !ask::is_somebody_there() {
            let says = "nobody is there to ask; why502 audit --fix --yes does it without asking.";
            return Ok(Some((Outcome::Planned, says)));
        }
        let agreed = ask::agrees("Do this?")?;
        Ok((!agreed).then_some((Outcome::Planned, "nothing was done.")))
    }

    fn doer(&self) -> Doer<'_> {
        Doer {
            live: self.live,
            store: self.store,
            interrupt: self.interrupt,
            quiet: self.options.json,
        }
    }

    fn say(&self, text: &str) {
        if !self.options.json {
            let _ = anstream::stdout().write_all(text.as_bytes());
        }
    }
}

/// The first that was chosen, still holds, and was not taken yet.
fn next(look: &Look, chosen: &BTreeSet<Key>, taken: &BTreeSet<Key>) -> Option<Found> {
    let open = |found: &&Found| chosen.contains(&key(found)) && !taken.contains(&key(found));
    look.audit.found.iter().find(open).cloned()
}
