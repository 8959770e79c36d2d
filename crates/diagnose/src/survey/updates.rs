//! Security updates that this host knows of and has not installed, from dpkg's status and apt's lists on disk. No network.

use super::{files_in, not, text};
use crate::World;
use host::{Host, Look, Looks};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    iter::Peekable,
    path::{Path, PathBuf},
    str::Chars,
};

/// Packages whose files are looked at.
const MOST: usize = 300;

/// What is known of updates.
#[derive(Clone, Debug, Default)]
pub struct Updates {
    /// Those that are not installed, by name.
    pub pending: Vec<Update>,
    /// The lists that say so.
    pub lists: Vec<PathBuf>,
}

/// A package with a security update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Its name.
    pub package: String,
    /// What is installed.
    pub installed: String,
    /// What could be.
    pub candidate: String,
    /// Units whose programs run files of it.
    pub units: Vec<String>,
}

/// Pending security updates; which units run their files comes from the units' own maps.
pub(super) fn look(host: &dyn Host, world: &World, units: &BTreeSet<String>) -> Look<Updates> {
    let status = text(host, Path::new("/var/lib/dpkg/status"))?;
    let status =
        status.ok_or_else(|| not("pending updates", "only those of dpkg and apt can be looked up"))?;
    let lists = lists(host)?;
    let mut offered: BTreeMap<String, String> = BTreeMap::new();
    for list in &lists {
        let text = text(host, list)?.unwrap_or_default();
        for (package, version) in packages(&text) {
            let best = offered.entry(package.to_owned()).or_default();
            if compare(version, best) == Ordering::Greater {
                version.clone_into(best);
            }
        }
    }
    let mapped = super::mapped::look(host, world, units);
    let pending = installed(&status).filter_map(|(package, architecture, version)| {
        let candidate = offered
            .get(package)
            .filter(|it| compare(it, version) == Ordering::Greater)?;
        Some((package, architecture, version, candidate.clone()))
    });
    let pending = pending
        .take(MOST)
        .map(|(package, architecture, version, candidate)| {
            let own = files_of(host, package, architecture);
            let runs =
                |it: &&super::Mapped| it.files.iter().flatten().any(|file| own.contains(&merged(file)));
            Update {
                package: package.to_owned(),
                installed: version.to_owned(),
                candidate,
                units: mapped.iter().filter(runs).map(|it| it.unit.clone()).collect(),
            }
        });
    Ok(Updates {
        pending: pending.collect(),
        lists: lists.clone(),
    })
}

/// The lists of archives that hold nothing but security updates (`…-security_main_binary-amd64_Packages`).
fn lists(host: &dyn Host) -> Look<Vec<PathBuf>> {
    let all = files_in(host, "/var/lib/apt/lists")?;
    let name = |path: &PathBuf| {
        path.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let security: Vec<PathBuf> = all
        .into_iter()
        .filter(|path| {
            let name = name(path);
            name.contains("security") && name.contains("_Packages")
        })
        .collect();
    let plain: Vec<PathBuf> = security
        .iter()
        .filter(|path| name(path).ends_with("_Packages"))
        .cloned()
        .collect();
    match (plain.is_empty(), security.is_empty()) {
        (false, _) => Ok(plain),
        (true, false) => Err(not(
            "pending security updates",
            "apt keeps its lists compressed here",
        )),
        (true, true) => Err(not(
            "pending security updates",
            "apt has no list of them on disk; apt-get update fetches one",
        )),
    }
}

/// `(package, version)` of each paragraph of a list.
fn packages(list: &str) -> impl Iterator<Item = (&str, &str)> {
    paragraphs(list).filter_map(|it| Some((field(it, "Package")?, field(it, "Version")?)))
}

/// `(package, architecture, version)` of what is installed.
fn installed(status: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let there = |it: &&str| field(it, "Status").is_some_and(|status| status.ends_with(" installed"));
    paragraphs(status).filter(there).filter_map(|it| {
        Some((
            field(it, "Package")?,
            field(it, "Architecture")?,
            field(it, "Version")?,
        ))
    })
}

fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n")
}

fn field<'t>(paragraph: &'t str, name: &str) -> Option<&'t str> {
    let mut lines = paragraph.lines();
    lines.find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()))
}

