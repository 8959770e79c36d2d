//! `why502 audit` on a host: it foresees exactly what is so, and a change that it makes can be taken back.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::repair::{self, text};
use crate::{Audit, Host};

/// The parts of `why502 audit --json` that the lab asserts.
#[derive(Debug, Deserialize)]
struct Report {
    findings: Vec<Finding>,
    blind: Vec<Blind>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    number: usize,
    rule: String,
    subject: String,
    /// Read by whoever debugs a red trial.
    #[allow(dead_code, reason = "printed with the others")]
    says: String,
}

#[derive(Debug, Deserialize)]
struct Blind {
    rule: String,
    what: String,
}

/// What a lab host's root has no lists for: apt's are not kept in it.
const NO_LISTS: &str = "security-updates";

/// The audit says what it should; each of its changes is made, gone from the next audit, and back after undo.
pub(crate) fn check(host: &Host, expect: &Audit) -> Result<()> {
    let report = audit(host)?;
    let mut told: Vec<String> = report.findings.iter().map(Finding::brief).collect();
    told.sort();
    let mut right = expect.tells.to_vec();
    right.sort_unstable();
    ensure!(
        told == right,
        "the audit says {told:?}, not {right:?}: {:#?}",
        report.findings
    );
    let other = report.blind.iter().find(|blind| blind.rule != NO_LISTS);
    ensure!(
        other.is_none(),
        "{:?} could not look at {:?}",
        other.map(|it| &it.rule),
        other.map(|it| &it.what)
    );
    expect
        .mends
        .iter()
        .try_for_each(|finding| mend(host, finding).context(*finding))
}

fn mend(host: &Host, brief: &str) -> Result<()> {
    let before = repair::state(host)?;
    let report = audit(host)?;
    let found = report.findings.iter().find(|it| it.brief() == brief);
    let number = found.context("it is not found")?.number.to_string();
    let fixed = host.why502(&["audit", "--fix", "--yes", "--only", &number])?;
    ensure!(fixed.status.code() == Some(0), "fix: {}", text(&fixed));
    let after = audit(host)?;
    ensure!(
        !after.findings.iter().any(|it| it.brief() == brief),
        "it is still found after: {}",
        text(&fixed)
    );
    let undone = host.why502(&["undo", "--yes"])?;
    ensure!(undone.status.code() == Some(0), "undo: {}", text(&undone));
    repair::unchanged(host, &before, "the undo of an audit's change")?;
    ensure!(
        audit(host)?.findings.iter().any(|it| it.brief() == brief),
        "the undo did not bring it back"
    );
    Ok(())
}

impl Finding {
    /// `rule subject`
    fn brief(&self) -> String {
        format!("{} {}", self.rule, self.subject)
    }
}

fn audit(host: &Host) -> Result<Report> {
    let output = host.why502(&["audit", "--json"])?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("why502 audit said {}", text(&output)))
}
