//! A host's verdict once more, outside of the host and from its bundle alone; and what that bundle must not tell.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use bundle::Bundle;
use host::{memory::Memory, recorded, redact::Redactor};
use serde_json::Value;

use crate::{repair::text, root};

/// Where the tool writes its looks: a pipe, so that looking leaves nothing on the host, and a full disk takes it.
pub(crate) const LOOKS: &str = "/dev/stderr";
/// What the noise lays in to be found; see stacks/noise.sh.
const SECRETS: &[&str] = &[
    "canaryQuery",
    "canaryMail",
    "canaryJournal",
    "canaryEnvironment",
    "203.0.113.77",
];
/// What a replay can't have: time, the memory and the plans of the host.
const OF_THE_HOST: &[&str] = &["took_ms", "half_done", "recurrence", "plan"];

/// The bundle made of these looks is judged as the host was.
pub(crate) fn check(tool: &Path, judged: &Output, noise: bool) -> Result<()> {
    static NTH: AtomicUsize = AtomicUsize::new(0);
    let nth = NTH.fetch_add(1, Ordering::Relaxed);
    let dir = root::lab_dir().join(format!("bundles/{}-{nth}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let checked = judge_again(tool, judged, &dir, noise);
    if checked.is_ok() {
        fs::remove_dir_all(&dir)?;
    }
    checked.with_context(|| format!("elsewhere, from {}", dir.display()))
}

fn judge_again(tool: &Path, judged: &Output, dir: &Path, noise: bool) -> Result<()> {
    let (looks, packed) = (dir.join("looks.jsonl"), dir.join("host.tar.zst"));
    fs::write(&looks, &judged.stderr)?;
    let bundled = Command::new(tool)
        .arg("bundle")
        .arg(&packed)
        .arg("--recorded")
        .arg(&looks)
        .output()?;
    ensure!(bundled.status.success(), "bundle: {}", text(&bundled));
    let bundle = bundle::read(fs::read(&packed)?.as_slice())?;
    if noise {
        tells_nothing(&bundle, &judged.stderr)?;
    }
    let again = Command::new(tool)
        .args(["diagnose", "--json", "--bundle"])
        .arg(&packed)
        .output()?;
    ensure!(
        again.status == judged.status,
        "exit {}: {}",
        again.status,
        text(&again)
    );
    let memory = recorded::read(&judged.stderr)?;
    let there = canonical(serde_json::from_slice(&judged.stdout)?, &memory);
    let here = canonical(serde_json::from_slice(&again.stdout)?, &memory);
    same(&there, &here, "")
}

fn tells_nothing(bundle: &Bundle, looks: &[u8]) -> Result<()> {
    let looks = String::from_utf8_lossy(looks);
    ensure!(
        SECRETS.iter().any(|secret| looks.contains(secret)),
        "no look reached a secret"
    );
    for secret in SECRETS {
        for (part, bytes) in &bundle.parts {
            let told = String::from_utf8_lossy(bytes).contains(secret);
            ensure!(!told, "{} of the bundle tells {secret}", part.file());
        }
    }
    Ok(())
}

/// The verdict with one name for every visitor, and without what only the host has.
fn canonical(verdict: Value, memory: &Memory) -> Value {
    let mut redactor = Redactor::new(Vec::new());
    redactor.keep_addresses_of(memory);
    nameless(redactor.value(verdict))
}

fn nameless(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_size(&one_visitor(&text))),
        Value::Array(items) => items.into_iter().map(nameless).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(name, _)| !OF_THE_HOST.contains(&name.as_str()))
            .map(|(name, value)| (name, nameless(value)))
            .collect(),
        plain => plain,
    }
}

/// `198.18.0.7` is who it is in one bundle.
fn one_visitor(text: &str) -> String {
    let mut pieces = text.split("198.18.");
    let mut one = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        one.push_str("VISITOR ");
        one.push_str(rest);
    }
    one
}

/// `(9402946 bytes)`: a redacted log is shorter than it was.
fn without_size(text: &str) -> String {
    const UNIT: &str = " bytes)";
    let (mut cut, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(UNIT) {
        cut.push_str(before.trim_end_matches(|c: char| c.is_ascii_digit()));
        cut.push_str(UNIT);
        rest = after;
    }
    cut + rest
}

/// Equal, or an error that names the first field that is not.
fn same(there: &Value, here: &Value, at: &str) -> Result<()> {
    match (there, here) {
        (Value::Object(one), Value::Object(other)) if one.len() == other.len() => one
            .iter()
            .try_for_each(|(name, value)| same(value, &other[name], &format!("{at}.{name}"))),
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => one
            .iter()
            .zip(other)
            .enumerate()
            .try_for_each(|(nth, (one, other))| same(one, other, &format!("{at}[{nth}]"))),
        _ => {
            ensure!(
                there == here,
                "{at} was {} on the host and is {}",
                brief(there),
                brief(here)
            );
            Ok(())
        }
    }
}

fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(600) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn verdicts_differ_by_what_they_say_and_not_by_who_visited() {
        let there =
            json!({"took_ms": 7, "findings": [{"says": "a", "sample": "client: 203.0.113.9, b@c.example"}]});
        let memory = Memory::default();
        let there = canonical(there, &memory);
        let here = |says: &str| json!({"findings": [{"says": says, "sample": "client: 198.18.0.4, somebody@redacted.invalid"}]});
        same(&there, &canonical(here("a"), &memory), "").expect("they say the same");
        let differs = same(&there, &canonical(here("b"), &memory), "").expect_err("they do not");
        assert!(differs.to_string().contains(".findings[0].says"), "{differs}");
        assert_eq!(
            without_size("a (12 bytes) b (c bytes) 3"),
            "a ( bytes) b (c bytes) 3"
        );
        let less = json!({"findings": []});
        same(&there, &less, "").expect_err("one has a finding more");
    }
}
