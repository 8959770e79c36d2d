//! `docs/lab.md`: what the lab's last whole run said, the confusion matrix, and two baselines on the same scenarios.

use crate::{docs, docs::runs, shell};
use ::lab::{Mode, Outcome, Summary};
use anyhow::ensure;
use diagnose::{cause::Told, causes};
use std::{collections::BTreeMap, fmt::Write, fs};

/// Takes the screens of the last run over into the causes' pages, and writes the lab's page where that run was whole.
pub fn write() -> anyhow::Result<()> {
    let judged = ::lab::last_run(&Mode::Judge)?;
    let alone = judged
        .outcomes
        .iter()
        .filter(|it| !it.scenario.starts_with("pair-"));
    match alone.count() == 2 * ::lab::all().count() {
        true => page(&judged)?,
        false => println!("docs/lab.md stays as it is: the last run was not whole (cargo xtask lab)"),
    }
    runs::write()?;
    docs::run(false)
}

fn page(judged: &Summary) -> anyhow::Result<()> {
    let baselines = ::lab::last_run(&Mode::Baselines)?;
    ensure!(
        baselines.outcomes.len() == ::lab::all().count(),
        "the last run of the baselines was not whole: `cargo xtask lab --baselines`"
    );
    let page = [
        HEAD,
        &summary(judged, &baselines),
        &matrix(judged),
        &each(judged, &baselines),
        &foot(),
    ]
    .join("\n");
    let file = shell::root().join("docs/lab.md");
    fs::write(&file, page)?;
    println!("{}", file.display());
    Ok(())
}

const HEAD: &str = "# The lab

Every scenario is a fresh, real Debian 12 host with systemd, booted for it alone: the site answers, something breaks, a
client sees it, `why502` is asked; `why502 fix` mends it, or says why it does not, under steady visitors of a neighbour
site; `why502 undo` brings the fault back byte for byte; the fault is taken away, `why502` is asked again. Each is judged
twice: bare, and again after noise was laid in: old 502s in the logs, a stale socket, look-alike processes, scanner lines;
repair and undo follow with the noise there. Names of causes appear nowhere on the host. Made by `cargo xtask lab`, `cargo xtask lab --baselines` and `cargo xtask lab --docs`.
";

/// The page of the last whole run, with what is said below it as it is said now.
pub fn with_foot() -> anyhow::Result<String> {
    let page = fs::read_to_string(shell::root().join("docs/lab.md"))?;
    let end = page.find(RECORDED).or_else(|| page.find(FOOT));
    let run = page.get(..end.unwrap_or(page.len())).unwrap_or_default();
    Ok(run.to_owned() + &foot())
}

fn foot() -> String {
    let mut table = String::from("\n| recorded host | cause |\n|---|---|\n");
    for cause in causes::ALL {
        let Told::OnHost { lab, .. } = cause.told else {
            continue;
        };
        for host in lab.iter().filter(|name| name.starts_with("hosts/")) {
            let _ = writeln!(table, "| {host} | [{id}](causes/{id}.md) |", id = cause.id);
        }
    }
    [RECORDED, STAGED_ELSEWHERE, &table, "\n", FOOT].concat()
}

const RECORDED: &str = "## Recorded hosts
";

const STAGED_ELSEWHERE: &str = "
The kernel under these hosts is shared: it has neither SELinux nor AppArmor, its disks do not break, and what it counts
(pressure, tracked connections) belongs to every host at once. Such causes are judged on recorded hosts: hosts of this lab
with the lines in them that such a kernel, auditd, `getsebool` and `semanage` write, in their own formats. `cargo test -p
diagnose` judges them again at each change. No Kubernetes runs here either: `k8s-no-endpoints` is a host with the files
that an ingress controller writes.
";

const FOOT: &str = "## Baselines

*Table*: the last line of nginx's error log, looked up in a plain table from errno to cause (`lab/src/baseline.rs`); right
where it names exactly the true cause. *Script*: `curl | grep 502 && systemctl restart BACKEND nginx`; it healed where the
page answered 200 again within 6 s, whatever the cause was, and says nothing about it.
";

