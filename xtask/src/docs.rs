//! Generated docs: causes, command line, JSON and its schemas, exit codes. A check fails when one is stale.

pub mod runs;

use crate::{json_page, lab_page, shell};
use anyhow::{Context, bail};
use diagnose::{
    Cause,
    audit::{self, Rule},
    cause::Told,
    causes,
};
use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// Writes them, or checks that each is as it would be written now.
pub fn run(check: bool) -> anyhow::Result<()> {
    let root = shell::root();
    let pages = pages()?;
    let mut stale: Vec<String> = Vec::new();
    for (path, text) in &pages {
        let old = fs::read_to_string(root.join(path)).unwrap_or_default();
        if old == *text {
            continue;
        }
        stale.push(path.display().to_string());
        if !check {
            write(&root.join(path), text)?;
        }
    }
    stale.extend(leftovers(&root, &pages, check)?);
    if check && !stale.is_empty() {
        bail!("stale, run `cargo xtask docs`:\n  {}", stale.join("\n  "));
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let dir = path.parent().context("a page has a folder")?;
    fs::create_dir_all(dir)?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

/// Pages of causes and rules that are gone.
fn leftovers(root: &Path, pages: &BTreeMap<PathBuf, String>, check: bool) -> anyhow::Result<Vec<String>> {
    let mut gone = Vec::new();
    for folder in ["docs/causes", "docs/audit"].map(Path::new) {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten() {
            let path = folder.join(entry?.file_name());
            if !pages.contains_key(&path) && path != Path::new(PEERS) {
                gone.push(path.display().to_string());
                if !check {
                    fs::remove_file(root.join(&path))?;
                }
            }
        }
    }
    Ok(gone)
}

/// What `cargo xtask audit-peers` measured; the index of the rules holds it.
pub const PEERS: &str = "docs/audit/peers.md";

fn pages() -> anyhow::Result<BTreeMap<PathBuf, String>> {
    let mut pages = BTreeMap::new();
    let why502 = shell::debug_binary()?;
    for cause in causes::ALL {
        let page = cause_page(cause, &why502)?;
        pages.insert(format!("docs/causes/{}.md", cause.id).into(), page);
    }
    pages.insert("docs/lab.md".into(), lab_page::with_foot()?);
    pages.insert("docs/causes/README.md".into(), index());
    for rule in audit::ALL {
        pages.insert(format!("docs/audit/{}.md", rule.id).into(), rule_page(rule));
    }
    let peers = fs::read_to_string(shell::root().join(PEERS)).unwrap_or_default();
    pages.insert("docs/audit/README.md".into(), rules() + &peers);
    pages.insert("docs/cli.md".into(), command_line(&why502)?);
    let mut schemas = Vec::new();
    for of in [
        "verdict", "fix", "undo", "history", "audit", "load", "check", "ticket",
    ] {
        let schema = shell::output(&why502, &["schema", of])?;
        pages.insert(format!("docs/{of}.schema.json").into(), schema.clone());
        schemas.push((of, schema));
    }
    pages.insert("docs/json.md".into(), json_page::page(&schemas)?);
    pages.insert("docs/exit-codes.md".into(), exit_codes(&why502)?);
    Ok(pages)
}

/// The doc comment with its headings.
fn doc(page: &mut String, doc: &str) {
    for line in doc.lines().map(str::trim) {
        match line.strip_prefix("# ") {
            Some(heading) => _ = write!(page, "\n## {heading}\n\n"),
            None => _ = writeln!(page, "{line}"),
        }
    }
}

fn rule_page(rule: &Rule) -> String {
    let mut page = format!("# {}\n\n{}.\n", rule.id, sentence(rule.title));
    doc(&mut page, rule.doc);
    let foresees = rule
        .foresees
        .iter()
        .map(|id| format!("[{id}](../causes/{id}.md)"));
    let _ = write!(
        page,
        "\n## Foresees\n\n{}\n",
        foresees.collect::<Vec<_>>().join(", ")
    );
    page
}

fn rules() -> String {
    let mut page = String::from(
        "# What `why502 audit` sees\n\nConditions that make a 502 tomorrow, while nothing fails today. A *warning* takes \
         an ordinary event (a boot, a rotation, a date, a busy hour), a *note* a rare one. Rules of the *config* need \
         nothing but nginx's files: `why502 audit --conf nginx.conf --format sarif` asks them anywhere.\n\n\
         | rule | what it sees | level | needs |\n|---|---|---|---|\n",
    );
    for rule in audit::ALL {
        let level = match rule.level {
            audit::Level::Warning => "warning",
            audit::Level::Note => "note",
        };
        let needs = match rule.needs {
            audit::Needs::Config => "config",
            audit::Needs::Host => "host",
        };
        let _ = writeln!(
            page,
            "| [{id}]({id}.md) | {} | {level} | {needs} |",
            rule.title,
            id = rule.id
        );
    }
    page
}

fn cause_page(cause: &Cause, why502: &Path) -> anyhow::Result<String> {
    let mut page = format!("# {}\n\n{}.\n", cause.id, sentence(cause.title));
    doc(&mut page, cause.doc);
    let (says, command) = cause.settled_by;
    let _ = write!(
        page,
        "\n## The look that decides\n\n{}:\n\n    {command}\n",
        sentence(says)
    );
    let _ = write!(page, "\n## Who may act\n\n{}\n", class(cause));
    if let Told::OnHost { lab, .. } = cause.told {
        let _ = write!(
            page,
            "\n## See it on a real host\n\n{}",
            lab.iter().map(|name| see(name)).collect::<String>()
        );
        page.push_str(&real_run(cause).unwrap_or_default());
        for recording in lab.iter().filter(|name| name.starts_with("hosts/")) {
            let screen = runs::replayed(why502, recording)?;
            page.push_str(&shown("", &format!("$ why502\n{screen}")));
        }
    }
    if let Told::ByCheck = cause.told {
        page.push_str("\n## See it on a real machine\n\n    cargo xtask lab visitor\n");
        page.push_str(&real_run(cause).unwrap_or_default());
    }
    Ok(page)
}

/// What the lab's kernel can't stage is a recorded host.
fn see(name: &str) -> String {
    match name.starts_with("hosts/") {
        true => format!(
            "Recorded in `{name}`, with the lines that such a kernel writes; judged again by `cargo test -p diagnose`.\n"
        ),
        false => format!("    cargo xtask lab {name}\n"),
    }
}

/// A real run, as it was: host names, process ids and times are that host's.
fn real_run(cause: &Cause) -> Option<String> {
    let (about, screen) = runs::of(cause)?;
    Some(shown(&format!("\n{about}\n"), &screen))
}

fn shown(about: &str, screen: &str) -> String {
    let screen = screen
        .lines()
        .map(|line| format!("    {line}").trim_end().to_owned() + "\n");
    format!(
        "{about}
{}",
        screen.collect::<String>()
    )
}

fn class(cause: &Cause) -> &'static str {
    match cause.class {
        diagnose::Class::Auto => "May be applied unattended, under policy.",
        diagnose::Class::Ask => "A person, after seeing what would change.",
        diagnose::Class::Never => "A person. why502 explains it and never acts on it.",
        diagnose::Class::Inform => "Nobody here: it is not ours to change.",
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn index() -> String {
    let judged = |cause: &&Cause| matches!(cause.told, Told::OnHost { .. });
    let mut page = format!(
        "# Causes\n\nThe {} ways we know that a host comes to answer 502. The {} *judged* causes are told on a host by \
         `why502`, the {} *checked* ones on a visitor's machine by `why502 check`; the others are named by `why502 explain` as \
         what a log line can mean.\n",
        causes::ALL.len(),
        causes::ALL.iter().copied().filter(judged).count(),
        causes::ALL
            .iter()
            .filter(|it| matches!(it.told, Told::ByCheck))
            .count(),
    );
    let mut groups: BTreeMap<_, Vec<&Cause>> = BTreeMap::new();
    for cause in causes::ALL {
        groups.entry(cause.group).or_default().push(cause);
    }
    for (group, causes) in groups {
        let _ = write!(
            page,
            "\n## {}\n\n| cause | what it is | told |\n|---|---|---|\n",
            group.title()
        );
        for cause in causes {
            let told = match cause.told {
                Told::OnHost { .. } => "judged",
                Told::ByCheck => "checked",
                Told::ByExplain => "named",
            };
            let _ = writeln!(
                page,
                "| [{id}]({id}.md) | {} | {told} |",
                cause.title,
                id = cause.id
            );
        }
    }
    page
}

fn command_line(why502: &Path) -> anyhow::Result<String> {
    let mut page = String::from("# Command line\n\nMade from `--help`.\n");
    let help = shell::output(why502, &["--help"])?;
    for command in std::iter::once("").chain(commands(&help)) {
        let args: Vec<&str> = [command, "--help"]
            .into_iter()
            .filter(|arg| !arg.is_empty())
            .collect();
        let help = shell::output(why502, &args)?;
        let _ = write!(
            page,
            "\n## why502 {command}\n\n```text\n{}\n```\n",
            help.trim_end()
        );
    }
    Ok(page.replace("## why502 \n", "## why502\n"))
}

/// The commands that `--help` lists: `  diagnose     Diagnose this host…`.
fn commands(help: &str) -> impl Iterator<Item = &str> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    listed
        .take_while(|line| !line.is_empty())
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
}

fn exit_codes(why502: &Path) -> anyhow::Result<String> {
    let table = shell::output(why502, &["exit-codes"])?;
    Ok(format!("# Exit codes\n\n| code | means |\n|---|---|\n{table}"))
}
