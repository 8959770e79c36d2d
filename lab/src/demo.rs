//! One broken host to look at: the 502 a visitor sees, and what the tool says about it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::{Host, Step, host, root, scenarios};

/// Boots the host of that scenario, breaks it, shows the visitor's answer and the tool's.
pub fn demo(scenario: &str, tool: &Path) -> Result<()> {
    let scenario = scenarios::all()
        .find(|it| it.name == scenario)
        .with_context(|| format!("{scenario}: no such scenario"))?;
    root::install()?;
    root::ready()?;
    host::reap()?;
    println!("A fresh Debian host boots, with a shop behind nginx.");
    let mut host = Host::boot(tool, Duration::from_secs(60))?;
    host.sh(&scenario.setup(false))?;
    let (client, page) = (host.client()?, scenario.traffic);
    let ask = || {
        println!(
            "$ curl http://{}{}  ->  {}",
            page.site,
            page.path,
            client.get(page.site, page.path)
        )
    };
    ask();
    println!("Something breaks.");
    for step in scenario.inject {
        match step {
            Step::Sh(script) => drop(host.sh(script)?),
            Step::Reboot => host.reboot()?,
        }
    }
    ask();
    println!("$ why502");
    let output = host.why502(&[])?;
    print!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
