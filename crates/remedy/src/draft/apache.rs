//! Apache: another value of a directive, in the one line where it stands.

use super::{
    CannotDraft,
    desk::{Desk, Found},
    files::ROOT_READABLE,
    settings,
};
use host::Looks;
use std::path::{Path, PathBuf};

/// Main files and directories of Debian, RHEL and source builds; those of Debian hold what is enabled only.
const FILES: &[&str] = &[
    "/etc/apache2/apache2.conf",
    "/etc/httpd/conf/httpd.conf",
    "/usr/local/apache2/conf/httpd.conf",
];
const DIRS: &[&str] = &[
    "/etc/apache2/mods-enabled",
    "/etc/apache2/conf-enabled",
    "/etc/httpd/conf.modules.d",
    "/etc/httpd/conf.d",
    "/usr/local/apache2/conf/extra",
];
const MOST_FILES: usize = 500;

/// Edits that line. Where there is none, or more than one, a person has to say which counts.
pub(super) fn set(desk: &mut Desk, directive: &str, value: &str) -> Result<(), CannotDraft> {
    let mut places = Vec::new();
    for path in files(desk)? {
        let found = desk.find(&path)?;
        let Ok(text) = settings::text(&found).map(str::to_owned) else {
            continue;
        };
        let lines = text.lines().enumerate();
        let is_it = |(_, line): &(usize, &str)| argument(line, directive).is_some();
        places.extend(lines.filter(is_it).map(|(number, _)| (found.clone(), number)));
    }
    let [(found, number)] = places.as_slice() else {
        let why = format!(
            "{directive} stands in {} places of Apache's configuration",
            places.len()
        );
        return Err(CannotDraft::new(
            why,
            format!(
                "set {directive} {value} where it counts, then: apachectl configtest && apachectl graceful"
            ),
        ));
    };
    let edited = edited(found, *number, directive, value);
    desk.write(found.clone(), edited.into_bytes(), ROOT_READABLE)
}

fn files(desk: &Desk) -> Result<Vec<PathBuf>, CannotDraft> {
    let mut files: Vec<PathBuf> = FILES.iter().map(PathBuf::from).collect();
    for dir in DIRS {
        let names = desk.host.dir(Path::new(dir))?.unwrap_or_default();
        let configs = names.into_iter().filter(|name| name.ends_with(".conf"));
        files.extend(configs.map(|name| Path::new(dir).join(name)));
    }
    files.truncate(MOST_FILES);
    Ok(files)
}

/// Names of directives know no case.
fn argument<'l>(line: &'l str, directive: &str) -> Option<&'l str> {
    let mut words = line.split_whitespace();
    let name = words.next()?;
    words.next().filter(|_| name.eq_ignore_ascii_case(directive))
}

/// Spacing and all the rest stay as they are.
fn edited(found: &Found, number: usize, directive: &str, value: &str) -> String {
    let text = String::from_utf8_lossy(found.bytes()).into_owned();
    let lines = text.split_inclusive('\n').enumerate();
    let line = |(at, line): (usize, &str)| match argument(line, directive).filter(|_| at == number) {
        Some(old) => match line.rfind(old) {
            Some(from) => [&line[..from], value, &line[from + old.len()..]].concat(),
            None => line.to_owned(),
        },
        None => line.to_owned(),
    };
    lines.map(line).collect()
}
