//! The first screen: the answer in its first line; then what fails now, the evidence with the command that shows it,
//! what to do, what was ruled out, what could not be seen; what is over comes last.

use super::{explained, json::Frame, words};
use crate::screen::{BAD, GOOD, QUIET, STRONG, safe, wrap};
use anstyle::Style;
use diagnose::{
    Evidence, Finding, Verdict,
    evidence::Side,
    verdict::{Outcome, Role, SymptomOf},
};
use std::fmt::Write;

/// How much of each thing is on a screen.
#[derive(Clone, Copy)]
struct Room {
    /// Pieces of evidence under the answer.
    evidence: usize,
    /// The same where a second root needs room too.
    evidence_of_two: usize,
    /// The same under what comes after it.
    evidence_after: usize,
    /// Kinds of failure under the answer.
    failures: usize,
    /// The same under what comes after it, whose first line names site and status.
    failures_after: usize,
    /// Findings, and failures without one.
    blocks: usize,
    /// Items of each closing list.
    listed: usize,
    /// The same once the screen is nearly full.
    listed_late: usize,
}

const SCREEN: Room = Room {
    evidence: 4,
    evidence_of_two: 1,
    evidence_after: 1,
    failures: 2,
    failures_after: 0,
    blocks: 4,
    listed: 4,
    listed_late: 1,
};

const EVERYTHING: Room = Room {
    evidence: usize::MAX,
    evidence_of_two: usize::MAX,
    evidence_after: usize::MAX,
    failures: usize::MAX,
    failures_after: usize::MAX,
    blocks: usize::MAX,
    listed: usize::MAX,
    listed_late: usize::MAX,
};

/// Lines after which closing lists get shorter.
const LATE: usize = 24;

/// The verdict for people; without `all`, what fits on one screen.
pub fn render(verdict: &Verdict, frame: &Frame, all: bool) -> String {
    let mut page = Page {
        text: String::new(),
        verdict,
        frame,
        room: if all { EVERYTHING } else { SCREEN },
        all,
    };
    page.half_done();
    page.headline();
    page.findings();
    page.unexplained();
    page.closing();
    page.text
}

struct Page<'a> {
    text: String,
    verdict: &'a Verdict,
    frame: &'a Frame,
    room: Room,
    all: bool,
}

