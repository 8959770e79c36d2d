//! `why502 report` and `why502 logs` on a host whose outage is over: they tell who was not there what happened.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{Host, Scenario, repair::text, root};

/// The page and the ticket tell it, one thing after another. The page is kept, to be looked at.
pub(crate) fn check(host: &Host, scenario: &Scenario) -> Result<()> {
    let page = told(host, &["report", "--html", "-"])?;
    let dir = root::lab_dir().join("reports");
    fs::create_dir_all(&dir)?;
    fs::write(dir.join(format!("{}.html", scenario.name)), &page)?;
    in_order(&text_of(&page), scenario.report).context("the page")?;
    in_order(&told(host, &["report"])?.replace('\\', ""), scenario.report).context("the ticket")?;
    in_order(
        &told(host, &["logs"])?,
        &["lost in 1 burst", "cause: ", "just before: "],
    )
    .context("logs")
}

fn told(host: &Host, how: &[&str]) -> Result<String> {
    let output = host.why502(how)?;
    let worked = matches!(output.status.code(), Some(0..=2));
    ensure!(worked, "{how:?}: {}: {}", output.status, text(&output));
    Ok(String::from_utf8(output.stdout)?)
}

fn in_order(told: &str, expected: &[&str]) -> Result<()> {
    let mut rest = told;
    for words in expected {
        let Some((_, behind)) = rest.split_once(words) else {
            anyhow::bail!("it does not tell {words:?} where it should:\n{told}");
        };
        rest = behind;
    }
    Ok(())
}

/// What a reader sees of a page.
fn text_of(page: &str) -> String {
    let body = page.split_once("<body>").map_or("", |it| it.1);
    let pieces = body
        .split('<')
        .map(|piece| piece.split_once('>').map_or(piece, |it| it.1));
    let text = pieces.collect::<Vec<_>>().join(" ");
    let text = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&amp;", "&"),
        ("\u{202f}", " "),
    ]
    .iter()
    .fold(text, |text, (escaped, plain)| text.replace(escaped, plain));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
