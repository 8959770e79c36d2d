//! `why502 audit`: what will make a 502 tomorrow.

mod fix;

use crate::{
    cli::{self, AuditFormat},
    exit::Exit,
    report::{
        audit::{self as report, Report},
        head::Looked,
    },
    screen::safe,
};
use anyhow::bail;
use diagnose::{
    Diagnosis, Verdict,
    audit::{self, Audit, Found, Needs, Rule},
    survey::{self, Survey},
    verdict::Outcome,
};
use host::{Host, Looks, live::Live};
use remedy::{Plan, draft};
use std::{io::Write, path::Path, sync::Arc, time::Instant};

/// Runs the command.
#[expect(clippy::disallowed_methods, reason = "how long we took is no look at a host")]
pub fn run(options: &cli::Audit) -> anyhow::Result<Exit> {
    if let Some(page) = about_rules(options) {
        anstream::stdout().write_all(page.as_bytes())?;
        return Ok(Exit::Good);
    }
    let started = Instant::now();
    let live = Live::new();
    if options.fix {
        return fix::run(options, &live);
    }
    let look = Look::at(&live, options)?;
    let name = options.conf.as_ref().map_or_else(
        || super::diagnose::hostname(&live),
        |conf| conf.display().to_string(),
    );
    let looked = Looked::since(started, name, look.survey.world.now);
    let report = Report::of(&look.audit, &plans(&live, &look, options), &looked);
    let page = match options.format() {
        AuditFormat::Text => report::text::draw(&report, options.all),
        AuditFormat::Json => report.render()?,
        AuditFormat::Sarif => report::sarif::render(&report, &look.audit.asked)?,
    };
    anstream::stdout().write_all(page.as_bytes())?;
    Ok(exit(&look.audit))
}

/// What all rules say of a host; `None` where no site was found. No plan is drafted.
pub fn report(host: &dyn Host, name: &str) -> Option<Report> {
    let survey = survey::look(host, &diagnose::Options::default());
    let found = (!survey.routes.is_empty()).then(|| audit::audit(&survey, audit::ALL, Needs::Host))?;
    let looked = Looked {
        host: name.to_owned(),
        at: survey.world.now,
        took_ms: 0,
    };
    let plans = vec![None; found.found.len()];
    Some(Report::of(&found, &plans, &looked))
}

/// What was seen, and what the rules say of it.
struct Look {
    survey: Survey,
    audit: Audit,
}

impl Look {
    /// The host, or only a configuration.
    ///
    /// # Errors
    /// Where there is nothing to audit: no such file, no nginx.
    fn at(host: &dyn Host, options: &cli::Audit) -> anyhow::Result<Self> {
        let (survey, has) = match &options.conf {
            Some(conf) => (of_config(host, conf)?, Needs::Config),
            None => (survey::look(host, &diagnose::Options::default()), Needs::Host),
        };
        if survey.routes.is_empty() {
            let seen = survey.world.unseen.iter().map(|it| format!("; {it}"));
            bail!(
                "no site was found that nginx passes on to a backend{}",
                seen.collect::<String>()
            );
        }
        let audit = audit::audit(&survey, &rules(options), has);
        Ok(Self { survey, audit })
    }

    /// The plan that a finding's first remedy comes to on this host, or why there is none.
    fn plan(&self, host: &dyn Host, found: &Found) -> Result<Plan, String> {
        let finding = found.finding();
        let Some(remedy) = finding.remedies.first() else {
            return Err(format!("this is for a person to change:\n{}", finding.advice));
        };
        draft(host, &self.diagnosis(found), &finding, remedy)
            .map_err(|cannot| format!("{}.\nBy hand: {}", cannot.why, cannot.instead))
    }

    /// The finding as a diagnosis has it: what drafts and reviews go by.
    fn diagnosis(&self, found: &Found) -> Diagnosis {
        Diagnosis {
            world: Arc::clone(&self.survey.world),
            verdict: Verdict {
                outcome: Outcome::Found,
                symptoms: Vec::new(),
                findings: vec![found.finding()],
                ruled_out: Vec::new(),
                unseen: Vec::new(),
                settled_by: Vec::new(),
            },
        }
    }
}

fn of_config(host: &dyn Host, conf: &Path) -> anyhow::Result<Survey> {
    let conf = std::path::absolute(conf)?;
    match host.stat(&conf) {
        Ok(Some(_)) => Ok(survey::of_config(host, &conf)),
        Ok(None) => bail!("{} is not there", safe(&conf.to_string_lossy())),
        Err(unseen) => bail!("{}", safe(&unseen.to_string())),
    }
}

fn rules(options: &cli::Audit) -> Vec<&'static Rule> {
    let asked = |rule: &&'static Rule| options.rule.is_empty() || options.rule.iter().any(|id| id == rule.id);
    audit::ALL.iter().copied().filter(asked).collect()
}

/// Id and title of the plan of each finding, where one can be made. Drafting only looks.
fn plans(host: &dyn Host, look: &Look, options: &cli::Audit) -> Vec<Option<report::Plan>> {
    let of = |found: &Found| {
        let plan = look.plan(host, found).ok()?;
        Some(report::Plan {
            id: plan.id().to_string(),
            title: plan.title,
        })
    };
    let found = look.audit.found.iter();
    found
        .map(|found| of(found).filter(|_| options.conf.is_none()))
        .collect()
}

/// Nothing, by eyes that could not see all, is no clean bill.
fn exit(audit: &Audit) -> Exit {
    match (audit.found.is_empty(), audit.blind.is_empty()) {
        (false, _) => Exit::CauseFound,
        (true, false) => Exit::Blind,
        (true, true) => Exit::Good,
    }
}

fn about_rules(options: &cli::Audit) -> Option<String> {
    if options.list {
        let line = |rule: &&Rule| format!("{:<28} {}\n", rule.id, rule.title);
        return Some(audit::ALL.iter().map(line).collect());
    }
    let rule = options.explain.as_deref().and_then(audit::by_id)?;
    Some(report::text::explain(rule))
}
