//! One run of `why502 fix`, root after root.

use super::{
    doing::{Doer, Done},
    facts::facts,
    only::only,
};
use crate::{
    ask, cli,
    commands::{diagnose::hostname, history::hinted, site},
    exit::Exit,
    interrupt::Interrupt,
    report::fix::{self, Fix, Outcome, Report, Shown},
};
use diagnose::{Diagnosis, Finding, Question, Role, Verdict, causes, verdict};
use host::{Looks, live::Live};
use remedy::{Agreed, HalfDone, Plan, Policy, Store, draft, history, review};
use std::io::Write;

/// Roots taken in one run: more than a host has at once.
const MOST: usize = 8;
/// How often a plan is shown: once more where the host moved on before it was agreed to.
const SHOWN: usize = 2;

/// What one run works with.
pub struct Session<'a> {
    options: &'a cli::Fix,
    interrupt: &'a Interrupt,
    live: &'a Live,
    store: Store,
    /// The first verdict: what it was all about.
    verdict: Option<Verdict>,
    /// Requests that a fix of this run has proved to be answered.
    proved: Vec<Question>,
    /// Root by root.
    fixes: Vec<Fix>,
}

/// A root and the way it is mended.
#[derive(Clone, Copy)]
struct Task<'a> {
    diagnosis: &'a Diagnosis,
    finding: &'a Finding,
}

/// A plan, and the steps that came along with those that `--only` named.
type Drafted = (Plan, Vec<usize>);

/// What came of showing and asking.
enum Answer {
    /// Exactly this plan is agreed to.
    Agreed(Box<Plan>),
    /// Nothing is done.
    No(Outcome, String),
}

impl<'a> Session<'a> {
    /// # Errors
    /// Where the state directory can't be used: nothing could be written down.
    pub fn new(options: &'a cli::Fix, interrupt: &'a Interrupt, live: &'a Live) -> anyhow::Result<Self> {
        Ok(Self {
            options,
            interrupt,
            live,
            store: hinted(Store::open(&options.state.dir()))?,
            verdict: None,
            proved: Vec::new(),
            fixes: Vec::new(),
        })
    }

    /// Every root once. After a change the host is diagnosed anew: what was one root's effect may be gone, too.
    pub fn run(&mut self) -> anyhow::Result<()> {
        if let Some(open) = hinted(history::half_done(&self.store))?.filter(|open| open.waits_for_proof) {
            self.finish(&open);
        }
        loop {
            let diagnosis = self.diagnose();
            if self.verdict.is_none() {
                site::exists(&diagnosis.world, self.options.site.as_deref())?;
                self.say(&fix::draw_verdict(&diagnosis.verdict));
                self.verdict = Some(diagnosis.verdict.clone());
                // what can't be remembered is mended all the same
                let _ =
                    remedy::memory::remember(&self.store, &remedy::memory::Incident::of(&diagnosis.verdict));
            }
            let mended = self.roots(&diagnosis)?;
            if !mended || self.interrupt.came() {
                return Ok(());
            }
        }
    }

    /// Agreed to before the host went down; all that is left is to look whether it helped.
    fn finish(&self, open: &HalfDone) {
        self.say(&format!("Fix {} waits for its proof.\n", open.id));
        let done = self.doer().finish(&open.id);
        self.say(&fix::draw_end(done.outcome, &done.says));
    }

    fn diagnose(&self) -> Diagnosis {
        let options = diagnose::Options {
            site: self.options.site.clone(),
            ..diagnose::Options::default()
        };
        diagnose::diagnose(self.live, &options, causes::ALL)
    }

