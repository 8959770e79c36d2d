//! The whole story on one fresh host: a page, its 502, the cause, the plan, the fix, 200, undo, 502, the fix again, 200.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::client::Client;
use crate::{Host, Scenario, Step, host, root, scenarios};

/// Time for the story, and for a person who looks around on the broken host.
const STORY: Duration = Duration::from_secs(120);
const LOOK_AROUND: Duration = Duration::from_secs(3600);

/// Boots the host of that scenario, breaks it, and plays the story.
pub fn demo(scenario: &str, tool: &Path) -> Result<()> {
    let (host, client, scenario) = broken(scenario, tool, STORY)?;
    visit(&client, scenario, 502)?;
    why502(&host, &[])?;
    why502(&host, &["fix", "--plan"])?;
    why502(&host, &["fix", "--yes"])?;
    visit(&client, scenario, 200)?;
    why502(&host, &["undo", "--yes"])?;
    visit(&client, scenario, 502)?;
    why502(&host, &["fix", "--yes"])?;
    visit(&client, scenario, 200)?;
    why502(&host, &["history"])
}

/// Boots the host of that scenario, breaks it, and leaves it up until a line or the end of standard input.
pub fn hold(scenario: &str, tool: &Path) -> Result<()> {
    let (host, ..) = broken(scenario, tool, LOOK_AROUND)?;
    println!("\nLook around:  {}\nEnter takes the host away.", host.way_in());
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

fn broken(scenario: &str, tool: &Path, limit: Duration) -> Result<(Host, Client, &'static Scenario)> {
    let scenario = scenarios::all()
        .find(|it| it.name == scenario)
        .with_context(|| format!("{scenario}: no such scenario; `cargo xtask lab --list` shows them"))?;
    root::install()?;
    root::ready()?;
    host::reap()?;
    println!("A fresh Debian host boots, with a shop behind nginx.");
    let mut host = Host::boot(tool, limit)?;
    host.sh(&scenario.setup())?;
    let client = host.client()?;
    visit(&client, scenario, 200)?;
    println!("\nSomething breaks.");
    for step in scenario.inject {
        match step {
            Step::Sh(script) => drop(host.sh(script)?),
            Step::Around(script) => host.around(script)?,
            Step::Reboot => host.reboot()?,
        }
    }
    // visitors keep coming while whatever was restarted gets going
    for _ in 0..20 {
        client.ask(&scenario.traffic);
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok((host, client, scenario))
}

/// One visitor, and what the story needs them to see.
fn visit(client: &Client, scenario: &Scenario, expected: u16) -> Result<()> {
    let page = scenario.traffic;
    let answer = client.ask(&page);
    println!("\n$ curl http://{}{}  ->  {answer}", page.site, page.path);
    ensure!(answer == expected, "the story needs {expected} here");
    Ok(())
}

fn why502(host: &Host, args: &[&str]) -> Result<()> {
    println!("\n$ why502 {}", args.join(" "));
    let output = host.why502(args)?;
    let said = [output.stdout, output.stderr].concat();
    print!("{}", String::from_utf8_lossy(&said));
    Ok(())
}
