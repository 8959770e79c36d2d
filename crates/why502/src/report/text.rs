//! The first screen: what fails, the cause in one sentence, the evidence with the command that shows it, what to do,
//! what was ruled out, what could not be seen.

use super::{explained, json::Frame, sites, to_see_it};
use crate::screen::{BAD, GOOD, QUIET, STRONG, age, safe, wrap};
use anstyle::Style;
use diagnose::{
    Evidence, Finding, Verdict,
    evidence::Side,
    verdict::{Outcome, Role, SymptomOf},
};
use std::fmt::Write;

/// Lines of evidence on one screen, unless all were asked for.
const EVIDENCE: usize = 5;
/// Lines of each closing list, unless all were asked for.
const LISTED: usize = 4;

/// The verdict for people.
pub fn render(verdict: &Verdict, frame: &Frame, all: bool) -> String {
    let mut page = Page {
        text: String::new(),
        verdict,
        frame,
        all,
    };
    page.headline();
    for finding in &verdict.findings {
        page.finding(finding);
    }
    page.unexplained();
    page.closing();
    page.text
}

struct Page<'a> {
    text: String,
    verdict: &'a Verdict,
    frame: &'a Frame,
    all: bool,
}

impl Page<'_> {
    fn headline(&mut self) {
        let failing = sites(self.verdict.symptoms.iter().filter(|it| !it.over)).join(", ");
        let all = sites(self.verdict.symptoms.iter()).join(", ");
        match self.verdict.outcome {
            Outcome::Healthy => self.title(
                GOOD,
                "Healthy: nothing fails now, and nothing failed in the time looked at.",
            ),
            Outcome::Recovered => self.title(GOOD, &format!("Recovered: {all} failed, and works now.")),
            Outcome::Found => self.title(BAD, &format!("{failing} fails: {}", self.statuses())),
            Outcome::Torn => self.title(
                BAD,
                &format!("{failing} fails, and several causes stand equally."),
            ),
            Outcome::Unexplained if self.verdict.symptoms.is_empty() => self.title(BAD, super::BLIND),
            Outcome::Unexplained => {
                self.title(BAD, &format!("{failing} fails, and no cause we know stands."))
            }
        }
    }

    fn title(&mut self, style: Style, text: &str) {
        let _ = writeln!(self.text, "{style}{}{style:#}", wrap(&safe(text), "", ""));
    }

    fn statuses(&self) -> String {
        let mut statuses: Vec<u16> = self
            .verdict
            .symptoms
            .iter()
            .filter(|it| !it.over)
            .filter_map(|it| it.symptom.status)
            .collect();
        statuses.sort_unstable();
        statuses.dedup();
        match statuses.as_slice() {
            [] => "no answer".to_owned(),
            some => some.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
        }
    }

    fn finding(&mut self, finding: &Finding) {
        let _ = writeln!(self.text);
        let (label, style) = match finding.role {
            Role::Root if finding.over => ("Was", STRONG),
            Role::Root => ("Cause", BAD),
            Role::Effect => ("Effect", STRONG),
            Role::Contributing => ("Perhaps", STRONG),
        };
        let says = if finding.says.is_empty() {
            finding.title
        } else {
            &finding.says
        };
        self.paragraph(style, label, &format!("{says} ({})", finding.cause));
        if finding.role == Role::Effect {
            self.paragraph(QUIET, "of", &finding.because_of.join(", "));
            return;
        }
        self.failures(finding);
        if let Some(trigger) = &finding.trigger {
            let before = age(self.frame.at.since(trigger.at));
            self.paragraph(STRONG, "Before", &format!("{} ({before} ago)", trigger.says));
        }
        self.evidence(&finding.evidence);
        self.advice(finding);
    }

    fn failures(&mut self, finding: &Finding) {
        let symptoms: Vec<&SymptomOf> = explained(self.verdict, finding).collect();
        let shown = if self.all { symptoms.len() } else { 3 };
        for it in symptoms.iter().take(shown) {
            let line = failure(it, self.frame.at);
            self.paragraph(STRONG, "Fails", &line);
        }
        if symptoms.len() > shown {
            self.paragraph(
                QUIET,
                "",
                &format!("and {} more kinds of failure (--all)", symptoms.len() - shown),
            );
        }
    }

    fn evidence(&mut self, evidence: &[Evidence]) {
        let _ = writeln!(self.text, "{STRONG}Evidence{STRONG:#}");
        let shown = if self.all { evidence.len() } else { EVIDENCE };
        for it in evidence.iter().take(shown) {
            let mark = if it.side == Side::For { "  + " } else { "  - " };
            let _ = writeln!(self.text, "{}", wrap(&safe(&it.says), mark, "    "));
            let _ = writeln!(self.text, "      {QUIET}{}{QUIET:#}", safe(&it.source.command));
        }
        if evidence.len() > shown {
            let _ = writeln!(
                self.text,
                "    {QUIET}and {} more (--all){QUIET:#}",
                evidence.len() - shown
            );
        }
    }

    fn advice(&mut self, finding: &Finding) {
        if finding.advice.is_empty() || finding.over {
            return;
        }
        let _ = writeln!(self.text, "{STRONG}What to do{STRONG:#}");
        for line in finding.advice.lines() {
            let _ = writeln!(self.text, "{}", wrap(&safe(line), "    ", "    "));
        }
    }

    /// What fails without a cause is shown as it is.
    fn unexplained(&mut self) {
        let explained: Vec<&String> = self.verdict.findings.iter().flat_map(|it| &it.explains).collect();
        let open: Vec<&SymptomOf> = self
            .verdict
            .symptoms
            .iter()
            .filter(|it| !explained.contains(&&it.symptom.id))
            .collect();
        for it in open.iter().take(if self.all { open.len() } else { LISTED }) {
            let _ = writeln!(self.text);
            let line = failure(it, self.frame.at);
            self.paragraph(STRONG, if it.over { "Failed" } else { "Fails" }, &line);
            self.paragraph(QUIET, "", &it.symptom.sample);
        }
    }

    fn closing(&mut self) {
        let settled = self
            .verdict
            .settled_by
            .iter()
            .map(|(says, command)| format!("{says}: {command}"));
        self.list("What would settle it", settled.collect());
        let out = self
            .verdict
            .ruled_out
            .iter()
            .map(|it| format!("{}: {}", it.cause, it.says));
        self.list("Ruled out", out.collect());
        let unseen = self.verdict.unseen.iter().map(|it| match to_see_it(it) {
            how if how.is_empty() => it.to_string(),
            how => format!("{it}; {how}"),
        });
        self.list("Not seen", unseen.collect());
    }

    fn list(&mut self, title: &str, items: Vec<String>) {
        if items.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "\n{STRONG}{title}{STRONG:#}");
        let shown = if self.all { items.len() } else { LISTED };
        for item in items.iter().take(shown) {
            let _ = writeln!(self.text, "{}", wrap(&safe(item), "  - ", "    "));
        }
        if items.len() > shown {
            let _ = writeln!(
                self.text,
                "    {QUIET}and {} more (--all){QUIET:#}",
                items.len() - shown
            );
        }
    }

    /// A label in its own column, then wrapped text.
    fn paragraph(&mut self, style: Style, label: &str, text: &str) {
        let wrapped = wrap(&safe(text), "          ", "          ");
        let body = wrapped.strip_prefix("          ").unwrap_or(&wrapped);
        let _ = writeln!(self.text, "{style}{label:<10}{style:#}{body}");
    }
}

/// `shop.example, location /, fastcgi_pass …: 42 times since 3 min ago, last 2 s ago: connection refused (111)`
fn failure(it: &SymptomOf, now: host::Timestamp) -> String {
    let symptom = &it.symptom;
    let status = symptom
        .status
        .map(|status| format!("{status}, "))
        .unwrap_or_default();
    let place = match it.location.as_str() {
        "" => it.site.clone(),
        location => format!("{} {location} -> {}", it.site, it.upstream),
    };
    let times = match symptom.count {
        1 => format!("once, {} ago", age(now.since(symptom.last))),
        many => format!(
            "{many} times since {} ago, last {} ago",
            age(now.since(symptom.first)),
            age(now.since(symptom.last))
        ),
    };
    format!("{place}: {status}{}, {times}", symptom.signature())
}