    /// Goes through the roots until one was mended; false when none is left.
    fn roots(&mut self, diagnosis: &Diagnosis) -> anyhow::Result<bool> {
        if diagnosis.verdict.outcome != verdict::Outcome::Found {
            return Ok(false);
        }
        let roots = diagnosis.verdict.findings.iter();
        for finding in roots.filter(|it| it.role == Role::Root && !it.over) {
            let is_taken = |fix: &Fix| fix.cause == finding.cause && fix.subject == finding.subject;
            // what was put through nginx and proved does not fail, whatever an older line of a log says
            let is_proved =
                !finding.proof.is_empty() && finding.proof.iter().all(|it| self.proved.contains(it));
            if is_proved {
                continue;
            }
            let by_number = !self.options.only.is_empty() && !self.fixes.is_empty();
            if by_number || self.fixes.len() >= MOST || self.fixes.iter().any(is_taken) {
                continue;
            }
            let fix = self.root(Task { diagnosis, finding })?;
            let is_mended = matches!(fix.outcome, Outcome::Fixed | Outcome::Relieved);
            self.say(&fix::draw_end(fix.outcome, &fix.outcome_says));
            let goes_down = fix.outcome == Outcome::Restarts;
            self.fixes.push(fix);
            if goes_down {
                return Ok(false);
            }
            if is_mended {
                self.proved.extend(finding.proof.iter().cloned());
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn root(&self, task: Task<'_>) -> anyhow::Result<Fix> {
        let mut fix = Fix::of(task.finding, self.options.way);
        let answer = match self.plan(task) {
            Ok(plan) => self.agreement(task, &mut fix, plan, 1)?,
            Err((outcome, says)) => {
                self.say(&fix::draw_plan(&fix));
                Answer::No(outcome, says)
            }
        };
        let done = match answer {
            Answer::Agreed(plan) => self.doer().fix(&plan),
            Answer::No(outcome, says) => Done {
                outcome,
                says,
                id: None,
            },
        };
        fix.outcome = done.outcome;
        fix.outcome_says = done.says;
        fix.id = done.id;
        Ok(fix)
    }

    /// The plan on this host as it is now, or why there is none and what a person would do.
    fn plan(&self, task: Task<'_>) -> Result<Drafted, (Outcome, String)> {
        let Task { diagnosis, finding } = task;
        let no_plan = |says: String| (Outcome::NoPlan, says);
        let ways = finding.remedies.len();
        let Some(remedy) = finding.remedies.get(self.options.way - 1) else {
            return Err(no_plan(match ways {
                0 => format!("this is for a person to mend:\n{}", finding.advice),
                _ => format!("there is no way {}: only {ways} are known here", self.options.way),
            }));
        };
        let plan = draft(self.live, diagnosis, finding, remedy)
            .map_err(|cannot| no_plan(format!("{}.\nBy hand: {}", cannot.why, cannot.instead)))?;
        only(plan, &self.options.only).map_err(no_plan)
    }

    /// Shows the plan and asks. What is agreed to is what was shown: a host that moved on meanwhile is diagnosed anew, and
    /// the plan for it is shown as well.
    fn agreement(
        &self,
        task: Task<'_>,
        fix: &mut Fix,
        plan: Drafted,
        shown: usize,
    ) -> anyhow::Result<Answer> {
        let (plan, along) = plan;
        fix.plan = Some(Shown::of(&plan, &along));
        fix.objections = self.objections(task, &plan)?;
        self.say(&fix::draw_plan(fix));
        if let Some(no) = self.refusal(fix)? {
            return Ok(no);
        }
        match self.plan(task) {
            Ok((now, _)) if now.id() == plan.id() => Ok(Answer::Agreed(Box::new(now))),
            _ if shown == SHOWN => {
                let says = "the host moves on faster than a plan for it can be agreed to; nothing was done";
                Ok(Answer::No(Outcome::Moved, says.to_owned()))
            }
            _ => self.anew(task.finding, fix, shown),
        }
    }

    /// Places in a diagnosis are those of the files as they were.
    fn anew(&self, was: &Finding, fix: &mut Fix, shown: usize) -> anyhow::Result<Answer> {
        let diagnosis = self.diagnose();
        let is_same = |it: &&Finding| {
            it.role == Role::Root && !it.over && (it.cause, &it.subject) == (was.cause, &was.subject)
        };
        let Some(finding) = diagnosis.verdict.findings.iter().find(is_same) else {
            let says = "the host has moved on since this plan was made, and what it was for is not found any more; \
                        nothing was done";
            return Ok(Answer::No(Outcome::Moved, says.to_owned()));
        };
        let task = Task {
            diagnosis: &diagnosis,
            finding,
        };
        match self.plan(task) {
            Ok(plan) => {
                self.say("The host has moved on since this plan was made; this is the plan for it as it is now.\n\n");
                self.agreement(task, fix, plan, shown + 1)
            }
            Err((outcome, says)) => Ok(Answer::No(outcome, says)),
        }
    }

    fn objections(&self, task: Task<'_>, plan: &Plan) -> anyhow::Result<Vec<String>> {
        let agreed = if self.options.agree_reboot {
            Agreed::ToAReboot
        } else {
            Agreed::ToThePlan
        };
        let facts = facts(self.live, &self.store, task.diagnosis, agreed)?;
        let objections = review(plan, &Policy::default(), &facts);
        Ok(objections.into_iter().map(|it| it.says).collect())
    }

    /// Why nothing is done with the plan that was just shown; `None` is a yes.
    fn refusal(&self, fix: &Fix) -> anyhow::Result<Option<Answer>> {
        let no = |outcome, says: &str| Some(Answer::No(outcome, says.to_owned()));
        if !fix.objections.is_empty() {
            return Ok(no(Outcome::Refused, "nothing was done."));
        }
        if self.options.plan {
            return Ok(no(Outcome::Planned, "it is only shown; why502 fix does it."));
        }
        if self.options.yes {
            return Ok(None);
        }
        if self.options.json || !ask::is_somebody_there() {
            let says = "nobody is there to ask; why502 fix --yes does it without asking.";
            return Ok(no(Outcome::Planned, says));
        }
        match ask::agrees("Do this?")? {
            true => Ok(None),
            false => Ok(no(Outcome::Planned, "nothing was done.")),
        }
    }

    fn doer(&self) -> Doer<'_> {
        Doer {
            live: self.live,
            store: &self.store,
            interrupt: self.interrupt,
            quiet: self.options.json,
        }
    }

    /// The end of it all: JSON where that was asked for, and the exit code.
    pub fn close(self) -> anyhow::Result<Exit> {
        let Some(verdict) = &self.verdict else {
            return Ok(Exit::Blind);
        };
        let exit = exit(verdict, &self.fixes);
        if self.options.json {
            let at = self.live.now().unwrap_or_default().to_string();
            let report = Report::of(hostname(self.live), at, verdict, self.fixes);
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

/// Without roots the verdict's own; else whether every one of them was mended, and nothing fails that has no root.
fn exit(verdict: &Verdict, fixes: &[Fix]) -> Exit {
    let is_mended = |fix: &Fix| matches!(fix.outcome, Outcome::Fixed | Outcome::Relieved);
    match Exit::of(verdict) {
        Exit::CauseFound if !fixes.is_empty() && fixes.iter().all(is_mended) => Exit::Good,
        other => other,
    }
}
