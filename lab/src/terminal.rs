//! `why502 fix` and `why502 undo` as a person at a terminal meets them: every answer to `[y/N]`, a host that moves on
//! between the plan and the answer, some steps only, several roots one after another.

use std::process::Output;

use anyhow::{Context, Result, ensure};

use crate::repair::{Repair, text};

/// What a person may do at the question besides agreeing, and the exit code then: Ctrl-C ends the program by its signal.
const REFUSALS: [(&str, &str, i32); 5] = [
    ("no", "n\n", 1),
    ("nothing", "\n", 1),
    ("half a yes", "ye\n", 1),
    ("the end of input", "\u{4}", 1),
    ("Ctrl-C", "\u{3}", 254),
];
/// An edit by somebody else of the file that the plan is about to edit, and its end, the file's time too: it says which
/// side was changed last.
const EDIT: &str =
    "cp -p /etc/nginx/sites-available/shop /tmp/shop; sed -i '1i # a note' /etc/nginx/sites-available/shop";
const EDIT_BACK: &str = "cp -p /tmp/shop /etc/nginx/sites-available/shop";
const NOTHING_ELSE: &str = "true";

impl Repair<'_> {
    /// All of it, on a host with so many roots.
    pub(crate) fn at_a_terminal(&mut self, roots: usize, before: &str) -> Result<()> {
        for (what, keys, code) in REFUSALS {
            let said = self.terminal(&["fix"], &[(NOTHING_ELSE, keys); 8])?;
            ends(&said, code).context(what)?;
            self.unchanged(before, what)?;
        }
        if roots == 1 {
            self.moved_on().context("the host moved on before the answer")?;
            self.unchanged(before, "a host that moved on")?;
            let none = self.terminal(&["fix", "--only", "99"], &[])?;
            ensure!(text(&none).contains("no step 99"), "{}", text(&none));
        }
        let only: &[&str] = if roots == 1 {
            &["fix", "--only", "1"]
        } else {
            &["fix"]
        };
        let yes = vec![(NOTHING_ELSE, "y\n"); roots];
        ends(&self.terminal(only, &yes)?, 0)?;
        self.visitors.see(200).context("after yes")?;
        for _ in 0..roots {
            ends(&self.terminal(&["undo"], &[(NOTHING_ELSE, "n\n")])?, 1)?;
            ends(&self.terminal(&["undo"], &[(NOTHING_ELSE, "YES\n")])?, 0)?;
        }
        self.visitors
            .see_the_fault()
            .context("the undo did not bring the fault back")?;
        self.unchanged(before, "the undo")
    }

    /// The plan is made anew and shown again; what was said to the first counts for nothing.
    fn moved_on(&self) -> Result<()> {
        let said = self.terminal(&["fix"], &[(EDIT, "y\n"), (EDIT_BACK, "n\n")])?;
        ends(&said, 1)?;
        ensure!(
            text(&said).contains("The host has moved on"),
            "it does not say so: {}",
            text(&said)
        );
        Ok(())
    }

    fn terminal(&self, args: &[&str], visits: &[(&str, &str)]) -> Result<Output> {
        let lines = visits
            .iter()
            .map(|visit| Ok(serde_json::to_string(visit)? + "\n"));
        self.host.terminal(args, &lines.collect::<Result<String>>()?)
    }
}

fn ends(said: &Output, code: i32) -> Result<()> {
    ensure!(
        said.status.code() == Some(code),
        "{}: {}",
        said.status,
        text(said)
    );
    Ok(())
}
