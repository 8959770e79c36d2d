//! Pages made from the program's own model: completions, man page, JSON Schema.

use crate::{
    cli::{Cli, Document},
    exit::{Exit, TABLE},
    report::{audit, check, fix, history, json, load, ticket, undo},
};
use clap::CommandFactory;
use std::io::Write;

/// A completion script.
pub fn completions(shell: clap_complete::Shell, command: &mut clap::Command) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "why502", &mut script);
    print(&script)
}

/// The man page, with every sub-command in it.
pub fn man(command: &clap::Command) -> anyhow::Result<Exit> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for sub in Cli::command().get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let man = clap_mangen::Man::new(sub.clone());
        writeln!(page, ".SH \"WHY502 {}\"", sub.get_name().to_uppercase())?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
    }
    print(&page)
}

/// The JSON Schema of a document.
pub fn schema(of: Document) -> anyhow::Result<Exit> {
    let schema = match of {
        Document::Verdict => schemars::schema_for!(json::Report),
        Document::Fix => schemars::schema_for!(fix::Report),
        Document::Undo => schemars::schema_for!(undo::Report),
        Document::History => schemars::schema_for!(history::Report),
        Document::Load => schemars::schema_for!(load::Report),
        Document::Check => schemars::schema_for!(check::Report),
        Document::Ticket => schemars::schema_for!(ticket::Ticket),
        Document::Audit => schemars::schema_for!(audit::Report),
    };
    print(&serde_json::to_vec_pretty(&schema)?)
}

/// Rows of the table of exit codes.
pub fn exit_codes() -> anyhow::Result<Exit> {
    let rows: String = TABLE
        .iter()
        .map(|(code, means)| format!("| {code} | {means} |\n"))
        .collect();
    print(rows.trim_end().as_bytes())
}

fn print(bytes: &[u8]) -> anyhow::Result<Exit> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.write_all(b"\n")?;
    Ok(Exit::Good)
}
