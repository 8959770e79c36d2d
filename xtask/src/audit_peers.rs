//! `cargo xtask audit-peers`: what `why502 audit` and gixy see of the same configurations, for `docs/audit/README.md`.

use crate::{docs, shell};
use anyhow::{Context, ensure};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The peers, as PyPI has them.
const PEERS: [&str; 2] = ["gixy", "gixy-ng"];
/// Ours need not be told what they say of us.
const TOLD: &str = "\n## Beside gixy\n\n\
[gixy](https://pypi.org/project/gixy/) and its successor [gixy-ng](https://pypi.org/project/gixy-ng/) read nginx's files for \
security: whom a request may reach, what it may inject. `why502 audit` looks for what will fail. On the same \
configurations they have little in common, and a host is served best by both. ";

/// Runs all three over `xtask/audit/*.conf` and writes what each saw.
pub fn run() -> anyhow::Result<()> {
    let why502 = shell::debug_binary()?;
    let peers = PEERS.map(|name| install(name).map(|(exe, version)| (name, exe, version)));
    let peers = peers.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    let mut page = format!("{TOLD}Made by `cargo xtask audit-peers`, with ");
    let versions = peers.iter().map(|(name, _, version)| format!("{name} {version}"));
    let _ = writeln!(page, "{}.\n", versions.collect::<Vec<_>>().join(" and "));
    page.push_str("| configuration | why502 audit --conf | gixy | gixy-ng |\n|---|---|---|---|\n");
    let mut counts = [0; 3];
    for conf in configs()? {
        let mut seen = vec![ours(&why502, &conf)?];
        for (_, exe, _) in &peers {
            seen.push(theirs(exe, &conf)?);
        }
        let name = conf
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for (count, seen) in counts.iter_mut().zip(&seen) {
            *count += seen.len();
        }
        let cells: Vec<String> = seen.iter().map(cell).collect();
        let _ = writeln!(
            page,
            "| [{name}](../../xtask/audit/{name}.conf) | {} |",
            cells.join(" | ")
        );
    }
    let _ = writeln!(
        page,
        "| findings | {} | {} | {} |",
        counts[0], counts[1], counts[2]
    );
    page.push_str(
        "\nNeither peer looks at a host: the rules above that need one (timers of both sides, queues, memory, units, \
         certificates, log rotation, updates, old libraries) have no counterpart there.\n",
    );
    fs::write(shell::root().join(docs::PEERS), &page)?;
    println!("{page}");
    Ok(())
}

/// A virtual environment of its own, and the version in it.
fn install(name: &str) -> anyhow::Result<(PathBuf, String)> {
    let dir = shell::root().join("target/audit-peers").join(name);
    let exe = dir.join("bin/gixy");
    if !exe.exists() {
        let at = dir.to_str().context("a path in UTF-8")?;
        shell::run("python3", &["-m", "venv", at])?;
        shell::run(&format!("{at}/bin/pip"), &["install", "--quiet", name])?;
    }
    let shown = shell::output(dir.join("bin/pip"), &["show", name])?;
    let version = shown.lines().find_map(|line| line.strip_prefix("Version: "));
    Ok((exe, version.context("pip tells no version")?.to_owned()))
}

fn configs() -> anyhow::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs::read_dir(shell::root().join("xtask/audit"))?
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<_>>()?;
    files.sort();
    ensure!(!files.is_empty(), "xtask/audit holds no configuration");
    Ok(files)
}

/// A configuration that passes nothing on is none that can answer 502: we say so, and see nothing.
fn ours(why502: &Path, conf: &Path) -> anyhow::Result<BTreeSet<String>> {
    let output = Command::new(why502)
        .args(["audit", "--json", "--conf"])
        .arg(conf)
        .output()?;
    if String::from_utf8_lossy(&output.stderr).contains("no site was found") {
        return Ok(BTreeSet::new());
    }
    let report: Value = serde_json::from_slice(&output.stdout).context("what why502 audit printed")?;
    Ok(words(&report["findings"], "rule"))
}

/// Its exit status only says whether it found anything.
fn theirs(exe: &Path, conf: &Path) -> anyhow::Result<BTreeSet<String>> {
    let output = Command::new(exe).args(["-f", "json"]).arg(conf).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let json = text.find('[').and_then(|at| text.get(at..)).unwrap_or("[]");
    let mut values = serde_json::Deserializer::from_str(json).into_iter::<Value>();
    let found = values
        .next()
        .context("gixy printed nothing")?
        .context("what gixy printed")?;
    Ok(words(&found, "plugin"))
}

fn words(list: &Value, key: &str) -> BTreeSet<String> {
    let each = list.as_array().into_iter().flatten();
    each.filter_map(|it| Some(it[key].as_str()?.to_owned())).collect()
}

fn cell(seen: &BTreeSet<String>) -> String {
    let each: Vec<&str> = seen.iter().map(String::as_str).collect();
    if each.is_empty() {
        "-".to_owned()
    } else {
        each.join(", ")
    }
}