fn summary(judged: &Summary, baselines: &Summary) -> String {
    let faults: Vec<&Outcome> = baselines
        .outcomes
        .iter()
        .filter(|it| is_fault(&it.expected))
        .collect();
    let table = faults.iter().filter(|it| it.table_right).count();
    let healed = faults.iter().filter(|it| it.script_healed).count();
    let all: Vec<&Outcome> = judged
        .outcomes
        .iter()
        .filter(|it| is_fault(&it.expected))
        .collect();
    let right = all.iter().filter(|it| it.error.is_none()).count();
    let tried = all.iter().filter(|it| !it.repair.is_empty());
    let mended = tried.clone().filter(|it| it.error.is_none()).count();
    let mut took: Vec<u64> = judged
        .outcomes
        .iter()
        .map(|it| it.took_ms)
        .filter(|ms| *ms > 0)
        .collect();
    took.sort_unstable();
    let median = took.get(took.len() / 2).copied().unwrap_or(0);
    format!(
        "| on hosts with a catalogued fault | right |\n|---|---|\n\
         | `why502` names every root, and only the roots | {right} of {} |\n\
         | the plain table names the cause | {table} of {} |\n\
         | where it has a remedy: `why502 fix` mends the page, no neighbour notices, undo restores the host | {} of {} |\n\
         | the restart script heals the page (and names nothing) | {healed} of {} |\n\n\
         Trials: {} passed, {} failed. `why502` took {median} ms at the median on these hosts, two to five at a time on two cores.\n",
        all.len(),
        faults.len(),
        mended,
        tried.count(),
        faults.len(),
        judged.passed,
        judged.failed,
    )
}

/// A catalogued fault is there to be found.
fn is_fault(expected: &str) -> bool {
    let control = ["healthy", "recovered", "unexplained or torn"].contains(&expected);
    !control && !expected.starts_with("recovered:")
}

/// Expected verdict against what was said, as far as they differ, and how often they agree.
fn matrix(judged: &Summary) -> String {
    let mut cells: BTreeMap<(String, String), usize> = BTreeMap::new();
    for it in &judged.outcomes {
        *cells.entry((sorted(&it.expected), sorted(&it.got))).or_default() += 1;
    }
    let mut page = String::from("## Confusion matrix\n\n| true | said | trials |\n|---|---|---|\n");
    for ((expected, got), count) in cells {
        let _ = writeln!(page, "| {expected} | {got} | {count} |");
    }
    page
}

/// Two roots are the same in either order.
fn sorted(roots: &str) -> String {
    let mut roots: Vec<&str> = roots.split('+').collect();
    roots.sort_unstable();
    roots.join("+")
}

fn each(judged: &Summary, baselines: &Summary) -> String {
    let mut page = String::from(
        "## Scenarios\n\n| scenario | true | said | with noise | why502 ms | fix | fix ms | table | script |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for pair in judged.outcomes.chunks(2) {
        let [plain, noisy] = pair else { continue };
        let base = baselines.outcomes.iter().find(|it| it.scenario == plain.scenario);
        let _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            plain.scenario,
            plain.expected,
            said(plain),
            said(noisy),
            plain.took_ms,
            plain.repair,
            if plain.fix_ms > 0 {
                plain.fix_ms.to_string()
            } else {
                String::new()
            },
            base.map_or("", |it| if it.table_right { "right" } else { "wrong" }),
            base.map_or("", |it| script(it)),
        );
    }
    page
}

fn said(outcome: &Outcome) -> String {
    match &outcome.error {
        None => "right".to_owned(),
        Some(_) => format!("**{}**", outcome.got),
    }
}

fn script(outcome: &Outcome) -> &'static str {
    match (is_fault(&outcome.expected), outcome.script_healed) {
        (false, _) => "-",
        (true, true) => "heals",
        (true, false) => "no",
    }
}
