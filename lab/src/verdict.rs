//! What the tool said, and whether it is right.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::Expect;

/// The parts of `why502 diagnose --json` that the lab asserts.
#[derive(Debug, Deserialize)]
pub(crate) struct Verdict {
    verdict: String,
    findings: Vec<Finding>,
    #[serde(default)]
    ruled_out: Vec<RuledOut>,
    pub(crate) took_ms: u64,
    #[serde(skip)]
    exit: Option<i32>,
    /// What it could not do, in its last line.
    #[serde(skip)]
    complaint: String,
}

#[derive(Debug, Deserialize)]
struct RuledOut {
    cause: String,
    says: String,
}

#[derive(Debug, Deserialize)]
struct Finding {
    cause: String,
    role: String,
    over: bool,
    trigger: Option<Trigger>,
    #[serde(default)]
    evidence: Vec<Evidence>,
    #[serde(default)]
    chain: Vec<Link>,
}

#[derive(Debug, Deserialize)]
struct Evidence {
    says: String,
}

#[derive(Debug, Deserialize)]
struct Link {
    kind: String,
    cause: Option<String>,
    evidence: Vec<serde::de::IgnoredAny>,
}

#[derive(Debug, Deserialize)]
struct Trigger {
    kind: String,
    says: String,
}

impl Verdict {
    /// Reads the tool's answer; anything but one JSON document is an error that quotes what came.
    pub(crate) fn read(output: &Output) -> Result<Self> {
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        let mut verdict: Self = serde_json::from_str(&text).with_context(|| {
            format!(
                "why502 ended with {} and this answer: {text}{errors}",
                output.status
            )
        })?;
        verdict.exit = output.status.code();
        let complaint = errors.lines().last().filter(|line| line.starts_with("why502: "));
        verdict.complaint = complaint.unwrap_or_default().to_owned();
        Ok(verdict)
    }

    /// Of what still fails, where something does: what is over beside it (a neighbour's seconds at boot) is history.
    fn roots(&self) -> Vec<&str> {
        self.findings
            .iter()
            .filter(|finding| finding.role == "root" && (!finding.over || self.verdict == "recovered"))
            .map(|finding| finding.cause.as_str())
            .collect()
    }

    /// The verdict in a few words: its roots when a cause was found, else its kind.
    pub(crate) fn brief(&self) -> String {
        match (self.verdict.as_str(), self.roots().join("+")) {
            ("found", roots) if !roots.is_empty() => roots,
            (kind, roots) if roots.is_empty() => kind.to_owned(),
            (kind, roots) => format!("{kind}:{roots}"),
        }
    }

    /// Ok when this is the right verdict with its right exit code.
    pub(crate) fn check(&self, expect: Expect) -> Result<()> {
        let (right, exit) = match expect {
            Expect::Found(roots) => (self.verdict == "found" && same(&self.roots(), roots), 1),
            Expect::NotFound => (matches!(self.verdict.as_str(), "unexplained" | "torn"), 2),
            Expect::Healthy => (self.verdict == "healthy", 0),
            Expect::Recovered(None) => (self.verdict == "recovered", 0),
            Expect::Recovered(Some(root)) => (
                self.verdict == "recovered" && self.roots().first() == Some(&root),
                0,
            ),
        };
        ensure!(right, "expected {}, got {}", brief(expect), self.brief());
        self.check_exit(exit)
    }

    /// Ok when the first root names a change of this kind as its trigger, or none is asked for.
    pub(crate) fn check_trigger(&self, kind: Option<&str>) -> Result<()> {
        let root = self.findings.iter().find(|finding| finding.role == "root");
        let trigger = root.and_then(|root| root.trigger.as_ref());
        let told = trigger.map_or("none".to_owned(), |it| format!("{}: {}", it.kind, it.says));
        let right = kind.is_none_or(|kind| trigger.is_some_and(|it| it.kind == kind));
        ensure!(
            right,
            "expected the trigger {}, got {told}",
            kind.unwrap_or("none")
        );
        Ok(())
    }

