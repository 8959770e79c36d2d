//! One wish from its plan to its end.

use crate::{
    ask, cli,
    commands::{
        diagnose::hostname,
        fix::{
            doing::{Doer, Done},
            facts::facts,
        },
        history::hinted,
    },
    exit::Exit,
    interrupt::Interrupt,
    report::fix::{self, Fix, Outcome, Report, Shown},
};
use anyhow::Context;
use diagnose::Diagnosis;
use host::{Looks, live::Live};
use remedy::{Agreed, CannotDraft, Plan, Policy, Store, Wish, grant, review};
use std::{io::Write, time::Duration};

/// What was taken out of browsers is kept so long.
const KEPT: Duration = Duration::from_secs(30 * 86400);

/// What one run works with.
pub struct Session<'a> {
    pub live: &'a Live,
    pub options: &'a cli::Agreement,
}

/// What became of it.
type End = (Outcome, String);

impl Session<'_> {
    /// Shows the plan, asks, does it, proves it.
    pub fn grant(&self, wish: &Wish) -> anyhow::Result<Exit> {
        let mut fix = Fix::wished(wish);
        let done = match grant(self.live, wish) {
            Err(CannotDraft { why, instead }) => {
                self.say(&fix::draw_plan(&fix));
                ended((Outcome::NoPlan, format!("{why}.\nBy hand: {instead}")))
            }
            Ok(plan) => self.agree(&mut fix, plan, wish)?,
        };
        (fix.outcome, fix.outcome_says, fix.id) = (done.outcome, done.says, done.id);
        self.close(fix)
    }

    /// Nothing is done; says why.
    pub fn nothing(&self, wish: &Wish, says: &str) -> anyhow::Result<Exit> {
        let mut fix = Fix::wished(wish);
        (fix.outcome, fix.outcome_says) = (Outcome::NoPlan, says.to_owned());
        self.close(fix)
    }

    /// There is nothing to mend; says why.
    pub fn well(&self, wish: &Wish, says: &str) -> anyhow::Result<Exit> {
        self.nothing(wish, says).map(|_| Exit::Good)
    }

    fn agree(&self, fix: &mut Fix, plan: Plan, wish: &Wish) -> anyhow::Result<Done> {
        let interrupt = Interrupt::listen().context("listening for Ctrl-C")?;
        let store = hinted(Store::open(&self.options.state.dir()))?;
        store.expire(self.live.now().unwrap_or_default(), KEPT);
        fix.plan = Some(Shown::of(&plan, &[]));
        fix.objections = self.objections(&store, &plan)?;
        self.say(&fix::draw_plan(fix));
        if let Some(no) = self.refusal(fix)? {
            return Ok(ended(no));
        }
        // what is agreed to is what was shown
        if grant(self.live, wish).map(|now| now.id()) != Ok(plan.id()) {
            let says = "this machine has moved on since the plan was made; nothing was done. Run it again.";
            return Ok(ended((Outcome::Moved, says.to_owned())));
        }
        let doer = Doer {
            live: self.live,
            store: &store,
            interrupt: &interrupt,
            quiet: self.options.json,
        };
        Ok(doer.fix(&plan))
    }

    fn objections(&self, store: &Store, plan: &Plan) -> anyhow::Result<Vec<String>> {
        let asked_for = Diagnosis::unasked(self.live);
        let facts = facts(self.live, store, &asked_for, Agreed::ToThePlan)?;
        let objections = review(plan, &Policy::default(), &facts);
        Ok(objections.into_iter().map(|it| it.says).collect())
    }

    /// Why nothing is done with what was just shown; `None` is a yes.
    fn refusal(&self, fix: &Fix) -> anyhow::Result<Option<End>> {
        let no = |outcome, says: &str| Ok(Some((outcome, says.to_owned())));
        if !fix.objections.is_empty() {
            return no(Outcome::Refused, "nothing was done.");
        }
        if self.options.plan {
            return no(Outcome::Planned, "it is only shown; without --plan it is done.");
        }
        if self.options.yes {
            return Ok(None);
        }
        if self.options.json || !ask::is_somebody_there() {
            return no(
                Outcome::Planned,
                "nobody is there to ask; --yes does it without asking.",
            );
        }
        match ask::agrees("Do this?")? {
            true => Ok(None),
            false => no(Outcome::Planned, "nothing was done."),
        }
    }

    fn close(&self, fix: Fix) -> anyhow::Result<Exit> {
        let exit = match fix.outcome {
            Outcome::Fixed => Exit::Good,
            _ => Exit::CauseFound,
        };
        self.say(&fix::draw_end(fix.outcome, &fix.outcome_says));
        if self.options.json {
            let report = Report {
                schema: "why502/repair/1",
                version: env!("CARGO_PKG_VERSION"),
                host: hostname(self.live),
                at: self.live.now().unwrap_or_default().to_string(),
                verdict: "asked".to_owned(),
                says: fix.why.clone(),
                fixes: vec![fix],
            };
            anstream::stdout().write_all(report.render()?.as_bytes())?;
        }
        Ok(exit)
    }

    /// Text for people. A screen that is gone is no reason to stop, or to begin.
    fn say(&self, text: &str) {
        if !self.options.json {
            let _ = anstream::stdout().write_all(text.as_bytes());
        }
    }
}

fn ended((outcome, says): End) -> Done {
    Done {
        outcome,
        says,
        id: None,
    }
}
