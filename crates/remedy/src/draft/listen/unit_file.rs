//! Assignments of a unit's file (systemd.syntax(7)), and what a drop-in must say to change one.

use super::text;
use diagnose::topology::{BackendKind, Claim, ListenAddress};
use std::{ops::RangeInclusive, path::Path};

/// One assignment.
#[derive(Debug)]
pub(super) struct Assignment<'t> {
    pub(super) key: &'t str,
    /// Continued lines joined; specifiers and variables as written.
    value: String,
    /// From 1.
    pub(super) lines: RangeInclusive<u32>,
}

/// All of a file, in order. An empty one takes back those of its key before it.
pub(super) fn assignments(text: &str) -> Vec<Assignment<'_>> {
    let mut found: Vec<Assignment> = Vec::new();
    let mut open = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let piece = line.trim_end_matches('\\').trim();
        match found.last_mut().filter(|_| open) {
            Some(last) => {
                last.value = format!("{} {piece}", last.value).trim().to_owned();
                last.lines = *last.lines.start()..=number;
            }
            None => {
                let Some((key, value)) = piece.split_once('=').filter(|_| !piece.starts_with('[')) else {
                    continue;
                };
                let (key, value) = (key.trim(), value.trim().to_owned());
                if value.is_empty() && !line.ends_with('\\') {
                    found.retain(|earlier| earlier.key != key);
                    continue;
                }
                found.push(Assignment {
                    key,
                    value,
                    lines: number..=number,
                });
            }
        }
        open = line.ends_with('\\');
    }
    found
}

/// What a drop-in sets that key to. A command is said again behind an empty one, for commands add up;
/// of an environment only the one variable is.
pub(super) fn values(
    all: &[Assignment],
    at: &Assignment,
    claim: &Claim,
    to: &ListenAddress,
) -> Option<Vec<String>> {
    let moved = text::moved(&at.value, &claim.address, to, claim.kind);
    let same_key = || all.iter().filter(|it| it.key == at.key);
    match at.key {
        // several commands are only for units that end at once
        "ExecStart" if same_key().count() == 1 => {
            let command = moved.or_else(|| by_default(&at.value, claim, to))?;
            Some(vec![String::new(), command])
        }
        "Environment" => {
            let moved = moved?;
            let changed: Vec<&str> = moved
                .split_whitespace()
                .filter(|word| !at.value.split_whitespace().any(|old| old == *word))
                .collect();
            (!moved.contains(['"', '\'']))
                .then(|| vec![changed.join(" ")])
                .or(Some(vec![moved]))
        }
        _ => None,
    }
}

/// gunicorn without `--bind` listens on 127.0.0.1:8000.
fn by_default(command: &str, claim: &Claim, to: &ListenAddress) -> Option<String> {
    let address = match to {
        ListenAddress::Tcp { ip: None, port } => format!("0.0.0.0:{port}"),
        to => to.to_string(),
    };
    let plain =
        claim.kind == BackendKind::Gunicorn && !command.contains("-b") && !command.contains(['\'', '"']);
    plain.then(|| format!("{command} --bind {address}"))
}

/// The unit whose file, or drop-in, this is.
pub(super) fn unit_of(file: &Path) -> Option<String> {
    let is_unit = |name: &str| name.ends_with(".service") || name.ends_with(".socket");
    let name = file.file_name()?.to_str()?;
    let dir = file
        .parent()
        .and_then(Path::file_name)
        .and_then(|dir| dir.to_str())
        .unwrap_or_default();
    match dir.strip_suffix(".d") {
        Some(unit) if is_unit(unit) => Some(unit.to_owned()),
        _ => is_unit(name).then(|| name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_continued_and_taken_back() {
        let text = "[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=/bin/b \\\n # why\n  --port 80 \\\n  -x\nEnvironment=A=1\n";
        let shown: Vec<String> = assignments(text)
            .iter()
            .map(|it| format!("{} {} {:?}", it.key, it.value, it.lines))
            .collect();
        assert_eq!(
            shown,
            ["ExecStart /bin/b --port 80 -x 4..=7", "Environment A=1 8..=8"]
        );
    }

    #[test]
    fn whose_file_it_is() {
        let rows = [
            ("/etc/systemd/system/app.service", Some("app.service")),
            ("/etc/systemd/system/app.socket.d/x.conf", Some("app.socket")),
            ("/srv/app/gunicorn.conf.py", None),
            ("/etc/conf.d/app", None),
        ];
        for (file, unit) in rows {
            assert_eq!(unit_of(Path::new(file)).as_deref(), unit, "{file}");
        }
    }
}