    /// Ok when each of these causes is ruled out, in words that hold those.
    pub(crate) fn check_ruled_out(&self, expected: &[(&str, &str)]) -> Result<()> {
        for (cause, words) in expected {
            let said = self.ruled_out.iter().find(|it| it.cause == *cause);
            let says = said.map_or("nothing", |it| &it.says);
            ensure!(
                says.contains(words),
                "of {cause} it is said: {says}; not: {words}"
            );
        }
        Ok(())
    }

    /// Ok when the first root's evidence holds each of these words.
    pub(crate) fn check_shows(&self, expected: &[&str]) -> Result<()> {
        let root = self.findings.iter().find(|finding| finding.role == "root");
        let told = root.map_or(&[][..], |root| &root.evidence);
        for words in expected {
            let says = told.iter().any(|it| it.says.contains(words));
            ensure!(says, "no evidence of the root says: {words}");
        }
        Ok(())
    }

    /// The chain of each root in a line: `pool-exhausted <- db-slow`, with `<- ?` where nobody could look further.
    pub(crate) fn chains(&self) -> Vec<String> {
        let of = |finding: &Finding| {
            let links = finding.chain.iter().filter(|link| link.kind != "met");
            let names = links.map(|link| link.cause.as_deref().unwrap_or("?"));
            names.collect::<Vec<_>>().join(" <- ")
        };
        let roots = self
            .findings
            .iter()
            .filter(|finding| finding.role == "root" && !finding.over);
        roots.map(of).collect()
    }

    /// Ok when a root has exactly this chain, and every link of it has evidence of its own. An empty one asks for nothing.
    pub(crate) fn check_chain(&self, expect: &[&str]) -> Result<()> {
        let (expect, got) = (expect.join(" <- "), self.chains());
        ensure!(
            expect.is_empty() || got.contains(&expect),
            "expected the chain {expect}, got {}",
            got.join("; ")
        );
        let mut links = self.findings.iter().flat_map(|finding| &finding.chain);
        ensure!(
            links.all(|link| !link.evidence.is_empty()),
            "a link without evidence in {}",
            got.join("; ")
        );
        Ok(())
    }

    /// Ok when no failure is claimed to be going on.
    pub(crate) fn check_over(&self) -> Result<()> {
        let over = matches!(self.verdict.as_str(), "healthy" | "recovered");
        ensure!(
            over,
            "after the fault was gone: expected healthy or recovered, got {}",
            self.brief()
        );
        self.check_exit(0)
    }

    fn check_exit(&self, exit: i32) -> Result<()> {
        ensure!(
            self.exit == Some(exit),
            "{}: expected exit code {exit}, got {:?} {}",
            self.brief(),
            self.exit,
            self.complaint
        );
        Ok(())
    }
}

/// The expectation in the same few words.
pub(crate) fn brief(expect: Expect) -> String {
    match expect {
        Expect::Found(roots) => roots.join("+"),
        Expect::NotFound => "unexplained or torn".to_owned(),
        Expect::Healthy => "healthy".to_owned(),
        Expect::Recovered(None) => "recovered".to_owned(),
        Expect::Recovered(Some(root)) => format!("recovered:{root}"),
    }
}

