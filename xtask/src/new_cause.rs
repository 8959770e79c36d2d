//! `cargo xtask new-cause ID`: one file and two lines.

use crate::shell;
use anyhow::{Context, bail};
use std::fs;

const TEMPLATE: &str = include_str!("new_cause.rs.txt");

/// Writes the file of the cause and its lines in `causes/mod.rs`.
pub fn run(id: &str) -> anyhow::Result<()> {
    if id.is_empty()
        || !id
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    {
        bail!("'{id}' is not kebab-case, as in backend-stopped");
    }
    let causes = shell::root().join("crates/diagnose/src/causes");
    let (module, constant) = (id.replace('-', "_"), id.replace('-', "_").to_uppercase());
    let file = causes.join(format!("{module}.rs"));
    if file.exists() {
        bail!("{} is there already", file.display());
    }
    let list = causes.join("mod.rs");
    let text = fs::read_to_string(&list).with_context(|| format!("reading {}", list.display()))?;
    fs::write(&list, with_lines(&text, &module, &constant)?)?;
    fs::write(
        &file,
        TEMPLATE.replace("{id}", id).replace("{CONSTANT}", &constant),
    )?;
    println!(
        "{}\n  then a scenario of the same name in lab/src/scenarios, and cargo xtask docs",
        file.display()
    );
    Ok(())
}

/// The `mod` line after its neighbours, the entry at the end of the list.
fn with_lines(text: &str, module: &str, constant: &str) -> anyhow::Result<String> {
    let last = text.rfind("\nmod ").context("causes/mod.rs has no `mod` line")?;
    let last = text[..last].rfind("\nmod ").unwrap_or(last);
    let (head, tail) = text.split_at(last + 1);
    let text = format!("{head}mod {module};\n{tail}");
    let end = text
        .find("\n];")
        .context("causes/mod.rs has no list that ends with `];` on its own line")?;
    let (head, tail) = text.split_at(end);
    Ok(format!("{head}\n    &{module}::{constant},{tail}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_lines_land_where_they_belong() {
        let before = "mod a;\nmod b;\n\npub static ALL: &[&Cause] = &[\n    &a::A,\n    &b::B,\n];\n\n#[cfg(test)]\nmod tests;\n";
        let after = super::with_lines(before, "c", "C").expect("both anchors are there");
        assert!(after.contains("mod c;\n"), "{after}");
        assert!(after.contains("    &b::B,\n    &c::C,\n];"), "{after}");
    }
}
