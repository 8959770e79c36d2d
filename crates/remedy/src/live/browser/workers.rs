//! `serviceworker.txt` of Firefox: a version, then records that end with `#` and whatever that version puts behind it.

use super::{cannot, write};
use crate::StepFailed;
use std::{fs, path::Path};

pub(super) fn take(file: &Path, host: &str, at: &Path) -> Result<(), StepFailed> {
    let text = read(file)?;
    let (version, records) = parted(&text);
    let (ours, others): (Vec<&str>, Vec<&str>) = records.into_iter().partition(|record| is_of(record, host));
    if ours.is_empty() {
        return Ok(());
    }
    write(at, ours.concat().as_bytes())?;
    write(file, (version.to_owned() + &others.concat()).as_bytes())
}

pub(super) fn give_back(file: &Path, at: &Path) -> Result<(), StepFailed> {
    let (text, kept) = (read(file)?, read(at)?);
    let missing: String = parted(&format!("\n{kept}"))
        .1
        .into_iter()
        .filter(|it| !text.contains(it))
        .collect();
    write(file, (text + &missing).as_bytes())?;
    fs::remove_file(at).map_err(|error| cannot(at, &error))
}

/// The first line, and each record with its end.
fn parted(text: &str) -> (&str, Vec<&str>) {
    let (version, rest) = text.split_at(text.find('\n').map_or(text.len(), |at| at + 1));
    let (mut records, mut start, mut at) = (Vec::new(), 0, 0);
    for line in rest.split_inclusive('\n') {
        at += line.len();
        if line.starts_with('#') {
            records.push(&rest[start..at]);
            start = at;
        }
    }
    if start < rest.len() {
        records.push(&rest[start..]);
    }
    (version, records)
}

/// Its scope, the first URL in it, is of that host.
fn is_of(record: &str, host: &str) -> bool {
    let scope = record.lines().find_map(|line| line.split_once("://"));
    let authority = scope.map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    let name = authority.map(|it| it.rsplit_once(':').map_or(it, |(name, _)| name));
    name.is_some_and(|name| name.eq_ignore_ascii_case(host))
}

fn read(path: &Path) -> Result<String, StepFailed> {
    fs::read_to_string(path).map_err(|error| cannot(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sites_workers_go_and_come_back() {
        let dir = tempfile::tempdir().expect("makes a directory");
        let (file, at) = (dir.path().join("serviceworker.txt"), dir.path().join("0"));
        let record = |host: &str| format!("^x\nhttps://{host}/\nhttps://{host}/sw.js\ntrue\n#\n");
        let all = format!(
            "9\n{}{}{}",
            record("blog.example"),
            record("shop.example"),
            record("wiki.example")
        );
        fs::write(&file, &all).expect("written");
        take(&file, "shop.example", &at).expect("taken");
        let left = format!("9\n{}{}", record("blog.example"), record("wiki.example"));
        assert_eq!(fs::read_to_string(&file).expect("there"), left);
        take(&file, "shop.example", &at).expect("again");
        give_back(&file, &at).expect("back");
        assert_eq!(
            fs::read_to_string(&file).expect("there"),
            left + &record("shop.example")
        );
    }
}
