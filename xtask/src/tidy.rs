//! Budgets and arrows: what keeps the tree readable.

use crate::shell;
use anyhow::{Context, bail};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Lines of a source file without its tests.
const FILE: usize = 400;
/// Lines of a cause with its remedies and tests.
const CAUSE: usize = 320;
/// Lines of a `main.rs`.
const MAIN: usize = 80;

/// Which crates of ours a crate may use. The layers of ARCHITECTURE.md.
const ARROWS: &[(&str, &[&str])] = &[
    ("crates/nginx-conf", &[]),
    ("crates/logscan", &[]),
    ("crates/host", &[]),
    ("crates/bundle", &[]),
    ("crates/diagnose", &["nginx-conf", "logscan", "host"]),
    ("crates/remedy", &["nginx-conf", "logscan", "host", "diagnose"]),
    (
        "crates/why502",
        &["nginx-conf", "logscan", "host", "diagnose", "remedy", "bundle"],
    ),
];
const OURS: &[&str] = &[
    "nginx-conf",
    "logscan",
    "host",
    "diagnose",
    "remedy",
    "bundle",
    "why502",
    "lab",
    "xtask",
];

/// Checks everything, and names every fault.
pub fn run() -> anyhow::Result<()> {
    let mut faults = Vec::new();
    for file in sources(&shell::root())? {
        faults.extend(too_long(&file)?);
    }
    for (krate, allowed) in ARROWS {
        faults.extend(wrong_arrows(krate, allowed)?);
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("not tidy:\n  {}", faults.join("\n  "))
}

fn sources(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![root.join("crates"), root.join("lab"), root.join("xtask")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).with_context(|| format!("reading {}", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn too_long(file: &Path) -> anyhow::Result<Option<String>> {
    let text = fs::read_to_string(file)?;
    let all = text.lines().count();
    let code = text
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .count();
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let is_test = file.iter().any(|part| {
        ["tests", "tests.rs", "testing", "testing.rs"]
            .iter()
            .any(|it| part == *it)
    });
    let is_cause = file
        .parent()
        .is_some_and(|dir| dir.ends_with("diagnose/src/causes"))
        && name != "mod.rs";
    let (lines, budget) = match name {
        "main.rs" => (all, MAIN),
        _ if is_test => return Ok(None),
        _ if is_cause => (all, CAUSE),
        _ => (code, FILE),
    };
    let over = lines > budget;
    Ok(over.then(|| format!("{}: {lines} lines, the budget is {budget}", file.display())))
}

fn wrong_arrows(krate: &str, allowed: &[&str]) -> anyhow::Result<Vec<String>> {
    let manifest = fs::read_to_string(shell::root().join(krate).join("Cargo.toml"))?;
    let uses = |name: &str| {
        manifest
            .lines()
            .any(|line| line.starts_with(&format!("{name}.")) || line.starts_with(&format!("{name} ")))
    };
    let wrong = OURS.iter().filter(|name| uses(name) && !allowed.contains(name));
    Ok(wrong.map(|name| format!("{krate} may not use {name}")).collect())
}