impl Page<'_> {
    /// Before anything else: the host is neither as it was nor as it was to be.
    fn half_done(&mut self) {
        if let Some(half_done) = &self.frame.fixes.half_done {
            let says = format!("{}\n\n", wrap(&safe(&words::half_done(half_done)), "", ""));
            let _ = write!(self.text, "{BAD}{says}{BAD:#}");
        }
    }

    fn headline(&mut self) {
        let style = match self.verdict.outcome {
            Outcome::Healthy | Outcome::Recovered => GOOD,
            Outcome::Found | Outcome::Torn | Outcome::Unexplained => BAD,
        };
        let text = words::headline(self.verdict);
        let _ = writeln!(self.text, "{style}{}{style:#}", wrap(&safe(&text), "", ""));
    }

    /// What is over stands in the last line, unless it is all there is.
    fn is_shown(&self, over: bool) -> bool {
        !over || self.all || self.verdict.outcome == Outcome::Recovered
    }

    fn findings(&mut self) {
        let verdict = self.verdict;
        let roots = verdict.findings.iter().filter(|it| it.role == Role::Root);
        let chains: Vec<&Finding> = roots.flat_map(|root| verdict.chain(root).links).collect();
        let told =
            |it: &Finding| it.role == Role::Effect && chains.iter().any(|link| std::ptr::eq(*link, it));
        let shown: Vec<&Finding> = verdict
            .findings
            .iter()
            .filter(|it| self.is_shown(it.over) && !told(it))
            .collect();
        for (index, finding) in shown.iter().enumerate().take(self.room.blocks) {
            self.finding(finding, index == 0);
        }
        self.and_more(shown.len(), self.room.blocks, "findings");
    }

    fn finding(&mut self, finding: &Finding, first: bool) {
        let says = words::says(finding);
        let line = match finding.role {
            Role::Root if first => format!("{} ({})", finding.title, finding.cause),
            Role::Root => format!("{} ({})", words::of_finding(self.verdict, finding), finding.cause),
            Role::Effect => format!("{says} ({}), of {}", finding.cause, finding.because_of.join(", ")),
            Role::Contributing => format!("{says} ({})", finding.cause),
        };
        let (label, style) = label(finding, first);
        let _ = writeln!(self.text);
        self.paragraph(style, label, &line);
        if finding.role != Role::Effect {
            self.why(finding, first);
        }
    }

    /// From what the clients get, over what it is an effect of, to the root, each with what shows it. So many pieces of
    /// evidence were told.
    fn chain(&mut self, root: &Finding) -> usize {
        let (mut label, mut told) = ("Chain", 0);
        for link in words::chain(self.verdict, root) {
            let style = if label.is_empty() { Style::new() } else { STRONG };
            self.paragraph(style, label, &link.says);
            label = "";
            let Some(shown) = link.shown else {
                continue;
            };
            told += 1;
            // what was not seen says no more than the link itself
            if !link.says.contains(&shown.says) {
                let says = wrap(&safe(&shown.says), "           + ", "             ");
                let _ = writeln!(self.text, "{says}");
            }
            self.command(&shown.source.command);
        }
        told
    }

    fn why(&mut self, finding: &Finding, first: bool) {
        let told = self.chain(finding);
        let of = self
            .verdict
            .findings
            .iter()
            .position(|it| std::ptr::eq(it, finding));
        let before = of.and_then(|index| self.frame.fixes.recurrences.get(index)?.clone());
        if let Some(before) = before {
            self.paragraph(BAD, "Again", &before.says);
        }
        if let Some(trigger) = &finding.trigger {
            let at = words::when(trigger.at, self.frame.looked.at, &self.frame.zone);
            self.paragraph(STRONG, "Changed", &format!("{}, {at}", trigger.says));
        }
        let is_told = !first && finding.role == Role::Root;
        let failures = if is_told {
            self.room.failures_after
        } else {
            self.room.failures
        };
        self.failures(finding, failures);
        let roots = self.verdict.findings.iter().filter(|it| it.role == Role::Root);
        let shown = match (first, roots.count()) {
            (true, ..2) => self.room.evidence,
            (true, _) => self.room.evidence_of_two,
            (false, _) => self.room.evidence_after,
        };
        self.evidence(&finding.evidence, shown.saturating_sub(told).max(1));
        self.advice(finding);
    }

    fn failures(&mut self, finding: &Finding, shown: usize) {
        let symptoms: Vec<&SymptomOf> = explained(self.verdict, finding).collect();
        for it in symptoms.iter().take(shown) {
            self.failure(it);
        }
        if shown > 0 {
            self.and_more(symptoms.len(), shown, "kinds of failure");
        }
    }

    fn failure(&mut self, it: &SymptomOf) {
        let line = words::failure(it, self.frame.looked.at, &self.frame.zone);
        self.paragraph(STRONG, if it.over { "Failed" } else { "Fails" }, &line);
    }

    fn evidence(&mut self, evidence: &[Evidence], shown: usize) {
        if evidence.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "{STRONG}Evidence{STRONG:#}");
        for it in evidence.iter().take(shown) {
            let mark = if it.side == Side::For { "  + " } else { "  - " };
            let _ = writeln!(self.text, "{}", wrap(&safe(&it.says), mark, "    "));
            self.command(&it.source.command);
        }
        self.and_more(evidence.len(), shown, "");
    }

    /// By itself on a line and never broken: it is there to be copied.
    fn command(&mut self, command: &str) {
        let _ = writeln!(self.text, "      {QUIET}{}{QUIET:#}", safe(command));
    }

    fn advice(&mut self, finding: &Finding) {
        if finding.advice.is_empty() || finding.over {
            return;
        }
        let _ = writeln!(self.text, "{STRONG}What to do{STRONG:#}");
        for line in finding.advice.lines() {
            let _ = writeln!(self.text, "{}", wrap(&safe(line), "    ", "    "));
        }
        self.plans(finding);
    }

    /// The same by why502 itself, where it can.
    fn plans(&mut self, finding: &Finding) {
        let index = self
            .verdict
            .findings
            .iter()
            .position(|it| std::ptr::eq(it, finding));
        let plans = index.and_then(|index| self.frame.fixes.plans.get(index));
        for plan in plans.into_iter().flatten() {
            let way = if plan.way == 1 {
                String::new()
            } else {
                format!(" --way {}", plan.way)
            };
            let line = format!("sudo why502 fix{way}: {}", plan.title);
            let _ = writeln!(self.text, "{}", wrap(&safe(&line), "    ", "      "));
        }
    }

    /// What fails without a cause is shown as it is.
    fn unexplained(&mut self) {
        let verdict = self.verdict;
        let explained = |it: &SymptomOf| {
            verdict
                .findings
                .iter()
                .any(|finding| finding.explains.contains(&it.symptom.id))
        };
        let open = verdict
            .symptoms
            .iter()
            .filter(|it| !explained(it) && self.is_shown(it.over));
        let mut open: Vec<&SymptomOf> = open.collect();
        open.sort_by_key(|it| (it.over, !words::is_nginx_itself(it)));
        for it in open.iter().take(self.room.blocks) {
            let _ = writeln!(self.text);
            self.failure(it);
            if !it.symptom.log.as_os_str().is_empty() {
                self.paragraph(QUIET, "", &it.symptom.sample);
            }
        }
        self.and_more(open.len(), self.room.blocks, "failures without a cause");
    }

    fn closing(&mut self) {
        let verdict = self.verdict;
        self.settled();
        let out = verdict
            .ruled_out
            .iter()
            .map(|it| format!("{}: {}", it.cause, it.says));
        self.list("Ruled out", &out.collect::<Vec<_>>());
        self.list("Not seen", &words::not_seen(&verdict.unseen));
        if verdict.outcome == Outcome::Unexplained && verdict.symptoms.is_empty() {
            let _ = writeln!(
                self.text,
                "\nwhy502 explain reads pasted error-log lines, on any machine."
            );
        }
        let earlier = words::earlier(verdict, self.frame.looked.at, &self.frame.zone);
        if let Some(earlier) = earlier.filter(|_| !self.is_shown(true)) {
            let _ = writeln!(self.text);
            self.paragraph(STRONG, "Earlier", &format!("{earlier}; --all tells more"));
        }
    }

    fn settled(&mut self) {
        let settled = &self.verdict.settled_by;
        if settled.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "\n{STRONG}What would settle it{STRONG:#}");
        let shown = self.listed();
        for (says, command) in settled.iter().take(shown) {
            let _ = writeln!(self.text, "{}", wrap(&safe(says), "  - ", "    "));
            self.command(command);
        }
        self.and_more(settled.len(), shown, "");
    }

    fn list(&mut self, title: &str, items: &[String]) {
        if items.is_empty() {
            return;
        }
        let _ = writeln!(self.text, "\n{STRONG}{title}{STRONG:#}");
        let shown = self.listed();
        for item in items.iter().take(shown) {
            let _ = writeln!(self.text, "{}", wrap(&safe(item), "  - ", "    "));
        }
        self.and_more(items.len(), shown, "");
    }

    /// Items of a closing list that still fit.
    fn listed(&self) -> usize {
        if self.text.lines().count() > LATE {
            self.room.listed_late
        } else {
            self.room.listed
        }
    }

    fn and_more(&mut self, all: usize, shown: usize, of: &str) {
        if all > shown {
            let of = if of.is_empty() {
                String::new()
            } else {
                format!(" {of}")
            };
            let _ = writeln!(
                self.text,
                "    {QUIET}and {} more{of} (--all){QUIET:#}",
                all - shown
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

fn label(finding: &Finding, first: bool) -> (&'static str, Style) {
    match finding.role {
        Role::Root if finding.over => ("Was", STRONG),
        Role::Root if first => ("Cause", BAD),
        Role::Root => ("Also", BAD),
        Role::Effect => ("Effect", STRONG),
        Role::Contributing => ("Perhaps", STRONG),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::head::Looked, *};
    use diagnose::{Class, Rank, Source, Symptom, case::MadeBy, verdict::RuledOut};
    use host::{Timestamp, Unseen};
    use std::time::Duration;

    /// 2026-11-22, noon.
    const NOW: Timestamp = Timestamp::from_secs(1_795_348_800);

    fn symptom(id: &str, site: &str, status: Option<u16>, over: bool) -> SymptomOf {
        SymptomOf {
            symptom: Symptom {
                id: id.into(),
                complaint: None,
                status,
                made_by: MadeBy::Nginx,
                peer: None,
                request: None,
                count: 42,
                first: NOW.before(Duration::from_secs(180)),
                last: NOW.before(Duration::from_secs(2)),
                times: Vec::new(),
                upstream_seconds: Vec::new(),
                sample: "a log line".into(),
                log: "/var/log/nginx/error.log".into(),
            },
            site: site.into(),
            location: "/".into(),
            upstream: "proxy_pass http://127.0.0.1:8000".into(),
            over,
            untried: None,
        }
    }

    fn finding(says: &str, explains: &str, role: Role, over: bool) -> Finding {
        let evidence = |index| {
            let says = format!(
                "what was seen, number {index}, in a sentence that is so long that it takes two lines"
            );
            Evidence::supports(Rank::Strong, says, Source::command("ss -ltnp"))
        };
        Finding {
            cause: "backend-stopped",
            title: "the backend's service is stopped",
            says: says.into(),
            role,
            subject: String::new(),
            rank: Rank::Decisive,
            explains: vec![explains.into()],
            because_of: vec!["oom-kill"],
            evidence: (0..9).map(evidence).collect(),
            trigger: None,
            class: Class::Ask,
            advice: "start it".into(),
            remedies: Vec::new(),
            proof: Vec::new(),
            gap: None,
            over,
        }
    }

    fn drawn(outcome: Outcome, symptoms: Vec<SymptomOf>, findings: Vec<Finding>) -> String {
        let out = |index| RuledOut {
            cause: "oom-kill",
            says: format!(
                "number {index} is out of the question, because the kernel's log has nothing of the kind"
            ),
            source: Source::command("dmesg"),
        };
        let verdict = Verdict {
            outcome,
            symptoms,
            findings,
            ruled_out: (0..9).map(out).collect(),
            unseen: vec![
                Unseen::Forbidden {
                    what: "the kernel log".into(),
                    need: "root".into(),
                },
                Unseen::Forbidden {
                    what: "nginx -T".into(),
                    need: "root".into(),
                },
            ],
            settled_by: Vec::new(),
        };
        let frame = Frame {
            looked: Looked {
                host: "stage".into(),
                at: NOW,
                took_ms: 1,
            },
            zone: jiff::tz::TimeZone::fixed(jiff::tz::offset(1)),
            fixes: super::super::json::Fixes::default(),
            like: None,
        };
        render(&verdict, &frame, false)
    }

    #[track_caller]
    fn check(page: &str, first: &str, says: &[&str]) {
        assert!(page.lines().count() <= 40, "{page}");
        let words = page.split_whitespace().collect::<Vec<_>>().join(" ");
        let plain = anstream::adapter::strip_str(&words).to_string();
        assert!(plain.starts_with(first), "{plain}");
        for it in says {
            assert!(plain.contains(it), "does not say '{it}': {plain}");
        }
    }

    #[test]
    fn the_first_line_is_the_answer() {
        let shop = || symptom("s1", "shop.example", Some(502), false);
        let blog = || symptom("s2", "blog.example", Some(504), false);
        let stopped = || finding("php8.2-fpm.service is stopped", "s1", Role::Root, false);
        check(
            &drawn(Outcome::Found, vec![shop()], vec![stopped()]),
            "shop.example answers 502: php8.2-fpm.service is stopped",
            &[
                "42 times since 12:57:00",
                "(3 min ago), last 2 s ago",
                "without root: the kernel log, nginx -T; run sudo why502",
            ],
        );
        check(
            &drawn(
                Outcome::Found,
                vec![shop(), blog()],
                vec![stopped(), finding("it hangs", "s2", Role::Root, false)],
            ),
            "shop.example answers 502: php8.2-fpm.service is stopped; for another reason also failing: blog.example",
            &["Also blog.example answers 504: it hangs"],
        );
        let torn = [stopped(), finding("it hangs", "s1", Role::Root, false)];
        let torn = torn.map(|finding| Finding {
            role: Role::Contributing,
            ..finding
        });
        check(
            &drawn(Outcome::Torn, vec![shop()], torn.into()),
            "shop.example answers 502: one of 2 causes that stand equally.",
            &["Perhaps php8.2-fpm.service is stopped", "Perhaps it hangs"],
        );
        check(
            &drawn(Outcome::Unexplained, vec![shop()], vec![]),
            "shop.example answers 502; the cause was not found.",
            &["a log line"],
        );
        check(
            &drawn(Outcome::Unexplained, vec![], vec![]),
            "Could not look:",
            &["why502 explain"],
        );
        check(&drawn(Outcome::Healthy, vec![], vec![]), "Healthy:", &[]);
    }

    #[test]
    fn the_chain_leads_from_the_clients_to_the_root_and_says_where_it_stops() {
        let shop = symptom("s1", "shop.example", Some(504), false);
        let busy = finding("all 2 workers are busy", "s1", Role::Effect, false);
        let mut root = finding("a session holds a lock", "s1", Role::Root, false);
        (root.cause, root.title) = ("oom-kill", "the database answers too slowly");
        root.gap = Some(Evidence::gap(
            "who holds it can't be seen",
            Source::command("psql"),
        ));
        let page = drawn(Outcome::Found, vec![shop], vec![root, busy]);
        check(
            &page,
            "shop.example answers 504: a session holds a lock",
            &[
                "Chain visitors get 504 <- all 2 workers are busy (backend-stopped) + what was seen, number 0, in a \
                 sentence that is so long that it takes two lines ss -ltnp \
                 <- the database answers too slowly (oom-kill) <- ? who holds it can't be seen psql",
            ],
        );
        assert!(!page.contains("Effect"), "{page}");
    }

    #[test]
    fn what_is_over_stands_in_the_last_line() {
        let over = || symptom("s2", "blog.example", Some(502), true);
        let was = || finding("it was restarted", "s2", Role::Root, true);
        let page = drawn(
            Outcome::Found,
            vec![over(), symptom("s1", "shop.example", Some(502), false)],
            vec![finding("it is stopped", "s1", Role::Root, false), was()],
        );
        check(
            &page,
            "shop.example answers 502: it is stopped Cause",
            &["Earlier blog.example failed and works now (42 times"],
        );
        assert!(!page.contains("it was restarted"), "{page}");
        check(
            &drawn(Outcome::Recovered, vec![over()], vec![was()]),
            "Recovered: blog.example failed and works now. It was: it was restarted",
            &["Was the backend's service is stopped"],
        );
        let untried = SymptomOf {
            untried: Some("app.service was started".into()),
            ..over()
        };
        check(
            &drawn(Outcome::Recovered, vec![untried], vec![was()]),
            "Recovered: blog.example failed and seems to work now: app.service was started; the request that failed is \
             none to be tried again. It was: it was restarted",
            &[],
        );
    }
}