/// What dpkg says a package has installed.
fn files_of(host: &dyn Host, package: &str, architecture: &str) -> BTreeSet<PathBuf> {
    let read = |name: String| {
        let path = Path::new("/var/lib/dpkg/info").join(format!("{name}.list"));
        host.file(&path).ok().flatten()
    };
    let list = read(package.to_owned()).or_else(|| read(format!("{package}:{architecture}")));
    let list = list.unwrap_or_default();
    String::from_utf8_lossy(&list)
        .lines()
        .map(|line| merged(Path::new(line)))
        .collect()
}

/// `/lib` and `/usr/lib` are one directory on a merged system, and packages name it either way.
fn merged(path: &Path) -> PathBuf {
    match path.strip_prefix("/usr") {
        Ok(rest) => Path::new("/").join(rest),
        Err(_) => path.to_owned(),
    }
}

/// Versions as dpkg orders them (deb-version(7)).
pub fn compare(a: &str, b: &str) -> Ordering {
    let ((epoch_a, a), (epoch_b, b)) = (epoch(a), epoch(b));
    let revision = |text: &str| -> (String, String) {
        let split = text.rsplit_once('-');
        split.map_or((text.to_owned(), String::new()), |(version, revision)| {
            (version.to_owned(), revision.to_owned())
        })
    };
    let ((upstream_a, revision_a), (upstream_b, revision_b)) = (revision(a), revision(b));
    epoch_a
        .cmp(&epoch_b)
        .then_with(|| part(&upstream_a, &upstream_b))
        .then_with(|| part(&revision_a, &revision_b))
}

fn epoch(version: &str) -> (u64, &str) {
    version
        .split_once(':')
        .and_then(|(epoch, rest)| Some((epoch.parse().ok()?, rest)))
        .unwrap_or((0, version))
}

/// Letters and digits in turn: `~` before the end, the end before letters, letters before all else.
fn part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    while a.peek().is_some() || b.peek().is_some() {
        let order = words(&mut a, &mut b).then_with(|| number(&mut a).cmp(&number(&mut b)));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn words(a: &mut Peekable<Chars<'_>>, b: &mut Peekable<Chars<'_>>) -> Ordering {
    let letter = |it: &mut Peekable<Chars<'_>>| it.next_if(|c| !c.is_ascii_digit());
    loop {
        match (letter(a), letter(b)) {
            (None, None) => return Ordering::Equal,
            (a, b) if weight(a) != weight(b) => return weight(a).cmp(&weight(b)),
            _ => {}
        }
    }
}

fn weight(c: Option<char>) -> u32 {
    match c {
        Some('~') => 0,
        None => 1,
        Some(c) if c.is_ascii_alphabetic() => 1 + u32::from(c),
        Some(c) => 256 + u32::from(c),
    }
}

/// Without leading zeros: by length, then by digits.
fn number(from: &mut Peekable<Chars<'_>>) -> (usize, String) {
    let mut digits = String::new();
    while let Some(digit) = from.next_if(char::is_ascii_digit) {
        if digit != '0' || !digits.is_empty() {
            digits.push(digit);
        }
    }
    (digits.len(), digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_dpkgs_order() {
        let rows = [
            ("1.22.1-9+deb12u1", "1.22.1-9", Ordering::Greater),
            ("1.22.1-9", "1.22.1-9", Ordering::Equal),
            ("1:1.0", "2.0", Ordering::Greater),
            ("1.0~rc1", "1.0", Ordering::Less),
            ("3.0.11-1~deb12u2", "3.0.11-1", Ordering::Less),
            ("1.10", "1.9", Ordering::Greater),
            ("1.09", "1.9", Ordering::Equal),
            ("8.2.7-1", "8.2.7-1+b1", Ordering::Less),
            ("1.2a", "1.2+", Ordering::Less),
            ("", "1", Ordering::Less),
        ];
        for (a, b, expected) in rows {
            assert_eq!(compare(a, b), expected, "{a} {b}");
            assert_eq!(compare(b, a), expected.reverse(), "{b} {a}");
        }
    }

    #[test]
    fn what_is_installed_and_offered() {
        let status = "Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22.1-9\n\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n";
        assert_eq!(
            installed(status).collect::<Vec<_>>(),
            [("nginx", "amd64", "1.22.1-9")]
        );
        let list = "Package: nginx\nArchitecture: amd64\nVersion: 1.22.1-9+deb12u2\n\nPackage: broken\n";
        assert_eq!(
            packages(list).collect::<Vec<_>>(),
            [("nginx", "1.22.1-9+deb12u2")]
        );
    }
}
