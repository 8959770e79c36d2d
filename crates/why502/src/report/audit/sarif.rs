//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>) with what GitHub's code scanning asks for
//! (<https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning>):
//! every rule with its help, every result with a message, a file with a line, and a fingerprint that outlives edits.

use super::{Finding, Report};
use crate::report::json::{page, word};
use diagnose::audit::Rule;
use serde_json::{Value, json};

/// Paths are said relative to this: the root of the host's file system.
const ROOT: &str = "HOSTROOT";
/// Where the rules are explained.
const DOCS: &str = "https://github.com/why502/why502/blob/main/docs/audit";

/// The whole document.
pub fn render(report: &Report, rules: &[&Rule]) -> anyhow::Result<String> {
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "why502",
                "semanticVersion": report.head.version,
                "informationUri": "https://github.com/why502/why502",
                "rules": rules.iter().map(|it| rule(it)).collect::<Vec<_>>(),
            }},
            "originalUriBaseIds": { ROOT: { "uri": "file:///" } },
            "invocations": [invocation(report)],
            "results": report.findings.iter().map(|it| result(it, rules)).collect::<Vec<_>>(),
            "columnKind": "unicodeCodePoints",
        }],
    });
    Ok(page(&document)? + "\n")
}

fn rule(rule: &Rule) -> Value {
    let doc = rule.doc.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    json!({
        "id": rule.id,
        "name": rule.id,
        "shortDescription": { "text": rule.title },
        "fullDescription": { "text": rule.title },
        "help": { "text": doc, "markdown": doc },
        "helpUri": format!("{DOCS}/{}.md", rule.id),
        "defaultConfiguration": { "level": word(&rule.level) },
        "properties": { "tags": ["reliability", "nginx"], "precision": "high", "problem.severity": severity(rule) },
    })
}

/// GitHub's word for the level.
fn severity(rule: &Rule) -> &'static str {
    match rule.level {
        diagnose::audit::Level::Warning => "warning",
        diagnose::audit::Level::Note => "recommendation",
    }
}

/// A rule that could not look is a notification, not a result.
fn invocation(report: &Report) -> Value {
    let blind = report.blind.iter().map(|it| {
        json!({
            "level": "warning",
            "message": { "text": format!("{}: {}", it.unseen.what, it.unseen.why) },
            "associatedRule": { "id": it.rule },
        })
    });
    json!({
        "executionSuccessful": true,
        "endTimeUtc": report.head.at,
        "toolExecutionNotifications": blind.collect::<Vec<_>>(),
    })
}

fn result(finding: &Finding, rules: &[&Rule]) -> Value {
    let index = rules.iter().position(|rule| rule.id == finding.rule);
    json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.level,
        "message": { "text": format!("{}: {}. Change: {}", finding.says, finding.why, finding.change) },
        "locations": [{
            "physicalLocation": physical(finding),
            "logicalLocations": [{ "fullyQualifiedName": finding.subject, "kind": "resource" }],
        }],
        // the same while lines move: what it is about, not where
        "partialFingerprints": { "why502/1": format!("{}: {}", finding.rule, finding.subject) },
    })
}

/// GitHub shows only what has a file and a line. A finding about a process has neither: its unit's name stands for it.
fn physical(finding: &Finding) -> Value {
    let file = finding
        .file
        .clone()
        .unwrap_or_else(|| format!("/run/systemd/units/{}", finding.subject));
    let mut region = json!({ "startLine": finding.line.unwrap_or(1) });
    if let Some(column) = finding.column {
        region["startColumn"] = column.into();
    }
    json!({
        "artifactLocation": { "uri": uri(&file), "uriBaseId": ROOT },
        "region": region,
    })
}

/// A path as a relative URI reference (RFC 3986): what is not unreserved is written in percent.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let byte = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    path.trim_start_matches('/').bytes().map(byte).collect()
}
