//! Unit files with their drop-ins: what is set, and on which line (systemd.syntax(7), systemd.service(5)).

use crate::{discover::scout::Scout, topology::Place};
use host::looks::Unit;
use std::path::{Path, PathBuf};

/// One assignment in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::discover) struct Setting {
    pub(super) key: String,
    /// Continued lines joined, specifiers resolved.
    pub(super) value: String,
    file: PathBuf,
    /// Its lines, as written, with their numbers.
    lines: Vec<(u32, String)>,
}

impl Setting {
    /// The line that holds this text, else the assignment's first.
    pub(super) fn place_of(&self, text: &str) -> Place {
        let holds = self.lines.iter().find(|(_, line)| line.contains(text));
        let line = holds.or(self.lines.first()).map_or(1, |(line, _)| *line);
        Place::line(&self.file, line)
    }
}

/// What the unit's files set, in order. An empty assignment takes back what stood before it.
pub(in crate::discover) fn settings(scout: &Scout, unit: &Unit) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    for file in files(unit) {
        let text = scout.text(&file).unwrap_or_default();
        for setting in assignments(&text, &file, &unit.name) {
            if setting.value.is_empty() {
                settings.retain(|earlier| earlier.key != setting.key);
            } else {
                settings.push(setting);
            }
        }
    }
    settings
}

/// The unit's file and its drop-ins. Of a masked unit systemd shows no file; the package's own still tells what it did.
fn files(unit: &Unit) -> Vec<PathBuf> {
    let fragment = unit.property("FragmentPath");
    let mut files = if unit.load_state == "masked" {
        vec![Path::new("/lib/systemd/system").join(&unit.name)]
    } else if fragment.is_empty() {
        Vec::new()
    } else {
        vec![PathBuf::from(fragment)]
    };
    files.extend(unit.property("DropInPaths").split_whitespace().map(PathBuf::from));
    files
}

fn assignments(text: &str, file: &Path, unit: &str) -> Vec<Setting> {
    let mut found = Vec::new();
    let mut lines: Vec<(u32, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let is_comment = line.trim_start().starts_with(['#', ';']);
        if is_comment || (lines.is_empty() && line.trim_start().starts_with('[')) {
            continue;
        }
        lines.push((number, line.to_owned()));
        if !line.ends_with('\\') {
            found.extend(assignment(std::mem::take(&mut lines), file, unit));
        }
    }
    found
}

fn assignment(lines: Vec<(u32, String)>, file: &Path, unit: &str) -> Option<Setting> {
    let pieces: Vec<&str> = lines
        .iter()
        .map(|(_, line)| line.trim_end_matches('\\').trim())
        .collect();
    let whole = pieces.join(" ");
    let (key, value) = whole.split_once('=')?;
    Some(Setting {
        key: key.trim().to_owned(),
        value: specifiers(value.trim(), unit),
        file: file.to_owned(),
        lines,
    })
}

/// The specifiers that addresses and paths are written with (systemd.unit(5)).
fn specifiers(value: &str, unit: &str) -> String {
    if !value.contains('%') {
        return value.to_owned();
    }
    let name = unit.rsplit_once('.').map_or(unit, |(name, _)| name);
    let (prefix, instance) = name.split_once('@').unwrap_or((name, ""));
    let table = [
        ("%%", "%"),
        ("%i", instance),
        ("%I", instance),
        ("%n", unit),
        ("%N", name),
        ("%p", prefix),
        ("%P", prefix),
        ("%t", "/run"),
        ("%S", "/var/lib"),
        ("%h", "/root"),
    ];
    let mut value = value.to_owned();
    for (specifier, text) in table {
        value = value.replace(specifier, text);
    }
    value
}

/// The words of a value: split at spaces, quotes off.
pub(super) fn words(value: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut open = false;
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '"' | '\'') => (quote, open) = (Some(c), true),
            (None, c) if c.is_whitespace() => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (_, '\\') => word.extend(chars.next()),
            (_, c) => word.push(c),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::testing::Tree;

    #[test]
    fn continued_lines_drop_ins_and_resets() {
        let tree = Tree::of(&[
            (
                "/etc/systemd/system/app@.service",
                "[Unit]\nDescription=x\n[Service]\nExecStart=/usr/bin/app \\\n  # why\n  --port 80%i \\\n  --x\nEnvironment=A=1\n",
            ),
            (
                "/etc/systemd/system/app@.service.d/a.conf",
                "[Service]\nEnvironment=\nEnvironment=B=2\n",
            ),
        ]);
        let properties = [
            ("FragmentPath", "/etc/systemd/system/app@.service"),
            ("DropInPaths", "/etc/systemd/system/app@.service.d/a.conf"),
        ];
        let unit = Unit {
            name: "app@01.service".into(),
            properties: properties
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ..Unit::default()
        };
        let settings = settings(&Scout::new(&tree.host), &unit);
        let shown: Vec<String> = settings
            .iter()
            .map(|setting| format!("{}={} {}", setting.key, setting.value, setting.place_of("--port")))
            .collect();
        assert_eq!(
            shown,
            [
                "Description=x /etc/systemd/system/app@.service:2",
                "ExecStart=/usr/bin/app --port 8001 --x /etc/systemd/system/app@.service:6",
                "Environment=B=2 /etc/systemd/system/app@.service.d/a.conf:3",
            ]
        );
    }

    #[test]
    fn words_of_a_command() {
        let rows: &[(&str, &[&str])] = &[
            ("a  b", &["a", "b"]),
            ("sh -c \"exec a --b 'c'\"", &["sh", "-c", "exec a --b 'c'"]),
            ("'A=1 2' B=''", &["A=1 2", "B="]),
            ("a\\ b", &["a b"]),
            ("\"open", &["open"]),
            ("", &[]),
        ];
        for (value, expected) in rows {
            assert_eq!(words(value), *expected, "{value}");
        }
    }
}