fn same(got: &[&str], expected: &[&str]) -> bool {
    let sorted = |list: &[&str]| {
        let mut list: Vec<String> = list.iter().map(|word| (*word).to_owned()).collect();
        list.sort();
        list
    };
    sorted(got) == sorted(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, roots: &[&str], exit: i32, expect: Expect, right: bool) {
        let finding = |cause: &&str| Finding {
            cause: (*cause).to_owned(),
            role: "root".to_owned(),
            over: kind == "recovered",
            trigger: None,
            evidence: Vec::new(),
            chain: Vec::new(),
        };
        let past = Finding {
            cause: "backend-restart-window".to_owned(),
            role: "root".to_owned(),
            over: true,
            trigger: None,
            evidence: Vec::new(),
            chain: Vec::new(),
        };
        let effect = Finding {
            cause: "backend-died".to_owned(),
            role: "effect".to_owned(),
            over: false,
            trigger: None,
            evidence: Vec::new(),
            chain: Vec::new(),
        };
        let findings = roots.iter().map(finding).chain([effect, past]).collect();
        let verdict = Verdict {
            verdict: kind.to_owned(),
            findings,
            ruled_out: Vec::new(),
            took_ms: 1,
            exit: Some(exit),
            complaint: String::new(),
        };
        assert_eq!(
            verdict.check(expect).is_ok(),
            right,
            "{kind} {roots:?} {exit} against {expect:?}"
        );
    }

    #[test]
    fn the_first_root_names_its_trigger() {
        let text = r#"{"verdict":"found","took_ms":1,"findings":[
            {"cause":"a","role":"effect","over":false,"trigger":null},
            {"cause":"b","role":"root","over":false,"trigger":{"kind":"unit-stop","says":"Stopped"}}]}"#;
        let verdict: Verdict = serde_json::from_str(text).expect("a verdict");
        for (kind, right) in [(Some("unit-stop"), true), (Some("reboot"), false), (None, true)] {
            assert_eq!(verdict.check_trigger(kind).is_ok(), right, "{kind:?}");
        }
    }

    #[test]
    fn the_chain_is_compared_link_by_link() {
        let text = |evidence: &str| {
            format!(
                r#"{{"verdict":"found","took_ms":1,"findings":[
                {{"cause":"b","role":"root","over":false,"trigger":null,"chain":[
                  {{"kind":"met","cause":null,"evidence":[{{}}]}},
                  {{"kind":"effect","cause":"a","evidence":[{evidence}]}},
                  {{"kind":"root","cause":"b","evidence":[{{}}]}}]}}]}}"#
            )
        };
        let verdict: Verdict = serde_json::from_str(&text("{}")).expect("a verdict");
        for (expect, right) in [(&["a", "b"][..], true), (&["b"], false), (&[], true)] {
            assert_eq!(verdict.check_chain(expect).is_ok(), right, "{expect:?}");
        }
        let bare: Verdict = serde_json::from_str(&text("")).expect("a verdict");
        assert!(bare.check_chain(&["a", "b"]).is_err());
    }

    #[test]
    fn words_are_looked_for_in_the_root_alone() {
        let of = |role: &str, says: &str| {
            format!(
                r#"{{"cause":"a","role":"{role}","over":false,"trigger":null,"evidence":[{{"says":"{says}"}}]}}"#
            )
        };
        let findings = [
            of("root", "all 2 workers are busy"),
            of("effect", "its queue is full"),
        ]
        .join(",");
        let text = format!(r#"{{"verdict":"found","took_ms":1,"findings":[{findings}]}}"#);
        let verdict: Verdict = serde_json::from_str(&text).expect("a verdict");
        for (words, right) in [("2 workers", true), ("queue", false)] {
            assert_eq!(verdict.check_shows(&[words]).is_ok(), right, "{words}");
        }
        assert!(verdict.check_shows(&[]).is_ok());
    }

    #[test]
    fn only_the_exact_verdict_passes() {
        check("found", &["oom-kill"], 1, Expect::Found(&["oom-kill"]), true);
        check("found", &["oom-kill"], 0, Expect::Found(&["oom-kill"]), false);
        check("found", &["disk-full"], 1, Expect::Found(&["oom-kill"]), false);
        check("found", &["a", "b"], 1, Expect::Found(&["b", "a"]), true);
        check("found", &["a", "b"], 1, Expect::Found(&["a"]), false);
        check("torn", &["a"], 2, Expect::Found(&["a"]), false);
        check("torn", &["a"], 2, Expect::NotFound, true);
        check("unexplained", &[], 2, Expect::NotFound, true);
        check("found", &["a"], 1, Expect::NotFound, false);
        check("healthy", &[], 0, Expect::Healthy, true);
        check("recovered", &[], 0, Expect::Healthy, false);
        check("recovered", &[], 0, Expect::Recovered(None), true);
        check("recovered", &["a", "b"], 0, Expect::Recovered(Some("a")), true);
        check("recovered", &["b"], 0, Expect::Recovered(Some("a")), false);
    }
}
