//! `why502 redact`: secrets and visitors out of a file that was written before.

use super::bundle;
use crate::{cli, exit::Exit, screen::safe};
use ::bundle::{Manifest, Part};
use anyhow::{Context, bail};
use host::{recorded, redact::Redactor};
use regex::bytes::{Regex, RegexBuilder};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// An expression that compiles to more, bytes, is refused.
const EXPRESSION: usize = 1 << 20;

/// Runs the command.
pub fn run(options: &cli::Redact) -> anyhow::Result<Exit> {
    let file = &options.file;
    let mut redactor = redactor(&options.redaction)?;
    let bytes = bundle::bytes(file)?;
    let packed = bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || bytes.starts_with(b"age-encryption.org/");
    let clean = if packed {
        again(bundle::read(file)?, &mut redactor)?
    } else {
        let looks = recorded::read(&bytes).with_context(|| file.display().to_string())?;
        bundle::recording(&redactor.memory(&looks))?
    };
    let to = options.output.clone().unwrap_or_else(|| beside(file));
    bundle::fits(&to, clean.len())?;
    bundle::keep(&to, &clean)?;
    let report = redactor.report();
    let count: u64 = report.replaced.values().sum();
    let to = safe(&to.display().to_string());
    writeln!(
        anstream::stdout(),
        "{to}: {count} places redacted; {} is as it was",
        safe(&file.display().to_string())
    )?;
    Ok(Exit::Good)
}

fn again(bundle: ::bundle::Bundle, redactor: &mut Redactor) -> anyhow::Result<Vec<u8>> {
    let mut parts = Vec::new();
    for (part, bytes) in bundle.parts {
        match part {
            Part::Redaction => {}
            Part::Looks => {
                let looks = recorded::read(&bytes).context("its looks")?;
                parts.push((part, bundle::recording(&redactor.memory(&looks))?));
            }
            _ => parts.push((part, bundle::clean(redactor, &bytes)?)),
        }
    }
    parts.push((Part::Redaction, serde_json::to_vec_pretty(&redactor.report())?));
    let manifest = Manifest {
        redacted: true,
        ..bundle.manifest
    };
    Ok(::bundle::write(manifest, parts, ::bundle::UNPACKED, &|| true)?)
}

/// Takes out what why502 knows, and what the user's own file names.
pub fn redactor(options: &cli::Redaction) -> anyhow::Result<Redactor> {
    let Some(file) = &options.patterns else {
        return Ok(Redactor::new(Vec::new()));
    };
    let text = bundle::bytes(file)?;
    let mut own: Vec<Regex> = Vec::new();
    for (index, line) in String::from_utf8_lossy(&text).lines().enumerate() {
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        match RegexBuilder::new(line).size_limit(EXPRESSION).build() {
            Ok(regex) => own.push(regex),
            Err(error) => bail!("{}:{}: no regular expression: {error}", file.display(), index + 1),
        }
    }
    Ok(Redactor::new(own))
}

/// `host.redacted.jsonl` beside `host.jsonl`.
fn beside(file: &Path) -> PathBuf {
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let (stem, end) = name.split_once('.').unwrap_or((&name, "looks"));
    file.with_file_name(format!("{stem}.redacted.{end}"))
}
